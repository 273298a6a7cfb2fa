"""One product's way, from claimed to pending_review: this is what Packshot does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial

from pydantic import ValidationError

from packshot import faults
from packshot.database.models import answer_key, normalised_key, preview_key, variant_key
from packshot.enhancers.contract import Analysis, Brief, Enhancer, Photo, Picture
from packshot.errors import (
    EnhancerError,
    NotFound,
    PictureError,
    ProductError,
    Stopping,
    VariantRefused,
)
from packshot.pictures import imaging
from packshot.pictures.child_processes import Pixels
from packshot.storage import Storage
from packshot.work.claims import MAX_ATTEMPTS, Claim, Claims, ImageRecord
from packshot.work.patience import Patience

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
    patience: Patience = field(default_factory=Patience)  # with what is paid and not yet saved
    stopping: threading.Event = field(default_factory=threading.Event)  # this process is to end


def run(claim: Claim, parts: Parts) -> None:
    """Make what is missing of this product's round, then put it before a reviewer.

    Every step is saved as soon as it exists, so a restart asks only for what is missing. Raises
    ProductError, Unavailable or LostClaim; what was saved until then stays.
    """
    photo = normalised_photo(claim, parts)
    analysis = analysis_of(claim, photo, parts)
    make_variants(claim, photo, analysis, parts)
    parts.claims.complete(claim)
    faults.point("after_complete", claim.product_id)


def brief_of(claim: Claim) -> Brief:
    return Brief(
        product_id=claim.product_id,
        round=claim.round,
        category=claim.category,
        wanted=claim.wanted,
        instructions=claim.instructions,
        complaints=claim.complaints,
    )


# -- the photo -------------------------------------------------------------------------------


def normalised_photo(claim: Claim, parts: Parts) -> Photo:
    """The normalised copy: stored at the first fetch, read from the store ever after."""
    key = normalised_key(claim.namespace, claim.product_id)
    try:
        data = parts.storage.get(key)
    except NotFound:
        return fetch_and_normalise(claim, key, parts)
    if claim.analysis is None:  # whoever stored it may have died before its previews
        put_previews(key, parts.pixels.run(imaging.previews_of, data), parts.storage)
    header = parts.pixels.run(imaging.read_header, data)
    return Photo(data, header.mime_type, header.width, header.height)


def fetch_and_normalise(claim: Claim, key: str, parts: Parts) -> Photo:
    with claim.steps.timed("fetch"):
        raw = parts.read_raw(claim.raw_image)
    faults.point("after_fetch", claim.product_id)
    with claim.steps.timed("normalise"):
        copy = parts.pixels.run(imaging.normalise, raw)
    copy = stored(key, copy, parts)
    faults.point("after_normalise", claim.product_id)
    return Photo(copy.data, copy.mime_type, copy.width, copy.height)


# -- storing -----------------------------------------------------------------------------------


def stored(key: str, picture: imaging.Encoded, parts: Parts) -> imaging.Encoded:
    """Store a picture with its previews, unless there is one; give what is stored now.

    A picture is never written over: a worker that froze, was given up and woke up again finds
    that of its successor, which a reviewer may have seen. Safe to repeat.
    """
    if not parts.storage.put_new(key, picture.data, picture.mime_type):
        data = parts.storage.get(key)
        if data != picture.data:
            picture = read_back(data, parts)
    faults.point("before_previews")
    put_previews(key, picture.previews, parts.storage)
    return picture


def read_back(data: bytes, parts: Parts) -> imaging.Encoded:
    header = parts.pixels.run(imaging.read_header, data)
    previews = parts.pixels.run(imaging.previews_of, data)
    return imaging.Encoded(data, header.mime_type, header.width, header.height, previews)


def put_previews(key: str, previews: Mapping[int, bytes], storage: Storage) -> None:
    for side, preview in previews.items():
        storage.put(preview_key(key, side), preview, JPEG)


# -- the analysis ------------------------------------------------------------------------------


def analysis_of(claim: Claim, photo: Photo, parts: Parts) -> Analysis:
    """Asked for once per round, and saved."""
    saved = saved_analysis(claim, parts.enhancer)
    if saved is not None:
        return saved
    check_before_paying(claim, parts)
    with claim.steps.timed("analyse"):
        analysis = parts.enhancer.analyse(photo, brief_of(claim))
    paid, name = analysis.model_dump(), parts.enhancer.name
    parts.patience.keep(lambda: parts.claims.save_analysis(claim, name, paid))
    faults.point("after_analysis", claim.product_id)
    return analysis


def check_before_paying(claim: Claim, parts: Parts) -> None:
    """Whoever lost the product, or is about to end, pays for nothing more."""
    if parts.stopping.is_set():
        raise Stopping()
    parts.claims.check(claim)


def saved_analysis(claim: Claim, enhancer: Enhancer) -> Analysis | None:
    """What was read off before. Another enhancer's plans would mean nothing to this one."""
    if claim.analysis is None or claim.analysed_by != enhancer.name:
        return None
    try:
        saved = Analysis.model_validate(claim.analysis)
    except ValidationError:
        return None  # an older version's
    return saved if len(saved.variants) >= claim.wanted else None


