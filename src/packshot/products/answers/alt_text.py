"""Alternative texts of pictures: a reviewer's own, or one made from known facts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from packshot.database.models import Correction, Product, ProductImage, Round
from packshot.database.types import now
from packshot.enhancers.contract import NOT_ANALYSED
from packshot.marketplaces.names import JOINERS
from packshot.spreadsheets.columns.layouts import ALT_TEXTS, shops_own
from packshot.spreadsheets.fields import DEFAULT_CATEGORY
from packshot.spreadsheets.photos.views import view_in_english

#: The most characters; screen readers pause or stop after about as many.
LONGEST: Final = 125
#: The most colours to name; an analysis may list every shade.
COLOURS: Final = 3
#: A model's answers when it can't tell.
NOTHING_SEEN: Final = frozenset(
    {NOT_ANALYSED, "none", "n/a", "cannot be determined", "can't be determined"}
    | {"unknown", "unclear", "unspecified", "undetermined", "unidentified", "indeterminate"}
    | {
        f"not {seen}"
        for seen in ("visible", "known", "clear", "specified", "shown", "identifiable")
    }
    | {
        f"not {seen}"
        for seen in ("determined", "determinable", "discernible", "sure", "applicable")
    }
)
Analyses = Mapping[tuple[int, int], Mapping[str, Any] | None]


def alt_text(
    product: Product, image: ProductImage, analysis: Mapping[str, Any] | None = None
) -> str:
    """The text for people who can't see the picture, at most 125 characters, never empty.

    Without a reviewer's own text: the shop's, which came with its spreadsheet; else the seller's
    name and what Gemini saw in the photo, else category and SKU; then the view.
    """
    if image.alt_text:
        return image.alt_text
    if own := _join([shops_own(product.attributes, ALT_TEXTS) or ""], LONGEST):
        return own
    view = _view_in_words(product.view)
    space = LONGEST - len(view)
    known = _join([*_facts(product, analysis or {})], space)
    return (known or _join([_of_category(product)], space)) + view


def _facts(product: Product, analysis: Mapping[str, Any]) -> Iterator[str]:
    seen = _known_words(analysis.get("product"))
    if product.name:
        yield product.name
    elif not seen:
        yield _of_category(product)
    yield seen
    colours = [_known_words(colour) for colour in analysis.get("colours") or ()]
    yield " and ".join(list(filter(None, colours))[:COLOURS])
    yield _known_words(analysis.get("material"))


def _of_category(product: Product) -> str:
    """The default category says nothing of the picture: the SKU alone is better."""
    if product.sku and product.category == DEFAULT_CATEGORY:
        return product.sku
    return f"{product.category} {product.sku or ''}"


def _known_words(value: object) -> str:
    known = isinstance(value, str) and value.strip(" .").casefold() not in NOTHING_SEEN
    return str(value) if known else ""


def _view_in_words(view: str | None) -> str:
    words = view_in_english(_one_line(view or ""))
    return f", {words} view" if words else ""


def _join(facts: Sequence[str], space: int) -> str:
    """The facts that fit, the first one cut at a word; none is repeated."""
    text = ""
    for fact in filter(None, map(_one_line, facts)):
        if not text:
            text = _cut_at_word(fact, space)
        elif fact.casefold() not in text.casefold() and len(f"{text}, {fact}") <= space:
            text = f"{text}, {fact}"
    return text


def _one_line(text: str) -> str:
    words = "".join(map(_readable, text)).split()
    return " ".join(filter(None, (word.lstrip(JOINERS) for word in words))).rstrip(".")


def _readable(c: str) -> str:
    """What is invisible inside a word ends no word: only joiners stay, without which Hindi, Persian
    and some emoji read differently."""
    if c.isprintable() or c in JOINERS:
        return c
    return "" if unicodedata.category(c) == "Cf" else " "


def _cut_at_word(text: str, space: int) -> str:
    if len(text) <= space:
        return text
    return text[: space + 1].rpartition(" ")[0].rstrip(" ,;:-") or text[:space]


def analyses_of(session: Session, products: Sequence[int]) -> Analyses:
    """The analyses of the products' current rounds, by product and round."""
    rows = session.execute(
        select(Round.product_id, Round.number, Round.analysis)
        .join(Product, Product.id == Round.product_id)
        .where(Round.product_id.in_(products), Round.number == Product.round)
    )
    return {(product_id, number): analysis for product_id, number, analysis in rows}


def write_alt_text(
    who: str, text: str | None, session: Session, product: Product, image: ProductImage
) -> None:
    """Save a reviewer's text, with an entry in the audit; None removes it."""
    if image.alt_text == text:
        return
    changes = {f"alt_text of picture {image.id}": [image.alt_text, text]}
    session.add(Correction(product_id=product.id, who=who, changes=changes))
    image.alt_text, image.updated_at = text, now()
    product.touch()
