"""Explains a verdict: reasons in a seller's words, each with its place in the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import cv2
import numpy as np

from packshot.fidelity import facts
from packshot.fidelity.alignment import Alignment
from packshot.fidelity.comparing import Comparison
from packshot.fidelity.measures import Colours, swatch
from packshot.fidelity.scoring import Weights
from packshot.fidelity.sides import corners_of
from packshot.fidelity.text import SecondReading
from packshot.fidelity.verdicts import PROBLEMS, FidelityVerdict, Reason
from packshot.pictures.arrays import Floats, Mask, to_lab
from packshot.pictures.boxes import Edges, box_of, place_of

#: A measure becomes a reason if it adds at least this share of the score and of the score that
#: gives a "warn": where a hard limit decides, small measures explain nothing.
WORTH_NAMING: Final = 0.18
ALONG: Final = 0.85  # of a shift; if the vividness takes as much, the shade stayed
GREYISH: Final = 6.0  # a*b* units; a colour with less has no vividness worth a word
SEEN: Final = 2.0  # units of a* or b* that a person sees side by side
UNJUDGED: Final = "of the product could not be judged"
BESIDE: Final = "of the photo's product was left out, perhaps another object"
LIGHT_NAMED: Final = 0.6  # EV
MISSING: Final = "a part of the product is missing"
EXTRA: Final = "something was added"
SCRAP: Final = "background of the photo was kept"
GONE: Final = "print, a seam or another detail is gone"
ADDED: Final = "print, a hard highlight or another detail was added"
#: Share of a stretch along the product's width or height from which it is called by that name.
UPRIGHT: Final = 0.7
MAX_PLACES: Final = 3  # of one kind


def reasons_of(
    compared: Comparison, verdict: FidelityVerdict, weights: Weights, values: Mapping[str, float]
) -> list[Reason]:
    """The reasons for a verdict, most important first; for "pass" only another light and what could
    not be judged."""
    if compared.problem is not None:
        return [Reason(code=compared.problem, words=PROBLEMS[compared.problem])]
    always = [*_light(compared), *_unjudged(compared, weights)]
    if verdict == "pass":
        return always
    parts = weights.parts(values)
    least = WORTH_NAMING * max(sum(parts.values()), weights.warn)
    named = [name for name, part in parts.items() if part >= least]
    if values["stretch"] > weights.stretch_fails:
        named.insert(0, "stretch")
    if values["repainted"] > weights.repainted_warns:
        same = ("patch", "detail")  # less exact words for that place
        named = ["repainted", *(name for name in named if name not in same)]
    if values["patch"] > weights.patch_warns:
        named.insert(0, "patch")
    if values["extra"] > weights.extra_warns:
        named.insert(0, "extra")
    if values["missing"] > weights.missing_warns:
        named.insert(0, "missing")
    if values["letters"] > weights.letters_fail:
        named.insert(0, "letters")
    found: dict[tuple[str, str], Reason] = {}
    for name in named:
        for reason in _of_measure(name, compared, weights, values):
            found.setdefault((reason.code, reason.words), reason)
    return [*found.values(), *always]


def _light(compared: Comparison) -> Iterator[Reason]:
    """The product's light, if it changed by more than a shade. Good pictures may do that."""
    assert compared.maps is not None
    stops = compared.maps.colours.light
    if abs(stops) >= LIGHT_NAMED:
        way = "lighter" if stops > 0 else "darker"
        words = f"the product is {abs(stops):.1f} EV {way} than in the photo"
        words = f"{words} ({2.0**stops:.1f} times its light)"
        yield _reason("light", words, box_of(compared.maps.product), compared)


def _unjudged(compared: Comparison, weights: Weights) -> Iterator[Reason]:
    """The parts of the product that could not be judged, and what may be another object."""
    maps = compared.maps
    assert maps is not None
    parts, shares = maps.parts, maps.shares
    for code, mask, share, said in (
        ("unjudged", parts.unjudged, shares.unjudged, UNJUDGED),
        ("beside", parts.beside, shares.beside, BESIDE),
    ):
        if share > weights.unjudged_warns:
            [place, *_] = boxes_of(mask)
            where = place_of(place, box_of(maps.product))
            yield _reason(code, f"{100 * share:.0f} % {said}: {where}", place, compared)


def _of_measure(
    name: str, compared: Comparison, weights: Weights, values: Mapping[str, float]
) -> Iterator[Reason]:
    maps = compared.maps
    assert maps is not None
    if name in ("letters", "text_drop", "text_unlike"):
        yield from _text(compared)
    elif name == "stretch":
        words = _describe_stretch(compared.found, values["stretch"])
        product = box_of(maps.product & ~maps.parts.extra & ~maps.parts.scraps)
        fact = facts.describe_proportions(product.width / max(1, product.height))
        yield _reason("stretched", words, box_of(maps.product), compared, fact)
    elif name in ("colour", "cast"):
        yield _colour(compared)
    elif name == "blur":
        words = "the product is less sharp than in the photo"
        yield _reason("blurred", words, box_of(maps.product), compared)
    elif name == "texture":
        mask = maps.detail > weights.measures["detail"].low  # as the change map shows it
        mask = mask if mask.any() else maps.product
        yield from _places(mask, name, "texture or shape differs", compared)
    elif name == "missing":
        yield from _places(maps.parts.missing, name, MISSING, compared)
    elif name == "extra":
        yield from _places(maps.parts.extra, name, EXTRA, compared)
        yield from _places(maps.parts.scraps, name, SCRAP, compared)
    elif name == "repainted":
        yield from _places(maps.repainted.gone, name, GONE, compared)
        yield from _places(maps.repainted.added, name, ADDED, compared)
    else:
        heat = maps.patch if name == "patch" else maps.detail
        mask = heat > max(weights.measures[name].high, 0.6 * float(heat.max()))
        said = (
            "the colour or light of a place differs" if name == "patch" else "fine detail differs"
        )
        yield from _places(mask, name, said, compared)


