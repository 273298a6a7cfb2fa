"""The queries and bodies of the API's requests; the OpenAPI document is generated from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from packshot.enhancers.adjustments import ADJUSTMENTS, OPPOSITES
from packshot.lanes import Lane
from packshot.marketplaces.names import NameTemplate
from packshot.products.answers.alt_text import LONGEST as LONGEST_ALT_TEXT
from packshot.products.answers.products import ImageStatus, ProductStatus
from packshot.products.export.rows import Selection
from packshot.products.intake.duplicates import Identity
from packshot.products.lists import Doubt, Filter, ListOrder
from packshot.products.object_keys import MAX_TAKES
from packshot.products.review.reasons import RejectionReason
from packshot.web.api.product_schemas import MAX_PRODUCTS, NewProductIn, SellerFieldsIn
from packshot.web.requests.field_errors import field_errors_of
from packshot.web.requests.reading import (
    MAX_ID,
    MAX_JSON_BYTES,
    Category,
    ProductName,
    Sku,
    StrictModel,
    Words,
    text_like,
    text_type,
)
from packshot.web.requests.refusals import FieldError, InvalidRequest, Refused

#: The most products that one address can name: gunicorn takes 4,094 bytes of a request's first
#: line.
MAX_NAMED = 300

Adjustment = Literal[
    "lighter",
    "darker",
    "warmer",
    "cooler",
    "keep_light",
    "tighter",
    "looser",
    "keep_background",
    "cut_out",
    "straighten",
]


def _whole(value: Any) -> Any:
    """Accept 1.0 as an integer, as JSON Schema does."""
    whole = isinstance(value, Decimal) and value.is_finite() and 0 < value <= MAX_ID
    return int(value) if whole and value == value.to_integral_value() else value


Id = Annotated[StrictInt, Field(ge=1, le=MAX_ID), BeforeValidator(_whole)]
TakeNumber = Annotated[StrictInt, Field(ge=1, le=MAX_TAKES), BeforeValidator(_whole)]


def _unset(value: Any) -> Any:
    return None if value == "" else value


def _number(value: Any) -> Any:
    """A query's text as an integer; anything else is left to the later check."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else value


@dataclass(frozen=True)
class CheckedRows:
    """The good rows of a bulk request by their index, and the errors of the bad ones."""

    rows: dict[int, NewProductIn]
    field_errors: list[FieldError]
    lane: Lane | None = None
    pixel_lock: bool | None = None


class BulkIn(StrictModel):
    """A batch of products to create: all or none, unless `on_error=skip`."""

    max_bytes: ClassVar[int] = MAX_JSON_BYTES
    row_model: ClassVar[type[StrictModel]] = NewProductIn

    products: list[NewProductIn] = Field(min_length=1, max_length=MAX_PRODUCTS)
    lane: Lane | None = Field(
        None,
        description="when and at which price Gemini is asked; default: GEMINI_LANE",
        examples=["batch"],
    )
    pixel_lock: StrictBool | None = Field(
        None, description="put the photo's own pixels over the product; default: PIXEL_LOCK"
    )

    @classmethod
    def read(cls, data: Any) -> CheckedRows:
        """Check every row by itself. Raises InvalidRequest for an error outside the rows."""
        _check_count(data)
        try:
            good = cls.model_validate(data)
            return CheckedRows(dict(enumerate(good.products)), [], good.lane, good.pixel_lock)
        except ValidationError as error:
            field_errors = field_errors_of(error, cls)
        bad = {row_of(field_error) for field_error in field_errors}
        if None in bad:
            raise InvalidRequest(field_errors)
        sound = [index for index in range(len(data["products"])) if index not in bad]
        rows = {index: NewProductIn.model_validate(data["products"][index]) for index in sound}
        return CheckedRows(rows, field_errors, data.get("lane"), data.get("pixel_lock"))


def _check_count(data: Any) -> None:
    rows = data.get("products") if isinstance(data, dict) else None
    if isinstance(rows, list) and len(rows) > MAX_PRODUCTS:
        raise Refused("too_large", f"at most {MAX_PRODUCTS:,} products fit in one request")


def row_of(field_error: FieldError) -> int | None:
    """The index in /products/{index}/...; None for an error outside the rows."""
    match field_error.pointer.split("/")[1:]:
        case ["products", index, *_]:
            return int(index)
        case _:
            return None


BatchId = Annotated[
    str, *text_like(r"^[0-9a-f-]{36}$", "must be a batch_id: 36 of the characters 0-9, a-f and -")
]
Cursor = Annotated[
    str, *text_like(r"^[A-Za-z0-9_-]{1,1400}$", "must be the next_cursor of an answer")
]
EnhancerName = Annotated[
    str, *text_like(r"^[a-z-]{1,20}$", "must be the name of an enhancer: local or gemini")
]


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


def _empty_or(choice: Any) -> WithJsonSchema:
    """One of a Literal's values, or empty."""
    return WithJsonSchema({"type": "string", "enum": ["", *get_args(choice)]})


