"""Products are found by the barcodes among their attributes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

# As `spreadsheets.barcodes` and `spreadsheets.view_words` had them at this revision.
NAMES = re.compile(
    r"\b(?:ean|gtin|upc|isbn)(?:[ -]?(?:8|10|12|13|14|a|e|code|codes|nr|no|nummer|number))*\b"
    r"|\bjan ?(?:code|コード)|bar ?codes?|bar ?kode?|\bstrichcode|\bcodes? (?:a )?barres?\b"
    r"|\bcod(?:igo|ice|ici)? (?:de |a )?barr(?:as|e)\b|\bstreepjescode|\bkod(?:y)? kreskow"
    r"|\bstreckkod|\bstre[gk]kode|\bviivakoodi|\bcarovy kod|\bciarovy kod|\bvonalkod|\bcod de bare"
    r"|штрих ?код|γραμμωτος κωδικ|バーコード|条形码|条码|條碼|바코드|باركود|बारकोड"
)
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
BETWEEN_WORDS = re.compile(r"[_\s-]+")
ACCENTS = re.compile("[\u0300-\u036f]")
LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i"})

PRODUCTS = sa.table("products", sa.column("id"), sa.column("attributes", sa.JSON))


def upgrade() -> None:
    connection = op.get_bind()
    add = sa.text(
        "INSERT INTO product_terms (term, product_id) VALUES (:term, :product_id)"
        " ON CONFLICT DO NOTHING"
    )
    page = sa.select(PRODUCTS).where(PRODUCTS.c.attributes.is_not(None)).order_by(PRODUCTS.c.id)
    last = 0
    while rows := connection.execute(page.where(PRODUCTS.c.id > last).limit(5000)).all():
        last = rows[-1].id
        if terms := [each for row in rows for each in terms_of(row)]:
            connection.execute(add, terms)


def downgrade() -> None:
    """The terms stay: an older version finds products by them as well."""


def terms_of(row: Any) -> Iterator[dict[str, Any]]:
    for name, code in (row.attributes or {}).items():
        words = BETWEEN_WORDS.sub(" ", CAMEL.sub(" ", name))
        if code and NAMES.search(bare(words)):
            for text in (code, re.sub(r"[ -]", "", code)):
                yield {"term": bare(text).translate(LETTERS)[:255], "product_id": row.id}


def bare(text: str) -> str:
    without = ACCENTS.sub("", unicodedata.normalize("NFD", text.casefold()))
    return unicodedata.normalize("NFC", without)
