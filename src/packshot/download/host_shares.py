"""Shares a worker's slots between the hosts of raw images."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

from packshot.errors import FetchError, PartlyUnavailable

#: A download that takes longer (seconds) is slow, and so is its host.
QUICK_SECONDS = 5.0
#: Seconds that a product waits when its host has used up its share.
BUSY_SECONDS = 30.0
#: Seconds for which a host is known to be slow after a slow download.
SLOW_SECONDS = 600.0


class Downloader(Protocol):
    """The part of `Fetcher` that HostShares needs."""

    def check(self, url: str) -> None: ...

    def fetch(self, url: str, seconds: float | None = None) -> bytes: ...


class HostShares:
    """Limits slow downloads: one host's to half of the slots, all hosts' to three quarters.

    There is no limit for quick downloads. When a host has used up its share, a further download
    that turns out to be slow is aborted: its product waits, and no attempt is counted. With a
    single slot, a host is paused after a slow download for as long as that took.
    """

    def __init__(
        self,
        downloader: Downloader,
        slots: int,
        *,
        quick_seconds: float = QUICK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._downloader, self._slots = downloader, slots
        self._quick_seconds, self._clock = quick_seconds, clock
        self._taken: Counter[str] = Counter()  # host -> its downloads that may be slow
        self._slow_until: dict[str, float] = {}
        self._rests_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, url: str) -> None:
        """See `Fetcher.check`."""
        self._downloader.check(url)

    def fetch(self, url: str) -> bytes:
        """See `Fetcher.fetch`. Also raises PartlyUnavailable when the host's share is used up."""
        host = urlsplit(url).netloc.rpartition("@")[2].lower()
        began = self._clock()
        with self._enter(host) as may_be_slow:
            try:
                return self._downloader.fetch(url, None if may_be_slow else self._quick_seconds)
            except FetchError as error:
                if may_be_slow or error.code != "timed_out":
                    raise
                raise _busy(host) from error
            finally:
                self._record_time(host, self._clock() - began)

    @contextmanager
    def _enter(self, host: str) -> Iterator[bool]:
        """Yield whether the download may be slow: if so, it takes one of the host's slots."""
        with self._lock:
            may_be_slow = self._has_share_left(host)
            if not may_be_slow and self._slow_until.get(host, 0.0) > self._clock():
                raise _busy(host)
            self._taken[host] += may_be_slow
        try:
            yield may_be_slow
        finally:
            with self._lock:
                self._taken[host] -= may_be_slow

    def _has_share_left(self, host: str) -> bool:
        of_one, of_all = max(1, self._slots // 2), max(1, self._slots * 3 // 4)
        rests = self._rests_until.get(host, 0.0) > self._clock()
        return not rests and self._taken[host] < of_one and self._taken.total() < of_all

    def _record_time(self, host: str, seconds: float) -> None:
        """Remember whether the host is slow; forget hosts that are not."""
        with self._lock:
            moment = self._clock()
            if seconds >= self._quick_seconds:
                self._slow_until[host] = moment + SLOW_SECONDS
                if self._slots == 1:
                    self._rests_until[host] = moment + seconds
            else:
                self._slow_until.pop(host, None)
            for known in (self._slow_until, self._rests_until):
                for name in [name for name, until in known.items() if until <= moment]:
                    del known[name]
            self._taken = +self._taken  # without hosts that have none


def _busy(host: str) -> PartlyUnavailable:
    return PartlyUnavailable(
        f"{host} is slow and uses its share of the downloads: others go first",
        code="host_busy",
        retry_after=BUSY_SECONDS,
    )
