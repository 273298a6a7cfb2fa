"""What happened, newest first: a product's decisions, corrections and rounds, and a reviewer's last
decisions that can still be undone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from packshot.database.models import (
    APPROVED,
    PENDING,
    PENDING_REVIEW,
    REJECTED,
    Correction,
    Decision,
    Product,
    ProductImage,
    Round,
)
from packshot.products.answers.products import (
    CorrectionOut,
    DecidedOut,
    DecisionOut,
    FullProduct,
    LastDecisionOut,
    RoundOut,
    columns_of,
    read_products,
)
from packshot.products.lookup import get_product

#: The most decisions to read for each requested product.
PICTURES_EACH = 10


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


def last_decisions(
    session: Session, who: str, limit: int
) -> list[tuple[FullProduct, LastDecisionOut]]:
    """The products that `who` decided on last, newest first, with their earlier statuses.

    Only decisions still in force: on pictures of the current round, and without a later decision.
    """
    by_product = [
        list(rows)
        for _, rows in groupby(
            _decisions_in_force(session, who, limit), key=lambda row: row.product_id
        )
    ][:limit]
    products = session.scalars(
        select(Product).where(Product.id.in_({rows[0].product_id for rows in by_product}))
    ).all()
    shown = {product.id: product for product in read_products(session, products)}
    return [(shown[rows[0].product_id], _as_out(rows)) for rows in by_product]


def _decisions_in_force(session: Session, who: str, limit: int) -> Sequence[Decision]:
    later = aliased(Decision)
    superseded = exists().where(later.image_id == Decision.image_id, later.id > Decision.id)
    query = (
        select(Decision)
        .join(ProductImage, ProductImage.id == Decision.image_id)
        .join(Product, Product.id == Decision.product_id)
        .where(
            Decision.who == who,
            Decision.status != PENDING,
            ProductImage.round == Product.round,
            Product.status.in_((PENDING_REVIEW, APPROVED, REJECTED)),
            ~superseded,
        )
    )
    return session.scalars(query.order_by(Decision.id.desc()).limit(limit * PICTURES_EACH)).all()


def _as_out(rows: Sequence[Decision]) -> LastDecisionOut:
    pictures = [
        DecidedOut(id=row.image_id, status=row.status, previous=row.previous) for row in rows
    ]
    return LastDecisionOut(at=max(row.at for row in rows), pictures=pictures)
