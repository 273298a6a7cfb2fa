"""Amounts of money in answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import PlainSerializer, WithJsonSchema


def _json_number(amount: Decimal) -> int | float:
    """The amount as a JSON number (a double holds 12 digits); whole ones have no point: 45000."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


AmountOut = Annotated[
    Decimal,
    PlainSerializer(_json_number, return_type=int | float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]
