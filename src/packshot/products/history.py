"""What happened to a product: its decisions, corrections and rounds, newest first."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from packshot.database.models import Correction, Decision, ProductImage, Round
from packshot.products.answers import CorrectionOut, DecisionOut, RoundOut, columns_of
from packshot.products.lookup import get_product


def decisions_of(session: Session, product_id: int) -> list[DecisionOut]:
    """Every decision on its pictures. Raises NotFound."""
    get_product(session, product_id)
    rows = session.execute(
        select(Decision, ProductImage.variant, ProductImage.round)
        .join(ProductImage, ProductImage.id == Decision.image_id)
        .where(Decision.product_id == product_id)
        .order_by(Decision.id.desc())
    ).all()
    return [
        DecisionOut(**columns_of(decision, DecisionOut), variant=variant, round=round_number)
        for decision, variant, round_number in rows
    ]


def corrections_of(session: Session, product_id: int) -> list[CorrectionOut]:
    """Every correction of the seller's data."""
    mine = select(Correction).where(Correction.product_id == product_id)
    found = session.scalars(mine.order_by(Correction.id.desc())).all()
    return [CorrectionOut.model_validate(each) for each in found]


def rounds_of(session: Session, product_id: int) -> list[RoundOut]:
    """Every round, the current one first."""
    mine = select(Round).where(Round.product_id == product_id)
    found = session.scalars(mine.order_by(Round.number.desc())).all()
    return [RoundOut.model_validate(each) for each in found]
