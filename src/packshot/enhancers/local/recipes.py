"""The variants: which ones a photo can have, in order, and how each is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from packshot.enhancers.contract import VariantPlan
from packshot.enhancers.local import compose, flatfield, tone
from packshot.enhancers.local.colour import Bytes, Floats, resize
from packshot.enhancers.local.findings import Box, Findings, Ground

SMALLEST_VIEW = 128  # px of the photo; a crop of fewer shows nothing

ORDER: dict[Ground, tuple[str, ...]] = {
    "cut": (
        "white", "studio", "natural", "square", "detail",
        "tight", "warm", "dark", "bright", "crisp",
    ),
    "whiten": (
        "white", "studio", "natural", "square", "detail",
        "tight", "warm", "bright", "crisp", "close",
    ),
    "scene": (
        "natural", "square", "detail", "bright", "crisp",
        "close", "framed", "deep", "portrait", "plain",
    ),
    "alpha": (
        "white", "studio", "natural", "square", "detail",
        "tight", "warm", "dark", "bright", "crisp",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """Words for the record, and the hand that makes it."""

    words: str
    make: Callable[[Findings], Bytes]


def plan(findings: Findings, wanted: int) -> list[VariantPlan]:
    """The first `wanted` variants (at most 10) for what this photo allows."""
    titles = ORDER[findings.ground][:wanted]
    return [VariantPlan(title=title, prompt=_words(findings, title)) for title in titles]


def make(findings: Findings, title: str) -> Bytes:
    """One variant, HxWx3 sRGB, its longer side at most 2048 px."""
    return _recipe(findings.ground, title).make(findings)


def _words(findings: Findings, title: str) -> str:
    recipe = _recipe(findings.ground, title)
    settings = "as it is" if title == "plain" else findings.tone.words()
    return f"{recipe.words}; {settings}; {findings.why}"


def _recipe(ground: Ground, title: str) -> Recipe:
    if title in SCENES:
        return SCENES[title]
    return (WHITENED if ground == "whiten" else CUT)[title]


# On a new background


def _placed(title: str, fill: float = compose.FILL) -> Callable[[Findings], Bytes]:
    def made(findings: Findings) -> Bytes:
        product = findings.product
        top, left, bottom, right = product.box
        side = compose.canvas_side(max(bottom - top, right - left), fill)
        scale = fill * side / max(bottom - top, right - left)
        canvas = compose.place(product, compose.BACKDROPS[title](side), fill)
        return _sharpened(findings, canvas, scale * _shrunk(findings))

    return made


def _whitened(title: str, fill: float = compose.FILL) -> Callable[[Findings], Bytes]:
    def made(findings: Findings) -> Bytes:
        photo, scale = _framed_white(findings, fill)
        if title in ("studio", "warm"):
            sweep = compose.BACKDROPS[title](max(photo.shape[:2]))
            sweep = resize(sweep, photo.shape[1], photo.shape[0])
            photo = cv2.multiply(photo, sweep, scale=1 / 255).astype(np.uint8)
        return _sharpened(findings, photo, scale)

    return made


def _framed_white(findings: Findings, fill: float) -> tuple[Bytes, float]:
    """The whitened photo with the product filling `fill` of a square, and its scale.

    A product that the frame cuts keeps the frame: moved to the middle, the cut would show.
    """
    height, width = findings.rgb.shape[:2]
    box = findings.box
    if findings.cut is None or any(_touching(box, height, width)):
        scale = min(1.0, compose.MAX_SIDE / max(height, width))
        return _white_part(findings, (0, 0, height, width), scale), scale
    longer = max(box[2] - box[0], box[3] - box[1])
    side = compose.canvas_side(longer, fill)
    scale = fill * side / longer
    reach = side / scale / 2
    y, x = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    window = (round(y - reach), round(x - reach), round(y + reach), round(x + reach))
    inside = (max(0, window[0]), max(0, window[1]), min(height, window[2]), min(width, window[3]))
    sides = (inside[0] == 0, inside[3] == width, inside[2] == height, inside[1] == 0)
    photo = flatfield.fade_to_white(_white_part(findings, inside, scale), sides)
    canvas = compose.white(side)
    top, left = round((inside[0] - window[0]) * scale), round((inside[1] - window[1]) * scale)
    photo = photo[: side - top, : side - left]
    canvas[top : top + photo.shape[0], left : left + photo.shape[1]] = photo
    return canvas, scale


def _white_part(findings: Findings, window: Box, scale: float) -> Bytes:
    """A window of the photo with its backdrop divided to white."""
    height, width = findings.rgb.shape[:2]
    top, left, bottom, right = window
    part = (top / height, left / width, bottom / height, right / width)
    corrected = _scene(findings, window, scale, neutral_exposure=True)
    return flatfield.whiten(corrected, findings.backdrop, part)


def _window_on_white(photo: Bytes, centre: tuple[float, float], side: int) -> Bytes:
    top, left = round(centre[0] - side / 2), round(centre[1] - side / 2)
    canvas = compose.white(side)
    y0, x0 = max(0, -top), max(0, -left)
    part = photo[max(0, top) : top + side, max(0, left) : left + side]
    canvas[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
    return canvas


# In the original scene


def _natural(findings: Findings) -> Bytes:
    height, width = findings.rgb.shape[:2]
    scale = min(1.0, compose.MAX_SIDE / max(height, width))
    return _sharpened(findings, _scene(findings, (0, 0, height, width), scale), scale)


def _plain(findings: Findings) -> Bytes:
    height, width = findings.rgb.shape[:2]
    scale = min(1.0, compose.MAX_SIDE / max(height, width))
    return resize(findings.rgb, round(width * scale), round(height * scale))


def _adjusted(exposure: float = 0.0, contrast: float = 0.0) -> Callable[[Findings], Bytes]:
    def made(findings: Findings) -> Bytes:
        changed = replace(
            findings.tone,
            exposure=findings.tone.exposure + exposure,
            contrast=min(0.6, findings.tone.contrast + contrast),
        )
        return _natural(replace(findings, tone=changed))

    return made


def _window(margin: float, ratio: float = 1.0) -> Callable[[Findings], Bytes]:
    """A crop of width / height `ratio` around the product, with a margin of its longer side."""

    def made(findings: Findings) -> Bytes:
        window = crop_around(findings.box, findings.rgb.shape[:2], margin, ratio)
        return _cropped(findings, window)

    return made


def _detail(findings: Findings) -> Bytes:
    return _cropped(findings, busiest(findings))


def _framed(findings: Findings) -> Bytes:
    """The whole corrected scene on a white square with a margin."""
    photo = _natural(findings)
    side = round(max(photo.shape[:2]) / 0.92)
    if side > compose.MAX_SIDE:
        scale = compose.MAX_SIDE / side
        photo = resize(photo, round(photo.shape[1] * scale), round(photo.shape[0] * scale))
        side = compose.MAX_SIDE
    return _window_on_white(photo, (photo.shape[0] / 2, photo.shape[1] / 2), side)


def crop_around(box: Box, shape: tuple[int, ...], margin: float, ratio: float) -> Box:
    """The smallest window of the ratio with the box and its margin, moved and cut to the frame."""
    height, width = shape[:2]
    pad = margin * max(box[2] - box[0], box[3] - box[1])
    tall, wide = box[2] - box[0] + 2 * pad, box[3] - box[1] + 2 * pad
    tall, wide = max(tall, SMALLEST_VIEW), max(wide, SMALLEST_VIEW)
    tall, wide = max(tall, wide / ratio), max(wide, tall * ratio)
    shrink = min(1.0, height / tall, width / wide)
    tall, wide = tall * shrink, wide * shrink
    top = float(np.clip((box[0] + box[2] - tall) / 2, 0, height - tall))
    left = float(np.clip((box[1] + box[3] - wide) / 2, 0, width - wide))
    return (int(top), int(left), int(top + tall), int(left + wide))


def busiest(findings: Findings) -> Box:
    """A square of half the product's longer side where most is to be seen (print, seams)."""
    box = findings.box
    side = int(0.5 * max(box[2] - box[0], box[3] - box[1]))
    side = min(max(side, min(256, min(findings.rgb.shape[:2]))), *findings.rgb.shape[:2])
    part = findings.rgb[box[0] : box[2], box[1] : box[3]]
    scale = min(1.0, 320 / max(part.shape[:2]))
    small = resize(part, max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    energy = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 1.0), cv2.CV_32F))
    energy = np.minimum(energy, 20)
    span = max(3, round(side * scale))
    score = cv2.blur(energy, (span, span), borderType=cv2.BORDER_CONSTANT)
    score *= _towards_middle(*score.shape)  # at the rim of an unsure box lies the background
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    height, width = findings.rgb.shape[:2]
    top = int(np.clip(box[0] + y / scale - side / 2, 0, height - side))
    left = int(np.clip(box[1] + x / scale - side / 2, 0, width - side))
    return (top, left, top + side, left + side)


