"""The products of a list, and the counts beside its filters."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session, aliased

from packshot.database.models import (
    APPROVED,
    REJECTED,
    Decision,
    Product,
    ProductImage,
    ProductTerm,
    Round,
)
from packshot.errors import Conflict
from packshot.products.answers.doubt import has_doubt, was_found_after_approval, weigh_doubt
from packshot.products.terms import LAST, begins_with
from packshot.spreadsheets.view_words import place_of_view

ListOrder = Literal["doubt", "sku", "views"]
Doubt = Literal["yes", "no", "after_approval"]
Chosen = TypeVar("Chosen", bound=Select[*tuple[Any, ...]])

#: The most categories in a filter: the largest ones.
FACETS = 100
#: The most batches in a filter: the newest ones.
BATCHES = 20
#: PostgreSQL compares an INTEGER with numbers below this.
LARGEST: Final = 2**31
#: What a cursor says: the list that it continues, and the last product, by its id and its term.
CURSOR: Final = re.compile(r"(?P<list>[0-9a-f]{8}) (?P<id>[1-9][0-9]{0,9}) (?P<term>[^\0]*)")


@dataclass(frozen=True)
class Filter:
    """Which products to list; None does not filter.

    `reason`: a picture of the current round is rejected for it. `q`: the SKU, the
    file name or a word of the name begins with it. `enhancer` made the current round; `doubt`:
    whether a picture of it is doubtful, or was found to be so after it was approved.
    `order`: None is newest first; with "views" those of a SKU beside each other are in the order of
    their views.
    """

    status: str | None = None
    category: str | None = None
    batch: str | None = None
    sku: str | None = None
    q: str | None = None
    reason: str | None = None
    enhancer: str | None = None
    doubt: Doubt | None = None
    order: ListOrder | None = None

    def narrow(self, query: Chosen) -> Chosen:
        """Keep only the products of `query` that match."""
        for column, wanted in (
            (Product.status, self.status),
            (Product.category, self.category),
            (Product.batch_id, self.batch),
            (Product.sku, self.sku),
        ):
            query = query.where(column == wanted) if wanted is not None else query
        if self.q is not None:
            found = select(ProductTerm.product_id).where(begins_with(ProductTerm.term, self.q))
            query = query.where(Product.id.in_(found))
        if self.enhancer is not None:
            query = query.where(exists().where(_current_round(), Round.enhancer == self.enhancer))
        if self.doubt is not None:
            query = query.where(DOUBTS[self.doubt]())
        if self.reason is None:
            return query
        return query.where(exists().where(_is_rejection_in_force(), Decision.reason == self.reason))


#: What each choice of the filter `doubt` asks for.
DOUBTS: Final[dict[Doubt, Callable[[], ColumnElement[bool]]]] = {
    "yes": has_doubt,
    "no": lambda: ~has_doubt(),
    "after_approval": was_found_after_approval,
}


@dataclass(frozen=True)
class Facets:
    """Counts of products by status, category and reason, each within the other filters.

    `reasons` counts decided products only; `statuses` ignores the reason filter, because a reason
    belongs to one status, and so does "after_approval" of `doubts`.
    """

    statuses: dict[str, int]
    categories: dict[str, int]
    reasons: dict[str, int]
    enhancers: dict[str, int]
    doubts: dict[str, int]  # "yes", "no" and "after_approval"
    batches: dict[str, int]
    batch_times: dict[str, str]  # when each batch was created, ISO 8601


def count_facets(session: Session, chosen: Filter) -> Facets:
    """The counts of one filter, which ignore its own choice."""
    by_status = replace(chosen, status=None, reason=None).narrow(
        select(Product.status, func.count())
    )
    by_category = replace(chosen, category=None).narrow(select(Product.category, func.count()))
    statuses = session.execute(by_status.group_by(Product.status)).all()
    categories = session.execute(
        by_category.group_by(Product.category).order_by(func.count().desc()).limit(FACETS)
    ).all()
    reasons = dict(_reasons(session, chosen)) if chosen.status in {APPROVED, REJECTED} else {}
    batches = _count_batches(session, chosen)
    return Facets(
        _as_dict(statuses),
        _as_dict(categories),
        reasons,
        _as_dict(_count_enhancers(session, chosen)),
        _count_doubts(session, chosen),
        {batch: count for batch, count, _ in batches},
        {batch: created.isoformat() for batch, _, created in batches},
    )


def _current_round() -> ColumnElement[bool]:
    return and_(Round.product_id == Product.id, Round.number == Product.round)


def _count_enhancers(session: Session, chosen: Filter) -> Sequence[Row[str, int]]:
    counts = select(Round.enhancer, func.count()).join(Product, _current_round())
    counts = replace(chosen, enhancer=None).narrow(counts).where(Round.enhancer.is_not(None))
    return session.execute(counts.group_by(Round.enhancer)).all()  # type: ignore[return-value]


def _count_doubts(session: Session, chosen: Filter) -> dict[str, int]:
    counts = replace(chosen, doubt=None).narrow(
        select(func.count(case((has_doubt(), 1))), func.count()).select_from(Product)
    )
    doubtful, all_of_them = session.execute(counts).one()
    later = replace(chosen, doubt="after_approval", status=None, reason=None)
    found = session.scalar(later.narrow(select(func.count()).select_from(Product)))
    return {"yes": doubtful, "no": all_of_them - doubtful, "after_approval": found or 0}


def _count_batches(session: Session, chosen: Filter) -> Sequence[Row[str, int, datetime]]:
    """The newest batches: each with its number of products, and when it was created."""
    last = func.max(Product.id)
    counts = select(Product.batch_id, func.count().label("products"), last.label("last"))
    counts = replace(chosen, batch=None).narrow(counts).where(Product.batch_id.is_not(None))
    newest = counts.group_by(Product.batch_id).order_by(last.desc()).limit(BATCHES).subquery()
    # Read after the grouping, which the index answers alone: its products were created at once.
    dated = select(newest.c.batch_id, newest.c.products, Product.created_at)
    dated = dated.join(Product, Product.id == newest.c.last).order_by(newest.c.last.desc())
    return session.execute(dated).all()


def list_products(
    session: Session, chosen: Filter, limit: int, cursor: str | None
) -> tuple[Sequence[Product], str | None]:
    """A page of products, by key and not by offset, and the cursor of the next page.

    Newest first by default; results of a search in the order of the terms found.
    """
    if chosen.order in ("doubt", "sku"):
        return _in_order(session, chosen, chosen.order, limit, cursor)
    if chosen.q is not None and chosen.order is None:
        return _search(session, chosen, chosen.q, limit, cursor)
    query = chosen.narrow(select(Product).order_by(Product.id.desc()).limit(limit + 1))
    if cursor is not None:
        query = query.where(Product.id < _read_cursor(chosen, cursor)[1])
    found = session.scalars(query).all()
    page = _without_half_a_sku(found, limit) if chosen.order == "views" else found[:limit]
    more = len(found) > limit
    next_cursor = _write_cursor(chosen, "", page[-1].id) if more else None
    return _in_order_of_views(page) if chosen.order == "views" else page, next_cursor


def _without_half_a_sku(found: Sequence[Product], limit: int) -> Sequence[Product]:
    """A page without the views of the SKU that goes on behind it, unless it has no others."""
    page = list(found[:limit])
    goes_on = found[limit].sku if len(found) > limit else None
    while page and goes_on is not None and page[-1].sku == goes_on:
        page.pop()
    return page or found[:limit]


def _in_order_of_views(page: Sequence[Product]) -> list[Product]:
    """The views of a SKU that are beside each other, in the order in which exports number them."""
    groups = groupby(page, key=lambda each: each.sku or each.id)
    return [
        product
        for _, views in groups
        for product in sorted(views, key=lambda each: (place_of_view(each.view), each.id))
    ]


def _in_order(
    session: Session,
    chosen: Filter,
    order: Literal["doubt", "sku"],
    limit: int,
    cursor: str | None,
) -> tuple[Sequence[Product], str | None]:
    """Sort by doubt, the most doubtful first, or by SKU (products without one last); then by
    age."""
    doubt = order == "doubt"
    key: ColumnElement[Any] = func.coalesce(Product.sku, LAST)
    if doubt:
        key = func.coalesce(-weigh_doubt(), 0)
    place = key.label("place")
    query = chosen.narrow(select(Product, place)).order_by(place, Product.id).limit(limit + 1)
    if cursor is not None:
        term, product_id = _read_cursor(chosen, cursor)
        query = query.where(tuple_(key, Product.id) > (_place(term) if doubt else term, product_id))
    found = session.execute(query).all()
    page = [product for product, _ in found[:limit]]
    more = len(found) > limit
    return page, _write_cursor(chosen, str(found[limit - 1][1]), page[-1].id) if more else None


def _place(term: str) -> int:
    """The doubt of the last page's last product, as that page was sorted by it."""
    try:
        place = int(term)
    except ValueError:
        raise _bad_cursor() from None
    if abs(place) >= LARGEST:
        raise _bad_cursor()
    return place


