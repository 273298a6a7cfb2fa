"""Fidelity checks in the database: which pictures wait for one, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import CursorResult, func, select, update

from packshot.database.engine import Database
from packshot.database.models import APPROVED, REJECTED, Decision, Product, ProductImage
from packshot.database.types import now
from packshot.fidelity.verdicts import Check

#: Seconds after which the picture of a process that died during a check is checked again.
LEASE_SECONDS: Final = 120.0
MOST_TRIES: Final = 3
#: Reasons of a rejection that say that the product was changed.
OF_THE_PRODUCT: Final = ("wrong_product", "colour", "text_damaged")
AS_FOUND: Final = {"synchronize_session": False}


@dataclass(frozen=True)
class DueCheck:
    """One picture to check; the photo it was made of is the product's normalised copy."""

    image_id: int
    product_id: int
    object_key: str | None
    sha256: str | None
    namespace: str | None
    raw_sha256: str | None
    round: int
    variant: int
    category: str
    tries: int  # this one included


class Checks:
    """Each method is one transaction. A picture is claimed by moving `check_due` ahead."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def take(self) -> DueCheck | None:
        """Claim the picture that has waited longest; None when none is due."""
        for _ in range(3):  # another process may be faster
            seen = self._next()
            if seen is None:
                return None
            due, claimed = seen
            if self._change(due.image_id, ProductImage.check_due == claimed, LEASE_SECONDS):
                return due
        return None

    def _next(self) -> tuple[DueCheck, Any] | None:
        query = (
            select(
                ProductImage.id,
                ProductImage.product_id,
                ProductImage.object_key,
                ProductImage.sha256,
                Product.media_namespace,
                Product.normalised_sha256,
                ProductImage.round,
                ProductImage.variant,
                Product.category,
                ProductImage.check_tries + 1,
                ProductImage.check_due,
            )
            .join(Product, Product.id == ProductImage.product_id)
            .where(ProductImage.check_due <= now())
            .order_by(ProductImage.check_due, ProductImage.id)
            .limit(1)
        )
        with self.database.read() as session:
            row = session.execute(query).first()
        return None if row is None else (DueCheck(*row[:10]), row[10])

    def _change(self, image_id: int, condition: Any, seconds: float) -> bool:
        moved = update(ProductImage).where(ProductImage.id == image_id, condition)
        values = {"check_due": now(seconds), "check_tries": ProductImage.check_tries + 1}
        with self.database.write() as session:
            done = session.execute(moved.values(values), execution_options=AS_FOUND)
            return isinstance(done, CursorResult) and done.rowcount == 1

    def save(self, due: DueCheck, check: Check, *, has_map: bool) -> None:
        """Record a check. The product's version changes, so that open pages show it."""
        found = check.model_dump(mode="json") | {"has_map": has_map}
        values = {
            "verdict": check.verdict,
            "fidelity_score": check.score,
            "fidelity": found,
            "check_due": None,
        }
        with self.database.write() as session:
            session.execute(
                update(ProductImage).where(ProductImage.id == due.image_id).values(values),
                execution_options=AS_FOUND,
            )
            session.execute(
                update(Product)
                .where(Product.id == due.product_id)
                .values(version=Product.version + 1),
                execution_options=AS_FOUND,
            )

    def decided(self) -> list[dict[str, Any]]:
        """The measured pictures that a reviewer decided, labelled for `fidelity.fitting`.

        Approved ones count as faithful; of the rejected ones only those whose last reason speaks
        of the product.
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
            _labelled(check or {}, None if status == APPROVED else reason)
            for status, check, reason in found
            if status == APPROVED or (status == REJECTED and reason in OF_THE_PRODUCT)
        ]

    def put_back(self, due: DueCheck, seconds: float, *, counted: bool) -> None:
        """Try again after `seconds`; `counted`: the try counts among MOST_TRIES."""
        values: dict[str, Any] = {"check_due": now(seconds)}
        if not counted:
            values["check_tries"] = ProductImage.check_tries - 1
        waiting = (ProductImage.id == due.image_id, ProductImage.check_due.is_not(None))
        with self.database.write() as session:
            session.execute(
                update(ProductImage).where(*waiting).values(values), execution_options=AS_FOUND
            )


def _labelled(check: dict[str, Any], reason: str | None) -> dict[str, Any]:
    measured = check.get("measures")
    problem = None if measured else (check.get("reasons") or [{"code": "not_measured"}])[0]["code"]
    return {
        "faithful": reason not in OF_THE_PRODUCT,
        "kind": reason or "approved",
        "problem": problem,
        "measures": measured or {},
        "verdict": check.get("verdict"),
    }
