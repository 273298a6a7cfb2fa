"""Turns the reasons of a failed check into facts about the photo, for the next take's prompt.

A fact describes the photo and never the mistake: image models draw what their prompt names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from packshot.fidelity.verdicts import Reason

#: By reason code, for reasons that need neither a number nor a position.
FACTS: Final = {
    "mirrored": "the product is seen as in the photo, its left side on the left: not mirrored",
    "shown_twice": "the picture has exactly the products of the photo, each once",
    "no_common_view": "the product is seen from the side and the angle of the photo",
    "little_overlap": "the product is seen whole, from the side of the photo",
    "detail_only": "the whole product is in the picture",
    "no_product": "the whole product is in the picture, clearly apart from its background",
    "unjudged": "the whole product is in the picture, clearly apart from its background",
    "light": "the product is as light or dark as in the photo",
    "blurred": "the product is sharp, with every detail of the photo",
}
FALLBACK: Final = "shape, parts, colours and print of the product are exactly those of the photo"
MAX_FACTS: Final = 8


def describe_text(line: str) -> str:
    return f'the label reads exactly "{line}"'


def describe_proportions(ratio: float) -> str:
    """`ratio` is width over height."""
    return f"the product's width:height stays {ratio:.2f}"


def describe_colour(was: str, where: str) -> str:
    return f"the product's colour {where} stays {was}; only the light may change"


def describe_place(code: str, where: str) -> str:
    """`where` is "at the top left" or "in the middle"."""
    if code == "missing":
        return f"what the photo shows {where} is part of the product"
    if code == "extra":
        return f"{where} the product ends where it ends in the photo"
    return f"{where} the product looks exactly as in the photo"


def facts_of(reasons: Iterable[Reason]) -> list[str]:
    """The facts behind these reasons, most important first, without repeats; never empty."""
    known = (reason.fact or FACTS.get(reason.code) for reason in reasons)
    return list(dict.fromkeys(fact for fact in known if fact))[:MAX_FACTS] or [FALLBACK]