# -- the variants --------------------------------------------------------------------------------


def make_variants(claim: Claim, photo: Photo, analysis: Analysis, parts: Parts) -> None:
    """Make every missing variant; one that fails does not take the others with it."""

    def attempt(variant: int) -> ProductError | None:
        try:
            make_variant(claim, photo, analysis, variant, parts)
        except VariantRefused as refusal:
            parts.patience.keep(partial(parts.claims.record_refusal, claim, variant, refusal))
            return refusal
        except ProductError as error:
            return error
        return None

    met = each(attempt, claim.missing, parts.enhancer.parallel)
    judge(claim, dict(zip(claim.missing, met, strict=True)), parts)


def each(
    attempt: Callable[[int], ProductError | None], variants: Sequence[int], parallel: bool
) -> list[ProductError | None]:
    """One after the other, or all at once; what is under way is always waited for."""
    if not parallel or len(variants) < 2:
        return [attempt(variant) for variant in variants]
    futures: list[Future[ProductError | None]] = [Future() for _ in variants]
    for variant, future in zip(variants, futures, strict=True):
        begin(future, attempt, variant)
    wait(futures)
    return [future.result() for future in futures]


def begin(
    future: Future[ProductError | None],
    attempt: Callable[[int], ProductError | None],
    variant: int,
) -> None:
    """In a thread of its own, or here and now when this machine has none left."""
    context = copy_context()  # its log lines are about this product too

    def work() -> None:
        context.run(settle, future, attempt, variant)

    try:
        # A daemon (an executor's are not): a call that hangs must not hold up the exit.
        threading.Thread(target=work, daemon=True).start()
    except RuntimeError:
        work()


def settle(
    future: Future[ProductError | None],
    attempt: Callable[[int], ProductError | None],
    variant: int,
) -> None:
    try:
        future.set_result(attempt(variant))
    except BaseException as error:
        future.set_exception(error)


def judge(claim: Claim, met: Mapping[int, ProductError | None], parts: Parts) -> None:
    """A refused picture leaves the product with its others; anything else ends the attempt.

    One that is given up counts as refused, when there are others: a product fails without any.
    """
    refusals = [error for error in met.values() if isinstance(error, VariantRefused)]
    others = {
        variant: error
        for variant, error in met.items()
        if error is not None and not isinstance(error, VariantRefused)
    }
    if claim.made or None in met.values():
        for variant in [each for each in others if is_given_up(claim, others[each])]:
            given_up = partial(parts.claims.record_refusal, claim, variant, others.pop(variant))
            parts.patience.keep(given_up)
    if others:
        raise min(others.values(), key=lambda error: error.retryable)
    if len(claim.refused) + len(refusals) == claim.wanted:
        raise refusals[0] if refusals else refused_before()


def is_given_up(claim: Claim, error: ProductError) -> bool:
    return not error.retryable or (claim.attempts >= MAX_ATTEMPTS and not claim.steps.any_saved)


