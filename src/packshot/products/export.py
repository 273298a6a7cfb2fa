"""Approved pictures as rows for a shop's own systems: CSV and JSON lines, page by page."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from sqlalchemy import func, select

from packshot.database.engine import Database
from packshot.database.models import APPROVED, Decision, Product, ProductImage
from packshot.products.views import SellerFields, columns_of, media_url

Format = Literal["csv", "jsonl"]
CONTENT_TYPES: Final[dict[Format, str]] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
}
PAGE: Final = 500
#: What a spreadsheet may take for the beginning of a formula: OWASP's list, full-width and small
#: forms included (owasp.org/www-community/attacks/CSV_Injection), and the minus sign.
_FORMULA: Final = r"[=+\-@＝＋－＠﹦﹢﹣﹫\u2212]"
#: What it may skip before one: blanks, quotes, control and invisible characters.
_SKIPPED: Final = (
    r"[\s\"\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]*"
)
#: Where a cell begins: at its first character and, for a spreadsheet that splits lines otherwise
#: than by commas (Excel in most of Europe: semicolons), after each of these, quoted or not.
_BEGINS: Final = re.compile(rf"(^(?=[\t\r\n])|(?:^|[,;|\t\r\n\v\f])(?={_SKIPPED}{_FORMULA}))")


class ApprovedImage(SellerFields):
    """One approved picture of an approved product's current round.

    A selection of the API's answers: what `SellerFields` and `ImageOut` have by the same names.
    """

    product_id: int
    batch_id: str | None
    image_id: int
    image_url: str
    media_url: str | None
    round: int
    variant: int
    title: str | None
    width: int | None
    height: int | None
    bytes: int | None
    sha256: str | None
    enhancer: str | None
    model: str | None
    approved_by: str | None
    approved_at: datetime | None


#: As they are written: the picture's after the product's.
COLUMNS: Final = ("product_id", *(n for n in ApprovedImage.model_fields if n != "product_id"))


def approved_images(
    database: Database, *, batch: str | None = None, category: str | None = None
) -> Iterator[ApprovedImage]:
    """What is approved now, oldest picture first; no transaction is open between two pages."""
    after = 0
    while rows := _page(database, after, batch, category):
        yield from rows
        after = rows[-1].image_id


def _page(
    database: Database, after: int, batch: str | None, category: str | None
) -> list[ApprovedImage]:
    query = (
        select(Product, ProductImage)
        .join(ProductImage, ProductImage.product_id == Product.id)
        .where(
            ProductImage.id > after,
            ProductImage.status == APPROVED,
            ProductImage.round == Product.round,
            Product.status == APPROVED,
        )
        .order_by(ProductImage.id)
        .limit(PAGE)
    )
    query = query.where(Product.batch_id == batch) if batch is not None else query
    query = query.where(Product.category == category) if category is not None else query
    with database.read() as session:
        found = session.execute(query).all()
        ids = [image.id for _, image in found]
        latest = select(func.max(Decision.id)).where(Decision.image_id.in_(ids))
        decisions = session.scalars(
            select(Decision).where(Decision.id.in_(latest.group_by(Decision.image_id)))
        ).all()
    approvals = {decision.image_id: decision for decision in decisions}
    return [_row(product, image, approvals.get(image.id)) for product, image in found]


def _row(product: Product, image: ProductImage, approval: Decision | None) -> ApprovedImage:
    both = columns_of(product, ApprovedImage) | columns_of(image, ApprovedImage)
    return ApprovedImage(
        **both,
        image_id=image.id,
        media_url=media_url(image.object_key) if image.object_key else None,
        approved_by=approval.who if approval else None,
        approved_at=approval.at if approval else None,
    )


def written(rows: Iterator[ApprovedImage], as_format: Format) -> Iterator[str]:
    """The rows as text, one line each; CSV begins with the names of its columns."""
    if as_format == "csv":
        yield _csv_line(COLUMNS)
    for row in rows:
        cells = {name: getattr(row, name) for name in COLUMNS}
        if as_format == "csv":
            yield _csv_line([_cell(value) for value in cells.values()])
        else:
            yield json.dumps(cells, default=_plain, ensure_ascii=False) + "\n"


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(cells)
    return line.getvalue()


def _cell(value: object) -> str:
    """Numbers as they are; before text that a spreadsheet would run comes an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _BEGINS.sub(r"\1'", value)
    return str(_plain(value)) if isinstance(value, (Decimal, datetime)) else str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} has no place in an export")
