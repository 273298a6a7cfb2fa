"""Finding the product: several candidate masks, and the one that its features speak for."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers import backdrop as backdrops
from packshot.enhancers import trust
from packshot.enhancers.backdrop import Backdrop
from packshot.enhancers.colour import Bytes, Floats, shrink
from packshot.enhancers.saliency import saliency

WORK_SIDE = 320  # px; larger changes few masks and costs its square in time
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CutOut:
    """The best mask found (small, work size), how far it is trusted, and why not further."""

    mask: Mask
    method: str  # flood, saliency, frame or centre
    confidence: float  # 0..1: the chance that it overlaps the truth by more than 0.9
    doubts: tuple[str, ...]  # vetoes, in words; any of them means: do not cut

    @property
    def trusted(self) -> bool:
        """Whether to cut the product out by this mask."""
        return self.confidence >= trust.THRESHOLD and not self.doubts

    def why(self) -> str:
        """One clause for the record."""
        head = f"cut-out confidence {self.confidence:.2f} ({self.method})"
        return head if not self.doubts else f"{head}: {'; '.join(self.doubts)}"


def find(rgb: Bytes, backdrop: Backdrop) -> CutOut | None:
    """Try every way, judge each mask, keep the one most trusted; None when none found anything."""
    small = shrink(rgb, WORK_SIDE)
    scene = trust.Scene.of(small, backdrop)
    masks = {name: mask for name, mask in candidates(small, scene).items() if _possible(mask)}
    best: CutOut | None = None
    for name, mask in masks.items():
        others = [other for key, other in masks.items() if key != name]
        features = trust.features(scene, mask, others, flood=name == "flood")
        found = CutOut(mask, name, trust.confidence(features), trust.doubts(features))
        if best is None or (found.trusted, found.confidence) > (best.trusted, best.confidence):
            best = found
    return best


def candidates(small: Bytes, scene: trust.Scene) -> dict[str, Mask]:
    """Every mask this photo suggests, by method; all of the work size."""
    masks = {"flood": flood(scene)} if scene.backdrop.followed > 0.5 else {}
    salient = saliency(scene.lab)
    for name, seed in (
        ("saliency", _seed_from(salient)),
        ("frame", _seed_frame(salient.shape[:2])),
        ("centre", _seed_from(salient * _centre_prior(*salient.shape[:2]))),
    ):
        masks[name] = _tidy(grab_cut(small, seed))
    return masks


def flood(scene: trust.Scene) -> Mask:
    """Everything the border's smooth surface does not reach: backdrop, its soft shadows."""
    reach = max(5.0, 3.0 * scene.backdrop.spread)
    like = (scene.distance < reach) | scene.soft_shadow
    outside = _connected_to_border(like)
    inside = ~outside
    # Holes (a handle, a strap) count as backdrop only when they match it tightly and are large.
    hole = (scene.distance < 0.6 * reach) & (scene.texture < 2.0) & inside
    hole = _components_at_least(hole, 0.002)
    return _tidy(inside & ~hole)


def grab_cut(small: Bytes, seed: NDArray[np.uint8], rounds: int = 4) -> Mask:
    """GrabCut (Rother 2004) from a seed map; deterministic for a given input."""
    if not ((seed == cv2.GC_PR_FGD) | (seed == cv2.GC_FGD)).any():
        return np.zeros(seed.shape, bool)
    cv2.setRNGSeed(7)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    labels = seed.copy()
    try:
        cv2.grabCut(small, labels, None, *models, rounds, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # a one-colour picture has no mixture to fit
        return np.zeros(seed.shape, bool)
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))


def _seed_from(salient: Floats) -> NDArray[np.uint8]:
    """Salient parts probably product, the rest probably not, the frame's edge surely not."""
    cut = max(float(salient.mean()) * 1.3, 0.12)
    seed = np.where(salient > cut, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seed[salient > max(0.75, cut)] = cv2.GC_PR_FGD
    seed[backdrops.border(*seed.shape, 0.015)] = cv2.GC_BGD
    return seed


def _seed_frame(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    seed = np.full(shape[:2], cv2.GC_PR_FGD, np.uint8)
    seed[backdrops.border(shape[0], shape[1], 0.05)] = cv2.GC_BGD
    return seed


def _centre_prior(height: int, width: int) -> Floats:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.exp(-(x * x + y * y) / 0.6).astype(np.float32)


def _possible(mask: Mask) -> bool:
    return 0.01 < float(mask.mean()) < 0.9


def _tidy(mask: Mask) -> Mask:
    """Drop crumbs (under 4 % of the largest piece) and close pinholes."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    if count < 2:
        return np.zeros(mask.shape, bool)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = np.asarray((areas >= 0.04 * areas.max())[labels])
    holes = ~kept
    return ~(_connected_to_border(holes) | _components_at_least(holes, 0.001))


def _connected_to_border(mask: Mask) -> Mask:
    """The part of the mask that hangs together with the frame's edge."""
    padded = np.pad(mask.astype(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(padded, connectivity=4)
    return np.asarray((labels == labels[0, 0])[1:-1, 1:-1])


def _components_at_least(mask: Mask, share: float) -> Mask:
    """The pieces of the mask that cover at least `share` of the frame."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] >= share * mask.size
    large[0] = False
    return np.asarray(large[labels])
