"""Products as the API, the desk and exports show them, built from the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from packshot.database.models import (
    PENDING,
    REJECTED,
    Base,
    Call,
    Decision,
    Product,
    ProductImage,
    Round,
)
from packshot.products.answers.alt_text import alt_text
from packshot.products.answers.doubt import doubt_of
from packshot.products.answers.fidelity import FidelityOut, PixelLockOut, fidelity_of, pixel_lock_of
from packshot.products.answers.takes import RemakeOut, read_takes, remake_of
from packshot.products.object_keys import media_url, normalised_key, previews
from packshot.products.seller_fields import AmountOut, SellerFields

ProductStatus = Literal["pending", "pending_review", "approved", "rejected", "failed"]
ImageStatus = Literal["pending", "approved", "rejected"]


def is_none(value: object) -> bool:
    return value is None


def is_empty(value: object) -> bool:
    return not value


class Out(BaseModel):
    """A part of an API answer."""

    model_config = ConfigDict(from_attributes=True)


class ImageOut(Out):
    """One enhanced picture. `media_url` and `previews` need a signed-in reader; a picture that
    was rejected and removed to save space (`removed_at`) has none."""

    id: int
    product_id: int
    image_url: str
    media_url: str | None
    previews: dict[int, str]
    status: ImageStatus
    round: int
    variant: int
    title: str | None
    alt_text: str = Field(description="a reviewer's, else one made from known facts")
    prompt: str | None
    enhancer: str | None
    model: str | None
    width: int | None
    height: int | None
    bytes: int | None
    sha256: str | None
    warning: str | None
    doubt: str | None = Field(description="why approval excludes it by default; null: it does not")
    found_after_approval: bool = Field(
        False, description="it is approved, and a check that ended later found what `doubt` says"
    )
    fidelity: FidelityOut | None = Field(description="null if it is not to be checked")
    pixel_lock: PixelLockOut | None = Field(description="null where no pixel lock was asked for")
    reason: str | None = Field(description="why it is rejected, if a reason was given")
    remake: RemakeOut | None = Field(description="null for a picture that was made only once")
    cost: AmountOut | None = Field(description="US dollars, all takes and checks")
    created_at: datetime
    updated_at: datetime
    removed_at: datetime | None


class NormalisedOut(Out):
    """The raw image upright, sRGB, without metadata but its orientation."""

    media_url: str
    previews: dict[int, str]


class ProductOut(SellerFields, Out):
    """One product with the pictures of its current round. `error` is present only when it failed,
    or when its last try did and it is tried again.

    The query of `raw_image` is shown only to the key that created the product: it may be a
    signature.
    """

    id: int
    raw_image: str
    raw_sha256: str | None = Field(description="of the photo's original bytes, once known")
    status: ProductStatus
    created_at: datetime
    updated_at: datetime
    version: int
    batch_id: str | None
    round: int
    wanted: int | None
    lane: str | None = Field(description="how the round is paid for: standard, flex or batch")
    pixel_lock: bool | None = Field(description="as its batch asks; null: as PIXEL_LOCK says")
    batched_at: datetime | None = Field(description="the time since which it waits for a batch job")
    attempts: int
    error_code: str | None = Field(None, exclude_if=is_none)
    error: str | None = Field(None, exclude_if=is_none)
    warning: str | None
    instructions: str | None
    adjustments: list[str]
    spent: AmountOut = Field(description="US dollars, all rounds")
    normalised: NormalisedOut | None
    images: list[ImageOut]


class FullProduct(ProductOut):
    """A product with the fields that not every caller sees."""

    submitted_by: str | None = None


class DecisionOut(Out):
    """One decision in the audit: who, what, when and why."""

    id: int
    image_id: int
    variant: int
    round: int
    status: ImageStatus
    previous: ImageStatus
    reason: str | None
    note: str | None
    who: str
    at: datetime


class DecidedOut(Out):
    """A picture that was decided on, with its status now and before."""

    id: int
    status: ImageStatus
    previous: ImageStatus


class LastDecisionOut(Out):
    """Decisions that one reviewer made on one product together."""

    at: datetime
    pictures: list[DecidedOut]


class CorrectionOut(Out):
    """One correction: who changed what, when. `changes` has each field's value before and after."""

    id: int
    changes: dict[str, list[Any]]
    who: str
    at: datetime


class RoundOut(Out):
    """One run of variants: the reviewer's wishes, and the analysis."""

    number: int
    wanted: int
    instructions: str | None
    adjustments: list[str] | None
    lane: str
    enhancer: str | None
    analysis: dict[str, Any] | None
    opened_at: datetime
    asked_by: str | None


def columns_of(row: Base, answer: type[BaseModel]) -> dict[str, Any]:
    """The row's columns that have the same name in the answer, with their values."""
    return {name: getattr(row, name) for name in _shared_names(type(row), answer)}


@cache
def _shared_names(row: type[Base], answer: type[BaseModel]) -> tuple[str, ...]:
    return tuple(answer.model_fields.keys() & row.__table__.columns.keys())


def read_product(session: Session, product: Product, all_rounds: bool = False) -> FullProduct:
    """The product with the pictures of its current round, or of all."""
    return read_products(session, [product], all_rounds)[0]


