"""Finds waiting products: their keys, the oldest of each key, and the time the next is due."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Executable, Select, exists, null, select
from sqlalchemy.orm import Session

from packshot.database.base import IS_REDO
from packshot.database.models import IS_QUEUED, IS_WAITING_FOR_WORK, Product
from packshot.database.types import now

KeyName: TypeAlias = str | None  # of the key that a product was submitted with, if any
#: Sorts keys by whose turn it is: gets them with whether they have redos, and returns them with
#: whether a redo comes before their other products now.
KeyOrder: TypeAlias = Callable[[Mapping[KeyName, bool]], Sequence[tuple[KeyName, bool]]]

#: How many of the oldest products are searched for the next due time when none can be claimed.
LOOK_AHEAD = 100
SOONEST = 1.0  # seconds until the next look, at least


@dataclass(frozen=True)
class NotNow:
    """Every product that waits is claimed or not due yet: look again after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class NothingToDo:
    """No product waits for work: the message can be deleted."""


def waiting_keys(session: Session) -> dict[KeyName, bool]:
    """The keys of all pending products, and whether a redo is among them.

    Two index lookups for each key.
    """
    return {row[0]: row[1] for row in session.execute(_waiting_keys())}


@cache  # building it takes longer than running it
def _waiting_keys() -> Executable:
    queued, key = select(Product.submitted_by).where(IS_QUEUED), Product.submitted_by
    first = queued.where(key.is_not(None)).order_by(key).limit(1)
    keys = select(first.scalar_subquery().label("key")).cte("keys", recursive=True)
    following = first.where(key > keys.c.key).scalar_subquery()
    keys = keys.union_all(select(following).where(keys.c.key.is_not(None)))
    unnamed = queued.where(key.is_(None)).exists()
    without = select(null(), _has_redo(key.is_(None))).where(unnamed)
    named = select(keys.c.key, _has_redo(key == keys.c.key)).where(keys.c.key.is_not(None))
    return without.union_all(named)


def _has_redo(of_key: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(Product.id).where(IS_REDO, of_key, Product.queued_at.is_not(None))


def as_they_come(waiting: Mapping[KeyName, bool]) -> list[tuple[KeyName, bool]]:
    """The keys in any order, and no redo first."""
    return [(key, False) for key in waiting]


def oldest_in_turn(
    session: Session, order: KeyOrder, busy: Collection[int]
) -> Iterator[Select[Any]]:
    """The queries that find the next product, one after the other."""
    for key, redo_first in order(waiting_keys(session)):
        if redo_first:
            yield oldest_of(key, busy, only_redos=True)
        yield oldest_of(key, busy)


def oldest_of(key: KeyName, busy: Collection[int] = (), *, only_redos: bool = False) -> Select[Any]:
    """The product of this key that has waited longest and is not one of `busy`, locked."""
    of_key = Product.submitted_by.is_(None) if key is None else Product.submitted_by == key
    oldest_first = select(Product).where(IS_WAITING_FOR_WORK, of_key, Product.id.not_in(busy))
    if only_redos:
        oldest_first = oldest_first.where(IS_REDO)
    oldest_first = oldest_first.order_by(Product.queued_at, Product.id).limit(1)
    return oldest_first.with_for_update(skip_locked=True)  # another worker is claiming it


def why_none(
    session: Session, named: int | None, busy: Collection[int] = ()
) -> NotNow | NothingToDo:
    """Whether any waiting product can be claimed later, and when: the named one, else the next.

    A product that is due now is only locked for a moment, by a writer of its row. Keep the message
    for it: its own messages may be used up already.
    """
    queued = select(Product.id, Product.lease_until, Product.not_before, now()).where(IS_QUEUED)
    rows = list(session.execute(queued.order_by(Product.queued_at).limit(LOOK_AHEAD)))
    if not rows:
        return NothingToDo()
    rows += session.execute(queued.where(Product.id == named))
    waits: dict[int | None, float] = {
        number: max((until - moment).total_seconds() for until in (lease, pause, moment) if until)
        for number, lease, pause, moment in rows
    }
    if any(wait <= 0 for number, wait in waits.items() if number not in busy):
        return NotNow(SOONEST)
    return NotNow(max(SOONEST, waits.get(named, min(waits.values()))))
