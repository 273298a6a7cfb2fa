"""Fidelity checks in the database: which pictures wait for a check, and the results."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import (
    ColumnElement,
    and_,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from packshot.database.engine import Database, update_rows
from packshot.database.models import (
    APPROVED,
    REJECTED,
    Decision,
    PictureColumns,
    Product,
    ProductImage,
    Take,
)
from packshot.database.types import now
from packshot.fidelity.verdicts import DOUBTFUL, Check
from packshot.products.takes import (
    MADE,
    Remakes,
    finish_check,
    is_take,
    open_next,
    picture_of,
    skip_check,
)

log = logging.getLogger("packshot.fidelity")
Checkable: TypeAlias = type[ProductImage] | type[Take]

#: Seconds after which the picture of a process that died during a check is checked again: more
#: than its two pixel jobs may take (`DEADLINE_SECONDS` each).
LEASE_SECONDS: Final = 300.0
MAX_TRIES: Final = 3
#: Reasons for a rejection which say that the picture changed the product.
OF_THE_PRODUCT: Final = ("wrong_product", "colour", "text_damaged")


@dataclass(frozen=True)
class DueCheck:
    """One picture to check against the product's normalised copy."""

    image_id: int
    product_id: int
    object_key: str | None
    sha256: str | None
    namespace: str | None
    raw_sha256: str | None
    photo_since: int
    round: int
    variant: int
    category: str
    tries: int  # this one included
    take: int = 1  # see `products.takes`
    since: datetime | None = None  # when this take was opened; None for the first


class Checks:
    """A claim moves `check_due` ahead and counts one more try, so that a process whose lease is
    over can't change anything after another process's claim.

    `remakes` says which pictures are made again when their check fails; None: none.
    """

    def __init__(self, database: Database, remakes: Remakes | None = None) -> None:
        self.database, self.remakes = database, remakes

    def claim_next(self) -> DueCheck | None:
        """Claim the picture that has waited longest, preferring pictures that were made again.
        None when none is due."""
        return self._claim_next(Take) or self._claim_next(ProductImage)

    def _claim_next(self, table: Checkable) -> DueCheck | None:
        due = select(table).where(table.check_due <= now())
        with self.database.claim_first(due.order_by(table.check_due, table.product_id)) as found:
            if found is None:
                return None
            session, made = found[0], cast(ProductImage | Take, found[1])
            made.check_due, made.check_tries = now(LEASE_SECONDS), made.check_tries + 1
            return _due_check(session, made)

    def extend_lease(self, due: DueCheck, seconds: float) -> bool:
        """Extend the lease to `seconds` from now; False when another process has the picture."""
        table, _ = _row_of(due)
        with self.database.write() as session:
            longer = update(table).where(_is_mine(due)).values(check_due=now(seconds))
            return update_rows(session, longer) == 1

    def save(self, due: DueCheck, check: Check, *, has_map: bool) -> None:
        """Record a check and its consequence (another take, or which take is current); nothing if
        another process has the picture by now.

        The product's version changes, so that open pages show it. Its row is locked first, as
        reviewers do.
        """
        table, _ = _row_of(due)
        with self.database.write() as session:
            product = session.get(Product, due.product_id, with_for_update=True)
            image = session.get(ProductImage, due.image_id)
            made = cast(PictureColumns | None, session.scalar(select(table).where(_is_mine(due))))
            if product is None or image is None or made is None:  # deleted, or checked by another
                log.info("a check of picture %d came too late", due.image_id)
                return
            product.version += 1
            _set_verdict(made, check, has_map=has_map)
            if made is image and image.status == APPROVED and check.verdict in DOUBTFUL:
                image.found_after_approval = True
            session.flush()
            if isinstance(made, Take):
                finish_check(session, product, image, made, self.remakes)
            elif self.remakes is not None:
                open_next(session, product, image, self.remakes)

    def read_labels(self) -> list[dict[str, Any]]:
        """The measured pictures that a reviewer decided, labelled for `fidelity.fitting`.

        Approved pictures are faithful. Rejected pictures count only if the last reason says that
        the product was changed.
        """
        latest = select(func.max(Decision.id)).group_by(Decision.image_id).scalar_subquery()
        query = (
            select(ProductImage.status, ProductImage.fidelity, Decision.reason)
            .join(Decision, Decision.image_id == ProductImage.id)
            .where(Decision.id.in_(latest), ProductImage.verdict.is_not(None))
        )
        with self.database.read() as session:
            found = session.execute(query).all()
        return [
            _label(check or {}, None if status == APPROVED else reason)
            for status, check, reason in found
            if status == APPROVED or (status == REJECTED and reason in OF_THE_PRODUCT)
        ]

    def put_back(self, due: DueCheck, seconds: float, *, counted: bool) -> None:
        """Check the picture again after `seconds`. `counted` says whether this try counts towards
        MAX_TRIES."""
        table, _ = _row_of(due)
        values: dict[str, Any] = {"check_due": now(seconds)}
        if not counted:
            values["check_tries"] = table.check_tries - 1
        with self.database.write() as session:
            waiting = update(table).where(_is_mine(due))
            update_rows(session, waiting.values(values))


