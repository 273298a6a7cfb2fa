"""Locks that last until the commit, on PostgreSQL: on SQLite one transaction writes at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, bindparam, select, text

from packshot.database.models import PRODUCTS

# The numbers of advisory locks: four letters each.
MIGRATION: Final = 0x7061636B  # "pack"
IDS: Final = MIGRATION + 1
ADMISSION: Final = 0x63616C6C  # "call"
DUPLICATES: Final = 0x74776963  # "twic"
NUMBERS: Final = 0x6E756D62  # "numb"

LOCKED_PRODUCTS: Final = (
    select(PRODUCTS.c.id)
    .where(PRODUCTS.c.id.in_(bindparam("wanted_ids", expanding=True)))
    .order_by(PRODUCTS.c.id)
    .with_for_update()
)


def hold_lock(rows: Connection, lock: int) -> None:
    """Wait for an advisory lock, and hold it until the commit."""
    if rows.dialect.name != "sqlite":
        rows.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": lock})


def lock_products(rows: Connection, product_ids: Iterable[int]) -> None:
    """Lock these products in the order of their ids, so that no two transactions wait for each
    other."""
    if rows.dialect.name != "sqlite":
        rows.execute(LOCKED_PRODUCTS, {"wanted_ids": list(product_ids)})