def refused_before() -> VariantRefused:
    return VariantRefused(
        "every picture was refused before, and would be again: use another photo, or ask for a"
        " redo with other words"
    )


def make_variant(
    claim: Claim, photo: Photo, analysis: Analysis, variant: int, parts: Parts
) -> None:
    """Generate, finish, store, record; what was paid for and not recorded is adopted."""
    key = variant_key(claim.namespace, claim.product_id, claim.round, variant)
    answer = PaidAnswer(claim, variant, parts)
    try:
        if was_stored_before(claim, key, parts.storage):
            record = adopted(key, variant, analysis, parts)
        else:
            record = made(claim, photo, analysis, variant, key, answer, parts)
    except ProductError:
        answer.drop()  # what was kept is of no use
        raise
    answer.drop()
    parts.patience.keep(lambda: parts.claims.record_image(claim, record))
    faults.point("after_record", claim.product_id)


def made(
    claim: Claim,
    photo: Photo,
    analysis: Analysis,
    variant: int,
    key: str,
    answer: PaidAnswer,
    parts: Parts,
) -> ImageRecord:
    if not answer.is_kept:
        check_before_paying(claim, parts)
    with claim.steps.timed("generate"):
        picture = parts.enhancer.generate(photo, analysis, brief_of(claim), variant, answer)
    faults.point("after_picture", claim.product_id)
    with claim.steps.timed("finish"):
        finished = parts.patience.keep(lambda: finish(picture, parts))

    def save() -> imaging.Encoded:
        parts.claims.check(claim)  # whoever lost the product leaves nothing behind
        return stored(key, finished, parts)

    with claim.steps.timed("store"):
        kept = parts.patience.keep(save)
    faults.point("after_upload", claim.product_id)
    return image_record(variant, key, picture, kept, parts)


class PaidAnswer:
    """A paid picture as it came, in the store from its arrival until ours is made of it and stored.

    Whoever goes on after a crash in between finds it here, and pays for nothing again. See
    `enhancers.Answers`.
    """

    def __init__(self, claim: Claim, variant: int, parts: Parts) -> None:
        self._key = answer_key(claim.namespace, claim.product_id, claim.round, variant)
        self._claim, self._parts = claim, parts
        self._kept = self._left_behind() if claim.analysis is not None else None
        self._in_store = self._kept is not None

    def _left_behind(self) -> bytes | None:
        try:
            return self._parts.storage.get(self._key)
        except NotFound:
            return None

    @property
    def is_kept(self) -> bool:
        return self._kept is not None

    def take(self) -> bytes | None:
        kept, self._kept = self._kept, None
        return kept

    def keep(self, data: bytes) -> None:
        def save() -> None:
            self._parts.claims.check(self._claim)  # whoever lost the product leaves nothing behind
            self._parts.storage.put(self._key, data, "application/octet-stream")

        self._parts.patience.keep(save)
        self._in_store = True
        faults.point("after_answer", self._claim.product_id)

    def drop(self) -> None:
        """It has served its turn."""
        if self._in_store:
            self._parts.patience.keep(lambda: self._parts.storage.delete([self._key]))
            self._in_store = False


def adopted(key: str, variant: int, analysis: Analysis, parts: Parts) -> ImageRecord:
    """The picture is paid and stored; its previews may not be."""
    found = read_back(parts.storage.get(key), parts)
    put_previews(key, found.previews, parts.storage)
    plan = analysis.variants[variant]
    picture = Picture(found.data, plan.title, plan.prompt, model=parts.enhancer.name)
    return image_record(variant, key, picture, found, parts)


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
    variant: int, key: str, picture: Picture, kept: imaging.Encoded, parts: Parts
) -> ImageRecord:
    return ImageRecord(
        variant=variant,
        image_url=parts.storage.url(key),
        object_key=key,
        title=picture.title,
        prompt=picture.prompt,
        enhancer=parts.enhancer.name,
        model=picture.model,
        width=kept.width,
        height=kept.height,
        bytes=len(kept.data),
        sha256=hashlib.sha256(kept.data).hexdigest(),
        warning=picture.warning,
    )
