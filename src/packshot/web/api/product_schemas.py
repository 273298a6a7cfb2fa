"""A product's fields in requests: to create one, to correct one, and those of many SKUs."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from packshot.spreadsheets.numbers import shown_amount
from packshot.web.requests.reading import (
    MAX_JSON_BYTES,
    Attributes,
    Category,
    FileName,
    Money,
    Percentage,
    ProductName,
    Sku,
    StrictModel,
    ViewName,
)

MAX_PRODUCTS = 1_000


def _not_above_mrp(price: Decimal | None, info: ValidationInfo) -> Decimal | None:
    mrp = info.data.get("mrp")
    if price is not None and mrp is not None and price > mrp:
        amounts = {"price": shown_amount(price), "mrp": shown_amount(mrp)}
        raise PydanticCustomError("price_above_mrp", "{price} is above the mrp of {mrp}", amounts)
    return price


class FactsIn(StrictModel):
    """What is the same for all products of a SKU; every field is optional."""

    name: ProductName | None = None
    mrp: Money | None = Field(None, examples=[50000])
    price: Money | None = Field(None, examples=[45000])
    discount: Money | None = Field(None, examples=[5000])
    gst: Percentage | None = Field(None, examples=[18])
    attributes: Attributes | None = Field(None, description="further facts")

    _price = field_validator("price")(_not_above_mrp)


class SellerFieldsIn(FactsIn):
    """A product's fields that a seller can give; every field is optional."""

    sku: Sku | None = Field(None, examples=["SKU-1042"])
    view: ViewName | None = Field(None, description="which side of the SKU: front, 2, ...")
    filename: FileName | None = None


def _as_stored(address: str) -> str:
    """One of our own addresses (`/media/...`) without the prefix that the client sees."""
    if not address.startswith("/"):
        return address
    # Not at the top: it imports Flask, which the process that reads spreadsheets does not need.
    from packshot.web.requests.prefix import without_prefix

    return without_prefix(address)


RawImage = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2048,
        description="https://, http://, s3://bucket/key, or the raw_image of an upload",
    ),
    AfterValidator(_as_stored),
]


class NewProductIn(SellerFieldsIn):
    """One product to create. If both prices are given, `discount` defaults to mrp - price, and
    `gst`, a percentage, to 0."""

    category: Category = Field(examples=["Electronics"])
    raw_image: RawImage = Field(
        examples=["https://kivoa.s3.ap-south-1.amazonaws.com/raw/phone.jpg"]
    )


class CorrectionIn(SellerFieldsIn):
    """The fields to correct; null removes an optional field."""

    category: Category | None = None
    raw_image: RawImage | None = Field(
        None, description="another photo for a failed product without pictures"
    )

    @field_validator("category", "raw_image")
    @classmethod
    def _is_there(cls, value: str | None, info: ValidationInfo) -> str:
        if value is None:
            raise PydanticCustomError("required", f"a product always has a {info.field_name}")
        return value

    @model_validator(mode="after")
    def _corrects_something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("required", "has nothing to correct")
        return self


class PhotoReplacementIn(StrictModel):
    """Another photo for a product."""

    raw_image: RawImage = Field(
        examples=["https://kivoa.s3.ap-south-1.amazonaws.com/raw/phone-new.jpg"]
    )


class CorrectionQuery(StrictModel):
    on_duplicate: Literal["fail", "allow"] = Field(
        "fail", description="`allow` accepts a SKU that another product has"
    )


class SkuFactsIn(FactsIn):
    """What a spreadsheet says of a SKU: the fields that are sent change in each of its products.
    Attributes that are not sent stay."""

    sku: Sku = Field(examples=["SKU-1042"])
    category: Category | None = None


class SkuCorrectionsIn(StrictModel):
    max_bytes: ClassVar[int] = MAX_JSON_BYTES
    row_model: ClassVar[type[StrictModel]] = SkuFactsIn

    products: list[SkuFactsIn] = Field(min_length=1, max_length=MAX_PRODUCTS)

    @field_validator("products")
    @classmethod
    def _names_each_sku_once(cls, products: list[SkuFactsIn]) -> list[SkuFactsIn]:
        if len({each.sku for each in products}) < len(products):
            raise PydanticCustomError("repeated", "must name each SKU once")
        return products


class SkuCorrectionsQuery(StrictModel):
    dry_run: Literal["true", "false"] = Field("false", description="`true` changes nothing")
