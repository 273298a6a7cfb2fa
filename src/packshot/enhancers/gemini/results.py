"""Turns an answer into an analysis or a picture that can be used, or an error."""

from __future__ import annotations

import math

from packshot.enhancers.contract import Analysis, Picture, RunPixels
from packshot.enhancers.gemini import failures, prompts
from packshot.enhancers.gemini.answers import GeminiAnswer, picture_bytes, read_answer
from packshot.enhancers.gemini.client import Request
from packshot.enhancers.gemini.paid_requests import PaidRequest
from packshot.enhancers.gemini.pixels import Inspection, inspect
from packshot.enhancers.gemini.sizes import nominal_side
from packshot.enhancers.pixel_tries import run_for_paid_picture
from packshot.errors import EnhancerError, PictureError, UnusableAnswer

MIN_SIDE = 256  # pixels; the smallest size Gemini offers has 512
FAR_SMALLER = 0.7  # of the requested side
MAX_ASPECT = 8.5  # Gemini's longest ratio is 8:1


def read_whole_answer(body: str, paid: PaidRequest) -> GeminiAnswer:
    """Parse an answer that was stored whole. Raises VariantRefused when it is a refusal."""
    answer = read_answer(body)
    failures.check_refusal(answer, paid.subject)
    return answer


def analysis_in(answer: GeminiAnswer, paid: PaidRequest) -> Analysis:
    """The analysis in an answer. Raises UnusableAnswer when there is none that can be used."""
    if not answer.text:
        raise failures.nothing_usable(answer, paid.subject, "analysis")
    try:
        return prompts.read_analysis(answer.text, paid.brief.wanted)
    except prompts.BadAnalysis as error:
        raise UnusableAnswer(
            f"Gemini's answer for {paid.subject} is not the JSON that was asked for: {error}.",
            code="bad_analysis",
        ) from error


def picture_data_in(answer: GeminiAnswer, paid: PaidRequest) -> bytes:
    """The bytes of the picture in an answer. Raises UnusableAnswer when there is none."""
    blob = answer.picture
    if blob is None:
        raise failures.nothing_usable(answer, paid.subject, "picture")
    data = picture_bytes(blob)
    if data is None:
        raise UnusableAnswer(f"Gemini's data for {paid.subject} is not base64.", code="no_picture")
    return data


def picture_of(
    data: bytes, paid: PaidRequest, title: str, model: str | None, run_pixels: RunPixels
) -> Picture:
    """The picture, if it can be shown. Raises UnusableAnswer if not."""
    inspected = _inspect(data, paid, run_pixels)
    return Picture(
        data=data,
        title=title,
        prompt=paid.request.words,
        model=model or paid.request.model,
        warning=_warning(inspected, paid.request),
        made_by_ai=True,
        prompt_version=prompts.version_of(paid.brief),
    )


def _inspect(data: bytes, paid: PaidRequest, run_pixels: RunPixels) -> Inspection:
    seen = _decode(data, paid, run_pixels)
    if seen.copied:
        raise UnusableAnswer(
            f"Gemini returned an input photo as {paid.subject}.", code="copied_input"
        )
    if not _plausible(seen):
        raise UnusableAnswer(
            f"Gemini gave {seen.width} x {seen.height} pixels as {paid.subject}, "
            "which is not a product picture.",
            code="implausible_size",
        )
    if seen.blank:
        raise UnusableAnswer(
            f"Gemini gave a picture of a single colour as {paid.subject}.", code="no_picture"
        )
    return seen


def _decode(data: bytes, paid: PaidRequest, run_pixels: RunPixels) -> Inspection:
    sent = (paid.request.photo, paid.request.references)
    try:
        return run_for_paid_picture(run_pixels, inspect, data, *sent)
    except PictureError as error:
        words = f"Gemini returned no usable picture as {paid.subject}: {error.message}"
        if error.retryable:  # the decoding may succeed the next time
            raise EnhancerError(words, code=error.code) from None
        raise UnusableAnswer(words, code="no_picture") from None


def _plausible(seen: Inspection) -> bool:
    short, long = sorted((seen.width, seen.height))
    return short >= MIN_SIDE and long <= MAX_ASPECT * short


def _warning(seen: Inspection, request: Request) -> str | None:
    """A warning for the reviewer: Gemini sometimes ignores the size or the ratio (the finishing
    step then pads the picture), or hardly changes anything."""
    remarks = []
    if ignored := _find_ignored(seen, request):
        asked = " and ".join(ignored)
        remarks.append(
            f"Gemini made {seen.width} x {seen.height} pixels where {asked} was asked for."
        )
    if seen.hardly_changed:
        remarks.append("The picture is hardly changed: compare it with the photo.")
    return " ".join(remarks) or None


def _find_ignored(seen: Inspection, request: Request) -> list[str]:
    """Which of the requested ratio and size the picture lacks."""
    assert request.aspect is not None and request.size is not None
    across, down = (int(each) for each in request.aspect.split(":"))
    ignored = []
    if abs(seen.width * down / (seen.height * across) - 1) >= 0.05:
        ignored.append(request.aspect)
    if math.sqrt(seen.width * seen.height) < FAR_SMALLER * nominal_side(request.size):
        ignored.append(request.size)
    return ignored
