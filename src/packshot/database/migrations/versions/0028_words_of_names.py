"""Products are found by each word of their names, and without accents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

WORD = re.compile(r"(?<=[\W_])[^\W\d_]\w{2,}")
ACCENTS = re.compile("[\u0300-\u036f]")  # as `spreadsheets.view_words` had them at this revision
LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i"})


def upgrade() -> None:
    """Add the terms; those written before stay, and a correction removes them."""
    connection = op.get_bind()
    page = sa.text(
        "SELECT id, sku, name, filename FROM products WHERE id > :last ORDER BY id LIMIT 5000"
    )
    add = sa.text(
        "INSERT INTO product_terms (term, product_id) VALUES (:term, :product_id)"
        " ON CONFLICT DO NOTHING"
    )
    last = 0
    while rows := connection.execute(page, {"last": last}).all():
        last = rows[-1].id
        if terms := [each for row in rows for each in terms_of(row)]:
            connection.execute(add, terms)


def downgrade() -> None:
    """The terms stay: an older version finds products by them as well."""


def terms_of(row: Any) -> Iterator[dict[str, Any]]:
    for text in filter(None, (row.sku, row.name, row.filename)):
        yield {"term": search_term(text), "product_id": row.id}
    name = search_term(row.name or "")
    for word, _ in zip(WORD.finditer(name), range(6), strict=False):
        yield {"term": name[word.start() :], "product_id": row.id}


def search_term(text: str) -> str:
    bare = ACCENTS.sub("", unicodedata.normalize("NFD", text.casefold()))
    return unicodedata.normalize("NFC", bare).translate(LETTERS)[:255]
