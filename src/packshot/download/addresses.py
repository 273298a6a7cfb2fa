"""Which web addresses may be downloaded, by their text alone: no name is looked up."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, NoReturn
from urllib.parse import quote

import idna

from packshot.errors import FetchError, SettingsError

MAX_URL = 2048  # what browsers and CDNs accept; no picture's address is longer
WEB_PORTS = {"http": 80, "https": 443}

# The ranges are written out because `ipaddress.is_global` changes with the Python patch level
# (3.11.7 lacks gh-113171) and lets multicast, 6to4 and Oracle's metadata service through.
# Source: IANA IPv4 Special-Purpose Address Registry, and the clouds' own services.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # "this host"
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT; Alibaba's metadata service is here
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's wire server, in a range that looks public
        "169.254.0.0/16",  # link local, and most clouds' metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's old metadata service
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Source: IANA IPv6 Special-Purpose Address Registry. Only 2000::/3 is handed out at all, which
# leaves out ::, ::1, fc00::/7, fe80::/10, fec0::/10, ff00::/8, 5f00::/16, the IPv4-compatible
# ::/96, the translated ::ffff:0:0:0/96 and the local NAT64 prefix 64:ff9b:1::/48.
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks, ...
        "2001:db8::/32",
        "2002::/16",  # 6to4: carries an IPv4 address, and no picture host uses it
        "3fff::/20",
    )
)
# These two contain an IPv4 address, and are public if it is. Behind DNS64 every IPv4-only host has
# an address of the second kind, so refusing it would cut off such networks.
_IPV4_INSIDE = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214 section 6.1: these 32 bits, then an IPv4 address

# Names that never leave the local network (RFC 6761, 6762, 7686, 8375; ICANN 2024 for .internal).
_LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "home.arpa", "onion")

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#]+)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#.*)?",
    re.IGNORECASE,
)
_AUTHORITY = re.compile(
    r"(?:\[(?P<literal>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]{0,5}))?"
)
# Characters that no address has, and what to do about them.
_UNFIT = (
    (r"[\t\r\n]", "has a line break or a tab in it; remove it"),
    (r"\A[ ]|[ ]\Z", "begins or ends with a space; remove it"),
    (r"\Ahttps?://[^/?#]*[ ]", "has a space in its host; remove it"),
    (r"[ ]", "has a space in it; write it as %20"),
    (r"\\", "has a backslash in it; addresses have forward slashes"),
)
_MAX_NAME: Final = 253  # RFC 1035, in text
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SHOWABLE = re.compile(
    r"(?P<start>[a-z][a-z0-9+.-]*://)(?:[^/]*@)?"
    r"(?P<rest>(?:\[[^/@\]]*\]|[^/:@\[\]]+)(?::[0-9]*)?(?:/.*)?)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class ParsedUrl:
    """One http(s) URL, parsed once, so that no second parser can read it differently.

    `host` is ASCII, lower case, without brackets; `target` is the path and query to ask for (kept
    out of the repr: a signed query is a secret); `listed` means that the operator's allow-list
    names it, so it may be private.
    """

    scheme: str
    host: str
    port: int
    target: str = field(repr=False)
    listed: bool = False

    @property
    def place(self) -> str:
        """`host`, or `host:port` where the port is not the scheme's own: for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == WEB_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_literal(self) -> bool:
        """Whether the host is an IP address itself, so that there is nothing to look up."""
        return ":" in self.host or bool(_NUMBER.fullmatch(self.host.rsplit(".", 1)[-1]))

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.place}{self.target}"


def check_url(url: str, allowed_hosts: Sequence[str] = (), *, longest: int = MAX_URL) -> ParsedUrl:
    """Parse `url`, or raise a permanent `FetchError` that says what is wrong with it.

    Only the text is checked: a name that resolves to a private address passes here and is refused
    when it is fetched. Messages never echo the input. `allowed_hosts` as in `RAW_IMAGE_HOSTS`.
    """
    parts = _parts(url, longest)
    scheme = parts["scheme"].lower()
    host, written_port = _host_and_port(parts["authority"])
    port = WEB_PORTS[scheme] if written_port is None else written_port
    listed = _is_listed(host, port, allowed_hosts)
    target = quote((parts["path"] or "/") + (parts["query"] or ""), safe=string.punctuation)
    parsed = ParsedUrl(scheme, host, port, target, listed)
    if not listed:
        _check_public(parsed)
    return parsed


def allow_list(entries: Sequence[str]) -> frozenset[tuple[str, int | None]]:
    """(host, port) of each entry of `RAW_IMAGE_HOSTS`: `host`, `host:port`, `[v6]:port` or `v6`.

    No port stands for 80 and 443. Raises `SettingsError` for an entry that can't be read.
    """
    return frozenset(_entry(entry) for entry in entries)


