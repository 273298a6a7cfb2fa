"""Makes the variants that keep the original scene: corrected, blurred behind, cropped closer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from packshot.enhancers.local import compose, framing
from packshot.enhancers.local.backdrop import SURFACE_SIDE
from packshot.enhancers.local.findings import Findings
from packshot.enhancers.local.framing import FramedPicture
from packshot.enhancers.local.light import tone
from packshot.pictures.arrays import Bytes, Floats, as_bytes, from_lab, resize, size_at, to_lab
from packshot.pictures.boxes import Box

MARGIN = 0.04  # of the product's longer side: the smallest margin around it
CLOSE = 0.1  # the same in "close"; a reviewer may ask for twice or half of it
SOFTNESS = 0.012  # of the picture's longer side: sigma of the background's blur
ALIKE = 0.9  # of the larger window: windows that share more show the same
BLURRED = 0.05  # of the picture: where "soft" blurs less, it shows the same as "natural"
EVENED = (0.7, 1.5)  # times a pixel's code: the most that "even" darkens and lightens
LIGHTEST = 250.0  # a code; evening makes nothing lighter than this
DIM, NEARLY_WHITE = 30.0, 96.0  # L of a backdrop; darker ones show no light, lighter ones are even
UNEVEN = 5.0  # L; smaller ranges are even
TURNS = 8.0  # of a or b over a backdrop: more is no light, but two things: a sky over the ground
FADE = 0.015  # of the mask's longer side: how gradually the blur begins


def natural(findings: Findings) -> FramedPicture:
    """The whole scene, or the largest part in the wanted ratio that has the whole product."""
    return _crop(findings, _natural_window(findings))


def even(findings: Findings) -> FramedPicture:
    """The natural scene as light everywhere as where its backdrop is lightest, as far as light
    parts of the product allow: no dark corners or sides."""
    window = _natural_window(findings)
    scale = _scale(window)
    part = _part(findings.rgb, window, scale)
    small = findings.backdrop.small_surface(window.share_of(findings.rgb.shape))
    wanted = np.full_like(small, small.mean(axis=(0, 1)))
    wanted[..., 0] = small[..., 0].max()
    # sRGB codes can be divided like light, because their curve is nearly a power.
    gain = from_lab(wanted) / np.maximum(from_lab(small), 1).astype(np.float32)
    size = part.shape[1::-1]
    lit = part * cv2.resize(np.clip(gain, *EVENED), size, interpolation=cv2.INTER_LINEAR)
    before, after = (float(np.percentile(each[::4, ::4], 99.9)) for each in (part, lit))
    lit *= min(1.0, max(LIGHTEST, before) / max(1.0, after))
    picture = tone.apply(tone.keep_below_white(as_bytes(lit), part), findings.tone, scale)
    picture = tone.sharpen(picture, scale, findings.tone.noise)
    return FramedPicture(picture, window.top, window.left, scale)


def plain(findings: Findings) -> FramedPicture:
    """The photo upright, resized and in the wanted ratio, otherwise unchanged."""
    window = _natural_window(findings)
    scale = _scale(window)
    return FramedPicture(_part(findings.rgb, window, scale), window.top, window.left, scale)


def adjust(
    exposure: float = 0.0, contrast: float = 0.0, warmth: float = 0.0
) -> Callable[[Findings], FramedPicture]:
    """A recipe like `natural`, with other light (EV), local contrast or warmth."""

    def make(findings: Findings) -> FramedPicture:
        red, green, blue = findings.tone.balance
        changed = replace(
            findings.tone,
            exposure=findings.tone.exposure + exposure,
            contrast=min(0.6, findings.tone.contrast + contrast),
            balance=(red * (1 + warmth), green, blue * (1 - warmth)),
        )
        return natural(replace(findings, tone=changed))

    return make


def close(findings: Findings) -> FramedPicture:
    """The scene cropped to everything that may belong to the product, with a margin."""
    return _crop(findings, _close_window(findings))


def _close_window(findings: Findings) -> Box:
    asked = findings.options.direction("looser", "tighter")
    margin = CLOSE * 2.0**asked
    shape = findings.rgb.shape
    window = framing.pad(findings.box, shape, margin)
    if findings.options.ratio is not None:
        window = framing.closest(window, shape, findings.options.ratio) or window
    return window


def soft(findings: Findings) -> FramedPicture:
    """The natural scene with the background out of focus, as far as it is surely background."""
    window = _natural_window(findings)
    scale = _scale(window)
    sharp = correct(findings, window, scale)
    keep = _sharp_area(findings, window, sharp.shape)
    blurred = _blur_background(sharp, keep, SOFTNESS * max(sharp.shape[:2]))
    weight = cv2.merge([keep, keep, keep])
    mixed = cv2.add(
        cv2.multiply(sharp, weight, scale=1 / 255),
        cv2.multiply(blurred, cv2.bitwise_not(weight), scale=1 / 255),
    )
    picture = tone.keep_below_white(np.asarray(mixed, np.uint8), sharp)
    picture = tone.sharpen(picture, scale, findings.tone.noise)
    return FramedPicture(picture, window.top, window.left, scale)


def shows_the_same(findings: Findings, title: str) -> bool:
    """Whether this recipe would make the picture of `natural` again: "close" where there is nothing
    to crop, "soft" where there is no background to blur, "even" where the light is even."""
    window = _natural_window(findings)
    if title == "even":
        return not _is_unevenly_lit(findings)
    if title == "close":
        return framing.overlap(window, _close_window(findings)) > ALIKE
    return title == "soft" and _blurred_share(findings, window) < BLURRED


def _is_unevenly_lit(findings: Findings) -> bool:
    """Whether a backdrop shows the light that falls on it, and that it is not the same all over."""
    backdrop = findings.backdrop
    surface = backdrop.small_surface()
    if not backdrop.plain or not DIM < backdrop.lightness < NEARLY_WHITE:
        return False
    if np.ptp(surface[..., 0]) < UNEVEN or np.ptp(surface[..., 1:], axis=(0, 1)).max() > TURNS:
        return False
    size = (SURFACE_SIDE, SURFACE_SIDE)
    off = to_lab(resize(findings.rgb, *size))[..., 0] - surface[..., 0]
    if findings.cut is not None:
        extent = cv2.resize(findings.cut.extent.astype(np.uint8), size)
        off = off[extent == 0]
    # Its surface is known at the border only: it must go on behind the product.
    return bool(off.size and np.median(np.abs(off)) < UNEVEN / 2)


def _blurred_share(findings: Findings, window: Box) -> float:
    """About the share of a window that `soft` blurs."""
    if findings.cut is None:
        return 0.0
    extent = (findings.cut.mask | findings.cut.extent).astype(np.float32)
    small = cv2.resize(extent, (100, 100), interpolation=cv2.INTER_AREA)
    reach = 2 * round(100 * FADE) + 1
    sharp = cv2.dilate((small > 0).astype(np.uint8), np.ones((reach, reach), np.uint8))
    height, width = findings.rgb.shape[:2]
    rows = slice(100 * window.top // height, -(-100 * window.bottom // height))
    columns = slice(100 * window.left // width, -(-100 * window.right // width))
    return float(1 - sharp[rows, columns].mean())


def frame(findings: Findings) -> FramedPicture:
    """The corrected scene on a white canvas of the wanted ratio, with a margin."""
    height, width = findings.rgb.shape[:2]
    photo = _crop(findings, Box(0, 0, width, height))
    ratio = findings.options.ratio or width / height
    rows, columns = photo.picture.shape[:2]
    wide = max(columns, rows * ratio) / 0.92
    shrink = min(1.0, compose.MAX_SIDE / max(wide, wide / ratio))
    scene = resize(photo.picture, *size_at(photo.picture, shrink))
    canvas = np.full((round(wide / ratio * shrink), round(wide * shrink), 3), 255, np.uint8)
    top, left = ((a - b) // 2 for a, b in zip(canvas.shape[:2], scene.shape[:2], strict=True))
    canvas[top : top + scene.shape[0], left : left + scene.shape[1]] = scene
    scale = photo.scale * shrink
    return FramedPicture(canvas, -top / scale, -left / scale, scale)


def detail(findings: Findings) -> FramedPicture:
    """A square of half the product's longer side where it has most detail (print, seams)."""
    return _crop(findings, busiest(findings))


