"""The bodies of the API's answers; the OpenAPI document is generated from them."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, TypeVar

from flask import request
from pydantic import Field

from packshot.download.addresses import redact
from packshot.products.amounts import AmountOut
from packshot.products.views import (
    CorrectionOut,
    DecisionOut,
    ImageOut,
    NormalisedOut,
    Out,
    ProductOut,
    ProductView,
    is_empty,
    is_none,
)
from packshot.web.requests.context import caller
from packshot.web.requests.prefix import under_prefix

Picture = TypeVar("Picture", ImageOut, NormalisedOut)


class FaultOut(Out):
    pointer: str
    code: str
    detail: str


class RowFaultsOut(Out):
    index: int
    errors: list[FaultOut]


class SkippedOut(Out):
    """A row, or a photo, by its index in the request, and the product that has its photo."""

    index: int
    product_id: int
    differs: dict[str, AmountOut | str | dict[str, str] | None] = Field(
        default_factory=dict,
        description="fields in which the row differs, with the product's values",
        exclude_if=is_empty,
    )


class BulkData(Out):
    created: int
    total: int
    products: list[ProductOut]
    errors: list[RowFaultsOut] | None = Field(None, exclude_if=is_none)
    skipped: list[SkippedOut] | None = Field(
        None, description="with on_duplicate=skip", exclude_if=is_none
    )


class DuplicatesData(Out):
    duplicates: list[SkippedOut]


class SkuProductOut(Out):
    """A product of the SKU at this index, with each field's value before and after."""

    index: int
    product_id: int
    view: str | None
    changes: dict[str, list[Any]]
    refused: str | None = Field(description="why it keeps its own values")


class SkuCorrectionsData(Out):
    products: list[SkuProductOut] = Field(description="of all SKUs; others have no product")


class ListData(Out):
    products: list[ProductOut]
    next_cursor: str | None


class ProductData(Out):
    product: ProductOut


class HistoryData(Out):
    decisions: list[DecisionOut]
    corrections: list[CorrectionOut]


class ComplianceRowOut(Out):
    """One rule of a marketplace, and the picture's measurement."""

    rule: str
    required: str
    measured: str
    verdict: Literal["pass", "warn", "fail", "unknown"]
    advice: str
    source: str
    confidence: str


class ComplianceOut(Out):
    image_id: int
    main: bool  # the first of its SKU, which alone has the rules for main pictures
    rows: list[ComplianceRowOut]


class ComplianceData(Out):
    preset: str
    title: str
    checked: date
    pictures: list[ComplianceOut]


class UploadData(Out):
    raw_image: str


class QueueOut(Out):
    waiting: int
    in_flight: int
    dead: int | None
    oldest_seconds: float | None


class StatsData(Out):
    products: dict[str, int]
    images: dict[str, int]
    queue: QueueOut
    spent: AmountOut = Field(description="US dollars")
    simulated: bool = Field(False, description="nothing was paid for: Gemini is a stand-in")
    currency: str | None = Field(None, description="of products' prices, from CURRENCY")
    spent_today: AmountOut
    spent_by_lane: dict[str, AmountOut] = Field(description="US dollars")
    batched: int = Field(description="products that wait for the answers of batch jobs")
    cost_per_product: AmountOut | None = Field(
        description="US dollars, per product that calls were paid for"
    )
    reviewed_last_hour: int
    made_last_hour: int


class ReadyAnswer(Out):
    """`parts` (`ok`, or the problem) and `notes` are only for callers who are signed in."""

    ok: bool
    parts: dict[str, str] | None = Field(None, exclude_if=is_none)
    notes: list[str] | None = Field(None, exclude_if=is_none)


class SessionData(Out):
    name: str
    scopes: list[str]


class Answer(Out):
    """The envelope of every success."""

    success: Literal[True] = True
    message: str


class BulkAnswer(Answer):
    data: BulkData


class DuplicatesAnswer(Answer):
    data: DuplicatesData


class SkuCorrectionsAnswer(Answer):
    data: SkuCorrectionsData


class ListAnswer(Answer):
    data: ListData


class ProductAnswer(Answer):
    data: ProductData


class HistoryAnswer(Answer):
    data: HistoryData


class ComplianceAnswer(Answer):
    data: ComplianceData


class UploadAnswer(Answer):
    data: UploadData


class StatsAnswer(Answer):
    data: StatsData


class SessionAnswer(Answer):
    data: SessionData


def present(view: ProductView) -> ProductOut:
    """A product as the caller may see it.

    The query of `raw_image` may be a signature that opens the seller's bucket: only the key that
    submitted it sees it, and an admin does not need it. Without API_KEYS there is only one user.
    """
    if caller().via != "local" and caller().name != view.submitted_by:
        view = view.model_copy(update={"raw_image": redact(view.raw_image)})
    return _with_prefix(ProductOut.model_validate(dict(view)))


def _with_prefix(product: ProductOut) -> ProductOut:
    """The product with the addresses of our own pictures as the client must request them."""
    if not request.script_root:
        return product
    changed: dict[str, object] = {
        "raw_image": under_prefix(product.raw_image),
        "images": [_picture_with_prefix(image) for image in product.images],
    }
    if product.normalised is not None:
        changed["normalised"] = _picture_with_prefix(product.normalised)
    return product.model_copy(update=changed)


def _picture_with_prefix(picture: Picture) -> Picture:
    given: dict[str, object] = {
        "previews": {side: under_prefix(url) for side, url in picture.previews.items()}
    }
    for name in ("image_url", "media_url"):
        if url := getattr(picture, name, None):
            given[name] = under_prefix(url)
    fidelity = getattr(picture, "fidelity", None)
    if fidelity is not None and fidelity.change_map is not None:
        changed = {"change_map": under_prefix(fidelity.change_map)}
        given["fidelity"] = fidelity.model_copy(update=changed)
    lock = getattr(picture, "pixel_lock", None)
    if lock is not None and lock.mask is not None:
        places = {"mask": under_prefix(lock.mask), "made": under_prefix(lock.made)}
        given["pixel_lock"] = lock.model_copy(update=places)
    return picture.model_copy(update=given)
