"""Pixel lock: puts the photo's own pixels over the generated product, if measurements allow it.

Only the inside of the product is replaced; its rim stays as it was generated, with a blend in
between. Light and colour are not adapted: a locked pixel is the photo's, moved and scaled.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from packshot.fidelity import change_map, lockable
from packshot.fidelity.lockable import LockMeasures, LockPlan
from packshot.fidelity.locks import Lock, LockRefused, LockResult, no_lock
from packshot.fidelity.network import NoNetwork
from packshot.fidelity.sides import WORK_SIDE, NoProduct, Side, likelihood_of, prepare, side_of
from packshot.pictures.arrays import Bytes, Floats, Mask, shrink
from packshot.pictures.imaging import (
    Encoded,
    OutputSpec,
    encode_array,
    encode_to_spec,
    fit_to_spec,
    read_header,
    to_array,
)
from packshot.pictures.provenance import Provenance

MIN_POINTS: Final = 40
MIN_SPREAD: Final = 0.5
MAX_BENT: Final = 0.0035  # of the product's longer side
MAX_TURNED: Final = 0.4  # degrees; it moves a corner about as far as MAX_BENT allows
MAX_ENLARGED: Final = 1.35
MAX_UNSURE: Final = 0.06
MIN_OUTLINE: Final = 0.93
MAX_PIECE: Final = 0.02  # of the product
MAX_THROUGH: Final = 0.004
MAX_DIFFERENT: Final = 0.1
MAX_CAST: Final = 4.0  # units of a* and b*
MAX_LIGHT: Final = 4.0  # units of L*
MAX_SEAM: Final = 4.0  # dE, median along the seam
WORST_SEAM: Final = 6.0  # dE, of its worst stretch
#: Levels of 255; in the decoded file 99.9 % of the locked values must be this near to the photo's.
MAX_ERROR: Final = 10
QUALITY: Final = 95  # of a locked JPEG, with the full resolution of colours
OUTLINE: Final = (0, 90, 255)
BEFORE_SIDE, BEFORE_QUALITY = 1600, 82  # of the stored picture as the model made it
SNAP: Final = 0.3  # px; a shift this near to whole pixels is rounded: nothing is resampled
OPAQUE: Final = 250  # of 255; alpha from which on a pixel of a transparent photo is opaque


def lock(
    photo: bytes, picture: bytes, spec: OutputSpec, provenance: Provenance | None, network: Path
) -> LockResult:
    """Lock one picture. Raises PictureError when one of the two can't be decoded."""
    cv2.setNumThreads(1)  # parallel work comes from several pixel processes
    try:
        return _try_lock(photo, picture, spec, provenance, network)
    except LockRefused as refusal:
        return LockResult(no_lock(refusal.code, refusal.measures))
    except NoNetwork:
        return LockResult(no_lock("no_network"))


def _try_lock(
    photo: bytes, picture: bytes, spec: OutputSpec, provenance: Provenance | None, network: Path
) -> LockResult:
    side, small = _photo_side(photo, network)
    made = fit_to_spec(picture, spec)
    work = shrink(made, WORK_SIDE)
    scales = Scales.of(photo, small, made, work)
    fitted = _measure(side, small, work, network, scales.enlarged)
    return lock_and_verify(photo, made, fitted, scales, spec, provenance)


def lock_and_verify(
    photo: bytes,
    made: Bytes,
    fitted: LockPlan,
    scales: Scales,
    spec: OutputSpec,
    provenance: Provenance | None,
) -> LockResult:
    """Put the photo's pixels over `made`, encode it, and compare. Raises LockRefused."""
    check(fitted.measured)
    overlay = overlay_product(photo, made, fitted, scales)
    exact = replace(spec, quality=max(QUALITY, spec.quality), subsample=False)
    finished = encode_to_spec(overlay.pixels, exact, provenance)
    record = verify_lock(overlay, fitted, finished)
    before = encode_array(shrink(made, BEFORE_SIDE), BEFORE_QUALITY)
    return LockResult(record, finished, before, draw_mask(overlay.pixels, overlay.core))


