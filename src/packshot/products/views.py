"""Products as the outside sees them: the API's answers, the desk, the lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from packshot.database.models import Call, Product, ProductImage, Round, normalised_key, preview_key

PREVIEW_SIDES = (320, 1600)


@dataclass(frozen=True)
class ImageView:
    """One enhanced picture as the outside sees it."""

    id: int
    product_id: int
    image_url: str
    media_url: str | None
    previews: dict[int, str]
    status: str
    round: int
    variant: int
    title: str | None
    prompt: str | None
    enhancer: str | None
    model: str | None
    width: int | None
    height: int | None
    bytes: int | None
    sha256: str | None
    warning: str | None
    cost: Decimal | None
    created_at: datetime
    updated_at: datetime
    removed_at: datetime | None


@dataclass(frozen=True)
class NormalisedView:
    """The raw photo as the desk shows it."""

    media_url: str
    previews: dict[int, str]


@dataclass(frozen=True)
class ProductView:
    """One product as the outside sees it, with the pictures of its current round (or of all)."""

    id: int
    category: str
    raw_image: str
    mrp: Decimal
    price: Decimal
    discount: Decimal | None
    gst: Decimal | None
    submitted_by: str | None
    status: str
    created_at: datetime
    updated_at: datetime
    version: int
    batch_id: str | None
    round: int
    wanted: int | None
    attempts: int
    queued_at: datetime | None
    not_before: datetime | None
    error_code: str | None
    error: str | None
    warning: str | None
    instructions: str | None
    analysis: dict[str, Any] | None
    spent: Decimal
    normalised: NormalisedView | None
    images: list[ImageView] = field(default_factory=list)


@dataclass(frozen=True)
class DecisionView:
    """One line of the audit: who decided what, when and why."""

    id: int
    image_id: int
    variant: int
    round: int
    status: str
    previous: str
    reason: str | None
    note: str | None
    who: str
    at: datetime


@dataclass(frozen=True)
class RoundView:
    """One run of variants, with what the reviewer asked for and what the enhancer read off."""

    number: int
    wanted: int
    instructions: str | None
    enhancer: str | None
    analysis: dict[str, Any] | None
    opened_at: datetime
    asked_by: str | None


def view_of(session: Session, product: Product, all_rounds: bool = False) -> ProductView:
    """The product with the pictures of its current round, or of all."""
    return views_of(session, [product], all_rounds)[0]


def views_of(
    session: Session, products: Sequence[Product], all_rounds: bool = False
) -> list[ProductView]:
    """Views of many products in a fixed number of queries."""
    ids = [product.id for product in products]
    current = {product.id: product.round for product in products}
    rounds = {
        found.product_id: found
        for found in session.scalars(select(Round).where(Round.product_id.in_(ids)))
        if found.number == current[found.product_id]
    }
    costs = _costs(session, ids)
    images: dict[int, list[ImageView]] = defaultdict(list)
    for image in session.scalars(
        select(ProductImage)
        .where(ProductImage.product_id.in_(ids))
        .order_by(ProductImage.round, ProductImage.variant)
    ):
        if all_rounds or image.round == current[image.product_id]:
            cost = costs[image.product_id].get((image.round, image.variant))
            images[image.product_id].append(_image_view(image, cost))
    return [
        _product_view(product, rounds.get(product.id), images[product.id], costs[product.id])
        for product in products
    ]


Costs = dict[tuple[int, int | None], Decimal]


def _costs(session: Session, ids: Sequence[int]) -> dict[int, Costs]:
    costs: dict[int, Costs] = defaultdict(dict)
    rows = session.execute(
        select(Call.product_id, Call.round, Call.variant, func.sum(Call.cost))
        .where(Call.product_id.in_(ids), Call.cost.is_not(None))
        .group_by(Call.product_id, Call.round, Call.variant)
    )
    for product_id, round_number, variant, cost in rows:
        costs[product_id][round_number, variant] = Decimal(str(cost))
    return costs


def _product_view(
    product: Product, this_round: Round | None, images: list[ImageView], costs: Costs
) -> ProductView:
    return ProductView(
        id=product.id,
        category=product.category,
        raw_image=product.raw_image,
        mrp=product.mrp,
        price=product.price,
        discount=product.discount,
        gst=product.gst,
        submitted_by=product.submitted_by,
        status=product.status,
        created_at=product.created_at,
        updated_at=product.updated_at,
        version=product.version,
        batch_id=product.batch_id,
        round=product.round,
        wanted=this_round.wanted if this_round else None,
        attempts=product.attempts,
        queued_at=product.queued_at,
        not_before=product.not_before,
        error_code=product.error_code,
        error=product.error,
        warning=_refusals(this_round),
        instructions=this_round.instructions if this_round else None,
        analysis=this_round.analysis if this_round else None,
        spent=sum(costs.values(), Decimal(0)),
        normalised=_normalised(product, this_round),
        images=images,
    )


def _refusals(this_round: Round | None) -> str | None:
    refusals = (this_round.refusals if this_round else None) or []
    return "; ".join(f"picture {r['variant'] + 1}: {r['detail']}" for r in refusals) or None


def _normalised(product: Product, this_round: Round | None) -> NormalisedView | None:
    """The normalised copy is there once anything was read off it."""
    started = product.round > 1 or (this_round is not None and this_round.analysis is not None)
    if product.media_namespace is None or not started or product.raw_removed_at is not None:
        return None
    key = normalised_key(product.media_namespace, product.id)
    return NormalisedView(f"/media/{key}", _previews(key))


def _previews(key: str) -> dict[int, str]:
    return {side: f"/media/{preview_key(key, side)}" for side in PREVIEW_SIDES}


def _image_view(image: ProductImage, cost: Decimal | None) -> ImageView:
    key = image.object_key if image.removed_at is None else None
    return ImageView(
        id=image.id,
        product_id=image.product_id,
        image_url=image.image_url,
        media_url=f"/media/{key}" if key else None,
        previews=_previews(key) if key else {},
        status=image.status,
        round=image.round,
        variant=image.variant,
        title=image.title,
        prompt=image.prompt,
        enhancer=image.enhancer,
        model=image.model,
        width=image.width,
        height=image.height,
        bytes=image.bytes,
        sha256=image.sha256,
        warning=image.warning,
        cost=cost,
        created_at=image.created_at,
        updated_at=image.updated_at,
        removed_at=image.removed_at,
    )
