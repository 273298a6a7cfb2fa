"""The bodies of the API's answers; the OpenAPI document is generated from them."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from packshot.products.answers.products import (
    CorrectionOut,
    DecisionOut,
    Out,
    ProductOut,
    ProductStatus,
    is_empty,
    is_none,
)
from packshot.products.seller_fields import AmountOut


class FieldErrorOut(Out):
    pointer: str
    code: str
    detail: str


class RowErrorsOut(Out):
    index: int
    errors: list[FieldErrorOut]


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
    errors: list[RowErrorsOut] | None = Field(None, exclude_if=is_none)
    skipped: list[SkippedOut] | None = Field(
        None, description="with on_duplicate=skip", exclude_if=is_none
    )


class ElsewhereOut(Out):
    """A photo by its index in the request, and a product that has it under another SKU or view."""

    index: int
    product_id: int
    sku: str | None
    view: str | None


class SameViewOut(Out):
    """A photo by its index in the request, and a product that has its SKU and view, but another
    photo. `version` goes into `If-Match` to replace that photo."""

    index: int
    product_id: int
    sku: str
    view: str | None
    status: ProductStatus
    version: int


class CopyOut(Out):
    """A photo by its index in the request, and the first one that it is a copy of."""

    index: int
    first: int


class DuplicatesData(Out):
    duplicates: list[SkippedOut]
    elsewhere: list[ElsewhereOut] = Field(description="these would be made again")
    same_view: list[SameViewOut] = Field(
        description="these would be made beside a picture of the same SKU and view"
    )
    copies: list[CopyOut] = Field(
        description="the same photo with one SKU and view, or named as a copy: it is made once"
    )


class SkuProductOut(Out):
    """A product of the SKU at this index, with each field's value before and after."""

    index: int
    product_id: int
    view: str | None
    changes: dict[str, list[Any]]
    refused: str | None = Field(description="why it keeps its own values")


class SkuCorrectionsData(Out):
    products: list[SkuProductOut] = Field(description="of all SKUs that have products")


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
    images: dict[str, int] = Field(
        description="by status, of all rounds: exports have the approved ones of current rounds"
    )
    queue: QueueOut
    spent: AmountOut = Field(description="US dollars")
    simulated: bool = Field(False, description="nothing was paid for: Gemini is a stand-in")
    currency: str | None = Field(None, description="of products' prices, from CURRENCY")
    spent_today: AmountOut
    spent_by_lane: dict[str, AmountOut] = Field(description="US dollars")
    problem: str | None = Field(None, description="why no pictures are being made")
    batched: int = Field(description="products that wait for the answers of batch jobs")
    being_checked: int = Field(description="pictures that wait for their fidelity check")
    cost_per_product: AmountOut | None = Field(
        description="US dollars, per product with paid calls"
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
