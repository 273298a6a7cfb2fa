"""Finds the product: computes several candidate masks and picks the most trustworthy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local.backdrop import BORDER, Backdrop
from packshot.enhancers.local.cut import network_trust, trust
from packshot.enhancers.local.cut.grabcut import grab_cut
from packshot.pictures.arrays import Bytes, Floats, Mask, from_lab, shrink
from packshot.pictures.masks import (
    border,
    closed,
    connected_to_edge,
    disc,
    holes_of,
    large_pieces,
    pieces,
    without_specks,
)

WORK_SIDE = 256  # px; 320 finds no better masks and takes twice the time (measured)
SEEN_THROUGH = 0.25  # a hole whose likelihood is above this may be a part of the product
Network = tuple[str, Callable[[Bytes], Floats]]


@dataclass(frozen=True)
class CutOut:
    """The best mask found (at work size), how far it can be trusted, and doubts about it."""

    mask: Mask
    method: str  # flood, lit, saliency, colour, centre, network or rembg
    confidence: float  # 0..1: the chance that it is good enough to cut by
    doubts: tuple[str, ...]  # in words; any doubt means: do not cut without a warning
    extent: Mask  # everything that may belong to the product
    threshold: float = trust.THRESHOLD  # least confidence for a cut without a warning
    offered_from: float = trust.THRESHOLD  # least confidence for a cut with a warning
    parts: Mask | None = None  # what the mask lacked at first; finer than the mask, which has it

    @property
    def trusted(self) -> bool:
        """Whether to cut the product out by this mask."""
        return self.confidence >= self.threshold and not self.doubts

    @property
    def offered(self) -> bool:
        """Whether a cut by this mask may be shown to a reviewer, with a warning."""
        return self.confidence >= self.offered_from and not trust.FATAL & {*self.doubts}

    @property
    def likely(self) -> bool:
        """Whether the mask, doubts aside, probably shows where the product is."""
        return self.confidence >= trust.LIKELY

    def with_parts(self, parts: Mask) -> CutOut:
        """The same with parts of the product that the mask lacked."""
        size = self.mask.shape[1::-1]
        small = cv2.resize(parts.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
        cut_off = bool(small[border(small.shape, 0.008)].any())
        doubts = (*self.doubts, trust.EDGE) if cut_off else self.doubts
        return replace(
            self,
            mask=self.mask | small,
            extent=self.extent | small,
            parts=parts,
            doubts=doubts,
        )

    def why(self) -> str:
        """One clause for the record."""
        head = f"cut-out confidence {self.confidence:.2f} ({self.method})"
        return head if not self.doubts else f"{head}: {'; '.join(self.doubts)}"


def find(rgb: Bytes, backdrop: Backdrop, network: Network | None = None) -> CutOut | None:
    """The most trustworthy mask; None when nothing was found.

    Classical methods come first. If one of them can be trusted, the `network` (a name, and a
    function that returns its likelihood 0..1) need not run.
    """
    small = shrink(rgb, WORK_SIDE)
    maps = trust.PhotoMaps.of(small, backdrop)
    masks = possible_candidates(small, maps)
    classical = best_classical(maps, masks)
    if network is None or (classical is not None and classical.trusted):
        return classical
    name, likelihood = network
    found = from_likelihood(likelihood(rgb), maps, masks, name)
    if found is None or classical is None:
        return found or classical
    if found.likely and (found.trusted or found.offered):
        return found
    return replace(found, extent=found.extent | classical.extent)


def best_classical(maps: trust.PhotoMaps, masks: dict[str, Mask]) -> CutOut | None:
    """The most trustworthy classical candidate; None if there is none."""
    extent = _extent(masks)
    found = [
        CutOut(mask, name, trust.confidence(measured), trust.doubts(measured), extent | mask)
        for name, mask, measured in judge(maps, masks)
    ]
    return max(found, key=lambda cut: (cut.trusted, cut.confidence), default=None)


def from_likelihood(
    likelihood: Floats, maps: trust.PhotoMaps, candidates: dict[str, Mask], name: str
) -> CutOut | None:
    """A network's answer, 0..1 of any size, as a cut-out; None when it found nothing.

    A network's answer is stretched to 0..1, so it always finds something. How far to trust it
    depends on how sharp its outline is, and on the classical candidates.
    """
    at_size = cv2.resize(likelihood, maps.lab.shape[1::-1], interpolation=cv2.INTER_AREA)
    drawn = _with_unsure_holes(_tidy(at_size > 0.5), at_size)
    mask = trust.with_light_parts(maps, drawn)
    if not _possible(mask):
        return None
    measured = network_trust.measure(likelihood, maps, mask, candidates)
    return CutOut(
        mask,
        name,
        network_trust.confidence(measured),
        network_trust.doubts(measured),
        _reach(at_size) | mask,
        network_trust.THRESHOLD,
        network_trust.OFFERED,
    )


def _with_unsure_holes(mask: Mask, likelihood: Floats) -> Mask:
    """Fill the holes of the mask in which the network does not clearly see background."""
    filled = mask.copy()
    for hole in pieces(holes_of(mask)):
        if likelihood[hole].mean() > SEEN_THROUGH:
            filled |= hole
    return filled


def _reach(likelihood: Floats) -> Mask:
    """Everything that the network does not exclude, without specks."""
    return large_pieces(likelihood > 0.1, 0.002 * likelihood.size)


def _extent(masks: dict[str, Mask]) -> Mask:
    """What two methods agree on, and everything that differs from a plain backdrop."""
    if not masks:
        return np.zeros((1, 1), bool)
    extent = np.sum(list(masks.values()), axis=0) >= 2
    flooded = masks.get("flood")
    if flooded is not None and not flooded[border(flooded.shape, 0.008)].any():
        extent = extent | flooded
    return np.asarray(extent)


def judge(
    maps: trust.PhotoMaps, masks: dict[str, Mask]
) -> Iterator[tuple[str, Mask, trust.Features]]:
    """Every candidate with its features, which compare it with the other candidates."""
    for name, mask in masks.items():
        others = [other for key, other in masks.items() if key != name]
        yield name, mask, trust.features(maps, mask, others)


def possible_candidates(small: Bytes, maps: trust.PhotoMaps) -> dict[str, Mask]:
    """The candidates that are neither nearly empty nor nearly the whole frame."""
    return {name: mask for name, mask in candidates(small, maps).items() if _possible(mask)}


def candidates(small: Bytes, maps: trust.PhotoMaps) -> dict[str, Mask]:
    """Every mask this photo suggests, by method; all of the work size."""
    masks = {}
    relit = small
    if maps.backdrop.followed > 0.5:
        masks["flood"] = flood(maps, maps.soft_shadow)
        masks["lit"] = flood(maps, maps.soft_shadow | maps.shade)
        relit = _without_shadow(small, maps)
    salient = maps.salient
    for name, picture, seed in (
        ("saliency", small, _seed_from(salient)),
        ("colour", relit, _seed_unlike_border(maps.lab)),
        ("centre", relit, _seed_from(salient * _centre_prior(*salient.shape[:2]))),
    ):
        grown = _tidy(grab_cut(picture, seed))
        masks[name] = trust.without_false_holes(maps, grown)
    return masks


def flood(maps: trust.PhotoMaps, shadow: Mask) -> Mask:
    """Everything that is not connected to the border through backdrop or shadow."""
    reach = trust.backdrop_reach(maps.backdrop)
    outside = connected_to_edge((maps.distance < reach) | shadow)
    inside = ~outside
    # A hole (in a handle, a strap) counts as backdrop only if it is large and matches closely.
    hole = (maps.distance < 0.6 * reach) & (maps.texture < trust.MAX_TEXTURE) & inside
    return _tidy(inside & ~large_pieces(hole, 0.002 * hole.size))


def _without_shadow(small: Bytes, maps: trust.PhotoMaps) -> Bytes:
    """The picture with the shadows that are connected to the border replaced by the backdrop."""
    reach = trust.backdrop_reach(maps.backdrop)
    shadow = connected_to_edge((maps.distance < reach) | maps.shade | maps.soft_shadow)
    surface = from_lab(maps.backdrop.surface(*small.shape[:2]))
    return np.where((shadow & (maps.distance >= reach))[..., None], surface, small)


def _seed_from(salient: Floats) -> NDArray[np.uint8]:
    """GrabCut labels: salient parts probably product, the frame's edge surely background."""
    cut = max(float(salient.mean()) * 1.3, 0.12)
    seed = np.where(salient > cut, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seed[salient > max(0.75, cut)] = cv2.GC_PR_FGD
    seed[border(seed.shape, 0.015)] = cv2.GC_BGD
    return seed


def _seed_unlike_border(lab: Floats, kinds: int = 6) -> NDArray[np.uint8]:
    """GrabCut labels: probably product where no cluster of border colours is within 3 sigma."""
    colours = lab[border(lab.shape, BORDER)]
    cv2.setRNGSeed(7)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    _, label, centres = cv2.kmeans(colours, kinds, None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    nearest = np.full(lab.shape[:2], np.inf, np.float64)
    for kind in range(kinds):
        members = colours[label.ravel() == kind]
        if len(members) >= 0.02 * len(colours):
            nearest = np.minimum(nearest, _squared_sigmas(lab - centres[kind], members))
    seed = np.where(nearest > 9, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seed[border(lab.shape, 0.015)] = cv2.GC_BGD
    return seed


def _squared_sigmas(away: Floats, members: Floats) -> NDArray[np.float64]:
    """How far these differences from a cluster's centre are, by the spread of its members."""
    inverse = np.linalg.inv(np.cov(members.T) + np.diag([12.0, 5.0, 5.0]))
    return np.asarray(np.einsum("hwi,hwi->hw", away @ inverse, away), np.float64)


def _centre_prior(height: int, width: int) -> Floats:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(np.exp(-(x * x + y * y) / 0.6), np.float32)


def _possible(mask: Mask) -> bool:
    return 0.01 < float(mask.mean()) < 0.9


def _tidy(mask: Mask) -> Mask:
    """Drop specks (under 4 % of the largest piece) and close pinholes."""
    kept = without_specks(closed(mask, disc(1)))
    holes = ~kept
    return ~(connected_to_edge(holes) | large_pieces(holes, 0.001 * holes.size))