@lru_cache(maxsize=1)
def _photo_side(photo: bytes, network: Path) -> tuple[Side, Bytes]:
    """Cached, because the round's other pictures have the same photo."""
    try:
        return prepare(photo, network)
    except NoProduct:
        raise LockRefused("no_photo_product") from None


def _measure(side: Side, photo: Bytes, work: Bytes, network: Path, enlarged: float) -> LockPlan:
    try:
        made = side_of(work, likelihood_of(work, network))
    except NoProduct:
        raise LockRefused("no_product") from None
    fitted = lockable.measure(side, made, photo, work, enlarged)
    if fitted is None:
        raise LockRefused("not_found")
    return fitted


# ---- whether the picture may be locked


def check(found: LockMeasures) -> None:
    """Raises LockRefused for the first measure beyond its limit."""
    for code, holds in (
        ("unsure", found.unsure <= MAX_UNSURE),
        ("turned", found.bent <= MAX_BENT or abs(found.turned) <= MAX_TURNED),
        ("outline", found.outline >= MIN_OUTLINE and found.piece <= MAX_PIECE),
        ("few_points", min(found.points, found.corners) >= MIN_POINTS),
        ("few_points", found.spread >= MIN_SPREAD),
        ("reshaped", found.bent <= MAX_BENT),
        ("enlarged", found.enlarged <= MAX_ENLARGED),
        ("background_through", found.through <= MAX_THROUGH),
        ("differs", found.differs <= MAX_DIFFERENT),
        ("cast", found.cast <= MAX_CAST),
        ("light", abs(found.light) <= MAX_LIGHT),
        ("seam", found.seam <= MAX_SEAM and found.seam_worst <= WORST_SEAM),
    ):
        if not holds:
            raise LockRefused(code, found.as_dict())


# ---- putting the photo's pixels over the picture


@dataclass(frozen=True)
class Scales:
    """Px of the original photo, and of the finished picture, per px at work size (x, y)."""

    photo: tuple[float, float]
    picture: tuple[float, float]

    @staticmethod
    def of(photo: bytes, small: Bytes, made: Bytes, work: Bytes) -> Scales:
        header = read_header(photo)
        return Scales(
            (header.width / small.shape[1], header.height / small.shape[0]),
            (made.shape[1] / work.shape[1], made.shape[0] / work.shape[0]),
        )

    @property
    def enlarged(self) -> float:
        return max(self.picture) / max(self.photo)


@dataclass(frozen=True)
class Overlay:
    """The finished picture's pixels; where they are locked (`core`); the photo's product in the
    picture; and the `matrix` from photo px to picture px, both counted as in Transform."""

    pixels: Bytes
    core: Mask
    product: Mask
    matrix: Floats
    exact: bool


