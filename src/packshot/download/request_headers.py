"""The request headers of downloads: those for every host, and those set for some hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from packshot.download.addresses import WEB_PORTS, ParsedUrl, allow_list
from packshot.errors import SettingsError

USER_AGENT: Final = "Packshot (product picture download)"
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, a token
#: Headers that the connection itself sets; a wrong one would make every answer unreadable.
_OURS: Final = {
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "range",
    "te",
    "transfer-encoding",
    "upgrade",
}
_FORM: Final = (
    "is not `host Name: value` (several with | between them), like"
    " FETCH_HEADERS=img.shop.example Referer: https://shop.example/"
)


class RequestHeaders:
    """`user_agent` and `host_headers` as in FETCH_USER_AGENT and FETCH_HEADERS.

    A host's own headers go to that host alone, also after a redirect. Raises SettingsError, which
    never shows a value.
    """

    def __init__(self, user_agent: str | None = None, host_headers: str | None = None) -> None:
        agent = user_agent or USER_AGENT
        if not _is_value(agent):
            raise SettingsError("FETCH_USER_AGENT has characters that no header can have")
        self._common = {
            "User-Agent": agent,
            "Accept": "image/jpeg, image/png, image/webp, */*",
            # A small compressed answer can unpack to gigabytes, and pictures barely shrink.
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        entries = (host_headers or "").split("|")
        self._of_hosts = [_entry(each.strip()) for each in entries if each.strip()]

    def to(self, page: ParsedUrl) -> Mapping[str, str]:
        """The headers for this host and port."""
        headers = {name.lower(): (name, value) for name, value in self._common.items()}
        for host, port, name, value in self._of_hosts:
            ports = WEB_PORTS.values() if port is None else (port,)
            if page.host == host and page.port in ports:
                headers[name.lower()] = (name, value)
        return dict(headers.values())


def _entry(text: str) -> tuple[str, int | None, str, str]:
    place, _, header = text.partition(" ")
    name, colon, value = header.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _NAME.fullmatch(name) or not _is_value(value):
        raise SettingsError(f"FETCH_HEADERS=(not shown): an entry {_FORM}")
    if name.lower() in _OURS:
        raise SettingsError(f"FETCH_HEADERS=(not shown): {name} can't be set, Packshot sends it")
    ((host, port),) = _host(place)
    return host, port, name, value


def _host(place: str) -> Sequence[tuple[str, int | None]]:
    try:
        return list(allow_list([place]))
    except SettingsError:
        raise SettingsError(f"FETCH_HEADERS=(not shown): an entry {_FORM}") from None


def _is_value(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()