def _describe_stretch(found: Alignment | None, percent: float) -> str:
    """Name the direction where the product became wider or narrower, and not skewed."""
    assert found is not None
    across, down = np.linalg.norm(found.linear(), axis=0)
    wider = 100 * (float(across / down) - 1)
    if abs(wider) < UPRIGHT * percent:
        return f"the product is skewed by {max(1, round(percent))} %"
    way = "wider" if wider > 0 else "narrower"
    return f"the product is {max(1, round(percent))} % {way} for its height than in the photo"


def _colour(compared: Comparison) -> Reason:
    """Name the colour where it shifted most: the means over the product may look alike."""
    assert compared.maps is not None
    colours, product = compared.maps.colours, box_of(compared.maps.product)
    (x, y), half = colours.at, colours.side / 2
    where = place_of((x - half, y - half, x + half, y + half), product)
    was, now = swatch(colours.was), swatch(colours.now)
    words = f"the product's colour shifted, most {where}: {was} is now {now}"
    if shift := _describe_shift(colours):
        words += f", {shift}"
    return _reason("colour", words, product, compared, facts.describe_colour(was, where))


def _describe_shift(colours: Colours) -> str:
    """The direction in which a colour shifted, in a seller's words; "" if it hardly did."""
    was, now = to_lab(np.array([[colours.was, colours.now]]).round().astype(np.uint8))[0]
    _, a, b = now - was
    if max(abs(a), abs(b)) < SEEN:
        return ""
    vivid = float(np.linalg.norm(now[1:]) - np.linalg.norm(was[1:]))
    if abs(vivid) > ALONG * float(np.hypot(a, b)) and np.linalg.norm(was[1:]) > GREYISH:
        return "more vivid" if vivid > 0 else "paler"
    if abs(a) >= abs(b):
        return "redder" if a > 0 else "greener"
    return "yellower" if b > 0 else "bluer"


def _text(compared: Comparison) -> Iterator[Reason]:
    """The lines that read differently; if none does, the line that looks most different."""
    lines = sorted(compared.lines or (), key=lambda line: line.similarity)
    differing = [line for line in lines if line.similarity < 1][:MAX_PLACES]
    for line in differing:
        now = f'reads "{line.text}"' if line.text.strip() else "can't be read"
        yield _of_line(f'printed text differs: "{line.line.text}" {now}', line, compared)
    if not differing and lines:
        worst = max(lines, key=lambda line: line.unlike + line.drop)
        words = f'printed text reads the same, but looks different: "{worst.line.text}"'
        yield _of_line(words, worst, compared)


def _of_line(words: str, line: SecondReading, compared: Comparison) -> Reason:
    assert compared.frames is not None
    raw, enhanced = compared.frames
    return Reason(
        code="text",
        words=words,
        fact=facts.describe_text(line.line.text),
        raw=_share(line.line.quad, (raw.width, raw.height)),
        enhanced=_share(line.quad, (enhanced.width, enhanced.height)),
    )


def _share(quad: Floats, size: tuple[int, int]) -> list[float]:
    corners = np.concatenate([quad.min(axis=0), quad.max(axis=0)]) / (*size, *size)
    return [round(float(value), 4) for value in np.clip(corners, 0, 1)]


def _places(mask: Mask, code: str, said: str, compared: Comparison) -> Iterator[Reason]:
    assert compared.maps is not None
    product = box_of(compared.maps.product)
    for box in boxes_of(mask):
        where = place_of(box, product)
        yield _reason(code, f"{said} {where}", box, compared, facts.describe_place(code, where))


def boxes_of(mask: Mask) -> list[Edges]:
    """Around the largest connected pieces, px of the raw crop."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    largest = sorted(stats[1:], key=lambda row: -row[cv2.CC_STAT_AREA])[:MAX_PLACES]
    return [(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h, _ in largest]


def _reason(
    code: str, words: str, box: Edges, compared: Comparison, fact: str | None = None
) -> Reason:
    assert compared.frames is not None and compared.found is not None
    moved = compared.found.apply(corners_of(box))
    there = (*moved.min(axis=0), *moved.max(axis=0))
    raw, enhanced = compared.frames
    boxes = {"raw": raw.shares(box), "enhanced": enhanced.shares(there)}
    return Reason(code=code, words=words, fact=fact, **boxes)
