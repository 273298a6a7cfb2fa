"""Clients by their address, behind proxies too, and how many wrong keys each has sent."""

from __future__ import annotations

import ipaddress
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, cast

from flask import current_app, request

from packshot.keys import ApiKey, Keys
from packshot.web.requests.refusals import Refused

#: Wrong keys from one address in a quarter of an hour, in each process.
WRONG_KEYS: Final = 100
QUARTER: Final = 900
#: The most addresses to remember: counting does not stop a client that has more.
MAX_ADDRESSES: Final = 10_000
#: All clients behind an unknown proxy together have this many times the limit of one client.
BEHIND_A_PROXY: Final = 3
#: gunicorn's own setting and default: the proxies whose headers are trusted.
PROXIES: Final = "FORWARDED_ALLOW_IPS"
LOOPBACK: Final = "127.0.0.1,::1"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def visitors() -> dict[str, int]:
    """The addresses that this request counts for, each with its multiple of a client's limit."""
    return count_for(request.remote_addr or "", request.headers.get("X-Forwarded-For"))


def count_for(peer: str, forwarded: str | None) -> dict[str, int]:
    """The client's address, and the peer's too where X-Forwarded-For may be the client's own.

    A proxy on this machine is trusted without being named, as gunicorn does. But it may pass on
    what the client sent, and so another address each time: all clients behind it together have a
    limit too.
    """
    client, itself = client_address(peer, forwarded), client_address(peer, None)
    if client == itself or os.environ.get(PROXIES):
        return {client: 1}
    return {client: 1, f"all behind {itself}": BEHIND_A_PROXY}


def client_address(peer: str, forwarded: str | None) -> str:
    """The client's address: the peer's, or what a proxy of FORWARDED_ALLOW_IPS says it is.

    Of an IPv6 address the /64 is given: one connection has 2^64 addresses.
    """
    address = _behind_proxies(peer, reversed(forwarded.split(",") if forwarded else []))
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or "unknown")


def _behind_proxies(peer: str, entries: Iterable[str]) -> Address | None:
    """Each proxy appends its client to X-Forwarded-For (`entries`, the last first), so the client
    is the last that is not a trusted proxy; earlier entries can be forged. Where all peers are
    trusted ("*") it is the last entry."""
    address = _parse(peer)
    for entry in entries:
        said = _parse(entry)
        if said is None or not _is_proxy(address):
            break
        address = said
        if "*" in _proxies():
            break
    return address


def _parse(text: str) -> Address | None:
    """An address as proxies write it, with or without a port: 192.0.2.1:80, [2001:db8::1]:80."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _proxies() -> list[str]:
    return [entry.strip() for entry in (os.environ.get(PROXIES) or LOOPBACK).split(",")]


def is_trusted_proxy(peer: str) -> bool:
    """Whether this peer's address is one of FORWARDED_ALLOW_IPS."""
    return _is_proxy(_parse(peer))


def _is_proxy(address: Address | None) -> bool:
    return any(entry == "*" or _contains(entry, address) for entry in _proxies())


def _contains(entry: str, address: Address | None) -> bool:
    try:
        return address is not None and address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def gate() -> Gate:
    return cast("Gate", current_app.extensions["packshot_gate"])


class Gate:
    """Checks keys, and refuses an address that guesses.

    Counts in memory, so that strangers cause no writes to the database. A key that was right from
    an address before is still accepted there: one client with an old key does not lock out the
    others.
    """

    def __init__(self, keys: Keys, clock: Callable[[], float]) -> None:
        self.keys, self.clock = keys, clock
        self._lock = threading.Lock()
        self._window = 0
        self._wrong: Counter[str] = Counter()
        self._right: set[tuple[str, ApiKey]] = set()

    def key_of(self, secret: str, addresses: dict[str, int]) -> ApiKey | None:
        """The key with this secret, None for a wrong one; raises Refused (429) for guessers.

        `addresses` as `visitors` gives them.
        """
        key = self.keys.of_secret(secret)
        with self._lock:
            self._count(key, addresses)
        return key

    def is_known(self, key: ApiKey | None, addresses: Iterable[str]) -> bool:
        """Whether this key was right from all of these addresses before."""
        return key is not None and all((address, key) in self._right for address in addresses)

    def remember(self, key: ApiKey, addresses: Iterable[str]) -> None:
        """Note that this key was right from these addresses."""
        if len(self._right) > MAX_ADDRESSES:
            self._right.clear()
        self._right |= {(address, key) for address in addresses}

    def _count(self, key: ApiKey | None, addresses: dict[str, int]) -> None:
        self._begin_window()
        closed = [who for who, times in addresses.items() if self._wrong[who] >= WRONG_KEYS * times]
        if closed and not self.is_known(key, closed):
            raise self._closed()
        if key is None:
            self._wrong.update(addresses.keys())
        else:
            self.remember(key, addresses)

    def _begin_window(self) -> None:
        window = int(self.clock()) // QUARTER
        if window != self._window or len(self._wrong) > MAX_ADDRESSES:
            self._window = window
            self._wrong.clear()

    def _closed(self) -> Refused:
        seconds = str(max(1, (self._window + 1) * QUARTER - int(self.clock())))
        detail = f"too many wrong keys came from this address; wait {seconds} seconds"
        return Refused("too_many_requests", detail, {"Retry-After": seconds})
