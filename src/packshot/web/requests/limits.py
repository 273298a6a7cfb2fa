"""Limits per key, counted in the database, so that all processes agree."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from flask import Flask, current_app, g, request
from sqlalchemy import text

from packshot.database.engine import Database
from packshot.errors import PackshotError
from packshot.keys import ApiKey
from packshot.settings import Settings
from packshot.web.requests.context import Caller, caller
from packshot.web.requests.refusals import Refused
from packshot.web.requests.visitors import QUARTER, gate, visitors

MINUTE: Final = 60
DAY: Final = 86_400
#: Failed sign-ins from one address in a quarter of an hour.
SIGN_INS: Final = 10
#: A process reserves this share of a minute's requests at a time: one write for many requests.
SHARE: Final = 50
#: The desk shows pictures by the dozen, so they are not counted as requests.
UNCOUNTED: Final = {"media.get_media", "static"}

_TAKE = text(
    "INSERT INTO counters (who, what, starts_at, amount) VALUES (:who, :what, :starts_at, :amount)"
    " ON CONFLICT (who, what, starts_at) DO UPDATE SET amount = counters.amount + :amount"
    " WHERE counters.amount + :amount <= :limit RETURNING amount"
)
_SUM = text(
    "SELECT amount FROM counters WHERE who = :who AND what = :what AND starts_at = :starts_at"
)
_GIVE_BACK = text(
    "UPDATE counters SET amount = amount - :amount"
    " WHERE who = :who AND what = :what AND starts_at = :starts_at"
)
_PRUNE = text("DELETE FROM counters WHERE starts_at < :before")


@dataclass(frozen=True)
class Window:
    """One counter: its key, what it counts, and its period (seconds, Unix time)."""

    who: str
    what: str
    starts_at: int
    seconds: int

    def left(self, moment: float) -> int:
        """The whole seconds until the window ends."""
        return max(1, math.ceil(self.starts_at + self.seconds - moment))


class RequestLimits:
    """Counters with a limit. `clock` gives Unix time."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], float]) -> None:
        self.database, self.settings, self.clock = database, settings, clock
        self._reserved: dict[Window, int] = {}
        self._lock = threading.Lock()

    def window(self, who: str, what: str, seconds: int) -> Window:
        return Window(who, what, int(self.clock()) // seconds * seconds, seconds)

    def take(self, window: Window, amount: int, limit: int) -> bool:
        """Add `amount` if the sum stays within `limit`; else change nothing and return False."""
        if self._read_count(window) + amount > limit:
            return False
        with self.database.write() as session:
            asked = vars(window) | {"amount": amount, "limit": limit}
            taken = session.execute(_TAKE, asked).scalar()
            if taken == amount:  # a new window: the old ones are deleted now
                session.execute(_PRUNE, {"before": window.starts_at - 2 * DAY})
        return taken is not None

    def _read_count(self, window: Window) -> int:
        """The sum so far. It is read first, so that a refusal costs no write."""
        with self.database.read() as session:
            return session.execute(_SUM, vars(window)).scalar() or 0

    def give_back(self, window: Window, amount: int) -> None:
        with self.database.write() as session:
            session.execute(_GIVE_BACK, vars(window) | {"amount": amount})

    def charge(self, who: str, what: str, seconds: int, amount: int, limit: int) -> Window:
        """Take `amount`, or refuse with 429 and Retry-After."""
        window = self.window(who, what, seconds)
        if not self.take(window, amount, limit):
            raise self.refusal(window, amount, limit)
        return window

    def refusal(self, window: Window, amount: int = 1, limit: int = 1) -> Refused:
        seconds = window.left(self.clock())
        return Refused(
            "too_many_requests",
            f"the limit of {window.what} {self._why(window, amount, limit, seconds)}",
            {"Retry-After": str(seconds)},
        )

    def _why(self, window: Window, amount: int, limit: int, seconds: int) -> str:
        if amount > limit:
            return f"is {limit:,}, and this request alone has {amount:,}"
        left = limit - self._read_count(window) if amount > 1 else 0
        full = f"has {left:,} left, and this request has {amount:,}" if left > 0 else "is used up"
        end = datetime.fromtimestamp(window.starts_at + window.seconds, UTC)
        wait = f"for {seconds} seconds" if seconds <= QUARTER else f"until {end:%H:%M} UTC"
        return f"{full}; wait {wait}"

    def count_request(self, who: str, limit: int) -> None:
        """Count one request of this minute, out of those this process has reserved."""
        window = self.window(who, "requests per minute", MINUTE)
        with self._lock:
            if self._reserved.get(window, 0) == 0:
                self._reserved = {
                    other: left
                    for other, left in self._reserved.items()
                    if other.starts_at == window.starts_at
                }
                self._reserved[window] = self._reserve(window, limit)
            self._reserved[window] -= 1

    def _reserve(self, window: Window, limit: int) -> int:
        share = max(1, limit // SHARE)
        if self.take(window, share, limit):
            return share
        if share > 1 and self.take(window, 1, limit):
            return 1
        raise self.refusal(window)


def register(
    app: Flask, database: Database, settings: Settings, clock: Callable[[], float]
) -> None:
    """Count requests. Register it after `auth`, which identifies the caller."""
    app.extensions["packshot_limits"] = RequestLimits(database, settings, clock)
    app.before_request(_count_request)


def _limits() -> RequestLimits:
    return cast("RequestLimits", current_app.extensions["packshot_limits"])


def _is_limited(who: Caller | None) -> bool:
    return who is not None and who.via != "local"


def _count_request() -> None:
    limit = _limits().settings.rate_limit_per_minute
    who: Caller | None = g.get("caller")
    if limit and who is not None and _is_limited(who) and request.endpoint not in UNCOUNTED:
        _limits().count_request(who.name, limit)


def charge_products(many: int) -> AbstractContextManager[Callable[[int], None]]:
    """Charge the caller for these products, unless a PackshotError says that there will be none;
    calling the result gives as many back."""
    return _charge("products per day", many, _limits().settings.products_per_day)


def charge_bytes(many: int) -> AbstractContextManager[Callable[[int], None]]:
    """Charge the caller for an upload, unless a PackshotError refuses it."""
    return _charge("bytes per day", many, _limits().settings.upload_mb_per_day * 1_000_000)


@contextmanager
def _charge(what: str, amount: int, limit: int) -> Iterator[Callable[[int], None]]:
    limits = _limits()
    if not amount or not limit or not _is_limited(caller()):
        yield lambda amount: None
        return
    window = limits.charge(caller().name, what, DAY, amount, limit)
    try:
        yield lambda amount: limits.give_back(window, amount)
    except PackshotError:
        limits.give_back(window, amount)
        raise


def charge_sign_in(key: ApiKey | None) -> Callable[[], None]:
    """Charge this address for a sign-in with `key`; call the result when the key was right.

    Once the limit is used up, only keys that were right from this address before are accepted,
    uncharged.
    """
    limits, charged = _limits(), []
    for who, times in visitors().items():
        window = limits.window(f"address {who}", "failed sign-ins in 15 minutes", QUARTER)
        if limits.take(window, 1, SIGN_INS * times):
            charged.append(window)
        elif not gate().is_known(key, [who]):
            _give_back(charged)
            raise limits.refusal(window)
    return lambda: _give_back(charged)


def _give_back(windows: list[Window]) -> None:
    for window in windows:
        _limits().give_back(window, 1)
