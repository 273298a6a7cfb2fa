"""Finds parts of the product that the picture lost or added, and parts that can't be judged.

The cut-out network finds the product in both pictures. Where only one of them shows product, a part
was lost or added, background was kept, or the network was wrong: it takes neighbouring objects for
product, and misses a light part on a light background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.fidelity.alignment import warp
from packshot.fidelity.sides import Side
from packshot.pictures.arrays import Floats, Mask
from packshot.pictures.masks import disc, grow, opened, pieces, without_specks

UNLIKE: Final = 12.0  # dE; a missing part differs more from what is in its place now
SURE: Final = 160  # of 255; above it a pixel is surely product, below 255 - SURE surely not
CONTACT: Final = 0.45  # least border of a part with the product, over the root of its area
CONTACT_OF_ANOTHER_COLOUR: Final = 0.3  # least border of such a part, over its outline
STEP: Final = 18.0  # dE; beyond it the two sides of a border have different colours
NEAR: Final = 6  # px; what is this near to the product touches it
BAND: Final = 8  # px; the width on each side of a border where colours are compared
OPENED: Final = 0.02  # of the crop; a thinner sliver is not a part
AROUND: Final = 15  # px around a piece where its background is measured
APART: Final = 4.0  # dE; a piece that differs less from its background is invisible
SAME_HUE: Final = 3.0  # dE; a shadow differs less from its background's colour with less light
EDGE: Final = 1.2  # dE per px; a visible border is steeper
BORDERED: Final = 0.15  # of a piece's border; if less of it is visible, there is no border
#: Of a piece that the picture shows as the photo does: if more of its border is visible in the
#: photo, or more of its outline runs along the product, the network missed a part there.
SCRAP_BORDERED: Final = 0.33
SCRAP_ALONG: Final = 0.6
RIM: Final = 3  # px by which two masks of the same product may differ along its outline
SEATED: Final = 0.7  # of a cap's width, at least, touches the product
CENTRED: Final = 0.12  # of the product's width; a cap is less far from the product's middle


@dataclass(frozen=True)
class Pictures:
    """Both crops in Lab, aligned: the photo, the picture under the photo's light, and the picture
    as it is. `visible` is the part of the photo's crop that is inside the picture."""

    raw: Floats
    relit: Floats
    enhanced: Floats
    visible: Mask


