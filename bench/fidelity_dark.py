"""Pairs of underexposed photos for bench/fidelity.py. In a dark photo everything differs by less:
faint print, places painted over, bites out of the edge, and scraps of the old background."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from bench import fidelity_local as local
from bench.fidelity_pairs import Damaged, Pair, Product, Random, coded, enhance, trimmed
from packshot.pictures.arrays import LUMA, Bytes, Floats, Mask, as_bytes, to_lab, to_linear, to_srgb
from packshot.pictures.masks import disc

FAITHFUL = ("background", "relight", "tone", "combo", "lifted", "denoised")
LIGHT = (0.02, 0.08)  # mean linear light of an underexposed product
LIFT = (0.3, 0.8)  # EV by which a good picture is lighter
FAINT = (4.0, 9.0)  # dE, as the dark photo shows it: plain to see once it is looked for
VISIBLE, VISIBLE_SHARE = 6.0, 0.15  # dE, of the place


def underexposed(whole: Bytes, random: Random) -> Bytes:
    """The photo (RGBA: its alpha is the product) with little light, more noise, and JPEG."""
    light, product = to_linear(whole[..., :3]), whole[..., 3] > 127
    gain = min(1.0, random.uniform(*LIGHT) / float((light[product] @ LUMA).mean()))
    dark = to_srgb(light * np.float32(gain))
    dark = dark + random.normal(0, random.uniform(0.7, 1.8), dark.shape)
    rgb = coded(as_bytes(dark.astype(np.float32)), int(random.integers(85, 95)))
    return np.dstack([rgb, whole[..., 3]])


# ---- faithful edits


def enhance_dark(cut: Bytes, kind: str, random: Random) -> bytes:
    if kind in ("lifted", "denoised"):
        return enhance(lifted(cut, random, smooth=kind == "denoised"), "background", random)
    return enhance(cut, kind, random)


def lifted(rgba: Bytes, random: Random, *, smooth: bool) -> Bytes:
    """A little lighter; `smooth`: without the photo's noise, as a model draws it."""
    rgb = np.ascontiguousarray(rgba[..., :3])
    if smooth:
        rgb = np.asarray(cv2.fastNlMeansDenoisingColored(rgb, None, 4, 4, 5, 15), np.uint8)
    gain = np.float32(2.0 ** random.uniform(*LIFT))
    return np.dstack([as_bytes(to_srgb(to_linear(rgb) * gain)), rgba[..., 3]])


# ---- damage to a whole photo (RGBA)


def faint_word(whole: Bytes, random: Random) -> Damaged:
    """A see-through word or sign of 4 to 12 % of the product's longer side, in grey."""
    longer = max(trimmed(whole).shape[:2])
    height = float(random.uniform(0.04, 0.12)) * longer
    for _ in range(local.TRIES):
        ink = local.sign(height, random)
        cover = local.put_inside(whole, ink, random)
        if cover is None:
            height *= 0.9
            continue
        grey, share = np.full(3, random.uniform(0, 130)), float(random.uniform(0.2, 0.7))
        changed = local.laid_over(whole, as_bytes(cover * np.float32(share)), grey)
        if FAINT[0] < _apart(whole, changed, cover > 127) < FAINT[1]:
            return changed, height / longer
    return None


def faint_patch(whole: Bytes, random: Random) -> Damaged:
    """A place painted over that the dark photo hardly shows."""
    return local.painted_over(whole, random, (VISIBLE, VISIBLE_SHARE))


def bite(whole: Bytes, random: Random) -> Damaged:
    """0.4 to 1.5 % of the product, out of its edge: round or square."""
    product = whole[..., 3] > 127
    area, share = float(product.sum()), float(random.uniform(0.004, 0.015))
    for _ in range(local.TRIES):
        x, y = _at_edge(product, random)
        hole = np.zeros(product.shape, np.uint8)
        side = int((share * area) ** 0.5 * random.uniform(0.55, 0.8))
        if random.random() < 0.5:
            cv2.circle(hole, (x, y), side, 255, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(hole, (x - side, y - side), (x + side, y + side), 255, -1)
        lost = float((product & (hole > 127)).sum()) / area
        if 0.004 < lost < 0.015:
            alpha = np.minimum(whole[..., 3], 255 - hole)
            return np.dstack([whole[..., :3], alpha]), lost
    return None


def scrap(whole: Bytes, random: Random) -> Damaged:
    """A piece of the photo's background of 1.5 to 6 % of the product, kept at its edge."""
    product = whole[..., 3] > 127
    area = float(product.sum())
    for _ in range(local.TRIES):
        x, y = _at_edge(product, random)
        share, ratio = random.uniform(0.02, 0.1), random.uniform(0.6, 3.0)
        size = ((share * area * ratio) ** 0.5, (share * area / ratio) ** 0.5)
        box = cv2.boxPoints(((x, y), size, float(random.choice([0, random.uniform(0, 90)]))))
        kept = np.zeros(product.shape, np.uint8)
        cv2.fillConvexPoly(kept, box.astype(np.int32), 255, cv2.LINE_AA)
        more = float(((kept > 127) & ~product).sum()) / area
        if 0.015 < more < 0.06:
            return np.dstack([whole[..., :3], np.maximum(whole[..., 3], kept)]), more
    return None


def _at_edge(product: Mask, random: Random) -> tuple[int, int]:
    rows, columns = np.nonzero(product & (cv2.erode(product.astype(np.uint8), disc(2)) == 0))
    pick = int(random.integers(0, len(rows)))
    return int(columns[pick]), int(rows[pick])


def _apart(before: Bytes, after: Bytes, where: Mask) -> float:
    labs: list[Floats] = [to_lab(np.ascontiguousarray(one[..., :3])) for one in (before, after)]
    return float(np.median(np.linalg.norm(labs[0] - labs[1], axis=2)[where]))


DAMAGES: dict[str, Callable[[Bytes, Random], Damaged]] = {
    "dark: faint word": faint_word, "dark: painted over": faint_patch, "dark: bite": bite,
    "dark: scrap kept": scrap,
}  # fmt: skip


def pairs_of(product: Product, whole: Bytes, random: Random, faithful: int) -> Iterator[Pair]:
    """Pairs of one dark photo: some faithful edits, and one of each damage it has room for."""
    for kind in random.permutation(FAITHFUL)[:faithful]:
        picture = enhance_dark(trimmed(whole), str(kind), random)
        yield Pair(product, f"dark: {kind}", True, kind == "combo", picture)
    for name, damage in DAMAGES.items():
        damaged = damage(whole, random)
        if damaged is not None:
            combined = random.random() < 0.5
            edit = str(random.choice(["combo", "lifted"])) if combined else "background"
            picture = enhance_dark(trimmed(damaged[0]), edit, random)
            yield Pair(product, name, False, combined, picture, damaged[1])
