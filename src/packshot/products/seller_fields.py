"""A product's fields that the seller gives: as they come in, and as every answer shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, PlainSerializer, WithJsonSchema


@dataclass(frozen=True)
class NewProduct:
    """One product as the seller gives it; amounts in the currency's main unit, where one is given.

    `submitted_by` is the name of the key that submitted it: only that key sees `raw_image` whole.
    """

    category: str
    raw_image: str
    mrp: Decimal | None = None
    price: Decimal | None = None
    discount: Decimal | None = None
    gst: Decimal | None = None
    sku: str | None = None
    name: str | None = None
    view: str | None = None
    filename: str | None = None
    attributes: dict[str, str] | None = None
    submitted_by: str | None = field(default=None, kw_only=True)


def _json_number(amount: Decimal) -> int | float:
    """The amount as a JSON number (a double holds 12 digits); whole ones have no point: 45000."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


AmountOut = Annotated[
    Decimal,
    PlainSerializer(_json_number, return_type=int | float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]


class SellerFields(BaseModel):
    """The seller's data, in every answer and export; amounts are in the currency's main unit."""

    sku: str | None
    name: str | None
    view: str | None
    filename: str | None
    category: str
    mrp: AmountOut | None
    price: AmountOut | None
    discount: AmountOut | None
    gst: AmountOut | None
    attributes: dict[str, str] | None