def skip_checks(database: Database) -> None:
    """Let no picture wait for its check, because FIDELITY=off; finish such takes without."""
    _skip_checks_of_pictures(database)
    made = select(Take).where(Take.state == MADE).limit(1)
    while True:
        with database.read() as session:
            found = session.scalar(made)
        if found is None:
            return
        this = is_take(found.product_id, found.round, found.variant, found.number)
        with database.write() as session:
            product = session.get(Product, found.product_id, with_for_update=True)
            row = session.scalar(made.where(this).with_for_update())
            if product is not None and row is not None:
                skip_check(row)
                product.version += 1


def _skip_checks_of_pictures(database: Database) -> None:
    waits = ProductImage.check_due.is_not(None)
    if not database.has(select(ProductImage.id).where(waits)):
        return
    products = select(ProductImage.product_id).where(waits)
    newer = update(Product).where(Product.id.in_(products)).values(version=Product.version + 1)
    with database.write() as session:
        for change in (newer, update(ProductImage).where(waits).values(check_due=None)):
            update_rows(session, change)


def _due_check(session: Session, made: ProductImage | Take) -> DueCheck | None:
    product = session.get_one(Product, made.product_id)
    take = made if isinstance(made, Take) else None
    image = made if isinstance(made, ProductImage) else picture_of(session, made)
    if image is None:
        return None
    return DueCheck(
        image_id=image.id,
        product_id=product.id,
        object_key=made.object_key,
        sha256=made.sha256,
        namespace=product.media_namespace,
        raw_sha256=product.normalised_sha256,
        photo_since=product.photo_since,
        round=made.round,
        variant=made.variant,
        category=product.category,
        tries=made.check_tries,
        take=take.number if take else 1,
        since=take.opened_at if take else None,
    )


def _row_of(due: DueCheck) -> tuple[Checkable, ColumnElement[bool]]:
    """The table with the picture to check, and the condition that selects its row."""
    if due.take == 1:
        return ProductImage, ProductImage.id == due.image_id
    return Take, is_take(due.product_id, due.round, due.variant, due.take)


def _is_mine(due: DueCheck) -> ColumnElement[bool]:
    """The condition that this process's claim is the latest: each claim counts one more try."""
    table, row = _row_of(due)
    return and_(row, table.check_due.is_not(None), table.check_tries == due.tries)


def _set_verdict(made: PictureColumns, check: Check, *, has_map: bool) -> None:
    made.verdict, made.fidelity_score = check.verdict, check.score
    made.fidelity = check.model_dump(mode="json") | {"has_map": has_map}
    made.check_due = None


def _label(check: dict[str, Any], reason: str | None) -> dict[str, Any]:
    measured = check.get("measures")
    problem = None if measured else (check.get("reasons") or [{"code": "not_measured"}])[0]["code"]
    return {
        "faithful": reason not in OF_THE_PRODUCT,
        "kind": reason or "approved",
        "problem": problem,
        "measures": measured or {},
        "verdict": check.get("verdict"),
    }
