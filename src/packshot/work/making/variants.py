"""Makes the variants of a round: generates, finishes, stores and records each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from packshot.background import in_background
from packshot.database.types import now
from packshot.enhancers.contract import Analysis, Photo, Picture
from packshot.enhancers.pixel_tries import run_for_paid_picture
from packshot.enhancers.signatures import sign_if_made_by_ai
from packshot.errors import (
    EnhancerError,
    PaidInVain,
    PartlyUnavailable,
    PictureError,
    ProductError,
    VariantRefused,
)
from packshot.fidelity.locks import LOCKED, LockResult
from packshot.pictures import imaging
from packshot.pictures.answer_metadata import read_metadata
from packshot.pictures.provenance import Provenance
from packshot.products.object_keys import answer_key, variant_key
from packshot.storage.digests import sha256_of
from packshot.work.claiming.claim import Claim, ImageRecord
from packshot.work.claiming.claims import MAX_ATTEMPTS
from packshot.work.making.parts import Parts
from packshot.work.making.stored_pictures import PaidAnswer, adopt, put_maps, store

#: Claims since the last saved step after which no more is paid in vain. In each, the enhancer asks
#: twice for unusable answers.
MAX_PAID_ATTEMPTS: Final = 2

Outcome = ProductError | None  # of one variant; None: it was recorded
#: Notes the digest, the warning and the pixel lock of a picture that is about to be stored.
Announce = Callable[[str, str | None, dict[str, Any] | None], None]


@dataclass(frozen=True)
class Finished:
    """A picture as the enhancer made it, as it is to be stored, and its pixel lock, if any."""

    picture: Picture
    encoded: imaging.Encoded
    locked: LockResult | None


def make_variants(claim: Claim, photo: Photo, analysis: Analysis, parts: Parts) -> None:
    """Make every missing variant; one that fails does not stop the others."""

    def attempt(variant: int) -> Outcome:
        try:
            make_variant(claim, photo, analysis, variant, parts)
        except VariantRefused as refusal:
            parts.keep_trying(partial(parts.claims.record_refusal, claim, variant, refusal))
            return refusal
        except ProductError as error:
            return error
        return None

    parts.defer_to_batch_job(claim, claim.missing)
    outcomes = try_each(attempt, claim.missing, parts.enhancer.parallel)
    judge_outcomes(claim, dict(zip(claim.missing, outcomes, strict=True)), parts)


def try_each(
    attempt: Callable[[int], Outcome], variants: Sequence[int], parallel: bool
) -> list[Outcome]:
    """Try them one after the other, or all at once; waits for every one that was started."""
    if not parallel or len(variants) < 2:
        return [attempt(variant) for variant in variants]
    futures = [in_background(partial(attempt, n), f"variant-{n}") for n in variants]
    wait(futures)
    return [future.result() for future in futures]


def judge_outcomes(claim: Claim, outcomes: Mapping[int, Outcome], parts: Parts) -> None:
    """Raise the error that ends this attempt, if there is one.

    A refused variant does not stop the others. A variant that is given up counts as refused if at
    least one other was made. If all are refused, the product fails.
    """
    refusals = [error for error in outcomes.values() if isinstance(error, VariantRefused)]
    others = {
        variant: error
        for variant, error in outcomes.items()
        if error is not None and not isinstance(error, VariantRefused)
    }
    if claim.made or None in outcomes.values():
        for variant in [each for each in others if is_given_up(claim, others[each])]:
            given_up = partial(parts.claims.record_refusal, claim, variant, others.pop(variant))
            parts.keep_trying(given_up)
    if others:
        raise min(others.values(), key=lambda error: error.retryable)
    if len(claim.refused) + len(refusals) == claim.wanted:
        raise refusals[0] if refusals else all_refused_error()


def is_given_up(claim: Claim, error: ProductError) -> bool:
    """Whether a further attempt can't help, costs too much, or enough attempts made no progress."""
    if isinstance(error, PaidInVain) and claim.attempts >= MAX_PAID_ATTEMPTS:
        return True
    return not error.retryable or (claim.attempts >= MAX_ATTEMPTS and not claim.progress.any_saved)


def all_refused_error() -> VariantRefused:
    return VariantRefused(
        "every picture was refused before, and would be again: use another photo, or ask for a"
        " redo with other words"
    )


def make_variant(
    claim: Claim, photo: Photo, analysis: Analysis, variant: int, parts: Parts
) -> None:
    """Generate, finish, store, record; or adopt a picture that was stored but not recorded."""
    key = variant_key(claim.namespace, claim.product_id, claim.round, variant)
    answer = PaidAnswer(
        answer_key(claim.namespace, claim.product_id, claim.round, variant),
        lambda: parts.claims.check(claim),
        parts,
        may_be_there=claim.analysis is not None,
    )
    # A picture without a row can only be there if an earlier attempt saved the analysis, or after a
    # backup was restored: `store_variant` finds that one.
    if claim.analysis is not None and parts.storage.exists(key):
        record = adopt_variant(claim, key, variant, analysis, answer, parts)
    else:
        record = generate_variant(claim, photo, analysis, variant, key, answer, parts)
    answer.drop()
    parts.keep_trying(lambda: parts.claims.record_image(claim, record))


