"""Is this address one that a raw image can be fetched from? Judged by its text; nothing is sent."""

from __future__ import annotations

from packshot.download.fetcher import check_url
from packshot.errors import FetchError
from packshot.wiring import Services, raw_buckets

#: What Packshot made itself is no raw image.
OWN_WORK = ("enhanced/", "normalised/", "previews/", "answers/")
FORMS = "must be https://, http://, s3:// or the raw_image an upload answered"


def check_raw_image(raw_image: str, services: Services) -> None:
    """Raise FetchError, which says what is wrong without the address in it."""
    key = services.storage.own_key(raw_image)
    if key is not None:
        _check_own(raw_image, key)
    elif raw_buckets(services.settings).has(raw_image):
        _check_printable(raw_image)
    elif raw_image.startswith("/"):
        raise _bad(FORMS)
    elif raw_image[:5].lower() == "s3://":
        raise _bad("names a bucket that is neither S3_BUCKET nor in S3_RAW_BUCKETS")
    else:
        check_url(raw_image, services.settings.raw_image_hosts)


def _check_own(raw_image: str, key: str) -> None:
    if key.startswith(OWN_WORK):
        raise _bad("is a picture Packshot made itself")
    if raw_image.startswith("/") and not key.startswith("uploads/"):
        raise _bad(FORMS)


def _check_printable(raw_image: str) -> None:
    if not raw_image.isprintable():
        raise _bad("has an invisible character in it")


def _bad(detail: str) -> FetchError:
    return FetchError(detail, code="bad_url", retryable=False)
