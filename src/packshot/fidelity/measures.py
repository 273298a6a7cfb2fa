"""Measures in eleven ways how far the enhanced product differs from the photo's."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.fidelity.alignment import Alignment, stretch_of, warp
from packshot.fidelity.colours import colour_measures
from packshot.fidelity.parts import PartMasks, Pictures, find_parts
from packshot.fidelity.repainted import STRUCTURE_FLOOR, Repainted, find_repainted, gain_of, lift
from packshot.fidelity.sides import Side
from packshot.pictures.arrays import LUMA, Bytes, Floats, Mask, from_lab, to_lab, to_linear
from packshot.pictures.masks import pieces, without_specks

EDGE_WIDTH: Final = 10  # px of a crop of 640; even a good picture changes the product's edge
ENVELOPE: Final = 5  # px; a misalignment within a window of this size is ignored
WORST_WINDOW: Final = 0.04  # of the crop, for colour; half of it for detail
STRUCTURE_SIGMA: Final = 3.0
NEARLY_BLACK: Final = 0.005  # linear light
SHADING: Final = 40.0  # px; changes of light that are smoother than this are allowed


@dataclass(frozen=True)
class FidelityMeasures:
    """Higher means more different. 0 when nothing could be measured."""

    stretch: float  # %, how much more one direction is enlarged than the other
    colour: float  # a*b* units that no change of light explains
    cast: float  # how unlikely the change of light is, in standard deviations
    patch: float  # dE of the worst window, beyond what 5 px of misalignment explain
    detail: float  # 1 - contrast-structure of the worst window
    texture: float  # 1 - contrast-structure of the 5 % worst pixels
    missing: float  # share of the product
    extra: float  # share of the product, kept background included
    text_drop: float  # log-probability lost per letter, of the worst line
    text_unlike: float  # 1 - correlation of the pixels, of the worst letter
    blur: float  # log ratio of sharpness

    def as_dict(self) -> dict[str, float]:
        return {each.name: round(getattr(self, each.name), 5) for each in fields(self)}


NAMES: Final = tuple(each.name for each in fields(FidelityMeasures))


@dataclass(frozen=True)
class Colours:
    """Median sRGB where a* and b* differ most, in the photo and in the picture; `at` is the middle
    of that window of `side` px, x and y. `light`: EV by which the product became lighter."""

    was: Floats
    now: Floats
    at: tuple[int, int]
    side: int
    light: float


@dataclass(frozen=True)
class Shares:
    """Shares of the photo's product: `judged` was compared pixel by pixel; for the other two see
    `PartMasks`."""

    judged: float
    unjudged: float
    beside: float


@dataclass(frozen=True)
class Maps:
    """Per pixel of the raw crop; `patch` in dE and `detail` 0..2 as window means."""

    patch: Floats
    detail: Floats
    repainted: Repainted
    parts: PartMasks
    judged: Mask
    product: Mask  # in either of the two
    positions: Floats
    colours: Colours
    shares: Shares


def common_mask(raw: Side, enhanced: Side, positions: Floats) -> tuple[Mask, Mask, Mask]:
    """(raw product, enhanced product, both), in the raw crop. A piece of the raw mask that is
    entirely missing from the enhanced mask is another object beside the product."""
    likely = warp(enhanced.likelihood, positions, cv2.BORDER_CONSTANT)
    theirs = likely > 127
    ours = drop_neighbours(without_specks(raw.mask), theirs)
    return ours, theirs, ours & theirs


def drop_neighbours(ours: Mask, theirs: Mask) -> Mask:
    """`ours` without the pieces that are entirely missing from `theirs`."""
    for piece in pieces(ours, connectivity=8):
        if not theirs[piece].any():
            ours = ours & ~piece
    return ours


def erode_edge(mask: Mask) -> Mask:
    """The mask without its outermost 10 px; fewer for thin products."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    deepest = float(np.percentile(depth[mask], 98)) if mask.any() else 0.0
    return np.asarray(depth > min(EDGE_WIDTH, 0.35 * deepest))


