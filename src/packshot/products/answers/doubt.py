"""Doubt: a picture is doubtful when its enhancer warned, or its fidelity check did not pass.

A doubtful picture is excluded from approval by default. This is the only rule: the answers'
`doubt`, the lists' filter and their order follow it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    and_,
    case,
    exists,
    func,
    select,
    text,
    tuple_,
)

from packshot.database.models import IS_DOUBTFUL, Product, ProductImage
from packshot.fidelity.verdicts import DOUBTFUL

#: How doubtful a picture is, for the order of a list; one with only a warning counts 1.
WEIGHTS: Final = {"fail": 8, "not_comparable": 3, "warn": 2}
#: Word for word as in the index: SQLite does not use it for "= 1", and reads all pictures.
FOUND_AFTER_APPROVAL: Final = text("product_images.found_after_approval")
#: A reason with its place on the product, as `fidelity.explaining` words it.
PLACED: Final = re.compile(
    r"(.+) ((?:at|in) the (?:middle|left|right|(?:top|bottom)(?: left| right)?))"
)
#: The words for a verdict without a reason.
WORDS: Final = {
    "fail": "the product was changed",
    "warn": "the product may have been changed",
    "not_comparable": "the product could not be compared with the photo",
}


def doubt_of(image: ProductImage) -> str | None:
    """Why a picture is doubtful, in words; None when it is not."""
    words = [image.warning] if image.warning else []
    if image.verdict in DOUBTFUL:
        reasons = (image.fidelity or {}).get("reasons") or []
        said = _join(reason["words"] for reason in reasons) or WORDS[image.verdict]
        words.append(f"{said[:1].upper()}{said[1:]}")
    return " · ".join(words) or None


def _join(reasons: Iterable[str]) -> str:
    """The reasons in their order; one that is given for several places is said once, with them:
    "a detail is gone at the top, at the right and in the middle"."""
    found: dict[str, list[str]] = {}
    for words in reasons:
        placed = PLACED.fullmatch(words)
        what, place = placed.groups() if placed else (words, "")
        places = found.setdefault(what, [])
        if place and place not in places:
            places.append(place)
    return "; ".join(" ".join((what, *_list(places))) for what, places in found.items())


def _list(places: Sequence[str]) -> Sequence[str]:
    return places if len(places) < 2 else (", ".join(places[:-1]), "and", places[-1])


def _doubtful() -> ColumnElement[bool]:
    return and_(
        ProductImage.product_id == Product.id,
        ProductImage.round == Product.round,
        IS_DOUBTFUL,
    )


def has_doubt() -> ColumnElement[bool]:
    """The condition that at least one picture of the product is doubtful."""
    return exists().where(_doubtful())


def was_found_after_approval() -> ColumnElement[bool]:
    """The condition that a check found something in a picture of the product that was approved
    before the check ended. The index on such pictures answers it: there are few."""
    found = select(ProductImage.product_id, ProductImage.round).where(FOUND_AFTER_APPROVAL)
    return tuple_(Product.id, Product.round).in_(found)


def weigh_doubt() -> ScalarSelect[int | None]:
    """How doubtful the product's pictures are together; NULL if none is."""
    weight = func.sum(case(WEIGHTS, value=ProductImage.verdict, else_=1))
    return select(weight).where(_doubtful()).correlate(Product).scalar_subquery()