def busiest(findings: Findings) -> Box:
    """The window of `detail`."""
    box = findings.box
    side = int(0.5 * box.longer)
    side = min(max(side, min(256, min(findings.rgb.shape[:2]))), *findings.rgb.shape[:2])
    part = box.crop(findings.rgb)
    scale = min(1.0, 320 / max(part.shape[:2]))
    small = resize(part, *size_at(part, scale))
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    energy = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 1.0), cv2.CV_32F))
    energy = np.minimum(energy, 20)
    span = max(3, round(side * scale))
    score = cv2.blur(energy, (span, span), borderType=cv2.BORDER_CONSTANT)
    score *= _towards_middle(*score.shape)  # the rim is half backdrop
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    height, width = findings.rgb.shape[:2]
    top = int(np.clip(box.top + y / scale - side / 2, 0, height - side))
    left = int(np.clip(box.left + x / scale - side / 2, 0, width - side))
    return Box(left, top, left + side, top + side)


def correct(
    findings: Findings, window: Box, scale: float, *, neutral_exposure: bool = False
) -> Bytes:
    """A window of the photo at `scale`, its light and colour corrected."""
    wanted = findings.tone
    if neutral_exposure:
        wanted = replace(wanted, balance=(1.0, 1.0, 1.0), exposure=0.0, black=0.0)
    return tone.apply(_part(findings.rgb, window, scale), wanted, scale)