def _towards_middle(height: int, width: int) -> Floats:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(1 - 0.35 * (x * x + y * y), np.float32)


def _cropped(findings: Findings, window: Box) -> Bytes:
    longer = max(window[2] - window[0], window[3] - window[1])
    side = compose.canvas_side(longer, 1.0)
    scale = side / longer
    return _sharpened(findings, _scene(findings, window, scale), scale)


def _scene(
    findings: Findings, window: Box, scale: float, *, neutral_exposure: bool = False
) -> Bytes:
    """A window of the photo at `scale`, corrected."""
    part = findings.rgb[window[0] : window[2], window[1] : window[3]]
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    wanted = findings.tone
    if neutral_exposure:  # dividing by the backdrop sets light and colour itself
        wanted = replace(wanted, balance=(1.0, 1.0, 1.0), exposure=0.0, black=0.0)
    return tone.apply(resize(part, *size), wanted, scale)


def _sharpened(findings: Findings, picture: Bytes, scale: float) -> Bytes:
    return tone.sharpen(picture, scale, findings.tone.noise)


def _touching(box: Box, height: int, width: int) -> tuple[bool, bool, bool, bool]:
    slack = 0.006 * max(height, width)
    return (box[0] <= slack, box[3] >= width - slack, box[2] >= height - slack, box[1] <= slack)


