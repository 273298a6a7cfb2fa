"""Parts of the product that the picture lost or added, and those that nobody can tell about.

The cut-out network finds the product in both pictures. Where only one of them shows product, a part
was lost or added, or the network was wrong: it swallows neighbours, and misses a light part before
a light background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.fidelity.alignment import warp
from packshot.fidelity.sides import Mask, Side, disc, drop_specks
from packshot.pictures.arrays import Floats

UNLIKE: Final = 12.0  # dE; a missing part is unlike what lies in its place now
SURE: Final = 160  # of 255, of a mask that says product, or not
CONTACT: Final = 0.45  # length of its border with the product, over the square root of its area
CONTACT_OF_ANOTHER_COLOUR: Final = 0.3  # of its outline
STEP: Final = 18.0  # dE; beyond it the two sides of a border have different colours
NEAR: Final = 6  # px
BAND: Final = 8  # px
OPENED: Final = 0.02  # of the crop: a thinner sliver is no part
AROUND: Final = 15  # px, in which the background around a piece is looked at
APART: Final = 4.0  # dE; a piece that is nearer to its background is not to be seen
EDGE: Final = 1.2  # dE a px: a visible border
BORDERED: Final = 0.15  # of a piece's border; less is no border
RIM: Final = 7  # px: masks differ as much around the product
SEATED: Final = 0.7  # of a cap's width; it touches the product as wide
CENTRED: Final = 0.12  # of the product's width: as far from its middle a cap may sit


@dataclass(frozen=True)
class Pictures:
    """Both crops in Lab, one over the other: the photo, the picture under the photo's light, and as
    it is. `visible` is what of the photo's crop is inside the picture."""

    raw: Floats
    relit: Floats
    enhanced: Floats
    visible: Mask


@dataclass(frozen=True)
class PartMasks:
    """Masks. `unjudged` is product of which the picture shows something else or nothing certain;
    `beside` as well, but it is more likely another object that touches the product."""

    missing: Mask
    extra: Mask
    unjudged: Mask
    beside: Mask


def find_parts(
    raw: Side,
    enhanced: Side,
    positions: Floats,
    masks: tuple[Mask, Mask],
    seen: Pictures,
) -> PartMasks:
    """`masks` are the product in the photo, and in the picture."""
    ours, theirs = masks
    both = ours & theirs
    kernel = disc(max(5, round(OPENED * max(ours.shape))) | 1)
    likely = warp(enhanced.likelihood, positions, cv2.BORDER_CONSTANT)
    unlike = (np.linalg.norm(seen.raw - seen.relit, axis=2) > UNLIKE) & seen.visible
    lost = ours & (raw.likelihood > SURE) & ~theirs
    missing = _keep_attached(lost & (likely < 255 - SURE) & unlike, both, kernel, seen.raw)
    extra = drop_specks(theirs) & (likely > SURE) & (raw.likelihood < 255 - SURE) & unlike
    extra = _keep_attached(extra, both, kernel, seen.relit)
    unjudged, beside = np.zeros_like(ours), np.zeros_like(ours)
    for piece in _pieces(lost & ~missing, kernel):
        kind = _judge_piece(piece, masks, seen)
        if kind is not None:
            {"missing": missing, "unjudged": unjudged, "beside": beside}[kind][piece] = True
    return PartMasks(missing, extra, unjudged, beside)


def _judge_piece(piece: Mask, masks: tuple[Mask, Mask], seen: Pictures) -> str | None:
    """What became of a piece that only the photo's mask has; None where the picture shows it."""
    ours, theirs = masks
    both = ours & theirs
    alike = float(np.median(np.linalg.norm(seen.raw - seen.relit, axis=2)[piece])) <= UNLIKE
    is_seen = float(seen.visible[piece].mean()) > 0.5
    # What is unlike and of another colour was weighed as a missing part: its border was too short.
    weighed = is_seen and not alike and _step(seen.raw, piece, both) > STEP
    attached = not weighed and _is_attached(piece, both, seen.raw)
    belongs = attached or _is_cap(_whole(piece, ours & ~theirs), both)
    if not is_seen:
        return "unjudged" if belongs else "beside"
    apart = _apart_from_background(piece, ours | theirs, seen)
    if alike and apart > APART:
        return None
    if not belongs:
        return "beside"
    gone = apart < APART and _bordered(piece, both, seen.enhanced) < BORDERED
    return "missing" if gone else "unjudged"


