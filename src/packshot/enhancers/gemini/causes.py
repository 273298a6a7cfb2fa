"""Finds out what causes failures: one product, or the settings and Google, which affect all."""

from __future__ import annotations

import threading
from collections import defaultdict

from cachetools import LRUCache

ENOUGH = 3  # failures or rejections of one call while others mostly succeed: it is the cause
MOSTLY = 4  # successes for each other call that fails
ANSWERS = 16  # answers for each other product that is refused: then most are answered
REFUSED_PRODUCTS = 3  # refused in a row: then the products are not the cause
REMEMBERED = 1000


class FailingCalls:
    """Finds a call that keeps failing while others mostly succeed.

    Attempts during an outage are not counted. Without this, a photo on which Gemini always times
    out would be paid for again and again.
    """

    def __init__(self) -> None:
        self._successes = self._failures = 0  # of all calls
        #: The last failure of each call. A call counts once, however often it is tried again.
        self._failed: LRUCache[str, int] = LRUCache(REMEMBERED)
        #: The failures of a call that count, and those totals by the last of them.
        self._seen: LRUCache[str, tuple[int, int, int]] = LRUCache(REMEMBERED)
        self._lock = threading.Lock()

    def note_failure(self, call: str) -> bool:
        """Note a failure. True when it failed often enough while others mostly succeeded."""
        with self._lock:
            self._failures += 1
            counted, successes, failures = self._seen.pop(call, (0, -1, self._failures))
            others = sum(failure > failures for failure in self._failed.values())
            others -= self._failed.get(call, 0) > failures
            self._failed[call] = self._failures
            counts = self._successes - successes > MOSTLY * others
            if counts or self._successes == successes:  # what fails in an outage says nothing
                successes, failures = self._successes, self._failures
            self._seen[call] = counted + counts, successes, failures
            return counted + counts >= ENOUGH

    def note_success(self, call: str) -> None:
        """Note a success."""
        with self._lock:
            self._successes += 1
            self._seen.pop(call, None)


class WrongRequests:
    """Finds out whether a rejected request's photo or words are the cause, or what affects every
    request: the settings, a proxy, or Google."""

    def __init__(self) -> None:
        self._answered: set[str] = set()  # models
        self._refused: defaultdict[str, set[int]] = defaultdict(set)  # products, by model
        self._successes = self._rejections = 0  # of all calls
        self._rejected: LRUCache[int, int] = LRUCache(REMEMBERED)  # the last one of each product
        #: The rejections of a call, and those totals by the first of them.
        self._times: LRUCache[str, tuple[int, int, int]] = LRUCache(REMEMBERED)
        self._lock = threading.Lock()

    def is_general(self, model: str, product_id: int, *, of_photo: bool) -> bool:
        """Note a refusal. True when the model refuses several products in a row, or when it never
        answered and does not name the photo as the cause."""
        with self._lock:
            refused = self._refused[model]
            if len(refused) < REFUSED_PRODUCTS:
                refused.add(product_id)
            never = model not in self._answered and not of_photo
            return never or len(refused) >= REFUSED_PRODUCTS

    def count(self, call: str, product_id: int) -> tuple[int, bool]:
        """Note that a call was refused without a general cause. Returns how often it was, and
        whether that was enough while others were mostly answered; if not, counting starts over."""
        with self._lock:
            self._rejections += 1
            self._rejected[product_id] = self._rejections
            totals = (0, self._successes, self._rejections)
            times, successes, rejections = self._times.pop(call, totals)
            last = self._rejected.items()
            others = sum(each > rejections for product, each in last if product != product_id)
            answered = self._successes - successes
            mostly = others < REFUSED_PRODUCTS or answered > ANSWERS * others
            times += 1
            if times < ENOUGH or mostly:  # kept: the product's other calls may need another try
                self._times[call] = times, successes, rejections
            return times, times >= ENOUGH and mostly

    def note_success(self, model: str) -> None:
        """Note an answer."""
        with self._lock:
            self._successes += 1
            self._answered.add(model)
            self._refused.pop(model, None)