def _shrunk(findings: Findings) -> float:
    """How much the cut-out product was shrunk already when it was cut."""
    top, _, bottom, _ = findings.product.box
    return (bottom - top) / max(1, findings.box[2] - findings.box[0])


CUT: dict[str, Recipe] = {
    "white": Recipe("product on pure white, filling 85 %, soft shadow", _placed("white")),
    "studio": Recipe("product on a soft grey sweep, filling 85 %", _placed("studio")),
    "tight": Recipe("product on pure white, filling 95 %", _placed("tight", 0.95)),
    "warm": Recipe("product on a pale warm sweep, filling 85 %", _placed("warm")),
    "dark": Recipe("product on a charcoal sweep, filling 85 %", _placed("dark")),
}
WHITENED: dict[str, Recipe] = {
    "white": Recipe("backdrop divided to white, own shadow kept, filling 85 %", _whitened("white")),
    "studio": Recipe("backdrop divided out, laid on a soft grey sweep", _whitened("studio")),
    "tight": Recipe("backdrop divided to white, filling 95 %", _whitened("tight", 0.95)),
    "warm": Recipe("backdrop divided out, laid on a pale warm sweep", _whitened("warm")),
}
SCENES: dict[str, Recipe] = {
    "natural": Recipe("the original scene, corrected", _natural),
    "square": Recipe("the scene cropped square around the product", _window(0.12)),
    "detail": Recipe("a close view of the busiest part", _detail),
    "bright": Recipe("the scene, +0.35 EV brighter", _adjusted(exposure=0.35)),
    "crisp": Recipe("the scene with more local contrast", _adjusted(contrast=0.25)),
    "close": Recipe("the scene cropped close around the product", _window(0.03)),
    "framed": Recipe("the scene on a white square with a margin", _framed),
    "deep": Recipe("the scene, 0.25 EV darker", _adjusted(exposure=-0.25)),
    "portrait": Recipe("the scene cropped to 4:5 around the product", _window(0.1, 0.8)),
    "plain": Recipe("the photo upright and resized", _plain),
}
