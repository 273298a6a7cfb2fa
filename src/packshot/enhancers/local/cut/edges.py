"""Turns a small rough mask into a product with a clean soft edge: outline, alpha, rim colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local.backdrop import Backdrop
from packshot.enhancers.local.cut.base_strip import add_base_strip
from packshot.enhancers.local.cut.gaps import find_gaps
from packshot.enhancers.local.cut.grabcut import grab_cut
from packshot.enhancers.local.cut.leftovers import remove_leftovers, remove_scraps
from packshot.enhancers.local.cut.near import mean_near
from packshot.enhancers.local.cut.rim import add_rim
from packshot.enhancers.local.framing import scale_box
from packshot.pictures.arrays import Bytes, Floats, Mask, as_bytes, highest, resize, size_at
from packshot.pictures.boxes import Box, box_of
from packshot.pictures.masks import disc, iou, opened, pieces_at

REFINE_SIDE = 480  # px; the outline is refined at this size
MARGIN = 0.06  # of the product's longer side, kept around it
ALIKE, DIFFERENT = 400, 2400  # squared distances of colours in bytes: 20 and 49 apart
SAME, LIGHT = 7.0, 160  # levels: a pixel this close to a backdrop at least this light belongs to it
PALE = 200  # in each channel; light parts may be lost in a backdrop this light
#: Alpha above this is opaque. A shadow in a file is looked for at SHADOW_SIDE px: there its colours
#: and alpha differ by less than SHARP_STEP levels from pixel to pixel, on both sides together.
OPAQUE, SHARP_STEP, SHADOW_SIDE = 240, 24, 512
WORTH_SAYING = 0.003  # of the product's area: more of the old background was removed
WIDER = 3  # times as wide outwards is the band where more may belong to the product


@dataclass(frozen=True)
class CutProduct:
    """The product alone: `colours` HxWx3 without old background in its rim, `alpha` HxW."""

    colours: Bytes
    alpha: NDArray[np.uint8]
    box: Box  # of what is solid
    has_shadow: bool = False  # the file's own alpha includes a shadow
    top: int = 0  # the crop's place in its photo, and how much it was shrunk
    left: int = 0
    scale: float = 1.0
    gained_rim: bool = False  # a rim that the mask lacked was added, perhaps not all of it
    kept_gap: bool = False  # something inside may be the backdrop, seen through a gap
    lost_scraps: bool = False  # pieces of the old background were removed along its outline
    maybe_scraps: bool = False  # a piece along its outline may be of the old background

    def in_frame(self, photo: tuple[int, ...], size: tuple[int, ...]) -> NDArray[np.uint8]:
        """The alpha at its place in the whole photo, drawn at `size` (both height, width)."""
        tall, wide = size[0] / photo[0], size[1] / photo[1]
        place = [[wide / self.scale, 0, self.left * wide], [0, tall / self.scale, self.top * tall]]
        smaller = max(1.0, self.scale / max(tall, wide))
        soft = cv2.blur(self.alpha, (round(smaller), round(smaller)))
        placed = cv2.warpAffine(soft, np.array(place, np.float32), (size[1], size[0]))
        return np.asarray(placed, np.uint8)


def cut(
    rgb: Bytes,
    mask: Mask,
    longest: int,
    correct: Callable[[Bytes], Bytes] = lambda crop: crop,
    extent: Mask | None = None,
    backdrop: Backdrop | None = None,
    parts: Mask | None = None,
) -> CutProduct:
    """Cut the product out of the full photo by a small mask.

    `longest` limits the product's longer side in pixels, without enlarging it. `correct` changes
    light and colour before the rim loses its background. `extent` is all that may be of the
    product, `parts` a finer mask to keep. A plain `backdrop` is removed from the product's gaps.
    """
    at = scale_box(box_of(mask), mask.shape, rgb.shape, MARGIN)
    photo, scale = _shrunk(at.crop(rgb), longest * (1 + 2 * MARGIN))
    crop = correct(photo)
    in_crop = partial(_rough_at, at=at, full=rgb.shape, shape=crop.shape)
    near = _refined(crop, in_crop, mask, extent, parts, _blur_of(mask, rgb.shape, scale))
    bare = add_base_strip(crop, remove_leftovers(crop, near))
    whole = add_rim(crop, bare)
    gaps = None if backdrop is None else find_gaps(photo, whole, backdrop, at.share_of(rgb.shape))
    opened = whole if gaps is None else whole & ~gaps.open
    final, maybe_scraps = remove_scraps(photo, opened)
    alpha = alpha_of(crop, final)
    return CutProduct(
        own_colours(crop, alpha),
        as_bytes(alpha * 255),
        box_of(alpha > 0.5),
        top=at.top,
        left=at.left,
        scale=scale,
        gained_rim=bool((final & ~bare).any()),
        kept_gap=gaps is not None and gaps.closed,
        lost_scraps=(opened & ~final).sum() > WORTH_SAYING * final.sum(),
        maybe_scraps=maybe_scraps,
    )


def _refined(
    crop: Bytes,
    in_crop: Callable[[Mask], Floats],
    mask: Mask,
    extent: Mask | None,
    parts: Mask | None,
    blur: float,
) -> Mask:
    """The small mask at the crop's size with its outline refined, and all of `parts`."""
    wider = in_crop(mask if extent is None else extent | mask)
    near = narrow_band(crop, in_crop(mask), wider, blur)
    return near if parts is None else near | (in_crop(parts) > 0.5)


