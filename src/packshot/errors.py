"""Every error Packshot raises on purpose, drawn as one tree.

PackshotError(message, code=, retryable=)
|- SettingsError          a setting is wrong; the start stops
|- ProductError           the cause is this product's; attempts are counted
|  |- FetchError          its raw image could not be downloaded
|  |- PictureError        its file is not a picture that Packshot accepts (damaged, too large)
|  |- EnhancerError       the enhancer gave no usable answer for it
|  `- VariantRefused      the enhancer refuses this one picture for good (safety, recitation)
|- WaitsForBatch          it waits for the answers of batch jobs; nothing is wrong
|- Unavailable            a part Packshot needs does not work; attempts are not counted
|  |- RateLimited         slow down; `retry_after` says for how long
|  |- Unanswered          a request may have been carried out, or not: look before asking again
|  |- PartlyUnavailable   only what this one product needs is missing; it waits, others continue
|  |- Stopping            this process is about to end; another one continues
|  `- NotConfigured       a setting or a permission is wrong; products wait until it is fixed
|- SpreadsheetError       a spreadsheet, an archive of photos or a choice for it can't be read
|- LostClaim              another worker has claimed the product; write nothing more
|- NotAllowed             the caller's key may not do this to this product
|- NotFound               no such product, picture or object
`- Conflict               the state does not allow it (already decided, pending, stale version)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: The words for pydantic's types of errors in a value, a setting's or a request's, with what is in
#: their context.
VALUE_DETAILS: Final = {
    "literal_error": "must be {expected}",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


class PackshotError(Exception):
    """Base of all. `message` is one sentence for a person: what happened, to what, what to do.

    `code` is a short stable word for programs; `retryable` is the one flag that decides
    whether to try again or to give up.
    """

    code = "error"
    retryable = False

    def __init__(
        self, message: str, *, code: str | None = None, retryable: bool | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable


class SettingsError(PackshotError):
    """A setting is wrong. The message names it, says what is allowed and contains no secret."""

    code = "bad_setting"


class ProductError(PackshotError):
    """The cause is this product's: retried while `retryable`, with its attempts counted."""

    code = "product_error"


class FetchError(ProductError):
    """The raw image could not be downloaded."""

    code = "fetch_failed"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, retryable=retryable)
        self.retry_after = retry_after


class PictureError(ProductError):
    """The bytes are not a picture that Packshot accepts."""

    code = "bad_picture"


class EnhancerError(ProductError):
    """The enhancer answered, but gave no picture or analysis for this product."""

    code = "enhancer_failed"
    retryable = True


class PaidInVain(EnhancerError):
    """A call that may be paid for brought nothing. Each repetition costs as much, so there are
    fewer than for other errors."""


class UnusableAnswer(PaidInVain):
    """An answer has nothing to use, partly by chance: the enhancer asks once more at once."""


class VariantRefused(ProductError):
    """The enhancer refuses this one picture for good; the other variants continue."""

    code = "refused"


class WaitsForBatch(PackshotError):
    """A product's missing parts are requested in batch jobs: `variants`, -1 for the analysis."""

    code = "waits_for_batch"

    def __init__(self, variants: Sequence[int]) -> None:
        super().__init__("waiting for the answers of batch jobs")
        self.variants = variants


class Unavailable(PackshotError):
    """A part Packshot needs does not work (database, queue, storage, enhancer): wait for it."""

    code = "unavailable"
    retryable = True

    def __init__(
        self, message: str, *, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class RateLimited(Unavailable):
    """The service says: slow down. `retry_after` is in seconds."""

    code = "rate_limited"


class Unanswered(Unavailable):
    """Nobody knows whether the service carried out the request."""

    code = "unanswered"


class PartlyUnavailable(Unavailable):
    """Only this product's bucket, host or object is unreachable: it waits, the worker continues."""

    code = "partly_unavailable"


class Stopping(Unavailable):
    """This process is about to end and begins nothing more; nothing is wrong."""

    code = "stopping"

    def __init__(self) -> None:
        super().__init__("this process is about to end; another one continues with the product")


class NotConfigured(Unavailable):
    """A setting, a key or a permission is wrong: products wait, `/readyz` says what to fix."""

    code = "not_configured"


class SpreadsheetError(PackshotError):
    """The file, or a choice made for it, is wrong. The message says where and what to do."""

    code = "bad_spreadsheet"


class LostClaim(PackshotError):
    """Another worker has taken the product over: write nothing more."""

    code = "lost_claim"


class NotAllowed(PackshotError):
    """The caller's key may not do this to this product, though it may to others."""

    code = "forbidden"


class NotFound(PackshotError):
    """No such product, picture or object."""

    code = "not_found"


class Conflict(PackshotError):
    """The current state does not allow it. `state` is the one for the client to look at."""

    code = "conflict"

    def __init__(
        self, message: str, *, code: str | None = None, state: object | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.state = state