def measure(
    raw: Side, enhanced: Side, found: Alignment, picture: Bytes
) -> tuple[dict[str, float], Maps]:
    """All measures except the two of printed text; `enhanced` was cropped from `picture`."""
    positions = found.positions()
    ours, theirs, both = common_mask(raw, enhanced, positions)
    visible = _visible(positions, enhanced)
    core = erode_edge(both) & visible
    sharpness = abs(float(np.linalg.det(found.linear()))) ** 0.5
    raw_rgb = _soften_alike(raw.rgb, sharpness)
    warped = _warp_picture(enhanced, positions, picture)
    relit = _relight(raw_rgb, warped, core)
    values = colour_measures(raw_rgb, warped, core)
    raw_lab, lab = to_lab(raw_rgb), _match_tone(raw_rgb, relit, core)
    patch = _windows(unexplained_difference(raw_lab, lab), core, WORST_WINDOW)
    structure = _structure(raw_lab[..., 0], lab[..., 0])
    detail_px = _unlike_structure(*structure)
    detail = _windows(detail_px, core, WORST_WINDOW / 2)
    pictures = Pictures(raw_lab, to_lab(relit), to_lab(warped), visible)
    parts = find_parts(raw, enhanced, positions, (ours, theirs), pictures)
    shares = _shares(ours, core, parts)
    area = max(1.0, float(ours.sum()))
    inside = bool(core.any())
    values |= {
        "stretch": _stretch(found),
        "patch": float(patch.max()) if inside else 0.0,
        "detail": float(detail.max()) if inside else 0.0,
        "texture": float(np.percentile(detail_px[core], 95)) if inside else 0.0,
        "missing": float(parts.missing.sum()) / area,
        "extra": float((parts.extra | parts.scraps).sum()) / area,
        "blur": _blur(raw_lab[..., 0], lab[..., 0], core),
    }
    colours = most_shifted(raw.rgb, warped, core)
    repainted = _repainted((raw_lab, lab), patch, core, (raw_rgb, warped))
    product = ours | theirs
    return values, Maps(patch, detail, repainted, parts, core, product, positions, colours, shares)


def _shares(ours: Mask, core: Mask, parts: PartMasks) -> Shares:
    area = max(1.0, float(ours.sum()))
    compared = (core | parts.missing) & ours
    unjudged, beside = float(parts.unjudged.sum()), float(parts.beside.sum())
    return Shares(float(compared.sum()) / area, unjudged / area, beside / area)


def _warp_picture(enhanced: Side, positions: Floats, picture: Bytes) -> Bytes:
    """The picture's pixels in the raw crop's places, also beyond the crop around what the network
    saw of the product: it may have missed a handle that is there."""
    warped = np.asarray(np.clip(warp(enhanced.rgb, positions), 0, 255), np.uint8)
    height, width = enhanced.rgb.shape[:2]
    x, y = positions[..., 0], positions[..., 1]
    beyond = (x < 0) | (y < 0) | (x > width - 1) | (y > height - 1)
    if beyond.any():
        there = enhanced.frame.to_picture(positions)
        warped[beyond] = np.clip(warp(picture, there), 0, 255).astype(np.uint8)[beyond]
    return warped


def _visible(positions: Floats, enhanced: Side) -> Mask:
    """The part of the raw crop that is inside the enhanced *picture*."""
    frame = enhanced.frame
    x = frame.left + positions[..., 0] * frame.scale
    y = frame.top + positions[..., 1] * frame.scale
    return np.asarray((x >= 2) & (y >= 2) & (x < frame.width - 2) & (y < frame.height - 2))


def _soften_alike(rgb: Floats, scale: float) -> Floats:
    """Blur the photo as shrinking it by `scale` would: a smaller product has less detail."""
    if scale > 0.95:
        return np.asarray(rgb)
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.45 * (1 / scale**2 - 1) ** 0.5))


def _stretch(found: Alignment) -> float:
    """The smaller of two estimates: from the matched points, and from them after the flow."""
    first = stretch_of(found.source, found.target)
    if found.flow is None:
        return first
    x = np.clip(found.source[:, 0].round().astype(int), 0, found.flow.shape[1] - 1)
    y = np.clip(found.source[:, 1].round().astype(int), 0, found.flow.shape[0] - 1)
    return min(first, stretch_of(found.source, found.apply(found.source + found.flow[y, x])))


def _relight(raw: Floats, warped: Floats, core: Mask) -> Floats:
    """The enhanced pixels under the photo's light: a gain of 1/2 to 2 in linear light, the same for
    all channels, that changes slowly over the product."""
    (ours, known), (theirs, _) = (
        blur_inside(to_linear(rgb) @ LUMA + 0.01, core, SHADING) for rgb in (raw, warped)
    )
    gain = np.where(known > 0.02, ours / np.maximum(theirs, 1e-4), 1.0)
    gain = np.clip(gain, 0.5, 2.0).astype(np.float32) ** (1 / 2.2)
    full = cv2.resize(gain, core.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(warped * full[..., None], 0, 255), np.uint8)


