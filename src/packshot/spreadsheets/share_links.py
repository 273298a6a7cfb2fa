"""Rewrites share links of Google Drive, Dropbox, OneDrive and SharePoint, which lead to a page
about a picture, to the form that downloads it, or says why that is impossible."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

_ID: Final = r"[A-Za-z0-9_-]{10,100}"
_DRIVE_FILE: Final = re.compile(rf"(?:/a/[^/]+)?/file/(?:u/\d+/)?d/({_ID})(?:/.*)?")
_INSTEAD: Final = "download the pictures and give them as photos, or use an address of the picture"
#: Hosts whose links always open a page, and the names people know them by.
_PAGES: Final = {
    "photos.google.com": "Google Photos",
    "photos.app.goo.gl": "Google Photos",
    "docs.google.com": "Google Docs",
    "share.icloud.com": "iCloud",
    "www.icloud.com": "iCloud",
    "we.tl": "WeTransfer",
    "wetransfer.com": "WeTransfer",
    "1drv.ms": "OneDrive",
    "www.canva.com": "Canva",
}


@dataclass(frozen=True)
class Link:
    """The address to fetch. `note` says what was changed in it, `error` what is wrong with it."""

    address: str
    note: str | None = None
    error: str | None = None


def direct(address: str) -> Link:
    """The address that downloads what a share link shows; any other address unchanged."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:  # a broken IPv6 host: the check of addresses says so
        return Link(address)
    if host in _PAGES:
        return _page(address, _PAGES[host])
    if host == "drive.google.com":
        return _drive(address, parts.path, parse_qs(parts.query))
    if host in ("dropbox.com", "www.dropbox.com"):
        return _dropbox(address, parts.path)
    if host.endswith(".sharepoint.com") and re.search(r"^/:[a-z]:/|[.]aspx$", parts.path, re.I):
        return _sharepoint(address, parts.path)
    if host == "onedrive.live.com":
        return _onedrive(address, parts.path, parse_qs(parts.query))
    return Link(address)


def _page(address: str, whose: str) -> Link:
    return Link(address, error=f"is a link to a page of {whose}, not to a picture: {_INSTEAD}")


def _folder(address: str, whose: str) -> Link:
    return Link(address, error=f"is a link to a folder of {whose}, not to a picture: {_INSTEAD}")


def _rewritten(address: str, whose: str) -> Link:
    return Link(address, note=f"share link of {whose} rewritten to its download form")


def _drive(address: str, path: str, query: dict[str, list[str]]) -> Link:
    match = _DRIVE_FILE.fullmatch(path)
    found = match[1] if match else query.get("id", [""])[0]
    if "/folders/" in path:
        return _folder(address, "Google Drive")
    if not re.fullmatch(_ID, found):
        return _page(address, "Google Drive")
    wanted = {"export": "download", "id": found}
    if "resourcekey" in query:
        wanted["resourcekey"] = query["resourcekey"][0]
    download = f"https://drive.google.com/uc?{urlencode(wanted)}"
    return Link(address) if download == address else _rewritten(download, "Google Drive")


def _dropbox(address: str, path: str) -> Link:
    if path.startswith(("/sh/", "/scl/fo/")):
        return _folder(address, "Dropbox")
    if not path.startswith(("/s/", "/scl/fi/")):
        return _page(address, "Dropbox")
    return _with_query(address, "dl", "1", "Dropbox", drop=("dl", "raw"))


def _sharepoint(address: str, path: str) -> Link:
    if path.startswith("/:f:/"):
        return _folder(address, "SharePoint")
    if path.lower().endswith(".aspx"):
        return _page(address, "SharePoint")
    return _with_query(address, "download", "1", "SharePoint", drop=("download", "web"))


def _onedrive(address: str, path: str, query: dict[str, list[str]]) -> Link:
    """A OneDrive link: only its `embed` form has what a download needs."""
    if path == "/download":
        return Link(address)
    if path != "/embed" or "resid" not in query:
        return _page(address, "OneDrive")
    return _rewritten(address.replace("/embed?", "/download?", 1), "OneDrive")


def _with_query(address: str, name: str, value: str, whose: str, drop: tuple[str, ...]) -> Link:
    parts = urlsplit(address)
    fields = [field for field in parts.query.split("&") if field]
    if f"{name}={value}" in fields or "raw=1" in fields:
        return Link(address)
    kept = [field for field in fields if field.partition("=")[0] not in drop]
    query = "&".join([*kept, f"{name}={value}"])
    return _rewritten(urlunsplit((*parts[:3], query, "")), whose)
