"""The variants: which ones a photo can have, in order, and how each is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packshot.enhancers.contract import VariantPlan
from packshot.enhancers.local import on_white, scenes
from packshot.enhancers.local.findings import Findings, Ground
from packshot.enhancers.local.framing import Framed

# A detail cuts the product in two: only where a trusted mask says what it shows, and last.
TITLES: dict[Ground, tuple[str, ...]] = {
    "alpha": (
        "white", "studio", "natural", "warm", "tight",
        "dark", "bright", "crisp", "sunny", "detail",
    ),
    "cut": (
        "white", "studio", "natural", "warm", "soft",
        "tight", "dark", "bright", "crisp", "detail",
    ),
    "unsure": (
        "natural", "white", "soft", "close", "bright",
        "crisp", "studio", "sunny", "deep", "plain",
    ),
    "whiten": (
        "white", "studio", "natural", "warm", "tight",
        "close", "bright", "crisp", "sunny", "plain",
    ),
    "scene": (
        "natural", "soft", "close", "bright", "crisp",
        "sunny", "deep", "fresh", "framed", "plain",
    ),
}  # fmt: skip
ASKED_TO_CUT = (
    "white",
    "studio",
    "natural",
    "warm",
    "soft",
    "close",
    "tight",
    "dark",
    "bright",
    "plain",
)
SMALL_SIDE = 600  # px; a smaller picture shows little when it is zoomed into


@dataclass(frozen=True)
class Recipe:
    """Words for the record, and the function that makes it."""

    words: str
    make: Callable[[Findings], Framed]


def plan(findings: Findings, wanted: int) -> list[VariantPlan]:
    """The first `wanted` variants (at most 10) for what this photo allows."""
    return [
        VariantPlan(title=title, prompt=_words(findings, title))
        for title in titles(findings)[:wanted]
    ]


def titles(findings: Findings) -> list[str]:
    """Every variant that makes sense for this photo, best first; what shows no more than another
    does comes last."""
    listed = TITLES[findings.ground]
    if findings.ground == "unsure" and findings.order.asks("cut_out"):
        listed = ASKED_TO_CUT
    vague = () if findings.placed else ("soft", "close")
    return [t for t in listed if t not in vague] + [t for t in listed if t in vague]


def make(findings: Findings, title: str) -> Framed:
    """One variant, HxWx3 sRGB, its longer side at most 2048 px."""
    return _recipe(findings.ground, title).make(findings)


def warning(findings: Findings, title: str, made: Framed) -> str | None:
    """What a reviewer should check before approving this picture, in plain words."""
    words = [*_of_the_ground(findings, title), *_of_the_shape(findings, title, made)]
    if findings.tilted:
        words.append("It was not straightened: a part of the product might be cut off.")
    return " ".join(words) or None


def _of_the_ground(findings: Findings, title: str) -> list[str]:
    on_new_ground = title in CUT
    if findings.ground == "unsure" and on_new_ground:
        return [
            "The cut-out is not certain: compare the outline with the photo, a part of the product"
            " may be missing or a part of the background kept."
        ]
    if findings.ground == "whiten" and on_new_ground:
        return [
            "The backdrop was made white without cutting the product out: parts of the product as"
            " light as the backdrop may have been lost. Compare its light edges with the photo."
        ]
    if findings.ground in ("scene", "unsure") and title == "soft":
        return [
            "The background was blurred behind a rough outline: check that every part of the"
            " product is sharp."
        ]
    if findings.ground == "scene" and not findings.order.asks("keep_background"):
        return ["The background was kept: the product could not be told apart from it for certain."]
    return []


def _of_the_shape(findings: Findings, title: str, made: Framed) -> list[str]:
    words = []
    height, width = made.picture.shape[:2]
    ratio = findings.order.ratio
    square = title in CUT or title == "framed"
    if ratio is not None and not square and abs(width / height / ratio - 1) > 0.02:
        words.append(
            "It keeps the photo's own shape: in the wanted one a part of the product would be cut."
        )
    if max(height, width) < SMALL_SIDE:
        words.append(f"It is small ({width} x {height} pixels), as the photo is.")
    return words


def _words(findings: Findings, title: str) -> str:
    recipe = _recipe(findings.ground, title)
    settings = "as it is" if title == "plain" else findings.tone.words()
    return f"{recipe.words}; {settings}; {findings.why}"


def _recipe(ground: Ground, title: str) -> Recipe:
    if title in SCENES:
        return SCENES[title]
    return (WHITENED if ground == "whiten" else CUT)[title]


CUT: dict[str, Recipe] = {
    "white": Recipe("product on pure white, filling 86 %, soft shadow", on_white.placed("white")),
    "studio": Recipe("product on a soft grey sweep, filling 86 %", on_white.placed("studio")),
    "tight": Recipe("product on pure white, filling 95 %", on_white.placed("tight", 0.95)),
    "warm": Recipe("product on a pale warm sweep, filling 86 %", on_white.placed("warm")),
    "dark": Recipe("product on a charcoal sweep, filling 86 %", on_white.placed("dark")),
}
WHITENED: dict[str, Recipe] = {
    "white": Recipe(
        "backdrop divided to white, own shadow kept, filling 86 %", on_white.whitened("white")
    ),
    "studio": Recipe(
        "backdrop divided out, laid on a soft grey sweep", on_white.whitened("studio")
    ),
    "tight": Recipe("backdrop divided to white, filling 95 %", on_white.whitened("tight", 0.95)),
    "warm": Recipe("backdrop divided out, laid on a pale warm sweep", on_white.whitened("warm")),
}
SCENES: dict[str, Recipe] = {
    "natural": Recipe("the original scene, corrected", scenes.natural),
    "soft": Recipe("the scene with its background out of focus", scenes.soft),
    "close": Recipe("the scene cropped to all that may be the product", scenes.close),
    "bright": Recipe("the scene, +0.35 EV brighter", scenes.adjusted(exposure=0.35)),
    "crisp": Recipe("the scene with more local contrast", scenes.adjusted(contrast=0.25)),
    "deep": Recipe("the scene, 0.25 EV darker", scenes.adjusted(exposure=-0.25)),
    "sunny": Recipe("the scene in warmer light", scenes.adjusted(warmth=0.06)),
    "fresh": Recipe("the scene in cooler light", scenes.adjusted(warmth=-0.05)),
    "framed": Recipe("the scene on a white canvas with a margin", scenes.framed),
    "plain": Recipe("the photo upright and resized", scenes.plain),
    "detail": Recipe("a close view of the busiest part", scenes.detail),
}
