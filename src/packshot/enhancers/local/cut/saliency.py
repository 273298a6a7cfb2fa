"""Finds the parts of a photo that stand out from its border (robust background, Zhu 2014)."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.pictures.arrays import Floats

REGIONS = 220


def saliency(lab: Floats) -> Floats:
    """Saliency 0..1 per pixel of a small Lab picture, from about REGIONS superpixels."""
    labels = _superpixels(lab)
    colours, places, area = _region_means(lab, labels)
    count = len(colours)
    links = _neighbours(labels, count)
    colour_gap = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    place_gap = np.linalg.norm(places[:, None] - places[None], axis=2)
    background = _background_chance(colour_gap, links, labels, area)
    contrast = (colour_gap * np.exp(-(place_gap**2) / (2 * 0.4**2)) * background[None]).sum(axis=1)
    contrast = contrast / max(float(contrast.max()), 1e-9)
    smooth = _optimise(contrast, background, colour_gap, links)
    spread = float(np.ptp(smooth))
    scaled = (smooth - smooth.min()) / spread if spread > 1e-9 else np.zeros(count)
    return scaled[labels].astype(np.float32)


def _superpixels(lab: Floats) -> NDArray[np.int32]:
    """Compact regions: watershed of the colour gradient from a grid of seeds (waterpixels)."""
    height, width = lab.shape[:2]
    step = max(4, int(np.sqrt(height * width / REGIONS)))
    smooth = cv2.GaussianBlur(lab, (0, 0), 1.0)
    markers = _place_seeds(_gradient(smooth), step)
    byte = np.clip(smooth + np.array([0, 128, 128], np.float32), 0, 255).astype(np.uint8)
    byte[..., 0] = np.clip(smooth[..., 0] * 2.55, 0, 255).astype(np.uint8)
    cv2.watershed(byte, markers)
    return _fill_lines(markers)


def _place_seeds(gradient: Floats, step: int) -> NDArray[np.int32]:
    """A seed number at the point of least gradient in each grid cell; 0 elsewhere."""
    height, width = gradient.shape
    seeds = np.zeros((height, width), np.int32)
    grid = product(range(step // 2, height, step), range(step // 2, width, step))
    for number, (top, left) in enumerate(grid, 1):
        window = gradient[top - 2 : top + 3, left - 2 : left + 3]
        y, x = np.unravel_index(int(window.argmin()), window.shape)
        seeds[max(0, top - 2) + y, max(0, left - 2) + x] = number
    return seeds


def _fill_lines(markers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give the watershed's dividing lines (-1) to a neighbour, and number regions from 0."""
    regions = np.maximum(markers, 0)
    kernel = np.ones((3, 3), np.uint8)
    for _ in range(8):
        empty = regions == 0
        if not empty.any():
            break
        grown = cv2.dilate(regions.astype(np.float32), kernel).astype(np.int32)
        regions = np.where(empty, grown, regions)
    _, numbered = np.unique(regions, return_inverse=True)
    return numbered.reshape(regions.shape).astype(np.int32)


def _gradient(lab: Floats) -> Floats:
    across, down = cv2.Sobel(lab, cv2.CV_32F, 1, 0), cv2.Sobel(lab, cv2.CV_32F, 0, 1)
    return np.asarray(np.sqrt((across**2 + down**2).sum(axis=2)), np.float32)


def _region_means(
    lab: Floats, labels: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    flat, count = labels.ravel(), int(labels.max()) + 1
    area = np.bincount(flat, minlength=count).astype(np.float64)
    colours = np.stack(
        [np.bincount(flat, lab[..., c].ravel(), count) / area for c in range(3)], axis=1
    )
    y, x = np.mgrid[0 : 1 : labels.shape[0] * 1j, 0 : 1 : labels.shape[1] * 1j]
    places = np.stack([np.bincount(flat, axis.ravel(), count) / area for axis in (y, x)], axis=1)
    return colours, places, area


def _neighbours(labels: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """Which regions touch; those at the frame's edge all touch one another."""
    links = np.zeros((count, count), bool)
    links[labels[:, :-1], labels[:, 1:]] = True
    links[labels[:-1], labels[1:]] = True
    edge = _edge_regions(labels)
    links[np.ix_(edge, edge)] = True
    links |= links.T
    np.fill_diagonal(links, False)
    return links


def _edge_regions(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    return np.unique(np.concatenate(sides)).astype(np.int32)


def _background_chance(
    colour_gap: NDArray[np.float64],
    links: NDArray[np.bool_],
    labels: NDArray[np.int32],
    area: NDArray[np.float64],
) -> NDArray[np.float64]:
    """1 - exp(-connectivity^2 / 2): how much of what looks like a region is at the frame's edge."""
    distance = _geodesic(colour_gap, links)
    likeness = np.exp(-(distance**2) / (2 * 7.0**2))
    at_edge = np.zeros(len(area), bool)
    at_edge[_edge_regions(labels)] = True
    spanned = likeness @ (area / area.mean())
    on_edge = likeness @ at_edge
    connectivity = on_edge / np.sqrt(np.maximum(spanned, 1e-9))
    return np.asarray(1 - np.exp(-(connectivity**2) / 2))


def _geodesic(colour_gap: NDArray[np.float64], links: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Shortest colour distance between regions (Floyd and Warshall); small steps cost nothing."""
    free = float(np.median(colour_gap[links])) * 0.3 if links.any() else 0.0
    distance = np.where(links, np.maximum(colour_gap - free, 0), np.inf)
    np.fill_diagonal(distance, 0)
    for via in range(len(distance)):
        np.minimum(distance, distance[:, via, None] + distance[None, via], out=distance)
    return distance


def _optimise(
    contrast: NDArray[np.float64],
    background: NDArray[np.float64],
    colour_gap: NDArray[np.float64],
    links: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Least squares of foreground, background and smoothness (equation 9 of the paper)."""
    weights = np.where(links, np.exp(-(colour_gap**2) / (2 * 7.0**2)) + 0.1, 0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    return np.asarray(np.linalg.solve(laplacian + np.diag(background + contrast), contrast))