@dataclass(frozen=True)
class PartMasks:
    """Masks. `scraps` is the photo's background that the picture kept beside the product;
    `unjudged` is product that was neither found in the picture nor is certainly missing; `beside`
    likewise, but it is more likely another object that touches the product."""

    missing: Mask
    extra: Mask
    scraps: Mask
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
    kernel = disc(max(5, round(OPENED * max(ours.shape))) // 2)
    likely = warp(enhanced.likelihood, positions, cv2.BORDER_CONSTANT)
    unlike = (np.linalg.norm(seen.raw - seen.relit, axis=2) > UNLIKE) & seen.visible
    lost = ours & (raw.likelihood > SURE) & ~theirs
    missing = _keep_attached(lost & (likely < 255 - SURE) & unlike, both, kernel, seen.raw)
    new = without_specks(theirs) & (likely > SURE) & (raw.likelihood < 255 - SURE)
    extra, scraps = np.zeros_like(ours), np.zeros_like(ours)
    for piece in pieces(opened(new & unlike, kernel), connectivity=8):
        if _is_added(piece, masks, seen):
            extra |= piece
    for piece in pieces(opened(new & ~unlike & seen.visible, kernel), connectivity=8):
        if _is_added(piece, masks, seen) and _is_background(piece, both, seen.raw):
            scraps |= piece
    unjudged, beside = np.zeros_like(ours), np.zeros_like(ours)
    for piece in pieces(opened(lost & ~missing, kernel), connectivity=8):
        kind = _judge_piece(piece, masks, seen)
        if kind is not None:
            {"missing": missing, "unjudged": unjudged, "beside": beside}[kind][piece] = True
    return PartMasks(missing, extra, scraps, unjudged, beside)


def _judge_piece(piece: Mask, masks: tuple[Mask, Mask], seen: Pictures) -> str | None:
    """What became of a piece that only the photo's mask has; None if the picture shows it."""
    ours, theirs = masks
    both = ours & theirs
    alike = float(np.median(np.linalg.norm(seen.raw - seen.relit, axis=2)[piece])) <= UNLIKE
    is_seen = float(seen.visible[piece].mean()) > 0.5
    # An unlike piece of another colour was tested as a missing part before: too short a border.
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
    """The pieces that belong to the product: masks also contain neighbours, which only touch it."""
    kept = np.zeros_like(part)
    for piece in pieces(opened(part, kernel), connectivity=8):
        if _is_attached(piece, product, lab):
            kept |= piece
    return kept


def _is_added(piece: Mask, masks: tuple[Mask, Mask], seen: Pictures) -> bool:
    """Whether a piece that only the picture's mask has is something new at the product. Else it is
    the picture's background, or a shadow on that: as it, but with less light of every colour."""
    ours, theirs = masks
    if _contact(piece, ours & theirs) <= CONTACT * float(piece.sum()) ** 0.5:
        return False
    here, there = _beside_background(piece, ours | theirs, seen)
    # Scaling light scales L* + 16, a* and b* alike.
    scale = (here[0] + 16) / (there[0] + 16)
    is_shadow = scale < 1 and np.linalg.norm(here[1:] - scale * there[1:]) < SAME_HUE
    return not is_shadow and float(np.linalg.norm(here - there)) > APART


def _is_background(piece: Mask, product: Mask, lab: Floats) -> bool:
    """Whether a piece beside the product belongs to what is around it in the photo."""
    along = _contact(piece, product) / _outline(piece)
    return along < SCRAP_ALONG and _bordered(piece, product, lab) < SCRAP_BORDERED


def _is_attached(piece: Mask, product: Mask, lab: Floats) -> bool:
    """Whether its border with the product is long enough for a part.

    The border must be longer than 0.45 times the square root of the piece's area. That of a piece
    of another colour (a cap, or a neighbour) must also be three tenths of its outline.
    """
    least = CONTACT * float(piece.sum()) ** 0.5
    if _step(lab, piece, product) > STEP:
        least = max(least, CONTACT_OF_ANOTHER_COLOUR * _outline(piece))
    return bool(_contact(piece, product) > least)


def _contact(piece: Mask, product: Mask) -> float:
    """The length of their border in pixels: the piece's area near the product, over its width."""
    return float((grow(product, NEAR) & piece).sum()) / NEAR


def _whole(piece: Mask, lost: Mask) -> Mask:
    """Everything lost that is connected to the piece, without the product's rim."""
    whole = pieces(opened(lost, disc(RIM)), connectivity=8)
    return next((one for one in whole if (one & piece).any()), piece)


def _is_cap(piece: Mask, product: Mask) -> bool:
    """Whether the piece sits on the product like a cap: in the middle of its top, no wider than the
    product, and touching it with most of its own width."""
    (left, right), (top, bottom) = _span(piece, 0), _span(piece, 1)
    (first, last), (highest, _) = _span(product, 0), _span(product, 1)
    wide, widest = right - left, last - first
    centred = abs(left + right - first - last) / 2 < CENTRED * widest
    above = (top + bottom) / 2 < highest
    return above and centred and wide <= widest and _contact(piece, product) > SEATED * wide


def _span(mask: Mask, axis: int) -> tuple[int, int]:
    """The first and last column of the mask (row, if `axis` is 1)."""
    places = np.flatnonzero(mask.any(axis=axis))
    return (int(places[0]), int(places[-1])) if len(places) else (0, 0)


def _apart_from_background(piece: Mask, product: Mask, seen: Pictures) -> float:
    """dE between the picture's pixels in the piece's place and those around it, 0 without these."""
    here, there = _beside_background(piece, product, seen)
    return float(np.linalg.norm(here - there))


def _beside_background(piece: Mask, product: Mask, seen: Pictures) -> tuple[Floats, Floats]:
    """The picture's median Lab in the piece's place, and of the background around it (that of the
    piece again where none is seen)."""
    around = grow(piece, AROUND) & ~grow(piece | product, NEAR) & seen.visible
    around = around if around.any() else piece
    return np.median(seen.enhanced[piece], axis=0), np.median(seen.enhanced[around], axis=0)


def _bordered(piece: Mask, product: Mask, lab: Floats) -> float:
    """The share of its outline, except along the product, where the picture has an edge."""
    inner = cv2.erode(piece.astype(np.uint8), disc(NEAR)) > 0
    border = grow(piece, NEAR) & ~inner & ~grow(product, NEAR)
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
    here, there = piece & grow(product, BAND), product & grow(piece, BAND)
    if not (here.any() and there.any()):
        return 0.0
    return float(np.linalg.norm(np.median(lab[here], axis=0) - np.median(lab[there], axis=0)))
