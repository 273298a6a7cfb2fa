"""The number of a picture among those of its SKU, as exports have named it until now."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ROWS = """
SELECT p.sku, p.id, p.view, i.variant, i.id
FROM products p LEFT JOIN product_images i
  ON i.product_id = p.id AND i.round = p.round AND i.status = 'approved' AND p.status = 'approved'
WHERE i.id IS NOT NULL OR (p.sku IS NOT NULL AND p.status IN ('pending', 'pending_review'))
"""


def upgrade() -> None:
    op.add_column("product_images", sa.Column("number", sa.Integer(), nullable=True))
    rows = op.get_bind().execute(sa.text(ROWS)).all()
    if numbers := list(_numbers([tuple(row) for row in rows])):
        op.get_bind().execute(
            sa.text("UPDATE product_images SET number = :number WHERE id = :id"), numbers
        )


def _numbers(rows: list[tuple[Any, ...]]) -> Iterator[dict[str, int]]:
    """The numbers, main view first; a view whose picture still waits keeps one number free."""
    keyed = sorted(((_sku(row), _place(row), row[4]) for row in rows), key=itemgetter(0, 1))
    for _, group in groupby(keyed, key=itemgetter(0)):
        for number, (_, _, image_id) in enumerate(group, 1):
            if image_id is not None:
                yield {"number": number, "id": image_id}


def _sku(row: tuple[Any, ...]) -> tuple[str, int]:
    return (row[0], 0) if row[0] is not None else ("", row[1])


def _place(row: tuple[Any, ...]) -> tuple[int, int, str, int, int]:
    view = (row[2] or "").casefold()
    number = int(view) if view.isascii() and view.isdigit() else 0
    words = 3 if view.isascii() and view.isdigit() else 4
    rank = {"main": 0, "front": 1, "": 2}.get(view, words)
    return rank, number, view, row[1], row[3] or 0


def downgrade() -> None:
    op.drop_column("product_images", "number")
