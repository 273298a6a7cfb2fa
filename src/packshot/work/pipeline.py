"""The way of one product from claimed to pending_review: this is what Packshot does."""

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
    """Make what is missing of this product's round, then pass it to a reviewer.

    Every result is saved at once, so a restart only pays for what is missing. Raises ProductError,
    Unavailable or LostClaim; what was saved until then stays.
    """
    photo = with_other_views(claim, normalised_photo(claim, parts), parts)
    analysis = analyse(claim, photo, parts)
    make_variants(claim, photo, analysis, parts)
    parts.claims.complete(claim)


def normalised_photo(claim: Claim, parts: Parts) -> Photo:
    """The normalised copy: stored after the first fetch, read from the store from then on. After
    the first fetch as much of it as the enhancer looks at, and no more is kept in memory."""
    key = normalised_key(claim.namespace, claim.product_id)
    try:
        data = parts.storage.get(key)
    except NotFound:
        return fetch_and_normalise(claim, key, parts)
    if claim.normalised_sha256 is None:  # its worker died right after, or knew no digests
        save_digest(claim, data, parts)
    else:
        check_digest(key, data, {claim.normalised_sha256})
    if claim.analysis is None:  # the worker that stored it may have died before its previews
        put_previews(key, parts.pixels.run(imaging.previews_of, data), parts.storage)
    header = parts.pixels.run(imaging.read_header, data)
    return Photo(data, header.mime_type, header.width, header.height)


def fetch_and_normalise(claim: Claim, key: str, parts: Parts) -> Photo:
    with claim.steps.timed("fetch"):
        raw = parts.read_raw(claim.raw_image)
    # What is signed names the normalised copy itself.
    fitted_side = parts.enhancer.sees_side if parts.signing is None else None
    with claim.steps.timed("normalise"):
        copy = parts.pixels.run(imaging.normalise, raw, fitted_side)
    copy = store(key, copy, parts)
    save_digest(claim, copy.data, parts, raw)
    seen = copy.fitted or copy
    return Photo(seen.data, seen.mime_type, seen.width, seen.height)


def save_digest(claim: Claim, data: bytes, parts: Parts, raw: bytes | None = None) -> None:
    """Note the digest of the normalised copy, and of the raw image unless that is an upload: what
    is stored of an upload is a clean copy, and the digest of its photo was noted as it came."""
    if raw is not None and own_upload(parts.storage, claim.raw_image) is not None:
        raw = None
    parts.claims.save_digest(claim, sha256_of(data), sha256_of(raw) if raw is not None else None)


def analyse(claim: Claim, photo: Photo, parts: Parts) -> Analysis:
    """The round's analysis: requested once, and saved."""
    saved = saved_analysis(claim, parts.enhancer)
    if saved is not None:
        return saved
    parts.may_wait(claim, [ANALYSIS])
    parts.check_before_paying(claim)
    with claim.steps.timed("analyse"):
        analysis = parts.enhancer.analyse(photo, claim.brief, claim.answer)
    paid, name = analysis.model_dump(), parts.enhancer.name
    parts.patience.until_done(lambda: parts.claims.save_analysis(claim, name, paid))
    return analysis


def saved_analysis(claim: Claim, enhancer: Enhancer) -> Analysis | None:
    """The analysis of an earlier attempt; None if another enhancer or version made it."""
    if claim.analysis is None or claim.analysed_by != enhancer.name:
        return None
    try:
        saved = Analysis.model_validate(claim.analysis)
    except ValidationError:
        return None
    return saved if len(saved.variants) >= claim.wanted else None