class BulkQuery(StrictModel):
    on_error: Literal["fail", "skip"] = Field(
        "fail", description="`skip` creates the good rows and lists the bad ones"
    )
    on_duplicate: Literal["create", "skip"] = Field(
        "create", description="`skip` skips photos that the same SKU and view already have"
    )


class PhotoIn(SellerFieldsIn):
    """A photo that is not uploaded yet, with its row: prices and attributes are compared with those
    of the product found."""

    sha256: Annotated[
        str,
        *text_like(r"^[0-9a-f]{64}$", "must be a SHA-256 as 64 of the characters 0-9 and a-f"),
        Field(description="of its bytes"),
    ]
    category: Category | None = None

    def as_identity(self) -> Identity:
        names = (self.name, self.filename, self.category)
        return Identity(self.sha256, None, self.sku, self.view, *names)


class DuplicatesIn(StrictModel):
    max_bytes: ClassVar[int] = MAX_JSON_BYTES

    photos: list[PhotoIn] = Field(min_length=1, max_length=MAX_PRODUCTS)


CategoryFilter = Annotated[Category | None, BeforeValidator(_unset), _text(r"^.{0,100}$")]
BatchFilter = Annotated[BatchId | None, BeforeValidator(_unset), _text(r"^([0-9a-f-]{36})?$")]
SkuFilter = Annotated[Sku | None, BeforeValidator(_unset), _text(r"^.{0,100}$")]


class ListQuery(StrictModel):
    """A query in which an empty value counts as unset, in the schema too."""

    status: Annotated[ProductStatus | None, BeforeValidator(_unset), _empty_or(ProductStatus)] = (
        None
    )
    category: CategoryFilter = None
    batch: BatchFilter = None
    sku: SkuFilter = None
    q: Annotated[
        ProductName | None,
        BeforeValidator(_unset),
        _text(r"^.{0,200}$"),
        Field(
            description="the beginning of a SKU, a file name, a barcode or a word of a name,"
            " ignoring case and accents"
        ),
    ] = None
    reason: Annotated[
        RejectionReason | None,
        BeforeValidator(_unset),
        _empty_or(RejectionReason),
        Field(description="products with a picture that is rejected for this reason"),
    ] = None
    enhancer: Annotated[
        EnhancerName | None,
        BeforeValidator(_unset),
        _text(r"^[a-z-]{0,20}$"),
        Field(description="which enhancer made the current round: local or gemini"),
    ] = None
    doubt: Annotated[
        Doubt | None,
        BeforeValidator(_unset),
        _empty_or(Doubt),
        Field(description="rounds with a warning, or with a change found after approval"),
    ] = None
    order: Annotated[
        ListOrder | None,
        BeforeValidator(_unset),
        _empty_or(ListOrder),
        Field(
            description="`doubt`: most warnings first; `sku`; `views`: newest first, the views of a"
            " SKU in their own order (a page may be shorter than `limit`, to end with a whole SKU);"
            " when unset newest first, or with `q` by the term found"
        ),
    ] = None
    limit: Annotated[Annotated[int, Field(ge=1, le=200)], BeforeValidator(_number)] = 50
    cursor: Annotated[Cursor | None, BeforeValidator(_unset), _text(r"^[A-Za-z0-9_-]{0,1400}$")] = (
        None
    )

    def as_filter(self) -> Filter:
        return Filter(**self.model_dump(exclude={"limit", "cursor"}))