def _search(
    session: Session, chosen: Filter, q: str, limit: int, cursor: str | None
) -> tuple[Sequence[Product], str | None]:
    """Products found by a term, in the order of the index: every page costs the same."""
    term, other = ProductTerm, aliased(ProductTerm)
    before = exists().where(
        other.product_id == term.product_id, begins_with(other.term, q), other.term < term.term
    )
    query = replace(chosen, q=None).narrow(
        select(Product, term.term)
        .join(term, term.product_id == Product.id)
        .where(begins_with(term.term, q), ~before)
        .order_by(term.term, term.product_id)
        .limit(limit + 1)
    )
    if cursor is not None:
        query = query.where(tuple_(term.term, term.product_id) > _read_cursor(chosen, cursor))
    found = session.execute(query).all()
    page = [product for product, _ in found[:limit]]
    more = len(found) > limit
    return page, _write_cursor(chosen, found[limit - 1][1], page[-1].id) if more else None


def _is_rejection_in_force() -> ColumnElement[bool]:
    """The condition that a decision rejects a picture of the current round, and still counts."""
    return and_(
        Decision.product_id == Product.id,
        Decision.status == REJECTED,
        Decision.reason.is_not(None),
        ProductImage.id == Decision.image_id,
        ProductImage.round == Product.round,
        ~_is_superseded(),
    )


