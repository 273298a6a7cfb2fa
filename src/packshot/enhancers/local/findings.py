"""Measures a photo once, and caches the findings while its variants are made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop as backdrops
from packshot.enhancers.local import compose, upright
from packshot.enhancers.local.backdrop import Backdrop
from packshot.enhancers.local.compose import PlacedProduct
from packshot.enhancers.local.cut import cutout, edges, left_out, outline, trust, with_rembg
from packshot.enhancers.local.cut.cutout import CutOut
from packshot.enhancers.local.cut.edges import CutProduct
from packshot.enhancers.local.framing import scale_box
from packshot.enhancers.local.light import exposure, flatfield, tone
from packshot.enhancers.local.light.tone import Tone
from packshot.enhancers.local.options import PictureOptions
from packshot.pictures import cutout_network
from packshot.pictures.arrays import Bytes, shrink, to_lab
from packshot.pictures.boxes import Box, box_of
from packshot.pictures.imaging import to_array

# How the background is treated. alpha: removed by the file's own transparency; cut: removed by a
# trusted mask; unsure: removed by a mask that a reviewer must check; whiten: a light plain backdrop
# is made white without a mask; scene: the background stays.
Treatment = Literal["alpha", "cut", "unsure", "whiten", "scene"]
SEE_THROUGH = 250  # a file whose alpha is nowhere below this counts as opaque
SMALL_SIDE = 1024  # px
MEASURED_SIDE = 256  # px; the change of colours is measured at this size
SMALLEST = 64  # px of the shorter side; smaller photos are not cut out
STEP_EV = 0.35  # of "lighter" and "darker"
STEP_WARMTH = 0.07  # of "warmer" and "cooler": share of red gained and of blue lost


@dataclass(frozen=True, eq=False)
class Findings:
    """One decoded photo and what is known about it."""

    rgb: Bytes  # HxWx3; a transparent picture is put on white
    rgba: NDArray[np.uint8] | None  # HxWx4, if the file has transparency
    backdrop: Backdrop
    tone: Tone
    cut: CutOut | None
    treatment: Treatment
    why: str  # one clause: how the background is treated, and why
    options: PictureOptions
    faint: bool = False  # a part of the cut's outline is hardly visible in the photo
    ragged: bool = False  # the cut's outline has many small teeth
    tilted: bool = False  # straightening was asked for, but would have cut the product
    _prepared: dict[tuple[int, float], PlacedProduct] = field(default_factory=dict)

    @cached_property
    def box(self) -> Box:
        """The product's likely place in the photo's pixels; the whole frame when unknown."""
        if self.rgba is not None:
            return box_of(edges.solid_of(self.rgba))
        if self.cut is None:
            return Box(0, 0, self.rgb.shape[1], self.rgb.shape[0])
        mask = self.cut.mask if self.treatment == "cut" else self.cut.extent
        return scale_box(box_of(mask), mask.shape, self.rgb.shape, 0.0)

    @property
    def has_known_place(self) -> bool:
        """Whether `box` says more than "somewhere in the frame"."""
        height, width = self.rgb.shape[:2]
        return bool(self.box.height * self.box.width < 0.85 * height * width)

    @property
    def has_pale_backdrop(self) -> bool:
        """Whether light parts of the product may look like the backdrop."""
        return _is_pale(self.backdrop)

    @property
    def asked(self) -> Tone:
        """Only what a reviewer asked for."""
        return _adjust(Tone(), self.options)

    @cached_property
    def product(self) -> CutProduct:
        """The product alone with its light and colour corrected. Needs transparency or a mask."""
        longest = round(compose.MAX_SIDE * compose.FILL)
        if self.rgba is not None:
            product = edges.from_alpha(self.rgba, longest)
            return replace(product, colours=tone.curves(product.colours, self.tone))
        if self.cut is None:
            raise ValueError("this photo has no product mask")
        correct = partial(tone.curves, tone=self.tone)
        cut = self.cut
        return edges.cut(self.rgb, cut.mask, longest, correct, cut.extent, self.backdrop, cut.parts)

    @cached_property
    def colour_change(self) -> float:
        """How far the corrections move the product's colours: mean delta E (CIE76), of the whole
        frame where the product's place is unknown."""
        return self._change_by(self.tone)

    @cached_property
    def guessed_change(self) -> float:
        """The same of a white balance that took a coloured backdrop for a white one in coloured
        light; otherwise 0."""
        coloured = self.backdrop.plain and self.backdrop.chroma >= exposure.NEUTRAL
        return self._change_by(Tone(self.tone.balance)) if coloured else 0.0

    def _change_by(self, correction: Tone) -> float:
        mask = np.ones((1, 1), bool) if self.cut is None else self.cut.mask
        if self.rgba is not None:
            mask = edges.solid_of(self.rgba)
        small = shrink(self.rgb, MEASURED_SIDE)
        size = small.shape[1::-1]
        inside = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        colours = small[inside][None]
        if not colours.size:
            return 0.0
        moved = to_lab(tone.curves(colours, correction)) - to_lab(colours)
        return float(np.linalg.norm(moved, axis=2).mean())

    def prepared(self, side: int, fill: float) -> PlacedProduct:
        """The product, prepared for backgrounds of this size. The last result is cached, because
        several variants use the same."""
        key = (side, fill)
        if key not in self._prepared:
            self._prepared.clear()
            self._prepared[key] = compose.prepare(self.product, side, fill, self.tone.noise)
        return self._prepared[key]