def _shrunk(crop: Bytes, longest: float) -> tuple[Bytes, float]:
    """The crop with its longer side at most `longest`, and its scale."""
    scale = min(1.0, longest / max(crop.shape[:2]))
    return resize(crop, *size_at(crop, scale)), scale


def from_alpha(rgba: Bytes, longest: int) -> CutProduct:
    """Use the file's own transparency unchanged: glass and lenses stay see-through."""
    solid = solid_of(rgba)
    at = box_of(rgba[..., 3] > 2)
    scale = min(1.0, longest / max(box_of(solid).longer, 1))
    crop = at.crop(rgba)
    size = size_at(crop, scale)
    alpha = resize(np.ascontiguousarray(crop[..., 3]), *size)
    colours = _shrink_colours(crop, alpha, size)
    solid_small = solid_of(np.dstack([colours, alpha]))
    shadow = _has_shadow(alpha, solid_small)
    return CutProduct(colours, alpha, box_of(solid_small), shadow, at.top, at.left, scale)


def _shrink_colours(crop: Bytes, alpha: Bytes, size: tuple[int, int]) -> Bytes:
    """The crop's colours at `size`, the size of `alpha`."""
    # Weighted by alpha, so that colours under alpha 0 do not bleed in. In bytes, because a photo
    # of 16 MP as floats exceeds a pixel process's memory limit.
    cover = cv2.cvtColor(np.ascontiguousarray(crop[..., 3]), cv2.COLOR_GRAY2RGB)
    weighted = cv2.multiply(np.ascontiguousarray(crop[..., :3]), cover, scale=1 / 255)
    shrunk = resize(np.asarray(weighted, np.uint8), *size).astype(np.float32)
    return as_bytes(shrunk / np.maximum(alpha[..., None] / np.float32(255), 1 / 255))


def solid_of(rgba: Bytes) -> Mask:
    """Where alpha is above one half: the product without a drawn shadow."""
    alpha = rgba[..., 3]
    solid = (alpha > 127) & ~_dense_shadow(rgba)
    return np.asarray(solid if solid.any() else alpha > 2)


