"""Strangers by their address: who stands behind a proxy, and how many wrong keys they showed."""

from __future__ import annotations

import ipaddress
import os
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from flask import request

from packshot.keys import ApiKey, Keys
from packshot.web.requests.refusals import Refused

#: Wrong keys from one address in a quarter of an hour, in each process.
WRONG_KEYS: Final = 100
QUARTER: Final = 900
#: Addresses remembered at most: whoever has more of them is not stopped by counting.
MOST_ADDRESSES: Final = 10_000
#: gunicorn's own knob and default: the proxies whose headers are believed.
PROXIES: Final = "FORWARDED_ALLOW_IPS"
LOOPBACK: Final = "127.0.0.1,::1"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def visitor() -> str:
    """Whose attempts this request counts for."""
    return client_address(request.remote_addr or "", request.headers.get("X-Forwarded-For"))


def client_address(peer: str, forwarded: str | None) -> str:
    """The client's address: the peer's, or what the proxy says when FORWARDED_ALLOW_IPS names it.

    Only the last entry of X-Forwarded-For is the proxy's own; those before are hearsay. Of an IPv6
    address the /64 is given: a line has 2^64 of them.
    """
    address = _parsed(peer)
    if forwarded is not None and _is_proxy(address):
        address = _parsed(forwarded.rpartition(",")[2]) or address
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or "unknown")


def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_proxy(address: Address | None) -> bool:
    named = (os.environ.get(PROXIES) or LOOPBACK).split(",")
    return any(entry.strip() == "*" or _holds(entry.strip(), address) for entry in named)


def _holds(entry: str, address: Address | None) -> bool:
    try:
        return address is not None and address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


class Gate:
    """Tells right keys from wrong ones, and stops looking at those of an address that guesses.

    Kept in memory, so that no stranger makes the database write. A key that was right from an
    address before stays welcome there: one client with an old key locks out no other.
    """

    def __init__(self, keys: Keys, clock: Callable[[], float]) -> None:
        self.keys, self.clock = keys, clock
        self._lock = threading.Lock()
        self._window = 0
        self._wrong: Counter[str] = Counter()
        self._right: set[tuple[str, ApiKey | None]] = set()

    def key_of(self, secret: str, address: str | None) -> ApiKey | None:
        """The key with this secret, None for a wrong one; raises Refused (429) for guessers.

        Without an `address` (this machine itself) nothing is counted.
        """
        key = self.keys.of_secret(secret)
        if address is not None:
            with self._lock:
                self._count(key, address)
        return key

    def _count(self, key: ApiKey | None, address: str) -> None:
        self._begin_window()
        if self._wrong[address] >= WRONG_KEYS and (address, key) not in self._right:
            raise self._closed()
        if key is None:
            self._wrong[address] += 1
        else:
            self._right.add((address, key))

    def _begin_window(self) -> None:
        window = int(self.clock()) // QUARTER
        if window != self._window or len(self._wrong) > MOST_ADDRESSES:
            self._window = window
            self._wrong.clear()

    def _closed(self) -> Refused:
        seconds = str(max(1, (self._window + 1) * QUARTER - int(self.clock())))
        detail = f"too many wrong keys came from this address; wait {seconds} seconds"
        return Refused("too_many_requests", detail, {"Retry-After": seconds})