def read_products(
    session: Session, products: Sequence[Product], all_rounds: bool = False
) -> list[FullProduct]:
    """Many products, in a fixed number of queries."""
    ids = [product.id for product in products]
    rounds = {
        (found.product_id, found.number): found
        for found in session.scalars(select(Round).where(Round.product_id.in_(ids)))
    }
    costs = _costs(session, ids)
    images = _images(session, products, rounds, costs, all_rounds)
    return [
        _full_product(each, rounds.get((each.id, each.round)), images[each.id], costs[each.id])
        for each in products
    ]


def _images(
    session: Session,
    products: Sequence[Product],
    rounds: Mapping[tuple[int, int], Round],
    costs: dict[int, Costs],
    all_rounds: bool,
) -> dict[int, list[ImageOut]]:
    by_id = {product.id: product for product in products}
    rows = _image_rows(session, by_id, all_rounds)
    reasons, takes = _reasons(session, rows), read_takes(session, rows)
    images: dict[int, list[ImageOut]] = defaultdict(list)
    for image in rows:
        cost = costs[image.product_id].get((image.round, image.variant))
        this_round = rounds.get((image.product_id, image.round))
        analysis = this_round.analysis if this_round else None
        words = alt_text(by_id[image.product_id], image, analysis)
        remake = remake_of(image, takes)
        images[image.product_id].append(
            _image_out(image, words, cost, reasons.get(image.id), remake)
        )
    return images


def _image_rows(
    session: Session, products: Mapping[int, Product], all_rounds: bool
) -> list[ProductImage]:
    rows = session.scalars(
        select(ProductImage)
        .where(ProductImage.product_id.in_(list(products)))
        .order_by(ProductImage.round, ProductImage.variant)
    )
    return [row for row in rows if all_rounds or row.round == products[row.product_id].round]


def as_inserted(row: Mapping[str, Any]) -> FullProduct:
    """A product just after its `row` was inserted, without reading it back."""
    given = {name: row[name] for name in FullProduct.model_fields.keys() & row.keys()}
    return FullProduct.model_validate(given | AT_FIRST)


#: The fields that are the same for every new product.
AT_FIRST: Final[dict[str, Any]] = {
    "status": PENDING,
    "version": 1,
    "round": 1,
    "attempts": 0,
    "batched_at": None,
    "error_code": None,
    "error": None,
    "warning": None,
    "instructions": None,
    "adjustments": [],
    "spent": Decimal(0),
    "normalised": None,
    "images": [],
}

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


def _reasons(session: Session, images: Sequence[ProductImage]) -> dict[int, str]:
    """The latest reason for each of these pictures that is rejected."""
    rejected = [image.id for image in images if image.status == REJECTED]
    if not rejected:
        return {}
    given = select(Decision.image_id, Decision.status, Decision.reason)
    rows = session.execute(given.where(Decision.image_id.in_(rejected)).order_by(Decision.id))
    reasons: dict[int, str] = {}
    for image_id, status, reason in rows:
        if status != REJECTED:
            reasons.pop(image_id, None)
        elif reason is not None:
            reasons[image_id] = reason
    return reasons


def _full_product(
    product: Product, this_round: Round | None, images: list[ImageOut], costs: Costs
) -> FullProduct:
    return FullProduct(
        **columns_of(product, FullProduct),
        wanted=this_round.wanted if this_round else None,
        lane=this_round.lane if this_round else None,
        pixel_lock=this_round.pixel_lock if this_round else None,
        warning=_refusals(this_round),
        instructions=this_round.instructions if this_round else None,
        adjustments=(this_round.adjustments if this_round else None) or [],
        spent=sum(costs.values(), Decimal(0)),
        normalised=_normalised_copy(product, this_round),
        images=images,
    )


def _refusals(this_round: Round | None) -> str | None:
    """Which pictures are missing, as the desk numbers them, and why."""
    if this_round is None:
        return None
    words = []
    for refused in this_round.refusals or ():
        number, why = refused["variant"] + 1, str(refused["detail"])
        why = why.replace(f"picture {number} of product {this_round.product_id}", "it")
        words.append(f"Picture {number} is missing: {why.rstrip('.')}.")
    return " ".join(words) or None


def _normalised_copy(product: Product, this_round: Round | None) -> NormalisedOut | None:
    """The normalised copy; it exists once there is an analysis."""
    is_later = product.round > product.photo_since
    started = is_later or (this_round is not None and this_round.analysis is not None)
    if product.media_namespace is None or not started or product.raw_removed_at is not None:
        return None
    key = normalised_key(product.media_namespace, product.id, product.photo_since)
    return NormalisedOut(media_url=media_url(key), previews=previews(key))


def _image_out(
    image: ProductImage,
    words: str,
    cost: Decimal | None,
    reason: str | None,
    remake: RemakeOut | None,
) -> ImageOut:
    key = image.object_key if image.removed_at is None else None
    found = {
        "alt_text": words,
        "fidelity": fidelity_of(image, removed=key is None),
        "pixel_lock": pixel_lock_of(image, removed=key is None),
    }
    return ImageOut(
        **columns_of(image, ImageOut) | found,
        doubt=doubt_of(image),
        media_url=media_url(key) if key else None,
        previews=previews(key, image.width, image.height) if key else {},
        cost=cost,
        reason=reason,
        remake=remake,
    )