def _is_superseded() -> ColumnElement[bool]:
    """The condition that a later decision replaces it; a repeated rejection keeps its reason."""
    later = aliased(Decision)
    return exists().where(
        later.image_id == Decision.image_id,
        later.id > Decision.id,
        or_(later.status != REJECTED, later.reason.is_not(None)),
    )


def _reasons(session: Session, chosen: Filter) -> Iterator[tuple[str, int]]:
    counts = select(Decision.reason, func.count(Product.id.distinct())).where(
        _is_rejection_in_force()
    )
    rows = session.execute(replace(chosen, reason=None).narrow(counts).group_by(Decision.reason))
    return ((reason, count) for reason, count in rows if reason is not None)


def _as_dict(rows: Sequence[Row[str, int]]) -> dict[str, int]:
    return {name: count for name, count in rows}  # noqa: C416  (a Row is no tuple to mypy)


def _write_cursor(chosen: Filter, term: str, product_id: int) -> str:
    place = f"{_digest(chosen)} {product_id} {term}".encode()
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def _read_cursor(chosen: Filter, cursor: str) -> tuple[str, int]:
    """The term (empty without a search) and the id at which the last page ended."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = CURSOR.fullmatch(base64.urlsafe_b64decode(padded.encode("ascii")).decode())
    except ValueError:
        raise _bad_cursor() from None
    if place is None or int(place["id"]) >= LARGEST:
        raise _bad_cursor()
    if place["list"] != _digest(chosen):
        words = "the cursor continues a list with other filters or another order; leave it out"
        raise Conflict(f"{words} to begin this one", code="bad_cursor")
    return place["term"], int(place["id"])


def _digest(chosen: Filter) -> str:
    """Which list a cursor continues: in another one its place would skip or repeat products."""
    return hashlib.sha256(repr(astuple(chosen)).encode()).hexdigest()[:8]


def _bad_cursor() -> Conflict:
    return Conflict("the cursor is not one of ours; take next_cursor of a page", code="bad_cursor")
