"""Detects another shop that uses the same queue or storage by mistake.

Each database has a random id. Each message contains it, and so does one object in the storage.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from packshot.database.engine import Database
from packshot.database.models import Shop
from packshot.errors import NotFound, PackshotError
from packshot.storage import Storage

log = logging.getLogger("packshot.shop")

#: The object with the id of the shop that owns the storage. `/media` does not show it.
MARK: Final = "packshot/shop"
#: Seconds between two log lines, and two records, of another shop's messages.
REPORT_EVERY_SECONDS: Final = 60.0
#: Seconds after which the storage's mark is read again.
LOOK_EVERY_SECONDS: Final = 300.0
#: Seconds after which another shop that was not seen again counts as gone.
GONE_AFTER: Final = timedelta(hours=1)

#: The setting with the address of each part.
SHARED: Final = {"queue": "SQS_QUEUE_URL", "storage": "S3_BUCKET or MEDIA_DIR"}


class ShopMark:
    """The id of this process's database, and the other shops that it found. Thread-safe."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database, self.storage, self.clock = database, storage, clock
        self._id: str | None = None
        self._reported_at: dict[str, float] = {}
        self._looked_at = float("-inf")
        self._lock = threading.Lock()

    def id(self) -> str:
        """This shop's id, created at its first use. Raises Unavailable."""
        if self._id is None:
            self._id = self._read() or self._make()
        return self._id

    def _read(self) -> str | None:
        with self.database.read() as session:
            shop = session.get(Shop, 1)
            return shop.id if shop else None

    def _make(self) -> str:
        made = str(uuid.uuid4())
        try:
            with self.database.write() as session:
                session.add(Shop(number=1, id=made))
        except IntegrityError:  # another process was first
            return self._read() or made
        return made

    def replace_id(self) -> str:
        """Give this database, a copy of another one, a new id; return it."""
        self.id()
        self._id = str(uuid.uuid4())
        with self.database.write() as session:
            session.execute(update(Shop).values(id=self._id, strangers=None))
        return self._id

    # -- other shops -----------------------------------------------------------------------------

    def found_in_queue(self, other: str) -> None:
        """Note that the queue held another shop's message, which was returned unchanged."""
        self._report("queue", other)

    def mark_storage(self) -> None:
        """Write this shop's id into the storage, unless there is one. Raises Unavailable."""
        self.storage.put_new(MARK, self.id().encode(), "text/plain")
        self._look_at_storage()

    def _look_at_storage(self) -> None:
        try:
            other = self.storage.get(MARK).decode(errors="replace")
        except NotFound:
            return
        if other != self.id():
            self._report("storage", other)
        elif "storage" in self._other_shops():
            self._record({"storage": None})

    def _report(self, part: str, other: str) -> None:
        with self._lock:
            if self.clock() - self._reported_at.get(part, float("-inf")) < REPORT_EVERY_SECONDS:
                return
            self._reported_at[part] = self.clock()
        log.warning("%s", self._sentence(part, other))
        self._record({part: {"shop": other, "at": datetime.now(UTC).isoformat()}})

    def _record(self, found: Mapping[str, dict[str, str] | None]) -> None:
        self.id()
        with self.database.write() as session:
            shop = session.get_one(Shop, 1, with_for_update=True)
            known = {**(shop.strangers or {}), **found}
            shop.strangers = {part: each for part, each in known.items() if each}

    def _other_shops(self) -> dict[str, Any]:
        with self.database.read() as session:
            shop = session.get(Shop, 1)
            return dict(shop.strangers or {}) if shop else {}

    def _sentence(self, part: str, other: str) -> str:
        return (
            f"the {part} is used by another shop too, whose database has the id {other:.40} (this"
            f" one has {self.id()}): give each its own {SHARED[part]}"
        )

    def notes(self) -> list[str]:
        """One sentence for each part shared with another shop; empty while that is unknown."""
        try:
            if self.clock() - self._looked_at > LOOK_EVERY_SECONDS:
                self._looked_at = self.clock()
                self._look_at_storage()
            others = self._other_shops()
        except (PackshotError, SQLAlchemyError):  # the health report says why
            return []
        since = datetime.now(UTC) - GONE_AFTER
        return [
            self._sentence(part, each["shop"])
            for part, each in others.items()
            if part == "storage" or datetime.fromisoformat(each["at"]) > since
        ]