def is_public(address: str) -> bool:
    """Whether `address` (IPv4 or IPv6 as text) is a host on the public internet.

    Every form of IPv6 that contains an IPv4 address is unwrapped or refused; text that is not an
    address is not public.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return _is_public_4(parsed) if isinstance(parsed, IPv4Address) else _is_public_6(parsed)


def redact(url: str) -> str:
    """`url` made safe to log: no user, password, query or fragment, one printable line.

    Never raises; what can't be read as an address is not shown at all.
    """
    bare = re.split(r"[?#]", url, maxsplit=1)[0][:MAX_URL]
    match = _SHOWABLE.fullmatch(bare)
    if match:
        shown = match["start"] + match["rest"]
    elif re.match(r"/(?!/)", bare):
        shown = bare
    else:
        return "(unreadable address)"
    shown = "".join(character if character.isprintable() else "\ufffd" for character in shown)
    return shown if len(bare) == len(url) else shown + "?..."


def receiver_of(url: str) -> str:
    """The scheme and host of an address, to log: its path may hold a secret."""
    return "/".join(redact(url).split("/")[:3])


def _refuse(code: str, message: str) -> NoReturn:
    raise FetchError(message, code=code, retryable=False)


def _parts(url: str, longest: int) -> re.Match[str]:
    if len(url) > longest:
        _refuse("bad_url", f"the address is longer than {longest} characters")
    problem = next((words for pattern, words in _UNFIT if re.search(pattern, url)), None)
    if problem is None and not url.isprintable():
        problem = "contains an invisible character; remove it"
    if problem is not None:
        _refuse("bad_url", f"the address {problem}")
    match = _URL.fullmatch(url)
    if match is None:
        _refuse("bad_url", "the address must start with https:// or http:// and a host")
    return match


def _host_and_port(authority: str) -> tuple[str, int | None]:
    """Split and normalise `host[:port]`; a literal comes out in its one canonical spelling."""
    if "@" in authority:
        _refuse("bad_url", "the address must not contain a user name or password")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        _refuse("bad_url", "the host in the address can't be read")
    host = _literal(match["literal"]) if match["literal"] else _name(match["name"])
    return host, _port(match["port"])


def _port(digits: str | None) -> int | None:
    if not digits:
        return None
    if not 1 <= int(digits) <= 65535:
        _refuse("bad_url", "the port in the address is not a number from 1 to 65535")
    return int(digits)


def _literal(text: str) -> str:
    # A zone ("fe80::1%lo") names one of our network interfaces, never a public host.
    try:
        return str(IPv6Address("" if "%" in text else text))
    except ValueError:
        _refuse("bad_url", "the host in the address is not an IPv6 address")


def _name(text: str) -> str:
    """A host name as sent to DNS: mapped (UTS 46, which includes NFKC), then strictly ASCII."""
    if len(text) > _MAX_NAME + 1:  # mapping many combining marks has quadratic cost
        _refuse("bad_url", "the host in the address is not a valid name")
    try:
        name = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError:  # idna's own errors are UnicodeErrors
        name = ""
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        _refuse("bad_url", "the host in the address is not a valid name")
    if _NUMBER.fullmatch(labels[-1]):
        _check_dotted_quad(name)
    return name


def _check_dotted_quad(name: str) -> None:
    # Resolvers read 127.1, 0x7f000001 and 2130706433 as loopback: one spelling only.
    try:
        IPv4Address(name)
    except ValueError:
        _refuse(
            "blocked_address",
            "the host in the address is a number, but not an IPv4 address like 192.0.2.1",
        )


def _is_listed(host: str, port: int, allowed_hosts: Sequence[str]) -> bool:
    """Whether the allow-list names this host and port; refuse if there is a list and it doesn't."""
    if not allowed_hosts:
        return False
    entries = allow_list(allowed_hosts)
    if (host, port) in entries or (port in WEB_PORTS.values() and (host, None) in entries):
        return True
    _refuse(
        "not_allowed",
        "this host is not among those that RAW_IMAGE_HOSTS (for webhooks: WEBHOOK_HOSTS) allows",
    )


def _entry(text: str) -> tuple[str, int | None]:
    bare_ipv6 = text.count(":") > 1 and "[" not in text
    try:
        return _host_and_port(f"[{text}]" if bare_ipv6 else text)
    except FetchError:
        shown = "an entry with a password in it" if "@" in text else repr(text)
        raise SettingsError(
            f"RAW_IMAGE_HOSTS: {shown} is not host or host:port (like img.shop.example:8080)"
        ) from None


def _check_public(parsed: ParsedUrl) -> None:
    if parsed.port not in WEB_PORTS.values():
        _refuse("blocked_address", "the address may only use port 80 or 443")
    if not (is_public(parsed.host) if parsed.is_literal else _may_be_public(parsed.host)):
        _refuse(
            "blocked_address",
            "the host in the address is not on the public internet: give an address that anybody"
            " can open",
        )


def _may_be_public(name: str) -> bool:
    """False for names that can only be local: one word, or under a local top-level domain."""
    return "." in name and not name.endswith(tuple(f".{local}" for local in _LOCAL_NAMES))


def _is_public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in _NOT_PUBLIC_4)


def _is_public_6(address: IPv6Address) -> bool:
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.scope_id is not None:
        return False
    if any(address in network for network in _IPV4_INSIDE):
        return _is_public_4(low)
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return address in _PUBLIC_6 and not any(address in network for network in _NOT_PUBLIC_6)