def _check_template(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        NameTemplate.parse(value)
    except ValueError as error:
        raise PydanticCustomError("bad_template", "{reason}", {"reason": str(error)}) from None
    return value


def _folder_address(value: str | None) -> str | None:
    """`https://cdn.example.com/files/A1_1.jpg?v=1` -> `https://cdn.example.com/files`."""
    if value is None:
        return None
    if not re.fullmatch(r"https?://[^\s/?#]+(/\S*)?", value):
        raise PydanticCustomError("bad_address", "must be an address with https:// or http://")
    return re.sub(r"/([^/]*\.(jpe?g|png|webp|avif))?$", "", re.split("[?#]", value)[0], flags=re.I)


def _numbers(value: Any) -> Any:
    """`3,1,2` -> [3, 1, 2]."""
    if not isinstance(value, str) or value == "":
        return _unset(value)
    if not re.fullmatch(r"[0-9]{1,10}(,[0-9]{1,10})*", value):
        raise PydanticCustomError("bad_numbers", "must be numbers of products with commas: 3,1,2")
    return [int(part) for part in value.split(",")]


PresetName = Annotated[
    str,
    *text_like(r"^[A-Za-z0-9_. -]{1,60}$", "must be the name of a preset, such as amazon"),
    BeforeValidator(_unset),
]


def _moment(value: Any) -> Any:
    """A date and time with its zone, as text; pydantic alone would also accept seconds."""
    if value is None or value == "":
        return None
    try:
        if re.match(r"\d{4}-\d\d-\d\d[T ]", str(value)):
            moment = datetime.fromisoformat(str(value))
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or in UTC the year is 0 or 10000
        pass
    raise PydanticCustomError("bad_moment", "must be a moment such as 2026-11-28T09:00:00Z")


class ComplianceQuery(StrictModel):
    preset: PresetName = Field(description="amazon, google, shopify, ...")
    as_main: Literal["true", "false"] = Field(
        "false", description="`true`: check every picture against the rules for main pictures"
    )


class ExportQuery(StrictModel):
    """The approved pictures to export, and their form."""

    format: Literal["csv", "jsonl", "zip", "shopify", "woocommerce"] = "csv"
    category: CategoryFilter = None
    batch: BatchFilter = None
    sku: SkuFilter = None
    products: Annotated[
        Annotated[list[Id], Field(max_length=MAX_NAMED)] | None,
        BeforeValidator(_numbers),
        _text(r"^([0-9]{1,10}(,[0-9]{1,10})*)?$"),
        Field(description="only these products: their numbers, separated by commas"),
    ] = None
    since: Annotated[
        datetime | None,
        BeforeValidator(_moment),
        _text(r"^(\d{4}-\d\d-\d\d[T ].*)?$"),
        Field(description="approved after this moment, with its zone: 2026-11-28T09:00:00Z"),
    ] = None
    names: Annotated[
        str | None,
        BeforeValidator(_unset),
        AfterValidator(_check_template),
        Field(description="names in a ZIP: {sku}_{n}, {sku}/{view}, {sku}.{code}, ..."),
    ] = None

    preset: PresetName | None = Field(
        None, description="a marketplace, whose size, ratio and rules apply; adds a compliance.csv"
    )
    pictures_at: Annotated[
        str | None,
        BeforeValidator(_unset),
        AfterValidator(_folder_address),
        Field(
            max_length=2048,
            description="with shopify and woocommerce: where the pictures of the ZIP with the same"
            " names and preset were uploaded; the address of their folder, or of one of them",
        ),
    ] = None

    @model_validator(mode="after")
    def _changes_no_linked_picture(self) -> Self:
        if self.pictures_at and self.format not in ("shopify", "woocommerce"):
            raise PydanticCustomError(
                "not_allowed", "pictures_at goes with the formats shopify and woocommerce"
            )
        if self.format != "zip" and not self.pictures_at and (self.names or self.preset):
            raise PydanticCustomError(
                "not_allowed",
                "names and preset go with the format zip, or with pictures_at: other files link to"
                " the pictures as they are",
            )
        return self

    def as_selection(self) -> Selection:
        named = None if self.products is None else frozenset(self.products)
        return Selection(self.batch, self.category, self.sku, self.since, named)


class ProductQuery(StrictModel):
    rounds: Literal["current", "all"] = "current"


AltText = Annotated[str, *text_type(LONGEST_ALT_TEXT, "\n\t")]


class ImageChangeIn(StrictModel):
    """A decision (`pending` undoes it), an alternative text (null: one from known facts), or the
    take to use of a picture that was made again."""

    status: ImageStatus | None = None
    reason: RejectionReason | None = None
    note: Words | None = None
    alt_text: AltText | None = None
    take: TakeNumber | None = None

    @model_validator(mode="after")
    def _is_one_change(self) -> Self:
        given = self.model_fields_set
        alone = given & {"alt_text", "take"}
        if not given or (alone and len(given) > 1):
            raise PydanticCustomError(
                "required", "takes a status, an alt_text or a take, one at a time"
            )
        if "take" in given and self.take is None:
            raise PydanticCustomError("required", "a take has a number")
        if not alone and self.status is None:
            raise PydanticCustomError("required", "a decision has a status")
        return self


class ReviewIn(StrictModel):
    """A whole product: approving approves the named pictures (all, if none named)."""

    status: ImageStatus
    image_ids: list[Id] | None = Field(None, min_length=1, max_length=100)
    reason: RejectionReason | None = None
    note: Words | None = None

    @field_validator("image_ids")
    @classmethod
    def _only_approving_names(
        cls, image_ids: list[int] | None, info: ValidationInfo
    ) -> list[int] | None:
        if image_ids is not None and info.data.get("status") != "approved":
            raise PydanticCustomError("not_allowed", "goes only with the status approved")
        return image_ids


class EnhanceIn(StrictModel):
    """A redo. Every enhancer carries out the adjustments, beyond those of the redos right before;
    only Gemini follows the instructions."""

    instructions: Words | None = None
    adjustments: list[Adjustment] = Field(default=[], max_length=len(ADJUSTMENTS))

    @field_validator("adjustments")
    @classmethod
    def _not_both_ways(cls, adjustments: list[str]) -> list[str]:
        for first, second in OPPOSITES:
            if first in adjustments and second in adjustments:
                raise PydanticCustomError("not_allowed", f"can't be both {first} and {second}")
        return list(dict.fromkeys(adjustments))


class CancelIn(StrictModel):
    """Cancelling has no options; a body, if there is one, is an empty object."""