def blur_inside(values: Floats, mask: Mask, sigma: float) -> tuple[Floats, Floats]:
    """The blurred values inside the mask, and the blurred mask: their ratio is a mean that ignores
    what is outside. Both are so smooth that an eighth of the size is enough."""
    size = (max(1, mask.shape[1] // 8), max(1, mask.shape[0] // 8))
    held = values * (mask if values.ndim == 2 else mask[..., None])
    blurred, known = (
        cv2.GaussianBlur(
            cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA),
            (0, 0),
            sigma / 8,
        )
        for one in (held, mask)
    )
    return blurred, known


# ---- colour and tone


def most_shifted(raw: Floats, warped: Floats, core: Mask) -> Colours:
    """The colours where a person sees the largest shift."""
    soft = [
        to_lab(np.asarray(cv2.GaussianBlur(rgb, (0, 0), 2.0), np.uint8)) for rgb in (raw, warped)
    ]
    shift = np.linalg.norm((soft[1] - soft[0])[..., 1:], axis=2)
    windows = _windows(shift, core, WORST_WINDOW)
    y, x = (int(place) for place in np.unravel_index(int(windows.argmax()), windows.shape))
    side = _window_side(core, WORST_WINDOW)
    window = np.zeros_like(core)
    window[max(0, y - side // 2) : y + side // 2 + 1, max(0, x - side // 2) : x + side // 2 + 1] = 1
    was = _median(raw, window & core)
    # Not the picture's median: where two colours alternate, it may be the other one.
    shifted = (warped.astype(np.float32) - raw)[window & core]
    now = np.clip(was + (shifted.mean(axis=0) if len(shifted) else 0), 0, 255)
    return Colours(was, now, (x, y), side, _lighter(raw, warped, core))


def _lighter(raw: Floats, warped: Floats, core: Mask) -> float:
    """The median EV between the same places; what is nearly black hardly counts."""
    if not core.any():
        return 0.0
    was, now = (to_linear(rgb[core]) @ LUMA + NEARLY_BLACK for rgb in (raw, warped))
    return round(float(np.median(np.log2(now / was))), 2)


def _median(rgb: Floats, where: Mask) -> Floats:
    return np.median(rgb[where], axis=0) if where.any() else np.zeros(3)


def _match_tone(raw: Floats, warped: Floats, core: Mask) -> Floats:
    """The enhanced pixels (Lab) with the photo's tone: a curve per channel, then a correction that
    changes slowly over the product."""
    if int(core.sum()) < 50:
        return to_lab(warped)
    toned = np.dstack([_curve(warped[..., c], raw[..., c], core) for c in range(3)])
    lab, raw_lab = to_lab(np.clip(toned, 0, 255).astype(np.uint8)), to_lab(np.asarray(raw))
    return np.asarray(lab + _slow(raw_lab - lab, core), np.float32)


def _curve(channel: Floats, like: Floats, core: Mask) -> Floats:
    """The best quadratic from `channel` to `like`, without the worst fifth of the pixels."""
    x, y = channel[core], like[core]
    step = max(1, len(x) // 20_000)
    x, y = x[::step] / 255, y[::step] / 255
    kept = np.ones(len(x), bool)
    fit = np.array([0.0, 1.0, 0.0])
    for _ in range(3):
        fit = _fit(x[kept], y[kept])
        error = np.abs(np.polyval(fit, x) - y)
        kept = error <= np.percentile(error, 80)
    table = np.arange(256) / 255
    return np.asarray(np.polyval(fit, table)[channel] * 255, np.float32)


def _fit(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """The quadratic from x to y, or a line if x spans little; regularised to the identity."""
    degree = 2 if float(np.ptp(x)) > 0.15 else 1
    powers = np.vander(x, degree + 1)
    ridge = 1e-3 * len(powers) * np.eye(degree + 1)
    identity = np.array([0.0, 1.0, 0.0])[-(degree + 1) :]
    return np.linalg.solve(powers.T @ powers + ridge, powers.T @ y + ridge @ identity)


def _slow(difference: Floats, core: Mask) -> Floats:
    """The low-pass part of a difference inside the product."""
    blurred, known = blur_inside(np.clip(difference, -25, 25), core, SHADING)
    slow = blurred / (known + 1e-3)[..., None]
    return np.asarray(cv2.resize(slow, core.shape[::-1], interpolation=cv2.INTER_LINEAR))


# ---- detail


def unexplained_difference(raw: Floats, other: Floats) -> Floats:
    """dE beyond the lowest and highest value within 5 x 5 px of the other picture."""
    kernel = np.ones((ENVELOPE, ENVELOPE), np.uint8)
    raw, other = cv2.GaussianBlur(raw, (0, 0), 0.8), cv2.GaussianBlur(other, (0, 0), 0.8)
    total = np.zeros(raw.shape[:2], np.float32)
    for a, b in ((raw, other), (other, raw)):
        over = np.maximum(a - cv2.dilate(b, kernel), 0) + np.maximum(cv2.erode(b, kernel) - a, 0)
        total = np.maximum(total, np.einsum("ijk,ijk->ij", over, over))
    return np.sqrt(total)


def _structure(raw: Floats, other: Floats) -> tuple[Floats, Floats, Floats]:
    """The two local variances of lightness, and the covariance."""
    raw, other = cv2.GaussianBlur(raw, (0, 0), 1.0), cv2.GaussianBlur(other, (0, 0), 1.0)
    mean, mean_other = _mean(raw), _mean(other)
    variance = _mean(raw * raw) - mean * mean
    variance_other = _mean(other * other) - mean_other * mean_other
    return variance, variance_other, _mean(raw * other) - mean * mean_other


def _repainted(
    labs: tuple[Floats, Floats], patch: Floats, core: Mask, pictures: tuple[Bytes, Bytes]
) -> Repainted:
    """Where the photo is dark, everything differs by less: both are lifted alike there."""
    gain = gain_of(pictures[0], core)
    if float(gain.max()) > 1:
        raw_lab, lab = (to_lab(lift(from_lab(one), gain)) for one in labs)
        raw, enhanced = (lift(one, gain) for one in pictures)
        labs, pictures = (raw_lab, lab), (raw, enhanced)
        patch = _windows(unexplained_difference(*labs), core, WORST_WINDOW)
    return find_repainted((_variance(labs[0]), _variance(labs[1])), patch, core, pictures)


def _variance(lab: Floats) -> Floats:
    """The local variance of all three channels: print may be as light as what it is on."""
    soft = cv2.GaussianBlur(lab, (0, 0), 1.0)
    return np.asarray((_mean(soft * soft) - np.square(_mean(soft))).sum(axis=2))


def _unlike_structure(variance: Floats, other: Floats, both: Floats) -> Floats:
    """1 - SSIM's contrast-structure term (Wang et al., 2004)."""
    return np.asarray(1 - (2 * both + STRUCTURE_FLOOR) / (variance + other + STRUCTURE_FLOOR))


def _mean(values: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), STRUCTURE_SIGMA))


def _windows(values: Floats, core: Mask, share: float) -> Floats:
    """Means over windows; 0 where less than half of the window is in the core."""
    side = _window_side(core, share)
    weight = cv2.boxFilter(core.astype(np.float32), -1, (side, side))
    held = np.where(core, values, 0).astype(np.float32)
    mean = cv2.boxFilter(held, -1, (side, side)) / np.maximum(weight, 1e-3)
    return np.where(core & (weight > 0.5), mean, 0)


def _window_side(core: Mask, share: float) -> int:
    return max(5, round(share * int(max(core.shape)))) | 1


def _blur(raw: Floats, other: Floats, core: Mask) -> float:
    """How much of the finest detail was lost, as a log ratio; 0 if there is more of it."""
    if int(core.sum()) < 50:
        return 0.0
    energy = []
    for lightness in (raw, other):
        fine = cv2.GaussianBlur(lightness, (0, 0), 1.0) - cv2.GaussianBlur(lightness, (0, 0), 2.0)
        strongest = np.abs(fine[core])
        energy.append(float(np.percentile(strongest, 95)) + 0.15)
    return max(0.0, float(np.log(energy[0] / energy[1])))


def swatch(rgb: Floats) -> str:
    """#RRGGBB."""
    return "#" + "".join(f"{round(float(value)):02X}" for value in rgb)