def adopt_variant(
    claim: Claim,
    key: str,
    variant: int,
    analysis: Analysis,
    answer: PaidAnswer,
    parts: Parts,
) -> ImageRecord:
    """The record of a picture that a process stored, and was killed before it recorded it."""
    found = adopt(key, claim.digests.get(variant, frozenset()), parts)
    plan = analysis.variants[variant]
    digest = sha256_of(found.data)
    warning, lock = claim.warnings.get(digest), claim.locks.get(digest)
    picture = Picture(found.data, plan.title, plan.prompt, parts.enhancer.name, warning)
    kept = answer.take()  # still there if the process died before deleting it
    answered = read_metadata(kept) if kept is not None else None
    return image_record(variant, key, picture, found, parts, answered, lock)


def generate_variant(
    claim: Claim,
    photo: Photo,
    analysis: Analysis,
    variant: int,
    key: str,
    answer: PaidAnswer,
    parts: Parts,
) -> ImageRecord:
    if not answer.is_kept:
        parts.check_before_paying(claim)
    try:
        with claim.progress.time("generate"):
            picture = parts.enhancer.generate(photo, analysis, claim.brief, variant, answer)
        finished = finish_and_sign(claim, photo, analysis, picture, parts)
    except ProductError:  # the answer is unusable
        answer.drop()
        raise
    announce = partial(parts.claims.announce_picture, claim, variant)
    with claim.progress.time("store"):
        return store_variant(variant, key, finished, announce, parts)


def store_variant(
    variant: int, key: str, finished: Finished, announce: Announce, parts: Parts
) -> ImageRecord:
    """Store a finished picture, which is announced first, so that it can be adopted.

    Raises PartlyUnavailable if another one is there: its warning and its lock are in the database.
    """
    picture, encoded = finished.picture, finished.encoded
    lock = None if finished.locked is None else finished.locked.lock.model_dump(mode="json")
    digest = sha256_of(encoded.data)

    def save() -> imaging.Encoded:
        announce(digest, picture.warning, lock)
        put_maps(key, finished.locked, parts.storage)
        return store(key, encoded, parts)

    stored = parts.keep_trying(save)
    if stored.data != encoded.data:
        # Its worker noted it, but a restored backup does not know it: it would never be adopted.
        parts.keep_trying(lambda: announce(sha256_of(stored.data), None, None))
        raise PartlyUnavailable(f"{key} was stored before, by another worker: it is adopted next")
    answered = read_metadata(picture.data) if picture.made_by_ai else None
    return image_record(variant, key, picture, stored, parts, answered, lock)


def lock_picture(
    claim: Claim,
    photo: Photo,
    analysis: Analysis,
    picture: Picture,
    provenance: Provenance,
    parts: Parts,
) -> LockResult | None:
    """Apply the pixel lock if it is wanted; only to pictures that a model generated."""
    wanted = parts.locking.on if claim.pixel_lock is None else claim.pixel_lock
    if not wanted or not picture.made_by_ai:
        return None
    with claim.progress.time("lock"):
        return parts.locking.run(photo, analysis, picture, provenance, parts.output, parts.pixels)


def finish_and_sign(
    claim: Claim, photo: Photo, analysis: Analysis, picture: Picture, parts: Parts
) -> Finished:
    """Turn the enhancer's picture into the one to store; with its pixel lock, if one is wanted."""
    provenance = picture.provenance()
    locked = lock_picture(claim, photo, analysis, picture, provenance, parts)
    with claim.progress.time("finish"):
        own_pixels = locked.finished if locked else None
        encoded = own_pixels or parts.keep_trying(lambda: finish(picture, provenance, parts))
        data = sign_if_made_by_ai(
            encoded.data,
            picture,
            provenance,
            photo,
            parts.pixels,
            parts.signing,
            locked=own_pixels is not None,
        )
    return Finished(picture, replace(encoded, data=data), locked)


def finish(picture: Picture, provenance: Provenance, parts: Parts) -> imaging.Encoded:
    """Finish a picture. Raises EnhancerError when it can't be used."""
    job = (imaging.finish, picture.data, parts.output, provenance)
    try:
        return run_for_paid_picture(parts.pixels.run, *job)
    except PictureError as error:
        words = f"the enhancer's picture can't be used: {error.message}"
        raise EnhancerError(words, code=error.code) from error


def image_record(
    variant: int,
    key: str,
    picture: Picture,
    stored: imaging.Encoded,
    parts: Parts,
    answered: dict[str, Any] | None,
    lock: dict[str, Any] | None,
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
        sha256=sha256_of(stored.data),
        warning=picture.warning,
        answer=answered,
        prompt_version=picture.prompt_version,
        pixel_lock=lock,
        lock_code=None if lock is None else lock["code"] or LOCKED,
        check_due=now() if parts.with_checks else None,
    )