def _natural_window(findings: Findings) -> Box:
    """The largest window of the wanted ratio with the whole product and a margin in it, else the
    whole frame."""
    shape, ratio = findings.rgb.shape, findings.options.ratio
    whole = Box(0, 0, shape[1], shape[0])
    if ratio is None or not findings.has_known_place:
        return whole
    return framing.widest(framing.pad(findings.box, shape, MARGIN), shape, ratio) or whole


def _crop(findings: Findings, window: Box) -> FramedPicture:
    scale = _scale(window)
    picture = tone.sharpen(correct(findings, window, scale), scale, findings.tone.noise)
    return FramedPicture(picture, window.top, window.left, scale)


def _scale(window: Box) -> float:
    """Shrinks to 2048 px, never enlarges: a small crop becomes a small picture."""
    return min(1.0, compose.MAX_SIDE / window.longer)


def _part(rgb: Bytes, window: Box, scale: float) -> Bytes:
    part = window.crop(rgb)
    return resize(part, *size_at(part, scale))


def _sharp_area(findings: Findings, window: Box, shape: tuple[int, ...]) -> Bytes:
    """Where the picture stays sharp, 0..255: the product with a margin, as masks miss its rim."""
    height, width = findings.rgb.shape[:2]
    if findings.cut is None:
        return np.full(shape[:2], 255, np.uint8)
    extent = (findings.cut.mask | findings.cut.extent).astype(np.uint8) * 255
    unit = FADE * max(extent.shape)
    reach = 2 * round(unit) + 1
    grown = cv2.dilate(extent, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    faded = cv2.GaussianBlur(grown, (0, 0), unit)
    tall, wide = extent.shape[0] / height, extent.shape[1] / width
    top, left = int(window.top * tall), int(window.left * wide)
    rows = slice(top, max(top + 1, round(window.bottom * tall)))
    columns = slice(left, max(left + 1, round(window.right * wide)))
    part = np.ascontiguousarray(faded[rows, columns])
    return np.asarray(cv2.resize(part, shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _blur_background(sharp: Bytes, keep: Bytes, sigma: float) -> Bytes:
    """Blur the scene without the product, so that its colours do not glow around it.

    Computed at a quarter of the size: a sixteenth of the work, without a visible difference.
    """
    size = (max(1, sharp.shape[1] // 4), max(1, sharp.shape[0] // 4))
    small = cv2.resize(sharp, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = 1.0 - cv2.resize(keep, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    weight = np.maximum(weight, 1e-3)
    total = cv2.GaussianBlur(small * weight[..., None], (0, 0), sigma / 4)
    mass = cv2.GaussianBlur(weight, (0, 0), sigma / 4)
    blurred = np.clip(total / np.maximum(mass, 1e-6)[..., None], 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(blurred, sharp.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def _towards_middle(height: int, width: int) -> Floats:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(1 - 0.35 * (x * x + y * y), np.float32)
