"""The order in which a host's addresses are tried: IPv6 and IPv4 take turns (RFC 8305)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from itertools import takewhile, zip_longest
from typing import Final

#: Seconds for which a family that led nowhere comes second.
REMEMBERED_SECONDS: Final = 600.0


def look_up(host: str, port: int) -> list[str]:
    """Every address of `host` as the system's resolver orders them; OSError if there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Families:
    """Remembers the family of addresses that led nowhere where the other one did.

    Many machines have IPv6 addresses and no way out: connecting takes seconds to fail, and hosts
    have up to eight of them before their first IPv4 address.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._dead, self._until = True, float("-inf")  # whether it is IPv6

    def in_turn(self, addresses: Sequence[str]) -> list[str]:
        """At least one address of a host, in the resolver's order for each family."""
        first = _is_ipv6(addresses[0])
        if first == self._dead and self._clock() < self._until:
            first = not first
        preferred = [address for address in addresses if _is_ipv6(address) == first]
        others = [address for address in addresses if _is_ipv6(address) != first]
        pairs = zip_longest(preferred, others)
        return [address for pair in pairs for address in pair if address is not None]

    def note(self, tried: Sequence[str], connected: str) -> None:
        """Note which of the addresses connected; those before it failed."""
        failed = takewhile(lambda address: address != connected, tried)
        if any(_is_ipv6(address) != _is_ipv6(connected) for address in failed):
            self._dead, self._until = not _is_ipv6(connected), self._clock() + REMEMBERED_SECONDS


def _is_ipv6(address: str) -> bool:
    return ":" in address
