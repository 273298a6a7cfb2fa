"""Reads the metadata in a model's answer: its C2PA manifest and XMP, unchanged."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections import defaultdict
from typing import Any, Final

from packshot.pictures.jpeg import segments
from packshot.pictures.kinds import sniff
from packshot.pictures.signing import MANIFEST_STORE

APP11: Final = 0xEB
#: Google's manifests have about 10 KB; only the digest is kept of a manifest larger than this.
MAX_KEPT: Final = 100_000
_XMP: Final = re.compile(rb"<x:xmpmeta.{0,65000}?</x:xmpmeta>", re.DOTALL)


def read_metadata(data: bytes) -> dict[str, Any]:
    """`sha256`, `bytes` and `mime_type` of the answer; `c2pa` (`sha256`, `bytes` and, in base64,
    the manifest `store`) and `xmp`, if it has them."""
    found: dict[str, Any] = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "mime_type": sniff(data),
    }
    if store := manifest_store(data):
        found["c2pa"] = {"sha256": hashlib.sha256(store).hexdigest(), "bytes": len(store)}
        if len(store) <= MAX_KEPT:
            found["c2pa"]["store"] = b64encode(store).decode()
    if xmp := _XMP.search(data):
        found["xmp"] = xmp[0].decode("utf-8", "replace")
    return found


def manifest_store(data: bytes) -> bytes | None:
    """The C2PA manifests as one JUMBF box; None without any. Nothing is verified."""
    if data.startswith(b"\xff\xd8"):
        data = _boxes_of_jpeg(data)
    described = data.find(MANIFEST_STORE)
    start = described - 12  # before it: the lengths and types of two boxes (ISO 19566-5, B.3)
    if described < 0 or start < 0 or data[start + 4 : start + 8] != b"jumb":
        return None
    length = int.from_bytes(data[start : start + 4], "big")
    store = data[start : start + length]
    return store if len(store) == length else None


def _boxes_of_jpeg(data: bytes) -> bytes:
    """The boxes in its APP11 segments. A box may be split into parts, each of which repeats the
    box's length and type (ISO 19566-5, D.2)."""
    parts: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
    for segment in segments(data):
        body = data[segment.body : segment.end]
        if segment.marker == APP11 and body[:2] == b"JP":
            parts[body[2:4]].append((int.from_bytes(body[4:8], "big"), body[8:]))
    boxes = (sorted(each) for each in parts.values())
    return b"".join(
        part if n == 0 else part[8:] for box in boxes for n, (_, part) in enumerate(box)
    )