def overlay_product(photo: bytes, made: Bytes, fitted: LockPlan, scales: Scales) -> Overlay:
    """Put the photo's product over the generated picture, at full size."""
    matrix = _matrix(fitted, scales)
    header = read_header(photo)
    longest = max(header.width, header.height)
    wanted = min(longest, round(longest * float(matrix[0, 0])))
    pixels = to_array(photo, wanted)
    down = (pixels.shape[1] / header.width, pixels.shape[0] / header.height)
    whole = _whole_pixel_shift(matrix, made.shape) if wanted == longest else None
    matrix = matrix if whole is None else whole
    cover = cv2.resize(fitted.cover, made.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    product = cv2.resize(fitted.product.astype(np.uint8), made.shape[1::-1]) > 0
    photos = _warp(
        pixels, matrix / np.array([[down[0], down[1], 1]]), made.shape, whole is not None
    )
    core = cover >= 0.999
    if photos.shape[2] == 4:  # a transparent pixel of the photo is never locked
        core &= photos[..., 3] >= OPAQUE
        cover = cover * (photos[..., 3] >= OPAQUE)
    done = _blend(made, np.ascontiguousarray(photos[..., :3]), cover, core)
    return Overlay(done, core, product, matrix, whole is not None)


def _matrix(fitted: LockPlan, scales: Scales) -> Floats:
    transform = fitted.transform
    (across, down), (wide, tall) = scales.photo, scales.picture
    return np.array(
        [
            [transform.scale * wide / across, 0, transform.dx * wide],
            [0, transform.scale * tall / down, transform.dy * tall],
        ]
    )


def _whole_pixel_shift(matrix: Floats, shape: tuple[int, ...]) -> Floats | None:
    """A shift by whole pixels that differs from the matrix by at most SNAP, or None."""
    corners = np.array([[0, 0, 1], [shape[1], shape[0], 1]], float)
    moved = corners @ matrix.T - corners[:, :2]
    shift = moved.mean(axis=0).round()
    if np.abs(moved - shift).max() > SNAP:
        return None
    return np.array([[1, 0, shift[0]], [0, 1, shift[1]]], float)


def _warp(pixels: Bytes, matrix: Floats, shape: tuple[int, ...], exact: bool) -> Bytes:
    centred = matrix.copy()  # OpenCV counts from the middle of the first pixel
    centred[:, 2] += 0.5 * np.array([matrix[0, 0], matrix[1, 1]]) - 0.5
    how = cv2.INTER_NEAREST if exact else cv2.INTER_LANCZOS4
    size = (shape[1], shape[0])
    moved = cv2.warpAffine(pixels, centred, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _blend(made: Bytes, photos: Bytes, cover: Floats, core: Mask) -> Bytes:
    done = made.copy()
    done[core] = photos[core]
    band = (cover > 0) & ~core
    weight = cover[band][:, None]
    mixed = photos[band] * weight + made[band] * (1 - weight)
    done[band] = np.round(mixed).astype(np.uint8)
    return done


# ---- proving that the file has the photo's pixels


def verify_lock(overlay: Overlay, fitted: LockPlan, finished: Encoded) -> Lock:
    """The record of a lock. Raises LockRefused if the encoded file changed the pixels too much."""
    found = fitted.measured.as_dict()
    if (finished.height, finished.width) != overlay.core.shape or not overlay.core.any():
        raise LockRefused("too_large", found)
    decoded = to_array(finished.data)
    error = np.abs(decoded[overlay.core].astype(np.int16) - overlay.pixels[overlay.core])
    most = float(np.percentile(error, 99.9))
    if most > MAX_ERROR:
        raise LockRefused("encoding", found)
    return Lock(
        locked=True,
        share=round(float(overlay.core.sum()) / float(overlay.product.sum()), 4),
        scale=round(float(overlay.matrix[0, 0]), 5),
        shift=(round(float(overlay.matrix[0, 2]), 2), round(float(overlay.matrix[1, 2]), 2)),
        exact=overlay.exact,
        mean_error=round(float(error.mean()), 3),
        most_error=most,
        worst_error=float(error.max()),
        mask_sha256=hashlib.sha256(np.packbits(overlay.core).tobytes()).hexdigest(),
        measures=found,
    )


def draw_mask(pixels: Bytes, core: Mask) -> bytes:
    """A WebP of the picture: the locked pixels in colour, the rest pale and grey."""
    small = shrink(pixels, change_map.SIDE)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[..., None]
    pale = 0.35 * grey.astype(np.float32) + 0.65 * 255
    own = cv2.resize(core.astype(np.float32), small.shape[1::-1], interpolation=cv2.INTER_AREA)
    drawn = small * own[..., None] + pale * (1 - own[..., None])
    outline = cv2.morphologyEx((own > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3)))
    drawn[outline > 0] = OUTLINE
    return change_map.encode_webp(np.clip(drawn, 0, 255).astype(np.uint8))
