"""Damage that is small but complete inside it, for bench/fidelity.py: a logo or a seam painted
over, a word or a sign printed on. The other kinds are in bench/fidelity_pairs.py."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from bench.fidelity_pairs import Damaged, Pair, Product, Random, enhance
from packshot.pictures.arrays import Bytes, Floats, Mask, as_bytes, to_lab

TRIES = 25
VISIBLE = 12.0  # dE of a pixel that anybody sees change
VISIBLE_SHARE = 0.1  # of the place
WORDS = ("SALE", "Nova", "Bio", "PREMIUM", "Lumo", "NEW", "Original", "K9")


def painted_over(
    rgba: Bytes, random: Random, visible: tuple[float, float] = (VISIBLE, VISIBLE_SHARE)
) -> Damaged:
    """A box or an ellipse of 0.7 to 5 % of the product, where it has print or seams, painted in
    one colour of its surroundings."""
    share = float(random.uniform(0.007, 0.05))
    for _ in range(TRIES):
        cover = _place(rgba, share, random)
        if cover is None:
            continue
        rim = (cv2.dilate((cover > 0).astype(np.uint8), np.ones((9, 9))) > 0) & (cover == 0)
        colours = rgba[rim & (rgba[..., 3] > 250)][:, :3]
        if len(colours) < 20:
            continue
        changed = laid_over(rgba, cover, _commonest(colours))
        if _is_visible(rgba, changed, cover > 127, visible):
            return changed, share
    return None


def printed_on(rgba: Bytes, random: Random) -> Damaged:
    """A word or a sign of 3 to 7 % of the product's longer side, in a colour that stands out."""
    height = float(random.uniform(0.03, 0.07)) * max(rgba.shape[:2])
    for _ in range(TRIES):
        cover = put_inside(rgba, sign(height, random), random)
        if cover is None:
            height *= 0.9
            continue
        ground = np.median(rgba[cv2.dilate(cover, np.ones((9, 9))) > 0][:, :3], axis=0)
        colour = random.uniform(0, 90, 3) if ground.mean() > 120 else random.uniform(170, 255, 3)
        changed = laid_over(rgba, cover, colour)
        if _is_visible(rgba, changed, cover > 127):
            return changed, height / max(rgba.shape[:2])
    return None


def put_inside(rgba: Bytes, ink: Bytes, random: Random) -> Bytes | None:
    """The ink as a cover of 0..255 somewhere on the product; None if it has no room."""
    inside = cv2.erode((rgba[..., 3] > 250).astype(np.uint8), np.ones(ink.shape), borderValue=0)
    rows, columns = np.nonzero(inside)
    if not len(rows):
        return None
    pick = int(random.integers(0, len(rows)))
    top, left = rows[pick] - ink.shape[0] // 2, columns[pick] - ink.shape[1] // 2
    cover = np.zeros(rgba.shape[:2], np.uint8)
    cover[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return cover


def sign(height: float, random: Random) -> Bytes:
    """A word, or a ring, a cross or a zigzag."""
    if random.random() < 0.6:
        word = str(random.choice(WORDS))
        drawn = np.zeros((int(height * 2), int(height * len(word)) + 40, 3), np.uint8)
        face = cv2.FontFace("sans")
        cv2.putText(drawn, word, (10, int(height * 1.4)), (255, 255, 255), face, int(height), 600)
        rows, columns = np.nonzero(drawn[..., 0])
        return np.ascontiguousarray(
            drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, 0]
        )
    side, line = int(1.4 * height), max(2, int(height * 0.16))
    drawn = np.zeros((side, side), np.uint8)
    a, b = line, side - line - 1
    kind = int(random.integers(0, 3))
    if kind == 0:
        cv2.circle(drawn, (side // 2, side // 2), side // 2 - line, 255, line, cv2.LINE_AA)
    elif kind == 1:
        cv2.line(drawn, (a, a), (b, b), 255, line, cv2.LINE_AA)
        cv2.line(drawn, (a, b), (b, a), 255, line, cv2.LINE_AA)
    else:
        points = np.array([[a, b], [side // 3, a], [2 * side // 3, b], [b, a]], np.int32)
        cv2.polylines(drawn, [points], False, 255, line, cv2.LINE_AA)
    return drawn


def _place(rgba: Bytes, share: float, random: Random) -> Bytes | None:
    """A box or an ellipse inside the product, where it has detail, as a cover of 0..255."""
    inside = (rgba[..., 3] > 250).astype(np.uint8)
    area = share * float(inside.sum())
    ratio = float(random.uniform(0.5, 2.0))
    width, height = max(5, int((area * ratio) ** 0.5)), max(5, int((area / ratio) ** 0.5))
    fits = cv2.erode(inside, np.ones((height, width), np.uint8), borderValue=0)
    rows, columns = np.nonzero(fits)
    if not len(rows):
        return None
    grey = cv2.cvtColor(np.ascontiguousarray(rgba[..., :3]), cv2.COLOR_RGB2GRAY)
    edges = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 1.5), cv2.CV_32F))
    detail = cv2.boxFilter(edges, -1, (width, height))[rows, columns]
    kept = detail >= np.percentile(detail, 60)
    rows, columns = rows[kept], columns[kept]
    pick = int(random.integers(0, len(rows)))
    x, y = int(columns[pick]), int(rows[pick])
    cover = np.zeros(inside.shape, np.uint8)
    if random.random() < 0.7:
        cover[y - height // 2 : y + height // 2, x - width // 2 : x + width // 2] = 255
    else:
        cv2.ellipse(cover, (x, y), (width // 2, height // 2), 0, 0, 360, 255, -1, cv2.LINE_AA)
    return cover


def _commonest(colours: Bytes) -> Floats:
    """The median of the half of the colours that is nearest to their median."""
    away = np.linalg.norm(colours.astype(np.float32) - np.median(colours, axis=0), axis=1)
    return np.asarray(np.median(colours[away <= np.median(away)], axis=0))


def laid_over(rgba: Bytes, cover: Bytes, colour: Floats) -> Bytes:
    weight = cv2.GaussianBlur(cover, (0, 0), 0.7)[..., None] / np.float32(255)
    rgb = rgba[..., :3] * (1 - weight) + colour.astype(np.float32) * weight
    return np.dstack([as_bytes(rgb.astype(np.float32)), rgba[..., 3]])


def _is_visible(
    before: Bytes,
    after: Bytes,
    where: Mask,
    visible: tuple[float, float] = (VISIBLE, VISIBLE_SHARE),
) -> bool:
    labs = [to_lab(np.ascontiguousarray(one[..., :3])) for one in (before, after)]
    apart = np.linalg.norm(labs[0] - labs[1], axis=2)[where]
    return len(apart) > 0 and float((apart > visible[0]).mean()) > visible[1]


def pairs_of(product: Product, cut: Bytes, random: Random) -> Iterator[Pair]:
    """One pair of each of the two kinds, where the product has room for it."""
    for kind, damage in (("painted over", painted_over), ("printed on", printed_on)):
        damaged = damage(cut, random)
        if damaged is not None:
            combined = random.random() < 0.5
            picture = enhance(damaged[0], "combo" if combined else "background", random)
            yield Pair(product, kind, False, combined, picture, damaged[1])
