"""The recipes of the local enhancer: which variants a photo can have, and how each is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packshot.enhancers.adjustments import LIGHT_STEPS
from packshot.enhancers.contract import VariantPlan
from packshot.enhancers.local import on_white, scenes
from packshot.enhancers.local.cut.cutout import CutOut
from packshot.enhancers.local.findings import Findings, Treatment
from packshot.enhancers.local.framing import FramedPicture, scale_box
from packshot.pictures.boxes import box_of, place_of

# The variants for each treatment of the background, best first. "detail" shows only a part of the
# product: it comes last, and only with a trusted mask.
TITLES: dict[Treatment, tuple[str, ...]] = {
    "alpha": (
        "white", "studio", "natural", "warm", "tight",
        "dark", "bright", "crisp", "sunny", "detail",
    ),
    "cut": (
        "white", "studio", "natural", "warm", "soft",
        "tight", "dark", "bright", "crisp", "detail",
    ),
    "unsure": (
        "natural", "white", "even", "close", "soft", "bright",
        "crisp", "studio", "sunny", "deep", "plain",
    ),
    "whiten": (
        "white", "natural", "close", "even", "tight", "framed",
        "crisp", "bright", "plain", "deep", "fresh", "sunny",
    ),
    "scene": (
        "natural", "even", "close", "soft", "framed", "bright",
        "crisp", "plain", "deep", "fresh", "sunny",
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
OTHER_LIGHT = ("bright", "crisp", "deep", "sunny", "fresh")  # for last, if light is to stay
SPARE = ("airy", "glow")  # in the place of variants that would show the same as "natural"
MAX_CHANGED = 10.0  # delta E that light and colour may move the product without a warning,
MAX_GUESSED = 5.0  # and the part of it whose evidence is a coloured backdrop
SMALL_SIDE = 600  # px; a smaller picture is too small to zoom into


@dataclass(frozen=True)
class Recipe:
    """The words that are recorded as a variant's prompt, and the function that makes it."""

    words: str
    make: Callable[[Findings], FramedPicture]


def plan(findings: Findings, wanted: int) -> list[VariantPlan]:
    """The first `wanted` variants (at most 10) for what this photo allows."""
    return [
        VariantPlan(title=title, prompt=_words(findings, title))
        for title in titles(findings)[:wanted]
    ]


def titles(findings: Findings) -> list[str]:
    """Every variant that makes sense for this photo, best first; at least 10, no two alike."""
    listed = TITLES[findings.treatment]
    if findings.treatment == "unsure" and findings.options.has_adjustment("cut_out"):
        listed = ASKED_TO_CUT
    # Without the product's place these two look much like the others.
    last = () if findings.has_known_place else ("soft", "close")
    if findings.options.has_adjustment("keep_light"):
        last = (*last, *OTHER_LIGHT)
    elif findings.has_pale_backdrop:
        last = (*last, "bright")  # light parts of the product would fade into the backdrop
    ordered = [t for t in listed if t not in last] + [t for t in listed if t in last]
    made = [t for t in (*ordered, *SPARE) if not scenes.shows_the_same(findings, t)]
    # Behind an unlikely outline "soft" would blur a part of the product.
    likely = findings.cut is not None and findings.cut.likely
    return [t for t in made if t != "soft" or likely]


def make(findings: Findings, title: str) -> FramedPicture:
    """One variant, HxWx3 sRGB, its longer side at most 2048 px."""
    return _recipe(findings.treatment, title).make(findings)


def warning(findings: Findings, title: str, made: FramedPicture) -> str | None:
    """What a reviewer should check before approving this picture, in plain words."""
    words = [
        *_warn_of_background(findings, title),
        *_warn_of_colour(findings, title),
        *_warn_of_dark(findings),
        *_warn_of_shape(findings, title, made),
    ]
    if findings.tilted:
        words.append("It was not straightened: a part of the product might be cut off.")
    return " ".join(words) or None


def _warn_of_background(findings: Findings, title: str) -> list[str]:
    on_new_background = title in CUT
    if findings.treatment == "unsure" and on_new_background:
        return [_warn_of_doubts(findings.cut)]
    if findings.treatment == "cut" and on_new_background:
        return [*_warn_of_part(findings.cut), *_warn_of_cut(findings)]
    if findings.treatment == "whiten" and on_new_background:
        return _warn_of_whitening(findings)
    if findings.treatment in ("scene", "unsure") and title == "soft":
        return [
            "The background was blurred behind a rough outline: check that every part of the"
            " product is sharp."
        ]
    if findings.treatment == "scene" and not findings.options.has_adjustment("keep_background"):
        return [_warn_of_kept(findings.cut)]
    return []


def _warn_of_kept(cut: CutOut | None) -> str:
    kept = "The background was kept: the product could not be told apart from it for certain."
    return f'{kept} A redo with "Cut it out anyway" shows the cut-out.' if cut else kept


def _warn_of_doubts(cut: CutOut | None) -> str:
    said = f" ({'; '.join(cut.doubts)})" if cut is not None and cut.doubts else ""
    return (
        f"The cut-out is not certain{said}: compare the outline with the photo. A part of the"
        " product may be missing, or a part of the background may be left."
    )


def _warn_of_whitening(findings: Findings) -> list[str]:
    if findings.backdrop.white:
        return []
    return [
        "The backdrop was made white without cutting the product out: parts of the product that"
        " are as light as the backdrop may be lost. Compare its light edges with the photo."
    ]