_recent: dict[tuple[str, PictureOptions], Findings] = {}


def measure(data: bytes, options: PictureOptions) -> Findings:
    """Decode and measure a photo; the last one is cached, because its variants come next."""
    key = (hashlib.sha256(data).hexdigest(), options)
    if key not in _recent:
        _recent.clear()  # before decoding, so that only one large photo is in memory
        _recent[key] = _measure(data, options)
    return _recent[key]


def _measure(data: bytes, options: PictureOptions) -> Findings:
    cv2.setNumThreads(1)  # parallel work comes from several pixel processes
    pixels = to_array(data)
    turn = upright.find_rotation(pixels) if options.has_adjustment("straighten") else None
    if pixels.shape[2] == 4 and int(pixels[..., 3].min()) < SEE_THROUGH:
        return _measure_transparent(turn.see_through(pixels) if turn else pixels, options)
    rgb = np.ascontiguousarray(pixels[..., :3])
    small = shrink(rgb, SMALL_SIDE)  # measuring on this is cheaper
    backdrop = backdrops.measure(small)
    cut = _find_cut(small, backdrop, options)
    tilted = turn is not None and (cut is None or not turn.keeps(cut.mask | cut.extent))
    if turn is not None and not tilted:
        rgb, small = turn.picture(rgb), turn.picture(small)
        backdrop, cut = backdrops.measure(small), cut and _turn_cut(cut, turn)
    treatment, why = _choose_treatment(small, backdrop, cut, options)
    asked = _adjust(tone.measure(rgb, backdrop, small), options)
    found = Findings(rgb, None, backdrop, asked, cut, treatment, why, options, tilted=tilted)
    found = _check_cut(found, small) if treatment in ("cut", "unsure") else found
    return _with_light_parts(found, small)