def _keep_attached(part: Mask, product: Mask, kernel: NDArray[np.uint8], lab: Floats) -> Mask:
    """The pieces that belong to the product: masks swallow neighbours, which only touch it."""
    kept = np.zeros_like(part)
    for piece in _pieces(part, kernel):
        if _is_attached(piece, product, lab):
            kept |= piece
    return kept


def _pieces(part: Mask, kernel: NDArray[np.uint8]) -> list[Mask]:
    """The connected pieces that are not slivers."""
    opened = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    count, labels = cv2.connectedComponents(opened, connectivity=8)
    return [np.asarray(labels == number) for number in range(1, count)]


def _is_attached(piece: Mask, product: Mask, lab: Floats) -> bool:
    """Whether the border with the product is as long as that of a part.

    A piece that goes on in the product's colour needs a border as long as the root of its area;
    one in another colour (a cap, or a neighbour) three tenths of its outline.
    """
    least = CONTACT * float(piece.sum()) ** 0.5
    if _step(lab, piece, product) > STEP:
        least = max(least, CONTACT_OF_ANOTHER_COLOUR * _outline(piece))
    return bool(_contact(piece, product) > least)


def _contact(piece: Mask, product: Mask) -> float:
    """The length of their border in pixels: what of the piece is near the product, by its width."""
    near = cv2.dilate(product.astype(np.uint8), disc(2 * NEAR + 1)) > 0
    return float((near & piece).sum()) / NEAR


def _whole(piece: Mask, lost: Mask) -> Mask:
    """All that is connected with the piece and was lost with it, but for the product's rim."""
    return next((one for one in _pieces(lost, disc(RIM)) if (one & piece).any()), piece)


def _is_cap(piece: Mask, product: Mask) -> bool:
    """Whether it sits on the product as a cap does: in the middle of its top, no wider than it, and
    touching it nearly as wide as it is."""
    (left, right), (top, bottom) = _span(piece, 0), _span(piece, 1)
    (first, last), (highest, _) = _span(product, 0), _span(product, 1)
    wide, widest = right - left, last - first
    centred = abs(left + right - first - last) / 2 < CENTRED * widest
    above = (top + bottom) / 2 < highest
    return above and centred and wide <= widest and _contact(piece, product) > SEATED * wide


def _span(mask: Mask, axis: int) -> tuple[int, int]:
    """The first and last column (of axis 1: row) that the mask has."""
    places = np.flatnonzero(mask.any(axis=axis))
    return (int(places[0]), int(places[-1])) if len(places) else (0, 0)


def _apart_from_background(piece: Mask, product: Mask, seen: Pictures) -> float:
    """dE between the picture's pixels in its place and those around it; 0 where none are around."""
    bits = piece.astype(np.uint8)
    around = cv2.dilate(bits, disc(2 * AROUND + 1)) > 0
    around &= cv2.dilate((piece | product).astype(np.uint8), disc(2 * NEAR + 1)) == 0
    around &= seen.visible
    if not around.any():
        return 0.0
    here, there = (np.median(seen.enhanced[where], axis=0) for where in (piece, around))
    return float(np.linalg.norm(here - there))


def _bordered(piece: Mask, product: Mask, lab: Floats) -> float:
    """The share of its border, but for that with the product, at which the picture has an edge."""
    bits, band = piece.astype(np.uint8), disc(2 * NEAR + 1)
    border = (cv2.dilate(bits, band) > 0) & (cv2.erode(bits, band) == 0)
    border &= cv2.dilate(product.astype(np.uint8), band) == 0
    if not border.any():
        return 1.0
    soft = cv2.GaussianBlur(lab, (0, 0), 1.2)
    slopes = [cv2.Sobel(soft, cv2.CV_32F, x, 1 - x, scale=0.125) for x in (0, 1)]
    steepness = np.sqrt(np.square(slopes[0]).sum(axis=2) + np.square(slopes[1]).sum(axis=2))
    return float((steepness[border] > EDGE).mean())


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
