"""Creates a batch of products in one transaction, once for each Idempotency-Key."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, literal, select
from sqlalchemy.orm import Session

from packshot.database.engine import Database, IdsWereBehind
from packshot.database.models import PENDING, PRODUCTS, ROUNDS, Product, ProductTerm
from packshot.database.types import now
from packshot.lanes import Lane
from packshot.products.answers.products import FullProduct, as_inserted, read_products
from packshot.products.intake.duplicates import (
    digests_of_uploads,
    find_duplicates,
    find_repeated,
    identity_of,
    lock_duplicates,
)
from packshot.products.intake.idempotency import (
    Idempotency,
    earlier_answer,
    refuse_while_running,
    remember_answer,
)
from packshot.products.intake.sku_facts import with_facts_of_skus
from packshot.products.seller_fields import NewProduct
from packshot.products.terms import terms_of


@dataclass(frozen=True)
class FirstRound:
    """The round that a new product opens with."""

    wanted: int  # pictures
    lane: Lane = "standard"
    pixel_lock: bool | None = None  # None: as PIXEL_LOCK says when its pictures are made


@dataclass(frozen=True)
class Intake:
    """How to create a batch; `skip_duplicates` skips photos that already have a product."""

    first: FirstRound
    idempotency: Idempotency | None = None
    skip_duplicates: bool = False


@dataclass(frozen=True)
class Created:
    """The answer to a bulk request; `replayed` when it repeats an earlier answer.

    `skipped`: index of a given product -> the product that has the same photo.
    """

    batch_id: str
    products: list[FullProduct]
    replayed: bool = False
    skipped: dict[int, int] = field(default_factory=dict)


def create_batch(database: Database, products: Sequence[NewProduct], intake: Intake) -> Created:
    """Insert a batch with its first rounds, or find the one that this Idempotency-Key made before.

    Raises Conflict: `idempotency_mismatch` for another body under the same key,
    `idempotency_running` while the first request is still running.
    """

    def create() -> Created:
        with database.write() as session:
            return _create(session, products, intake)

    with refuse_while_running():
        try:
            return create()
        except IdsWereBehind:
            return create()


def _create(session: Session, products: Sequence[NewProduct], intake: Intake) -> Created:
    before = earlier_answer(session, intake.idempotency)
    if before is not None:
        return _created_before(session, before)
    created = _insert_batch(session, _rows_of(session, products), intake)
    answer = {"batch_id": created.batch_id, "skipped": created.skipped}
    remember_answer(session, intake.idempotency, answer)
    return created


def _rows_of(session: Session, products: Sequence[NewProduct]) -> list[dict[str, Any]]:
    digests = digests_of_uploads(session, {product.raw_image for product in products})
    return [
        vars(product)
        | {"media_namespace": str(uuid.uuid4()), "raw_sha256": digests.get(product.raw_image)}
        for product in products
    ]


def _insert_batch(session: Session, rows: list[dict[str, Any]], intake: Intake) -> Created:
    batch_id, first = str(uuid.uuid4()), intake.first
    if not intake.skip_duplicates:
        return Created(batch_id, _insert_new(session, rows, batch_id, first))
    lock_duplicates(session)
    photos = [identity_of(row) for row in rows]
    known, repeated = find_duplicates(session, photos), find_repeated(photos)
    new = [place for place in range(len(rows)) if place not in known | repeated]
    given = with_facts_of_skus(session, [rows[place] for place in new])
    made = _insert_new(session, given, batch_id, first) if given else []
    ids = known | {place: product.id for place, product in zip(new, made, strict=True)}
    skipped = {place: ids[earlier] for place, earlier in repeated.items()} | known
    return Created(batch_id, made, skipped=dict(sorted(skipped.items())))


def _insert_new(
    session: Session, rows: list[dict[str, Any]], batch_id: str, first: FirstRound
) -> list[FullProduct]:
    moment: datetime = session.execute(select(now())).scalar_one()
    of_batch = {
        "status": PENDING,
        "batch_id": batch_id,
        "round": 1,
        "queued_at": moment,
        "created_at": moment,
        "updated_at": moment,
    }
    ids = _insert_rows(session, [row | of_batch for row in rows])
    of_round = vars(first) | {"number": 1, "opened_at": moment}
    values = (literal(value, ROUNDS.c[name].type) for name, value in of_round.items())
    opened = select(PRODUCTS.c.id, *values)
    session.execute(
        insert(ROUNDS).from_select(
            ["product_id", *of_round],
            opened.where(PRODUCTS.c.batch_id == batch_id),
        )
    )
    terms = [term for id_, row in zip(ids, rows, strict=True) for term in terms_of(id_, row)]
    if terms:
        session.execute(insert(ProductTerm), terms)
    return [
        as_inserted(row | of_batch | vars(first) | {"id": product_id})
        for product_id, row in zip(ids, rows, strict=True)
    ]


def _insert_rows(session: Session, rows: list[dict[str, Any]]) -> Sequence[int]:
    """Insert the rows; return the new ids in their order."""
    # SQLite numbers rows in their order; told to sort them, SQLAlchemy sends a statement for each.
    sorts = session.get_bind().dialect.name != "sqlite"
    numbered = insert(PRODUCTS).returning(PRODUCTS.c.id, sort_by_parameter_order=sorts)
    return sorted(session.connection().scalars(numbered, rows).all())


def _created_before(session: Session, answer: dict[str, Any]) -> Created:
    products = session.scalars(
        select(Product).where(Product.batch_id == answer["batch_id"]).order_by(Product.id)
    ).all()
    rows = [_as_created(product) for product in read_products(session, products)]
    skipped = {int(place): id_ for place, id_ in answer.get("skipped", {}).items()}
    return Created(answer["batch_id"], rows, replayed=True, skipped=skipped)


def _as_created(product: FullProduct) -> FullProduct:
    """The product as the first answer showed it, whatever has happened to it since."""
    return as_inserted(dict(product) | {"updated_at": product.created_at})
