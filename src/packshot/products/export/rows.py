"""Approved pictures as rows for a shop's own systems: CSV and JSON lines, page by page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final, Literal, TypeVar

from pydantic import Field
from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, undefer

from packshot.database.engine import Database
from packshot.database.models import (
    APPROVED,
    PRODUCT_STATUSES,
    Decision,
    Product,
    ProductImage,
)
from packshot.marketplaces.names import own_stem
from packshot.products.answers.alt_text import alt_text, analyses_of
from packshot.products.answers.doubt import FOUND_AFTER_APPROVAL
from packshot.products.answers.products import Out, columns_of
from packshot.products.export.numbers import give_numbers
from packshot.products.object_keys import media_url, normalised_key
from packshot.products.seller_fields import SellerFields
from packshot.spreadsheets.formulas import escape, escape_json

Chosen = TypeVar("Chosen", bound=Select[*tuple[Any, ...]])
ExportFormat = Literal["csv", "jsonl"]
CONTENT_TYPES: Final[dict[ExportFormat, str]] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
}
PAGE: Final = 500


class ApprovedImage(SellerFields, Out):
    """One approved picture of an approved product's current round.

    A selection from the API's answers: fields of `SellerFields` and `ImageOut` by the same names.
    """

    product_id: int
    batch_id: str | None
    image_id: int
    image_url: str
    media_url: str | None
    round: int
    variant: int
    title: str | None
    alt_text: str
    width: int | None
    height: int | None
    bytes: int | None
    sha256: str | None
    created_at: datetime
    enhancer: str | None
    model: str | None
    prompt: str | None
    warning: str | None
    raw_sha256: str | None
    verdict: str | None
    fidelity_score: float | None
    judged: float | None  # share of the product that the fidelity check compared pixel by pixel
    lock_code: str | None  # "locked", or why the product's pixels are not the photo's own
    own_pixels: float | None  # share of the product's
    approved_by: str | None
    approved_at: datetime | None
    found_after_approval: bool  # a check that ended after the approval found a change
    number: int | None = Field(None, exclude=True)
    object_key: str | None = Field(None, exclude=True)
    raw_key: str | None = Field(None, exclude=True)  # of the stored copy of the raw photo
    pixel_lock: dict[str, Any] | None = Field(None, exclude=True)  # its record
    answer: dict[str, Any] | None = Field(None, exclude=True)  # the metadata in the model's answer


#: Products or SKUs read at once for a ZIP.
GROUPS: Final = 100
#: The columns in their order: the product's, then the picture's.
COLUMNS: Final = (
    "product_id",
    *(
        name
        for name, field in ApprovedImage.model_fields.items()
        if name != "product_id" and not field.exclude
    ),
)


@dataclass(frozen=True)
class Selection:
    """The approved pictures to export; None does not filter. `since`: approved after this
    moment."""

    batch: str | None = None
    category: str | None = None
    sku: str | None = None
    since: datetime | None = None
    products: frozenset[int] | None = None

    def narrow(self, query: Chosen) -> Chosen:
        """Keep only pictures that are approved now and match."""
        query = self.narrow_products(query).where(
            ProductImage.status == APPROVED,
            ProductImage.round == Product.round,
            Product.status == APPROVED,
        )
        if self.since is None:
            return query
        late = exists().where(Decision.image_id == ProductImage.id, Decision.at > self.since)
        return query.where(late)

    def narrow_products(self, query: Chosen) -> Chosen:
        """Keep only products that match, whatever their status."""
        for column, wanted in (
            (Product.batch_id, self.batch),
            (Product.category, self.category),
            (Product.sku, self.sku),
        ):
            query = query.where(column == wanted) if wanted is not None else query
        if self.products is not None:
            query = query.where(Product.id.in_(sorted(self.products)))
        return query


ALL: Final = Selection()


def count_approved(
    database: Database, chosen: Selection = ALL, *, only_found_later: bool = False
) -> int:
    """How many pictures an export of this selection would have now; `only_found_later`: of those
    that were approved before their check found a change."""
    query = chosen.narrow(select(func.count()).select_from(Product).join(ProductImage))
    if only_found_later:
        query = query.where(FOUND_AFTER_APPROVAL)
    with database.read() as session:
        return session.scalar(query) or 0


def why_nothing(database: Database, chosen: Selection) -> str:
    """Why an export of this selection has no picture, and what to do."""
    statuses = select(Product.status, func.count()).group_by(Product.status)
    with database.read() as session:
        counts = {row[0]: row[1] for row in session.execute(chosen.narrow_products(statuses))}
    if not counts:
        return (
            "no product matches this export: check what it names (SKU, category, batch, products)"
        )
    if APPROVED in counts:
        after = f" after {chosen.since.isoformat()}" if chosen.since else ""
        return f"no picture that matches this export was approved{after}"
    found = ", ".join(
        f"{counts[status]:,} {status}" for status in PRODUCT_STATUSES if status in counts
    )
    return (
        f"no approved picture matches this export, only products that are not approved ({found}):"
        " approve their pictures first"
    )


def approved_images(database: Database, chosen: Selection = ALL) -> Iterator[ApprovedImage]:
    """The pictures approved now, oldest first; no transaction is open between two pages."""
    after = 0
    while rows := _page(database, chosen, after):
        yield from rows
        after = rows[-1].image_id


def _page(database: Database, chosen: Selection, after: int) -> list[ApprovedImage]:
    query = chosen.narrow(_products_with_images()).where(ProductImage.id > after)
    with database.read() as session:
        return _rows(session, query.order_by(ProductImage.id).limit(PAGE))


def _products_with_images() -> Select[Product, ProductImage]:
    both = select(Product, ProductImage).join(ProductImage, ProductImage.product_id == Product.id)
    return both.options(undefer(ProductImage.answer))


def _rows(session: Session, query: Select[Product, ProductImage]) -> list[ApprovedImage]:
    found = session.execute(query).all()
    ids = [image.id for _, image in found]
    latest = select(func.max(Decision.id)).where(Decision.image_id.in_(ids))
    decisions = session.scalars(
        select(Decision).where(Decision.id.in_(latest.group_by(Decision.image_id)))
    ).all()
    approvals = {decision.image_id: decision for decision in decisions}
    analyses = analyses_of(session, list({product.id for product, _ in found}))
    return [
        _row(
            product,
            image,
            approvals.get(image.id),
            alt_text(product, image, analyses.get((product.id, image.round))),
        )
        for product, image in found
    ]


def approved_groups(
    database: Database, chosen: Selection = ALL, *, whole: bool = False
) -> Iterator[list[tuple[int, ApprovedImage]]]:
    """The chosen pictures, SKU by SKU, then those without a SKU, product by product.

    Each comes with its number among the pictures of its SKU, which it keeps: see `numbers`. With
    `whole`, one chosen picture of a SKU brings all its approved ones.
    """
    for pages, column in ((_by_sku, Product.sku), (_by_product, Product.id)):
        for keys in pages(database, chosen):
            give_numbers(database, column, keys)
            yield from _groups(database, ALL if whole else chosen, column, keys)


def _groups(
    database: Database, chosen: Selection, column: Any, keys: Sequence[Any]
) -> Iterator[list[tuple[int, ApprovedImage]]]:
    with database.read() as session:
        images = _rows(session, ALL.narrow(_products_with_images()).where(column.in_(keys)))
        matching = select(ProductImage.id).join(Product, Product.id == ProductImage.product_id)
        ids = set(session.scalars(chosen.narrow(matching).where(column.in_(keys))))
    groups: dict[Any, list[tuple[int, ApprovedImage]]] = {key: [] for key in keys}
    for image in images:
        if image.image_id in ids and image.number is not None:
            key = image.sku if column is Product.sku else image.product_id
            groups[key].append((image.number, image))
    yield from (sorted(group, key=itemgetter(0)) for group in groups.values() if group)


def _by_sku(database: Database, chosen: Selection) -> Iterator[Sequence[Any]]:
    return _keys(database, chosen, Product.sku, Product.sku.is_not(None), "")


def _by_product(database: Database, chosen: Selection) -> Iterator[Sequence[Any]]:
    return _keys(database, chosen, Product.id, Product.sku.is_(None), 0)


def _keys(
    database: Database, chosen: Selection, column: Any, only: ColumnElement[bool], first: Any
) -> Iterator[Sequence[Any]]:
    """Pages of the distinct values of a column; no transaction is open between two."""
    query = chosen.narrow(select(column).join(ProductImage, ProductImage.product_id == Product.id))
    query = query.where(only).distinct().order_by(column).limit(GROUPS)
    after = first
    while True:
        with database.read() as session:
            keys = session.scalars(query.where(column > after)).all()
        if not keys:
            return
        yield keys
        after = keys[-1]


def _row(
    product: Product, image: ProductImage, approval: Decision | None, words: str
) -> ApprovedImage:
    both = columns_of(product, ApprovedImage) | columns_of(image, ApprovedImage)
    both["alt_text"] = words
    return ApprovedImage(
        **both,
        image_id=image.id,
        own_pixels=(image.pixel_lock or {}).get("share"),
        judged=(image.fidelity or {}).get("judged"),
        media_url=media_url(image.object_key) if image.object_key else None,
        raw_key=_raw_key(product),
        approved_by=approval.who if approval else None,
        approved_at=approval.at if approval else None,
    )


def _raw_key(product: Product) -> str | None:
    if product.media_namespace is None or product.raw_removed_at is not None:
        return None
    return normalised_key(product.media_namespace, product.id, product.photo_since)


def own_name(image: ApprovedImage) -> str:
    """What files and listings call its product: the SKU, else the photo's name, else its number."""
    return image.sku or own_stem(image.filename) or str(image.product_id)


