"""The keys of a product's objects, computed from its id and its namespace, and their addresses.

A key can be computed again after a crash, but not guessed. Two products never share a key, not even
with the same id in two databases (or before and after a restored backup).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from packshot.pictures.imaging import PREVIEW_SIDES, smaller_sides

#: The form of a name given by `POST /api/uploads`; anything else below uploads/ is not ours.
UPLOAD_NAME: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
#: The most takes of a variant: the first, and as many as FIDELITY_RETRIES allows.
MAX_TAKES: Final = 4
#: No address is encoded more often than this.
DECODINGS: Final = 4


def variant_key(
    namespace: str, product_id: int, round_number: int, variant: int, take: int = 1
) -> str:
    """The key of a variant's picture."""
    place = _place(round_number, variant, take)
    return f"enhanced/{product_id}/{_name(namespace, place)}.jpg"


def answer_key(
    namespace: str, product_id: int, round_number: int, variant: int, take: int = 1
) -> str:
    """The key of a variant's paid answer, stored until the picture made from it is."""
    place = _place(round_number, variant, take)
    return f"answers/{product_id}/{_name(namespace, f'{place}/sealed answer')}"


def _place(round_number: int, variant: int, take: int) -> str:
    return f"{round_number}/{variant}" + ("" if take == 1 else f"/take {take}")


def normalised_key(namespace: str, product_id: int, photo_since: int = 1) -> str:
    """The key of a product's normalised copy; `photo_since` is the photo's first round."""
    purpose = "normalised" if photo_since == 1 else f"normalised/{photo_since}"
    return f"normalised/{product_id}/{_name(namespace, purpose)}"


def preview_key(object_key: str, side: int) -> str:
    """The key of an object's preview: `previews/{object_key}-{side}.jpg`."""
    return f"previews/{object_key.removesuffix('.jpg')}-{side}.jpg"


def changes_key(object_key: str) -> str:
    """The key of the map that shows what a picture changed about its product."""
    return f"previews/{object_key.removesuffix('.jpg')}-changes.webp"


def lock_key(object_key: str) -> str:
    """The key of the map that shows which pixels of a locked picture are the photo's own."""
    return f"previews/{object_key.removesuffix('.jpg')}-lock.webp"


def made_key(object_key: str) -> str:
    """The key of a locked picture as it was made, before the lock."""
    return f"previews/{object_key.removesuffix('.jpg')}-made.jpg"


def with_previews(key: str) -> list[str]:
    """An object's key and those of its previews; of an enhanced picture also its maps'."""
    keys = [key, *(preview_key(key, side) for side in PREVIEW_SIDES)]
    maps = (changes_key(key), lock_key(key), made_key(key))
    return [*keys, *maps] if key.startswith("enhanced/") else keys


def keys_of_product(namespace: str, product_id: int, rounds: int, variants: int) -> Iterator[str]:
    """Every key that a product with these rounds and variants can have."""
    for number in range(1, rounds + 1):
        yield from with_previews(normalised_key(namespace, product_id, number))
        for variant in range(variants):
            for take in range(1, MAX_TAKES + 1):
                yield from with_previews(variant_key(namespace, product_id, number, variant, take))
                yield answer_key(namespace, product_id, number, variant, take)
            # The name in versions that did not seal answers.
            yield f"answers/{product_id}/{_name(namespace, f'{number}/{variant}/answer')}"


def _name(namespace: str, purpose: str) -> uuid.UUID:
    return uuid.uuid5(uuid.UUID(namespace), purpose)


# -- addresses -------------------------------------------------------------------------------------


def media_url(key: str) -> str:
    """The address of an object at this server, for readers who are signed in."""
    return f"/media/{key}"


def previews(key: str, width: int | None = None, height: int | None = None) -> dict[int, str]:
    """The addresses of previews, by their sides in pixels: of a photo, or of a finished picture of
    this size, which is its own preview where it is no larger."""
    smaller = smaller_sides(width, height) if width and height else PREVIEW_SIDES
    return {
        side: media_url(preview_key(key, side) if side in smaller else key)
        for side in PREVIEW_SIDES
    }


# -- uploads ---------------------------------------------------------------------------------------


def upload_key(name: str) -> str:
    """The key of an upload; its name is a random UUID."""
    return f"uploads/{name}"


def upload_name(key: str | None) -> str | None:
    """The name of the upload with this key; None for any other key."""
    name = (key or "").removeprefix("uploads/")
    return name if UPLOAD_NAME.fullmatch(name) and name != key else None


def name_of_upload(raw_image: str) -> str | None:
    """The name of the upload that has this `raw_image`, as the API returned it; else None."""
    key = raw_image.removeprefix("/media/")
    return upload_name(key) if key != raw_image else None


def names_in(raw_image: str) -> set[str]:
    """The names of the uploads that an address could mean, whatever surrounds them.

    An address that contains an upload's random UUID means that upload: at any host of S3, through a
    proxy, a CDN or an earlier PUBLIC_MEDIA_URL, with a query, encoded, or in capital letters.
    Whether these addresses lead to this storage does not matter.
    """
    for _ in range(DECODINGS):
        decoded = unquote(raw_image)
        if decoded == raw_image:
            break
        raw_image = decoded
    return set(UPLOAD_NAME.findall(raw_image.lower()))


def plain_address(raw_image: str) -> str:
    """An http(s) address as most people write it: its host in lower case without a final dot, no
    default port, no query."""
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
