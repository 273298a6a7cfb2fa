"""The result of a check, as it is stored and shown. Imports neither NumPy nor OpenCV."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

FidelityVerdict = Literal["pass", "warn", "fail", "not_comparable"]
VERDICTS: Final[tuple[FidelityVerdict, ...]] = get_args(FidelityVerdict)
#: A picture with one of these is excluded from approval by default.
DOUBTFUL: Final[tuple[FidelityVerdict, ...]] = ("warn", "fail", "not_comparable")

#: The codes of reasons that a "pass" has, too: another light, and what could not be judged.
OF_A_PASS: Final = ("light", "unjudged", "beside")

#: Problems that are a "fail"; the others are "not_comparable".
FAILING: Final = ("mirrored", "shown_twice")
#: Why two pictures can't be compared.
PROBLEMS: Final = {
    "mirrored": "the product is mirrored",
    "shown_twice": "the product is shown more than once",
    "no_common_view": "the product could not be aligned with the photo: it was turned, has too "
    "little detail, or is another product",
    "little_overlap": "the product's outlines in photo and picture hardly overlap",
    "detail_only": "the picture shows only a part of the product",
    "no_product": "no product was found in the picture",
    "no_raw_product": "no product was found in the photo",
}


class Reason(BaseModel):
    """`raw` and `enhanced` are boxes in shares of the picture: left, top, right, bottom. `fact`
    says what the photo shows, for the prompt if the picture is made again."""

    model_config = ConfigDict(frozen=True)
    code: str
    words: str
    raw: list[float] | None = None
    enhanced: list[float] | None = None
    fact: str | None = None


class Placement(BaseModel):
    """Where the whole photo lies in the picture if its product covers the picture's: `box` is left,
    top, right and bottom in shares of the picture, beyond 0 to 1 where the photo is larger. There
    it is turned clockwise around its middle by `degrees`."""

    model_config = ConfigDict(frozen=True)
    box: list[float]
    degrees: float


class Check(BaseModel):
    """`verdict` is None when nothing could be measured: `reasons` says why.

    `score` is 0..1; above 0.5 passes. `judged` is the share of the product that was compared pixel
    by pixel; for edges and thin parts only the outline was compared. `lines` is how many printed
    lines were compared; None when no text was read, because the extra `packshot[fidelity]` is not
    installed. `version` is the day the weights were fitted.
    """

    model_config = ConfigDict(frozen=True)
    verdict: FidelityVerdict | None
    score: float | None = None
    reasons: list[Reason] = []
    measures: dict[str, float] = {}
    judged: float | None = None
    lines: int | None = None
    placement: Placement | None = None  # None when the two can't be compared
    version: str = ""
    judge: dict[str, object] | None = None  # a model's opinion, see `fidelity.votes`


@dataclass(frozen=True)
class CheckResult:
    """A check with its change map (WebP), if there is one."""

    check: Check
    change_map: bytes | None = field(default=None, repr=False)
    #: JPEGs of the photo and of the picture, for a model to compare: the product, and the place
    #: that differs most, enlarged, if there is one.
    views: tuple[tuple[bytes, ...], tuple[bytes, ...]] | None = field(default=None, repr=False)
    is_certain: bool = False  # a model's vote does not clear it, see `Weights.is_certain`


def not_measured(code: str, words: str) -> Check:
    """A check that could not be made, and why."""
    return Check(verdict=None, reasons=[Reason(code=code, words=words)])
