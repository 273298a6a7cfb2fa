"""Finds which parts of the S3 protocol a compatible store supports, by its answers.

Requests to Amazon's own S3 always use the first way. Other stores refuse newer headers and
operations with many kinds of errors. When such a store accepts the next way right after it refused
one, this process uses the next way from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from packshot.aws import (
    ABSENT,
    CLOCK,
    ELSEWHERE,
    EXPIRED,
    REFUSED_KEYS,
    SLOW_DOWN,
    code_of,
    status_of,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

W = TypeVar("W")
R = TypeVar("R")

#: Statuses with which a store refuses what it does not know.
REFUSED: Final = frozenset({400, 405, 411, 415, 417, 501})
#: Errors that have another meaning: the request itself was understood.
OTHER_REASONS: Final = (ABSENT | CLOCK | ELSEWHERE | EXPIRED | REFUSED_KEYS | SLOW_DOWN) - {
    "SignatureDoesNotMatch"
} | {
    "BadDigest",
    "EntityTooLarge",
    "IncompleteBody",
    "InvalidBucketName",
    "InvalidObjectState",
    "KeyTooLongError",
    "RequestTimeout",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
}


class Fallbacks(Generic[W]):
    """Ways to make the same request, the best first; each with a note about its consequences."""

    def __init__(self, *ways: tuple[W, str | None], may_change: bool) -> None:
        self._ways = ways if may_change else ways[:1]
        self._taken = 0

    @property
    def way(self) -> W:
        return self._ways[self._taken][0]

    @property
    def note(self) -> str | None:
        return self._ways[self._taken][1]

    def ask(self, request: Callable[[W], R]) -> R:
        """Return the answer to the first way that the store accepts, or raise the first refusal."""
        from botocore.exceptions import ClientError

        refusal: ClientError | None = None
        for number in range(self._taken, len(self._ways)):
            try:
                answer = request(self._ways[number][0])
            except ClientError as error:
                refusal = refusal or error
                if not is_refusal(error):
                    break
            else:
                self._taken = max(number, self._taken)
                return answer
        assert refusal is not None
        raise refusal

    def give_up(self) -> None:
        """Use the next way: the store accepted this one, but did not do what was asked."""
        self._taken = min(self._taken + 1, len(self._ways) - 1)


def is_refusal(error: ClientError) -> bool:
    """Whether another way may be accepted. A store that drops or changes an unknown header also
    reports a wrong signature."""
    code = code_of(error)
    if code in OTHER_REASONS or code.casefold().startswith("kms"):
        return False
    return status_of(error) in REFUSED or code in {"SignatureDoesNotMatch", "NotImplemented"}
