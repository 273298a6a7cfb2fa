"""What a store that speaks S3 takes of the protocol: found out by its answers, and remembered.

Amazon's own is asked in the first way only. Others refuse newer headers and operations, with
answers of many kinds; a way that such a store takes right after it refused the one before is used
from then on in this process.
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

#: How a store says no to what it does not know.
REFUSED: Final = frozenset({400, 405, 411, 415, 417, 501})
#: Amazon has another meaning for these: the request as such was understood.
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


class Ways(Generic[W]):
    """The ways to ask for one thing, the best first; each with what follows from it, in words."""

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
        """The answer in the first way that the store takes; if it takes none, its first refusal."""
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
        """The store took this way, but did not do what it asks for: use the next one."""
        self._taken = min(self._taken + 1, len(self._ways) - 1)


def is_refusal(error: ClientError) -> bool:
    """May another way to ask the same be taken? A wrong signature is what a store says, too, that
    drops or changes a header it does not know."""
    code = code_of(error)
    if code in OTHER_REASONS or code.casefold().startswith("kms"):
        return False
    return status_of(error) in REFUSED or code in {"SignatureDoesNotMatch", "NotImplemented"}
