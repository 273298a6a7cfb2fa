"""Eleven measures of how far the product in the enhanced picture is from the photo's."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.fidelity.alignment import Alignment, stretch_of, warp
from packshot.fidelity.colours import colour_measures
from packshot.fidelity.sides import Mask, Side, disc, without_crumbs
from packshot.pictures.arrays import LUMA, Floats, to_lab, to_linear

ERODED: Final = 10  # px, of a crop of 640: the edge is new in every good picture
ENVELOPE: Final = 5  # px
WORST_WINDOW: Final = 0.04  # of the crop, for colour; half of it for detail
STRUCTURE_SIGMA: Final = 3.0
STRUCTURE_FLOOR: Final = 12.0  # squared levels of L: below it there is nothing to compare
SHADING: Final = 40.0  # px; the light may change as slowly as this
UNLIKE: Final = 12.0  # dE; a missing part is unlike what lies in its place now
SURE: Final = 160  # of 255, of a mask that says product, or not
CONTACT: Final = 0.45  # length of its border with the product, over the square root of its area
CONTACT_OF_ANOTHER_COLOUR: Final = 0.3  # of its outline
STEP: Final = 18.0  # dE; beyond it the two sides of a border have different colours
NEAR: Final = 6  # px
BAND: Final = 8  # px
OPENED: Final = 0.02  # of the crop: a thinner sliver is no part


@dataclass(frozen=True)
class Measures:
    """The higher, the less alike. 0 where nothing could be measured."""

    stretch: float  # %, one direction more than the other
    colour: float  # a*b* units that no change of light explains
    cast: float  # how unlikely the change of light is, in standard deviations
    patch: float  # dE of the worst window, beyond what 5 px of misplacement explain
    detail: float  # 1 - contrast-structure of the worst window
    texture: float  # 1 - contrast-structure of the 5 % worst pixels
    missing: float  # share of the product
    extra: float  # share of the product
    text_drop: float  # log-probability a letter of the worst line
    text_unlike: float  # 1 - correlation of the worst line
    blur: float  # log ratio of sharpness

    def as_dict(self) -> dict[str, float]:
        return {each.name: round(getattr(self, each.name), 5) for each in fields(self)}


NAMES: Final = tuple(each.name for each in fields(Measures))


@dataclass(frozen=True)
class Maps:
    """Per pixel of the raw crop; `patch` in dE and `detail` 0..2 as window means."""

    patch: Floats
    detail: Floats
    missing: Mask
    extra: Mask
    judged: Mask
    product: Mask  # in either of the two
    positions: Floats
    colours: tuple[Floats, Floats]  # median sRGB of the raw product, and of the enhanced


def common_mask(raw: Side, enhanced: Side, positions: Floats) -> tuple[Mask, Mask, Mask]:
    """(raw product, enhanced product, both), in the raw crop. Pieces of the raw mask that the
    enhanced mask misses wholly are neighbours, not the product."""
    likely = warp(enhanced.likelihood, positions, cv2.BORDER_CONSTANT)
    theirs = likely > 127
    ours = without_neighbours(without_crumbs(raw.mask), theirs)
    return ours, theirs, ours & theirs


def without_neighbours(ours: Mask, theirs: Mask) -> Mask:
    """Without the pieces that the other mask misses wholly."""
    count, labels = cv2.connectedComponents(ours.astype(np.uint8))
    for piece in range(1, count):
        if not theirs[labels == piece].any():
            ours = ours & (labels != piece)
    return ours


def eroded(mask: Mask) -> Mask:
    """Without its edge: 10 px, less for thin things."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    deepest = float(np.percentile(depth[mask], 98)) if mask.any() else 0.0
    return np.asarray(depth > min(ERODED, 0.35 * deepest))


def measure(raw: Side, enhanced: Side, found: Alignment) -> tuple[dict[str, float], Maps]:
    """All but the two of text."""
    positions = found.positions()
    ours, theirs, both = common_mask(raw, enhanced, positions)
    visible = _visible(positions, enhanced)
    core = eroded(both) & visible
    sharpness = abs(float(np.linalg.det(found.linear()))) ** 0.5
    raw_rgb = _as_sharp(raw.rgb, sharpness)
    warped = np.asarray(np.clip(warp(enhanced.rgb, positions), 0, 255), np.uint8)
    relit = _relit(raw_rgb, warped, core)
    values = colour_measures(raw_rgb, warped, core)
    raw_lab, lab = to_lab(raw_rgb), _toned(raw_rgb, relit, core)
    patch = _windows(_beyond(raw_lab, lab), core, WORST_WINDOW)
    detail_px = _unlike_structure(raw_lab[..., 0], lab[..., 0])
    detail = _windows(detail_px, core, WORST_WINDOW / 2)
    labs = (raw_lab, to_lab(relit))
    unlike = (np.linalg.norm(labs[0] - labs[1], axis=2) > UNLIKE) & visible
    missing, extra = _parts(raw, enhanced, positions, (ours, theirs), unlike, labs)
    area = max(1.0, float(ours.sum()))
    inside = bool(core.any())
    values |= {
        "stretch": _stretch(found),
        "patch": float(patch.max()) if inside else 0.0,
        "detail": float(detail.max()) if inside else 0.0,
        "texture": float(np.percentile(detail_px[core], 95)) if inside else 0.0,
        "missing": float(missing.sum()) / area,
        "extra": float(extra.sum()) / area,
        "blur": _blur(raw_lab[..., 0], lab[..., 0], core),
    }
    colours = (_median(raw.rgb, core), _median(warped, core))
    product = ours | theirs
    return values, Maps(patch, detail, missing, extra, core, product, positions, colours)


