"""The normalised copy of a product's photo: made once, then read from the storage."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from packshot.enhancers.contract import Photo
from packshot.errors import NotFound
from packshot.pictures import imaging
from packshot.pictures.provenance import check_not_made_here
from packshot.products.deletions import own_upload
from packshot.products.object_keys import normalised_key
from packshot.storage.digests import check_digest, sha256_of
from packshot.work.claiming.claim import Claim
from packshot.work.making.parts import Parts
from packshot.work.making.stored_pictures import put_previews, store


def load_photo(claim: Claim, parts: Parts) -> Photo:
    """The normalised copy: fetched and stored the first time, then read from the storage.

    Right after the fetch it may be a smaller copy, of the size that the enhancer uses.
    """
    key = normalised_key(claim.namespace, claim.product_id, claim.photo_since)
    try:
        data = parts.storage.get(key)
    except NotFound:
        return fetch_and_normalise(claim, key, parts)
    if claim.normalised_sha256 is None:  # an older version stored it
        save_digest(claim, data, parts)
    else:
        check_digest(key, data, {claim.normalised_sha256})
    if claim.analysis is None:  # the worker that stored it may have died before the previews
        put_previews(key, parts.pixels.run(imaging.make_previews, data), parts.storage)
    header = parts.pixels.run(imaging.read_header, data)
    return Photo(data, header.mime_type, header.width, header.height)


def fetch_and_normalise(claim: Claim, key: str, parts: Parts) -> Photo:
    # A signature names the normalised copy itself, so it must be the one that the enhancer gets.
    smaller_side = parts.enhancer.sees_side if parts.signing is None else None
    with limit_own_readers(claim, parts):
        with claim.progress.time("fetch"):
            raw = parts.read_raw(claim.raw_image)
        check_not_made_here(raw)
        with claim.progress.time("normalise"):
            copy = parts.pixels.run(imaging.normalise, raw, smaller_side)
    # The digest first: a copy that was removed may have another one, if its photo changed.
    save_digest(claim, copy.data, parts, raw)
    stored = store(key, copy, parts)
    if stored.data != copy.data:  # another worker stored it first
        save_digest(claim, stored.data, parts)
    seen = stored.smaller or stored
    return Photo(seen.data, seen.mime_type, seen.width, seen.height)


def limit_own_readers(claim: Claim, parts: Parts) -> AbstractContextManager[object]:
    """Wait until the pixel processes need another photo of our own storage: one that is read sooner
    only takes memory. Downloads don't wait, because a slow one would stop the others."""
    is_own = parts.storage.own_key(claim.raw_image) is not None
    return parts.own_readers if is_own else nullcontext()


def save_digest(claim: Claim, data: bytes, parts: Parts, raw: bytes | None = None) -> None:
    """Save the digests of the normalised copy and of the raw image. An upload's digest was saved
    when it arrived; what is stored of it is a cleaned copy with another digest."""
    if raw is not None and own_upload(parts.storage, claim.raw_image) is not None:
        raw = None
    parts.claims.save_digest(claim, sha256_of(data), sha256_of(raw) if raw is not None else None)