def _check_cut(found: Findings, small: Bytes) -> Findings:
    """Check the finished cut against the photo's edges; choose another treatment if they differ."""
    assert found.cut is not None
    parts = left_out.find_left_out(found.rgb, found.backdrop, found.product)
    if parts.any():
        found = _with_cut(found, found.cut.with_parts(parts), small)
    assert found.cut is not None
    said = outline.find_doubts(found.rgb, found.backdrop, found.product)
    if not said.doubts:
        checked = replace(found, faint=said.faint, ragged=said.ragged)
        return _keep_product(checked, found)
    size = found.cut.mask.shape[1::-1]
    missed = cv2.resize(said.left_out.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
    doubts = (*found.cut.doubts, *said.doubts)
    doubted = _with_cut(
        found, replace(found.cut, doubts=doubts, extent=found.cut.extent | missed), small
    )
    return _keep_product(doubted, found)


def _with_cut(found: Findings, cut: CutOut, small: Bytes) -> Findings:
    treatment, why = _choose_treatment(small, found.backdrop, cut, found.options)
    return replace(found, cut=cut, treatment=treatment, why=why)


def _with_light_parts(found: Findings, small: Bytes) -> Findings:
    """Add what has clear edges to the extent of a product that was not cut out for certain: in
    front of a pale backdrop masks lose light parts, and a crop or a blur would, too."""
    if found.cut is None or found.treatment == "cut" or not _is_pale(found.backdrop):
        return found
    extent = found.cut.extent
    edged = outline.find_edges(small).astype(np.float32)
    wider = cv2.resize(edged, extent.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
    return _keep_product(replace(found, cut=replace(found.cut, extent=extent | wider)), found)


def _keep_product(changed: Findings, checked: Findings) -> Findings:
    """Deliver the cut that was checked instead of cutting again, which takes long. Where more may
    belong to the product, a crop shows all of that."""
    if "product" in vars(checked):
        vars(changed)["product"] = checked.product
    return changed


def _turn_cut(cut: CutOut, turn: upright.Rotation) -> CutOut:
    return replace(cut, mask=turn.mask(cut.mask), extent=turn.mask(cut.extent))


def _find_cut(rgb: Bytes, backdrop: Backdrop, options: PictureOptions) -> CutOut | None:
    if options.method == "off" or min(rgb.shape[:2]) < SMALLEST:
        return None
    return cutout.find(rgb, backdrop, _network(options))


def _network(options: PictureOptions) -> cutout.Network | None:
    if options.method == "rembg":
        return "rembg", with_rembg.likelihood
    if options.method == "network" and cutout_network.load(options.model) is not None:
        return "network", partial(cutout_network.likelihood, path=options.model)
    return None


def _measure_transparent(rgba: NDArray[np.uint8], options: PictureOptions) -> Findings:
    """Only what a reviewer asked for is corrected: a transparent picture was retouched already."""
    cover = cv2.cvtColor(np.ascontiguousarray(rgba[..., 3]), cv2.COLOR_GRAY2RGB)
    shown = cv2.multiply(np.ascontiguousarray(rgba[..., :3]), cover, scale=1 / 255)
    rgb = np.asarray(cv2.add(shown, cv2.bitwise_not(cover)), np.uint8)
    why = "the file's own transparency"
    asked = _adjust(Tone(), options)
    return Findings(rgb, rgba, backdrops.measure(rgb), asked, None, "alpha", why, options)


def _choose_treatment(
    rgb: Bytes, backdrop: Backdrop, cut: CutOut | None, options: PictureOptions
) -> tuple[Treatment, str]:
    """A trusted cut-out, else whitening if that is safe, else a cut-out for a reviewer to check,
    else the original scene."""
    if cut is None:
        return "scene", "background kept (no cut-out found)"
    if options.has_adjustment("keep_background"):
        return "scene", f"background kept as asked ({cut.why()})"
    if cut.trusted:
        return "cut", cut.why()
    to_check: tuple[Treatment, str] = ("unsure", f"cut out to be checked ({cut.why()})")
    if options.has_adjustment("cut_out"):
        return to_check
    may_whiten = backdrop.light_grey and not options.has_adjustment("keep_light")
    if may_whiten and flatfield.is_safe(rgb, backdrop, cut.extent):
        return "whiten", f"backdrop whitened without a mask ({cut.why()})"
    if cut.offered and not _is_pale(backdrop):  # where light parts may be lost
        return to_check
    return "scene", f"background kept ({cut.why()})"


def _is_pale(backdrop: Backdrop) -> bool:
    """Whether light parts of a product may look like the backdrop, so that a cut may lose them."""
    return backdrop.plain and backdrop.lightness > trust.LIGHT


def _steps(count: int) -> float:
    """The gain of so many steps of warmth; negative for a loss."""
    return float((1 + STEP_WARMTH) ** count if count > 0 else (1 - STEP_WARMTH) ** -count)


def _adjust(measured: Tone, options: PictureOptions) -> Tone:
    """The measured corrections plus what a reviewer asked for."""
    if options.has_adjustment("keep_light"):
        measured = Tone(noise=measured.noise, faults=measured.faults)
    light = options.direction("lighter", "darker") * STEP_EV
    warmth = options.direction("warmer", "cooler")
    red, green, blue = measured.balance
    balance = (round(red * _steps(warmth), 3), green, round(blue * _steps(-warmth), 3))
    return replace(measured, exposure=round(measured.exposure + light, 2), balance=balance)