def write_lines(rows: Iterator[ApprovedImage], as_format: ExportFormat) -> Iterator[str]:
    """The rows as text, one line each; CSV begins with its header."""
    if as_format == "csv":
        yield csv_line(COLUMNS)
    for row in rows:
        cells = {name: getattr(row, name) for name in COLUMNS}
        if as_format == "csv":
            yield csv_line(list(cells.values()))
        else:
            yield json.dumps(cells, default=plain, ensure_ascii=False) + "\n"


def csv_line(cells: Sequence[object], *, for_people: bool = True) -> str:
    """One line. `for_people`: an apostrophe precedes text that a spreadsheet would run as a
    formula; a program would take it for a part of the value."""
    line = io.StringIO()
    text = _cell if for_people else _text
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(map(text, cells))
    return line.getvalue()


def _cell(value: object) -> str:
    """A number unchanged; text that a spreadsheet would run after an apostrophe; JSON in which
    it would run nothing."""
    if isinstance(value, dict):
        return escape_json(_text(value))
    return escape(value) if isinstance(value, str) else _text(value)


def _text(value: object) -> str:
    """Text as it is, nothing as an empty cell, and anything else as JSON has it."""
    if value is None or isinstance(value, str):
        return value or ""
    written = plain(value) if isinstance(value, (Decimal, datetime)) else value
    return written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)


def plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} can't be exported")