def _dense_shadow(rgba: Bytes) -> Mask:
    """What is connected to the empty part of the file through colours and alpha that change slowly.
    A see-through product, such as glass, has sharp edges there."""
    size = size_at(rgba, min(1.0, SHADOW_SIDE / max(rgba.shape[:2])))
    alpha = cv2.resize(np.ascontiguousarray(rgba[..., 3]), size, interpolation=cv2.INTER_AREA)
    colours = cv2.resize(np.ascontiguousarray(rgba[..., :3]), size, interpolation=cv2.INTER_AREA)
    seen = cv2.multiply(colours, cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=1 / 255)
    kernel, planes = np.ones((3, 3), np.uint8), np.dstack([seen, alpha])
    steps = highest(cv2.subtract(cv2.dilate(planes, kernel), cv2.erode(planes, kernel)))
    empty = alpha <= 2
    slow = (steps < SHARP_STEP) & (alpha <= OPAQUE)
    shadow = (pieces_at(opened(slow, disc(2)) | empty, empty) & ~empty).astype(np.uint8)
    at_size = cv2.resize(shadow, rgba.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(at_size > 0)


def narrow_band(crop: Bytes, rough: Floats, wider: Floats, blur: float) -> Mask:
    """Refine the mask by GrabCut in a narrow band around its outline, and only there.

    `rough` is the upsampled mask, 0..1; `wider` is the same with all that may belong to the
    product; `blur` is how many pixels of the crop one pixel of the small mask covers.
    """
    scale = min(1.0, REFINE_SIDE / max(crop.shape[:2]))
    size = size_at(crop, scale)
    small, soft = resize(crop, *size), cv2.resize(rough, size, interpolation=cv2.INTER_AREA)
    reach = max(2, round(1.6 * blur * scale))
    start = (soft > 0.5).astype(np.uint8)
    core = np.asarray(cv2.erode(start, disc(reach)), np.uint8)
    grown = np.asarray(cv2.dilate(start, disc(reach)), np.uint8)
    likely = cv2.resize(wider, size, interpolation=cv2.INTER_AREA) > 0.5
    hull = grown | (np.asarray(cv2.dilate(start, disc(WIDER * reach)), np.uint8) & likely)
    labels = np.where(start | (hull & likely), cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[core > 0], labels[hull == 0] = cv2.GC_FGD, cv2.GC_BGD
    refined = grab_cut(small, labels)
    if iou(refined, start > 0) < 0.85:  # GrabCut diverged: the rough outline is better
        refined = start > 0
    alike = _alike(small, (grown > 0) & ~refined, start, core, hull, reach)
    refined = pieces_at(refined | alike, refined)
    soft = cv2.GaussianBlur(refined.astype(np.float32), (0, 0), 0.8)
    at_size = cv2.resize(soft, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(at_size > 0.5)


def _alike(crop: Bytes, refused: Mask, start: Bytes, core: Bytes, hull: Bytes, reach: int) -> Mask:
    """The pixels near the outline that GrabCut dropped where product and background look alike, so
    that its choice is random. There the rough outline is kept. In front of a pale background, so is
    everything near it that is not a shadow, such as a white rim on white paper. What clearly is the
    background itself is left out."""
    at = np.nonzero(refused)
    alike = np.zeros_like(refused)
    if len(at[0]):
        inner = mean_near(crop, core, 6 * reach + 1, at)
        outer = mean_near(crop, 1 - hull, 6 * reach + 1, at)
        near = ((inner - outer) ** 2).sum(axis=1) < DIFFERENT
        pale = np.maximum(outer, PALE).min(axis=1)
        alike[at] = near & ((start[at] > 0) | (crop[at].min(axis=1) >= pale))
        alike &= ~_backdrop(crop, at, outer, hull)
    return alike


def _backdrop(crop: Bytes, at: tuple[NDArray[np.intp], ...], outer: Floats, hull: Bytes) -> Mask:
    """Those of the pixels `at` that have the colour of a light backdrop (`outer`, one for each) and
    are connected to it. If they counted as product, noise would make the outline ragged."""
    off = cv2.GaussianBlur(crop, (0, 0), 1.0)[at].astype(np.float32) - outer
    flat = np.zeros(hull.shape, bool)
    flat[at] = (np.abs(off).max(axis=1) < SAME) & (outer.min(axis=1) >= LIGHT)
    outside = hull == 0
    return pieces_at(flat | outside, outside)


def alpha_of(crop: Bytes, mask: Mask) -> Floats:
    """Alpha 0..1, soft only in a thin band along the mask's outline.

    In the band it says where the pixel's colour is between the product's just inside and the
    background's just outside; if those two look alike, the distance to the outline decides.
    """
    reach = max(2, round(max(mask.shape) / 450))
    byte = mask.astype(np.uint8)
    core, hull = cv2.erode(byte, disc(reach)), cv2.dilate(byte, disc(reach))
    alpha = core.astype(np.float32)
    band = np.nonzero(hull - core)
    if not len(band[0]):
        return alpha
    inner = mean_near(crop, core, 6 * reach + 1, band)
    axis = inner - (outer := mean_near(crop, 1 - hull, 6 * reach + 1, band))
    length = (axis * axis).sum(axis=1)
    along = ((crop[band].astype(np.float32) - outer) * axis).sum(axis=1) / np.maximum(length, 1.0)
    soft = cv2.GaussianBlur(byte.astype(np.float32), (0, 0), 0.6 * reach + 0.3)[band]
    sure = np.clip((length - ALIKE) / (DIFFERENT - ALIKE), 0, 1)
    mixed = sure * np.clip(along, 0, 1) + (1 - sure) * soft
    least = (1 - 0.8 * sure) * np.clip(soft * 1.6 - 0.6, 0, 1)
    alpha[band] = np.clip(mixed, least, np.clip(soft * 1.6, 0, 1))
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), 0.5), np.float32)


def own_colours(crop: Bytes, alpha: Floats) -> Bytes:
    """Remove the old background's colour from the rim (blur fusion; Forte 2021), and from just
    outside of it, because resizing would mix it in again."""
    colours = crop.copy()
    around = cv2.dilate((alpha > 0).astype(np.uint8), disc(4))
    band = np.nonzero((around > 0) & (alpha < 0.995))
    if not len(band[0]):
        return colours
    part = alpha[band][:, None]
    inner = mean_near(crop, alpha, 13, band)
    outer = mean_near(crop, 1 - alpha, 13, band)
    unmixed = inner + part * (crop[band] - part * inner - (1 - part) * outer)
    colours[band] = as_bytes(unmixed)
    return colours


def _rough_at(mask: Mask, at: Box, full: tuple[int, ...], shape: tuple[int, ...]) -> Floats:
    """The part `at` of the small mask, upsampled smoothly to `shape`."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
    tall, wide = mask.shape[0] / full[0], mask.shape[1] / full[1]
    scale_x, scale_y = at.width * wide / shape[1], at.height * tall / shape[0]
    across = (scale_x, 0, at.left * wide + 0.5 * scale_x - 0.5)
    down = (0, scale_y, at.top * tall + 0.5 * scale_y - 0.5)
    matrix = np.array([across, down], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (shape[1], shape[0])
    warped = cv2.warpAffine(soft, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def _blur_of(mask: Mask, full: tuple[int, ...], scale: float) -> float:
    return float(max(1.0, max(full[:2]) / max(mask.shape) * scale))


def _has_shadow(alpha: NDArray[np.uint8], solid: Mask) -> bool:
    """Whether there is faint alpha away from the solid part: a shadow in the seller's file."""
    near = cv2.dilate(solid.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    faint = (alpha > 5) & ~near
    return bool(faint.sum() > 0.01 * max(1, solid.sum()))
