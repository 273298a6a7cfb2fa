"""Takes one product from claimed to pending_review. This is the heart of Packshot."""

from __future__ import annotations

from pydantic import ValidationError

from packshot.enhancers.contract import Analysis, Enhancer, Photo
from packshot.errors import NotFound
from packshot.pictures import imaging
from packshot.products.batching import ANALYSIS
from packshot.products.deletions import own_upload
from packshot.products.object_keys import normalised_key
from packshot.storage.digests import check_digest, sha256_of
from packshot.work.claims import Claim
from packshot.work.parts import Parts
from packshot.work.reference_views import with_other_views
from packshot.work.stored_pictures import put_previews, store
from packshot.work.variants import make_variants


def run(claim: Claim, parts: Parts) -> None:
    """Make what this product's round still lacks, then pass it to a reviewer.

    Every result is saved at once, so that a restart pays only for what is missing. Raises
    ProductError, Unavailable or LostClaim.
    """
    photo = with_other_views(claim, load_photo(claim, parts), parts)
    analysis = analyse(claim, photo, parts)
    make_variants(claim, photo, analysis, parts)
    parts.claims.complete(claim)


def load_photo(claim: Claim, parts: Parts) -> Photo:
    """The normalised copy: fetched and stored the first time, then read from the storage.

    Right after the fetch it may be a smaller copy, of the size that the enhancer uses.
    """
    key = normalised_key(claim.namespace, claim.product_id)
    try:
        data = parts.storage.get(key)
    except NotFound:
        return fetch_and_normalise(claim, key, parts)
    if claim.normalised_sha256 is None:  # the worker that stored it died before saving the digest
        save_digest(claim, data, parts)
    else:
        check_digest(key, data, {claim.normalised_sha256})
    if claim.analysis is None:  # the worker that stored it may have died before the previews
        put_previews(key, parts.pixels.run(imaging.make_previews, data), parts.storage)
    header = parts.pixels.run(imaging.read_header, data)
    return Photo(data, header.mime_type, header.width, header.height)


def fetch_and_normalise(claim: Claim, key: str, parts: Parts) -> Photo:
    with claim.progress.time("fetch"):
        raw = parts.read_raw(claim.raw_image)
    # A signature names the normalised copy itself, so it must be the one that the enhancer gets.
    smaller_side = parts.enhancer.sees_side if parts.signing is None else None
    with claim.progress.time("normalise"):
        copy = parts.pixels.run(imaging.normalise, raw, smaller_side)
    copy = store(key, copy, parts)
    save_digest(claim, copy.data, parts, raw)
    seen = copy.smaller or copy
    return Photo(seen.data, seen.mime_type, seen.width, seen.height)


def save_digest(claim: Claim, data: bytes, parts: Parts, raw: bytes | None = None) -> None:
    """Save the digests of the normalised copy and of the raw image. An upload's digest was saved
    when it arrived; what is stored of it is a cleaned copy with another digest."""
    if raw is not None and own_upload(parts.storage, claim.raw_image) is not None:
        raw = None
    parts.claims.save_digest(claim, sha256_of(data), sha256_of(raw) if raw is not None else None)


def analyse(claim: Claim, photo: Photo, parts: Parts) -> Analysis:
    """The round's analysis: the saved one, or request it and save it."""
    saved = read_saved_analysis(claim, parts.enhancer)
    if saved is not None:
        return saved
    parts.wait_for_batch_job(claim, [ANALYSIS])
    parts.check_before_paying(claim)
    with claim.progress.time("analyse"):
        analysis = parts.enhancer.analyse(photo, claim.brief, claim.answer)
    paid, name = analysis.model_dump(), parts.enhancer.name
    parts.keep_trying(lambda: parts.claims.save_analysis(claim, name, paid))
    return analysis


def read_saved_analysis(claim: Claim, enhancer: Enhancer) -> Analysis | None:
    """The analysis of an earlier attempt; None if another enhancer or version made it."""
    if claim.analysis is None or claim.analysed_by != enhancer.name:
        return None
    try:
        saved = Analysis.model_validate(claim.analysis)
    except ValidationError:
        return None
    return saved if len(saved.variants) >= claim.wanted else None
