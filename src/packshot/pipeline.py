"""One product's way, from claimed to pending_review: this is what Packshot does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

from pydantic import ValidationError

from packshot import faults, imaging
from packshot.claims import Claim, Claims, ImageRecord
from packshot.enhancers import Analysis, Brief, Enhancer, Photo, Picture
from packshot.errors import (
    EnhancerError,
    NotFound,
    PictureError,
    ProductError,
    VariantRefused,
)
from packshot.models import normalised_key, preview_key, variant_key
from packshot.pixels import Pixels
from packshot.storage import Storage

JPEG = "image/jpeg"
#: A paid picture is not given up because one child process died while finishing it.
FINISH_TRIES = 3
#: IPTC DigitalSourceType: a real product in a picture completed by a generative model
#: (cv.iptc.org/newscodes/digitalsourcetype).
AI_SOURCE_TYPE = "compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True)
class Parts:
    """What the story is told with; `wiring.py` chooses the implementations."""

    claims: Claims
    read_raw: Callable[[str], bytes]  # raw image URL -> bytes, guarded and limited
    storage: Storage
    pixels: Pixels
    enhancer: Enhancer
    output: imaging.OutputSpec


def run(claim: Claim, parts: Parts) -> None:
    """Make what is missing of this product's round, then put it before a reviewer.

    Every step is saved as soon as it exists, so a restart asks only for what is missing. Raises
    ProductError, Unavailable or LostClaim; what was saved until then stays.
    """
    photo = normalised_photo(claim, parts)
    analysis = analysis_of(claim, photo, parts)
    make_variants(claim, photo, analysis, parts)
    parts.claims.complete(claim)
    faults.point("after_complete")


def brief_of(claim: Claim) -> Brief:
    return Brief(
        product_id=claim.product_id,
        round=claim.round,
        category=claim.category,
        wanted=claim.wanted,
        instructions=claim.instructions,
    )


# -- the photo -------------------------------------------------------------------------------


def normalised_photo(claim: Claim, parts: Parts) -> Photo:
    """The normalised copy: stored at the first fetch, read from the store ever after."""
    key = normalised_key(claim.namespace, claim.product_id)
    try:
        data = parts.storage.get(key)
    except NotFound:
        return fetch_and_normalise(claim, key, parts)
    header = parts.pixels.run(imaging.read_header, data)
    return Photo(data, header.mime_type, header.width, header.height)


def fetch_and_normalise(claim: Claim, key: str, parts: Parts) -> Photo:
    raw = parts.read_raw(claim.raw_image)
    faults.point("after_fetch")
    copy = parts.pixels.run(imaging.normalise, raw)
    store(key, copy, copy.mime_type, parts.storage)
    faults.point("after_normalise")
    return Photo(copy.data, copy.mime_type, copy.width, copy.height)


def store(key: str, picture: imaging.Encoded, content_type: str, storage: Storage) -> None:
    """Previews first: where the object is, its previews are."""
    for side, preview in picture.previews.items():
        storage.put(preview_key(key, side), preview, JPEG)
    storage.put(key, picture.data, content_type)


# -- the analysis ------------------------------------------------------------------------------


def analysis_of(claim: Claim, photo: Photo, parts: Parts) -> Analysis:
    """Asked for once per round, and saved."""
    try:
        saved = Analysis.model_validate(claim.analysis)
        if len(saved.variants) >= claim.wanted:
            return saved
    except ValidationError:
        pass  # none yet
    analysis = parts.enhancer.analyse(photo, brief_of(claim))
    parts.claims.save_analysis(claim, parts.enhancer.name, analysis.model_dump())
    faults.point("after_analysis")
    return analysis


# -- the variants --------------------------------------------------------------------------------


def make_variants(claim: Claim, photo: Photo, analysis: Analysis, parts: Parts) -> None:
    """Make every missing variant; one that fails does not take the others with it."""

    def attempt(variant: int) -> ProductError | None:
        try:
            make_variant(claim, photo, analysis, variant, parts)
        except VariantRefused as refusal:
            parts.claims.record_refusal(claim, variant, refusal)
            return refusal
        except ProductError as error:
            return error
        return None

    met = [error for error in each(attempt, claim.missing, parts.enhancer.parallel) if error]
    judge(claim, met)


def each(
    attempt: Callable[[int], ProductError | None], variants: Sequence[int], parallel: bool
) -> list[ProductError | None]:
    """One after the other, or all at once; what is under way is always waited for."""
    if not parallel or len(variants) < 2:
        return [attempt(variant) for variant in variants]
    futures: list[Future[ProductError | None]] = [Future() for _ in variants]
    for variant, future in zip(variants, futures, strict=True):
        # Daemon threads (an executor's are not): a call that hangs must not hold up the exit.
        threading.Thread(target=settle, args=(future, attempt, variant), daemon=True).start()
    wait(futures)
    return [future.result() for future in futures]


def settle(
    future: Future[ProductError | None],
    attempt: Callable[[int], ProductError | None],
    variant: int,
) -> None:
    try:
        future.set_result(attempt(variant))
    except BaseException as error:
        future.set_exception(error)


def judge(claim: Claim, met: Sequence[ProductError]) -> None:
    """A refused picture leaves the product with its others; anything else ends the attempt."""
    refusals = [error for error in met if isinstance(error, VariantRefused)]
    others = [error for error in met if not isinstance(error, VariantRefused)]
    if others:
        raise min(others, key=lambda error: error.retryable)
    if len(claim.refused) + len(refusals) == claim.wanted:
        raise refusals[0] if refusals else VariantRefused("every picture was refused")


def make_variant(
    claim: Claim, photo: Photo, analysis: Analysis, variant: int, parts: Parts
) -> None:
    """Generate, finish, store, record; a stored picture whose record was lost is adopted."""
    key = variant_key(claim.namespace, claim.product_id, claim.round, variant)
    if was_stored_before(claim, key, parts.storage):
        record = adopted(key, variant, analysis, parts)
    else:
        record = made(claim, photo, analysis, variant, key, parts)
    parts.claims.record_image(claim, record)
    faults.point("after_record")


def made(
    claim: Claim, photo: Photo, analysis: Analysis, variant: int, key: str, parts: Parts
) -> ImageRecord:
    picture = parts.enhancer.generate(photo, analysis, brief_of(claim), variant)
    faults.point("after_picture")
    finished = finish(picture, parts)
    parts.claims.check(claim)  # a worker that froze and woke up must not overwrite a picture
    store(key, finished, JPEG, parts.storage)
    faults.point("after_upload")
    return image_record(variant, key, picture, finished, parts)


def adopted(key: str, variant: int, analysis: Analysis, parts: Parts) -> ImageRecord:
    data = parts.storage.get(key)
    header = parts.pixels.run(imaging.read_header, data)
    plan = analysis.variants[variant]
    picture = Picture(data, plan.title, plan.prompt, model=parts.enhancer.name)
    stored = imaging.Encoded(data, JPEG, header.width, header.height, {})
    return image_record(variant, key, picture, stored, parts)


def was_stored_before(claim: Claim, key: str, storage: Storage) -> bool:
    """Only a round that was begun before can hold a picture without its record."""
    return claim.analysis is not None and storage.exists(key)


def finish(picture: Picture, parts: Parts) -> imaging.Encoded:
    """The one finishing step; a child process that dies is tried again: the picture is paid."""
    source_type = AI_SOURCE_TYPE if picture.made_by_ai else None
    for tries_left in reversed(range(FINISH_TRIES)):
        try:
            return parts.pixels.run(imaging.finish, picture.data, parts.output, source_type)
        except PictureError as error:
            if not (error.retryable and tries_left):
                raise unusable(error) from error
    raise AssertionError("unreachable")


def unusable(error: PictureError) -> EnhancerError:
    return EnhancerError(f"the enhancer's picture can't be used: {error.message}", code=error.code)


def image_record(
    variant: int, key: str, picture: Picture, stored: imaging.Encoded, parts: Parts
) -> ImageRecord:
    return ImageRecord(
        variant=variant,
        image_url=parts.storage.url(key),
        object_key=key,
        title=picture.title,
        prompt=picture.prompt,
        enhancer=parts.enhancer.name,
        model=picture.model,
        width=stored.width,
        height=stored.height,
        bytes=len(stored.data),
        sha256=hashlib.sha256(stored.data).hexdigest(),
        warning=picture.warning,
    )
