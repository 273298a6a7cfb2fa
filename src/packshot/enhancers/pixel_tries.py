"""Runs a job on a paid picture in a pixel process, again when that process dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, cast

from packshot.enhancers.contract import RunPixels
from packshot.errors import PictureError

T = TypeVar("T")
TRIES: Final = 3


def run_for_paid_picture(run_pixels: RunPixels, job: Callable[..., T], *args: object) -> T:
    """Run `job(*args)`, up to TRIES times: the picture is paid for. Raises PictureError."""
    for tries_left in reversed(range(TRIES)):
        try:
            return cast("T", run_pixels(job, *args))
        except PictureError as error:
            if not (error.retryable and tries_left):
                raise
    raise AssertionError("unreachable")