def _visible(positions: Floats, enhanced: Side) -> Mask:
    """What of the raw crop lies inside the enhanced *picture*."""
    frame = enhanced.frame
    x = frame.left + positions[..., 0] * frame.scale
    y = frame.top + positions[..., 1] * frame.scale
    return np.asarray((x >= 2) & (y >= 2) & (x < frame.width - 2) & (y < frame.height - 2))


def _as_sharp(rgb: Floats, scale: float) -> Floats:
    """A product shown smaller has less detail: the photo is softened alike."""
    if scale > 0.95:
        return np.asarray(rgb)
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.45 * (1 / scale**2 - 1) ** 0.5))


def _stretch(found: Alignment) -> float:
    """The smaller of two estimates: of the inliers, and of the inliers after the flow."""
    first = stretch_of(found.source, found.target)
    if found.flow is None:
        return first
    x = np.clip(found.source[:, 0].round().astype(int), 0, found.flow.shape[1] - 1)
    y = np.clip(found.source[:, 1].round().astype(int), 0, found.flow.shape[0] - 1)
    return min(first, stretch_of(found.source, found.apply(found.source + found.flow[y, x])))


def _relit(raw: Floats, warped: Floats, core: Mask) -> Floats:
    """The enhanced pixels under the photo's light, as far as it changes slowly: one gain for all
    channels, 1/2 to 2 of linear light, taken at an eighth of the size."""
    height, width = core.shape
    size = (max(1, width // 8), max(1, height // 8))
    weight = cv2.resize(core.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    means = []
    for rgb in (raw, warped):
        light = (to_linear(rgb) @ LUMA + 0.01) * core
        small = cv2.resize(light.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        means.append(cv2.GaussianBlur(small, (0, 0), SHADING / 8))
    known = cv2.GaussianBlur(weight, (0, 0), SHADING / 8)
    gain = np.where(known > 0.02, means[0] / np.maximum(means[1], 1e-4), 1.0)
    gain = np.clip(gain, 0.5, 2.0).astype(np.float32) ** (1 / 2.2)
    full = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(warped * full[..., None], 0, 255), np.uint8)


# ---- colour and tone


def _median(rgb: Floats, where: Mask) -> Floats:
    return np.median(rgb[where], axis=0) if where.any() else np.zeros(3)


def _toned(raw: Floats, warped: Floats, core: Mask) -> Floats:
    """The enhanced pixels (Lab) in the raw photo's tone and light: a curve per channel, then what
    changes slowly over the product."""
    if int(core.sum()) < 50:
        return to_lab(warped)
    toned = np.dstack([_curve(warped[..., c], raw[..., c], core) for c in range(3)])
    lab, raw_lab = to_lab(np.clip(toned, 0, 255).astype(np.uint8)), to_lab(np.asarray(raw))
    return np.asarray(lab + _slow(raw_lab - lab, core), np.float32)


def _curve(channel: Floats, like: Floats, core: Mask) -> Floats:
    """The quadratic that fits best, without its fifth of outliers."""
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
    """The quadratic from x to y, or the line where x spans little; drawn towards the identity."""
    degree = 2 if float(np.ptp(x)) > 0.15 else 1
    powers = np.vander(x, degree + 1)
    ridge = 1e-3 * len(powers) * np.eye(degree + 1)
    identity = np.array([0.0, 1.0, 0.0])[-(degree + 1) :]
    return np.linalg.solve(powers.T @ powers + ridge, powers.T @ y + ridge @ identity)


def _slow(difference: Floats, core: Mask) -> Floats:
    """The low-pass part of a difference inside the product, at an eighth of the size."""
    height, width = core.shape
    size = (max(1, width // 8), max(1, height // 8))
    weight = cv2.resize(core.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    held = np.clip(difference, -25, 25) * core[..., None]
    small = cv2.resize(held.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.GaussianBlur(weight, (0, 0), SHADING / 8) + 1e-3
    slow = cv2.GaussianBlur(small, (0, 0), SHADING / 8) / total[..., None]
    return np.asarray(cv2.resize(slow, (width, height), interpolation=cv2.INTER_LINEAR))


# ---- detail


def _beyond(raw: Floats, other: Floats) -> Floats:
    """dE beyond the lowest and highest of 5 x 5 px around, in either direction."""
    kernel = np.ones((ENVELOPE, ENVELOPE), np.uint8)
    raw, other = cv2.GaussianBlur(raw, (0, 0), 0.8), cv2.GaussianBlur(other, (0, 0), 0.8)
    total = np.zeros(raw.shape[:2], np.float32)
    for a, b in ((raw, other), (other, raw)):
        over = np.maximum(a - cv2.dilate(b, kernel), 0) + np.maximum(cv2.erode(b, kernel) - a, 0)
        total = np.maximum(total, np.einsum("ijk,ijk->ij", over, over))
    return np.sqrt(total)


def _unlike_structure(raw: Floats, other: Floats) -> Floats:
    """1 - SSIM's contrast-structure term (Wang et al., 2004), of lightness."""
    raw, other = cv2.GaussianBlur(raw, (0, 0), 1.0), cv2.GaussianBlur(other, (0, 0), 1.0)
    mean, mean_other = _mean(raw), _mean(other)
    variance = _mean(raw * raw) - mean * mean
    variance_other = _mean(other * other) - mean_other * mean_other
    both = _mean(raw * other) - mean * mean_other
    return np.asarray(
        1 - (2 * both + STRUCTURE_FLOOR) / (variance + variance_other + STRUCTURE_FLOOR)
    )


def _mean(values: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), STRUCTURE_SIGMA))


def _windows(values: Floats, core: Mask, share: float) -> Floats:
    """Means over windows, where at least half of a window is judged; else 0."""
    side = max(5, round(share * max(core.shape))) | 1
    weight = cv2.boxFilter(core.astype(np.float32), -1, (side, side))
    held = np.where(core, values, 0).astype(np.float32)
    mean = cv2.boxFilter(held, -1, (side, side)) / np.maximum(weight, 1e-3)
    return np.where(core & (weight > 0.5), mean, 0)


def _blur(raw: Floats, other: Floats, core: Mask) -> float:
    """How much less of the finest detail there is, as a log ratio; 0 where it has more."""
    if int(core.sum()) < 50:
        return 0.0
    energy = []
    for lightness in (raw, other):
        fine = cv2.GaussianBlur(lightness, (0, 0), 1.0) - cv2.GaussianBlur(lightness, (0, 0), 2.0)
        strongest = np.abs(fine[core])
        energy.append(float(np.percentile(strongest, 95)) + 0.15)
    return max(0.0, float(np.log(energy[0] / energy[1])))


# ---- parts


def _parts(
    raw: Side,
    enhanced: Side,
    positions: Floats,
    masks: tuple[Mask, Mask],
    unlike: Mask,
    labs: tuple[Floats, Floats],
) -> tuple[Mask, Mask]:
    """Parts that one mask is fairly sure of and the other lacks, and that look different."""
    ours, theirs = masks
    likely = warp(enhanced.likelihood, positions, cv2.BORDER_CONSTANT)
    missing = ours & (raw.likelihood > SURE) & (likely < 255 - SURE) & unlike
    extra = without_crumbs(theirs) & (likely > SURE) & (raw.likelihood < 255 - SURE) & unlike
    kernel = disc(max(5, round(OPENED * max(ours.shape))) | 1)
    both = ours & theirs
    return _attached(missing, both, kernel, labs[0]), _attached(extra, both, kernel, labs[1])


def _attached(part: Mask, product: Mask, kernel: NDArray[np.uint8], lab: Floats) -> Mask:
    """The pieces that belong to the product: masks swallow neighbours, which only touch it.

    A piece that goes on in the product's colour needs a border as long as the root of its area;
    one in another colour (a cap, or a neighbour) three tenths of its outline.
    """
    opened = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    near = cv2.dilate(product.astype(np.uint8), disc(2 * NEAR + 1)) > 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    kept = np.zeros(count, bool)
    for number in range(1, count):
        piece = labels == number
        contact = float((near & piece).sum()) / NEAR
        least = CONTACT * float(stats[number, cv2.CC_STAT_AREA]) ** 0.5
        if _step(lab, piece, product) > STEP:
            least = max(least, CONTACT_OF_ANOTHER_COLOUR * _outline(piece))
        kept[number] = contact > least
    return np.asarray(kept[labels])


def _outline(piece: Mask) -> float:
    contours = cv2.findContours(piece.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return float(sum(cv2.arcLength(one, True) for one in contours[0]))


def _step(lab: Floats, piece: Mask, product: Mask) -> float:
    """dE between both sides of the border, in bands of 8 px; 0 without a border."""
    band = disc(2 * BAND + 1)
    here = piece & (cv2.dilate(product.astype(np.uint8), band) > 0)
    there = product & (cv2.dilate(piece.astype(np.uint8), band) > 0)
    if not (here.any() and there.any()):
        return 0.0
    return float(np.linalg.norm(np.median(lab[here], axis=0) - np.median(lab[there], axis=0)))


def swatch(rgb: Floats) -> str:
    """#RRGGBB."""
    return "#" + "".join(f"{round(float(value)):02X}" for value in rgb)
