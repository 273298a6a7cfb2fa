"""Models the backdrop behind the product: a smooth surface fitted to the picture's border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from packshot.pictures.arrays import Bytes, Floats, shrink, to_lab
from packshot.pictures.boxes import Edges
from packshot.pictures.masks import border

FIT_SIDE = 256  # px; the border is judged at this size
BORDER = 0.04  # of the shorter side
SURFACE_SIDE = 48  # px; a second-order surface needs no more
FOLLOWED = 0.86  # share of the border that must follow a surface to call the backdrop plain

WHOLE: Edges = (0.0, 0.0, 1.0, 1.0)  # in shares of the frame


@dataclass(frozen=True)
class Backdrop:
    """A second-order surface in Lab over x, y in -1..1, and how well the border follows it."""

    terms: NDArray[np.float64]  # 6 x 3
    spread: float  # median distance from the surface of the pixels that follow it, delta E (CIE76)
    followed: float  # share of the border pixels that follow the surface, 0..1
    lightness: float  # L of the surface's mean over the border
    chroma: float  # of the same
    hue_ab: tuple[float, float]  # its a and b
    slope: float  # how much L changes over the border, in L

    @property
    def plain(self) -> bool:
        """One smooth colour all around: a sweep, a wall, a sheet."""
        return self.followed >= FOLLOWED and self.spread < 3.5

    @property
    def light_grey(self) -> bool:
        """Plain, light and nearly colourless: usable as a grey card.

        The limits (chroma 9, L 62) are measured: a tinted sheet whitened beyond them turns the
        product towards the opposite colour.
        """
        return self.plain and self.lightness > 62 and self.chroma < 9

    @property
    def white(self) -> bool:
        """Pure white already, as shops' own photos have it: nothing has to be made white."""
        return self.plain and self.lightness > 99.3 and self.spread < 0.5

    def surface(self, height: int, width: int, part: Edges = WHOLE) -> Floats:
        """The backdrop without the product, in a part of the frame; Lab, height x width x 3."""
        left, top, right, bottom = (2 * share - 1 for share in part)
        x, y = np.linspace(left, right, width), np.linspace(top, bottom, height)[:, None]
        planes = [
            (flat + y * (down + y * steep) + x * (across + x * bent) + y * x * turned)
            for flat, across, down, bent, turned, steep in self.terms.T
        ]
        return np.stack(planes, axis=2, dtype=np.float32, casting="same_kind")

    def small_surface(self, part: Edges = WHOLE) -> Floats:
        """The same of SURFACE_SIDE px, to be enlarged."""
        return self.surface(SURFACE_SIDE, SURFACE_SIDE, part)


def measure(rgb: Bytes) -> Backdrop:
    """Fit the surface to the border by trimmed least squares, which ignore a product there."""
    lab = to_lab(shrink(rgb, FIT_SIDE))
    height, width = lab.shape[:2]
    at_border = border((height, width), BORDER).ravel()
    places, colours = _terms(height, width)[at_border], lab.reshape(-1, 3)[at_border]
    terms, distance = _robust_fit(places, colours.astype(np.float64))
    follows = distance < 8
    fitted = (places @ terms)[follows] if follows.any() else places @ terms
    mean = fitted.mean(axis=0)
    return Backdrop(
        terms=terms,
        spread=float(np.median(distance[follows])) if follows.any() else 99.0,
        followed=float(follows.mean()),
        lightness=float(mean[0]),
        chroma=float(np.hypot(mean[1], mean[2])),
        hue_ab=(float(mean[1]), float(mean[2])),
        slope=float(np.ptp(fitted[:, 0])),
    )


def _terms(height: int, width: int) -> NDArray[np.float64]:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    x, y = x.ravel(), y.ravel()
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _robust_fit(
    places: NDArray[np.float64], colours: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Start with the border's median colour, then fit three times to the pixels near the fit."""
    terms = np.zeros((6, 3))
    terms[0] = np.median(colours, axis=0)
    distance = np.linalg.norm(colours - places @ terms, axis=1)
    for reach in (25.0, 14.0, 9.0):
        near = distance < max(reach, float(np.median(distance)))
        # A weak regularisation to a flat surface keeps a fit to half a border stable.
        ridge = np.diag([0, 1, 1, 4, 4, 4]) * 0.002 * near.sum()
        kept = places[near]
        terms = np.linalg.solve(kept.T @ kept + ridge, kept.T @ colours[near])
        distance = np.linalg.norm(colours - places @ terms, axis=1)
    return terms, distance
