"""Where the objects of a product lie: every key follows from its id and its own namespace.

A key is found again after a crash, and cannot be guessed. Two products never share one, not even
two with the same id from two databases (or from before and after a restored backup).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from packshot.pictures.imaging import PREVIEW_SIDES

#: The name that `POST /api/uploads` gives: anything else below uploads/ is somebody else's.
UPLOAD_NAME: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
#: An address encoded more often than this names nothing that could ever be read.
DECODINGS: Final = 4


def variant_key(namespace: str, product_id: int, round_number: int, variant: int) -> str:
    """Where a variant's object lies."""
    return f"enhanced/{product_id}/{_name(namespace, f'{round_number}/{variant}')}.jpg"


def answer_key(namespace: str, product_id: int, round_number: int, variant: int) -> str:
    """Where the paid answer of a variant lies until its picture is made of it and stored."""
    return f"answers/{product_id}/{_name(namespace, f'{round_number}/{variant}/sealed answer')}"


def normalised_key(namespace: str, product_id: int) -> str:
    """Where a product's normalised copy lies."""
    return f"normalised/{product_id}/{_name(namespace, 'normalised')}"


def preview_key(object_key: str, side: int) -> str:
    """Where the preview of an object lies: `previews/{object_key}-{side}.jpg`."""
    return f"previews/{object_key.removesuffix('.jpg')}-{side}.jpg"


def with_previews(key: str) -> list[str]:
    """An object's key and those of its previews."""
    return [key, *(preview_key(key, side) for side in PREVIEW_SIDES)]


def keys_of_product(namespace: str, product_id: int, rounds: int, variants: int) -> Iterator[str]:
    """Every key that a product with so many rounds of at most so many variants can have."""
    yield from with_previews(normalised_key(namespace, product_id))
    for number in range(1, rounds + 1):
        for variant in range(variants):
            yield from with_previews(variant_key(namespace, product_id, number, variant))
            yield answer_key(namespace, product_id, number, variant)
            # As versions before the seal named it.
            yield f"answers/{product_id}/{_name(namespace, f'{number}/{variant}/answer')}"


def _name(namespace: str, purpose: str) -> uuid.UUID:
    return uuid.uuid5(uuid.UUID(namespace), purpose)


# -- uploads ---------------------------------------------------------------------------------------


def upload_key(name: str) -> str:
    """Where an upload lies; its name is a random UUID."""
    return f"uploads/{name}"


def upload_name(key: str | None) -> str | None:
    """The name of the upload that lies there; None for any other key."""
    name = (key or "").removeprefix("uploads/")
    return name if UPLOAD_NAME.fullmatch(name) and name != key else None


def names_in(raw_image: str) -> set[str]:
    """The names of the uploads that an address could mean, whatever stands before and after them.

    A random UUID is in an address only where that upload is meant: at any host of S3, through a
    proxy, a CDN or an earlier PUBLIC_MEDIA_URL, with a query, encoded, or in capital letters. So
    nobody needs to know which of these lead to this storage.
    """
    for _ in range(DECODINGS):
        decoded = unquote(raw_image)
        if decoded == raw_image:
            break
        raw_image = decoded
    return set(UPLOAD_NAME.findall(raw_image.lower()))


def plain_address(raw_image: str) -> str:
    """An http(s) address as most people write it: its host in small letters and without a dot at
    its end, no port where it is the usual one, no query."""
    try:
        parts = urlsplit(raw_image.strip())
        port = parts.port
    except ValueError:
        return raw_image
    if parts.scheme not in DEFAULT_PORTS or parts.hostname is None:
        return raw_image
    host = parts.hostname.rstrip(".")
    shown = host if port in {None, DEFAULT_PORTS[parts.scheme]} else f"{host}:{port}"
    return urlunsplit((parts.scheme, shown, parts.path, "", ""))