def _warn_of_part(cut: CutOut | None) -> list[str]:
    if cut is None or cut.parts is None:
        return []
    whole, part = (box_of(mask) for mask in (cut.mask, cut.parts))
    part = scale_box(part, cut.parts.shape, cut.mask.shape, 0.0)
    return [
        f"A part {place_of(part, whole)} was added to the cut-out at a second look: check that it"
        " is complete and belongs to the product."
    ]


def _warn_of_cut(findings: Findings) -> list[str]:
    product = findings.product
    if product.lost_scraps:
        return [
            "Pieces of the old background were removed along the outline: check that none is left,"
            " and that no part of the product is missing there."
        ]
    if product.gained_rim:
        return [
            "The product has a thin border of another colour, which is hard to cut out: check that"
            " the border is complete."
        ]
    if findings.ragged:
        return [
            "The outline of the cut-out is ragged, as the product and the background there look"
            " alike: compare it with the photo."
        ]
    if findings.faint:
        return [
            "A part of the outline is hardly visible in the photo, as the product and the backdrop"
            " have nearly the same colour there: compare it with the photo."
        ]
    if product.maybe_scraps:
        return [
            "A piece along the outline has the old background's colours: check that it belongs to"
            " the product."
        ]
    if product.kept_gap:
        return [
            "The product has an enclosed area in the old backdrop's colour, which was kept: check"
            " that it is part of the product and not a gap."
        ]
    return []


def _warn_of_colour(findings: Findings, title: str) -> list[str]:
    asked = any(findings.options.has_adjustment(each) for each in LIGHT_STEPS)
    much = findings.colour_change > MAX_CHANGED or findings.guessed_change > MAX_GUESSED
    if title == "plain" or asked or not much:
        return []  # who asked for another light looks at it anyway
    return [
        "The product looks clearly different from the photo, because light and colour were"
        f" corrected ({findings.tone.effect()}): compare its colour with the product itself. A redo"
        ' with "Light and colour as in the photo" leaves them alone.'
    ]


def _warn_of_dark(findings: Findings) -> list[str]:
    asked = any(findings.options.has_adjustment(each) for each in (*LIGHT_STEPS, "keep_light"))
    if asked or not findings.tone.maybe_dark:
        return []
    return [
        "It may be too dark: hardly anything in the photo is light, which a dark backdrop would"
        ' explain, too. If it is too dark, a redo with "Lighter" helps.'
    ]


def _warn_of_shape(findings: Findings, title: str, made: FramedPicture) -> list[str]:
    words = []
    height, width = made.picture.shape[:2]
    ratio = findings.options.ratio
    square = title in CUT or title == "framed"
    if ratio is not None and not square and abs(width / height / ratio - 1) > 0.02:
        words.append(
            "It keeps the photo's aspect ratio: the requested one would cut off part of the"
            " product."
        )
    if max(height, width) < SMALL_SIDE:
        words.append(f"It is small ({width} x {height} pixels), as the photo is.")
    return words


def _words(findings: Findings, title: str) -> str:
    recipe = _recipe(findings.treatment, title)
    settings = "as it is" if title == "plain" else findings.tone.words()
    return f"{recipe.words}; {settings}; {findings.why}"


def _recipe(treatment: Treatment, title: str) -> Recipe:
    if title in SCENES:
        return SCENES[title]
    if treatment == "whiten":  # a plan from before an upgrade may name one that is no more
        return WHITENED.get(title, WHITENED["white"])
    return CUT[title]


CUT: dict[str, Recipe] = {
    "white": Recipe(
        "product on pure white, filling 86 %, soft shadow", on_white.place_on_backdrop("white")
    ),
    "studio": Recipe(
        "product on a soft grey sweep, filling 86 %", on_white.place_on_backdrop("studio")
    ),
    "tight": Recipe(
        "product on pure white, filling 95 %", on_white.place_on_backdrop("tight", 0.95)
    ),
    "warm": Recipe(
        "product on a pale warm sweep, filling 86 %", on_white.place_on_backdrop("warm")
    ),
    "dark": Recipe("product on a charcoal sweep, filling 86 %", on_white.place_on_backdrop("dark")),
}
WHITENED: dict[str, Recipe] = {
    "white": Recipe(
        "photo with its backdrop made white and its own shadow, filling 86 %",
        on_white.whiten_backdrop(),
    ),
    "tight": Recipe(
        "photo with its backdrop made white, filling 95 %", on_white.whiten_backdrop(0.95)
    ),
}
SCENES: dict[str, Recipe] = {
    "natural": Recipe("the original scene, corrected", scenes.natural),
    "even": Recipe("the scene with its light evened by the backdrop's", scenes.even),
    "soft": Recipe("the scene with its background out of focus", scenes.soft),
    "close": Recipe("the scene cropped to everything that may be the product", scenes.close),
    "bright": Recipe("the scene, +0.35 EV brighter", scenes.adjust(exposure=0.35)),
    "crisp": Recipe("the scene with more local contrast", scenes.adjust(contrast=0.25)),
    "deep": Recipe("the scene, 0.25 EV darker", scenes.adjust(exposure=-0.25)),
    "sunny": Recipe("the scene in warmer light", scenes.adjust(warmth=0.06)),
    "fresh": Recipe("the scene in cooler light", scenes.adjust(warmth=-0.05)),
    "airy": Recipe(
        "the scene, +0.2 EV and in cooler light", scenes.adjust(exposure=0.2, warmth=-0.03)
    ),
    "glow": Recipe(
        "the scene, +0.2 EV and in warmer light", scenes.adjust(exposure=0.2, warmth=0.03)
    ),
    "framed": Recipe("the scene on a white canvas with a margin", scenes.frame),
    "plain": Recipe("the photo upright and resized", scenes.plain),
    "detail": Recipe("a close view of the busiest part", scenes.detail),
}
