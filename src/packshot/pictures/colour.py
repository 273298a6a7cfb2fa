"""ICC profiles for colour that a file describes in other ways: gAMA and cHRM, codes, EXIF."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy
from numpy.typing import NDArray

Matrix = NDArray[numpy.float64]


class Primaries(NamedTuple):
    """CIE 1931 x and y of white, red, green and blue."""

    white_x: float
    white_y: float
    red_x: float
    red_y: float
    green_x: float
    green_y: float
    blue_x: float
    blue_y: float


@dataclass(frozen=True)
class Transfer:
    """The curve from stored value to light: value ** gamma, or ICC's parametric curve of type 3."""

    gamma: float
    curve: tuple[float, float, float, float] | None = None  # a, b, c, d

    def to_icc_tag(self) -> bytes:
        """The curve as an ICC 'para' tag (ICC.1:2022, 10.18)."""
        numbers = (self.gamma, *(self.curve or ()))
        kind = 3 if self.curve else 0
        return struct.pack(
            f">4s4xHH{len(numbers)}i", b"para", kind, 0, *map(_to_fixed_point, numbers)
        )


D65 = (0.3127, 0.3290)
SRGB = Primaries(*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE_RGB = Primaries(*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
SRGB_CURVE = Transfer(2.4, (1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
ADOBE_GAMMA = Transfer(563 / 256)

#: By code point of ITU-T H.273, tables 2 and 3, as cICP and nclx state them.
CODED_PRIMARIES = {
    1: SRGB,
    4: Primaries(0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: Primaries(*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: Primaries(*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: Primaries(*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: Primaries(*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: Primaries(0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: Primaries(*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
# Browsers show the video curves 1, 6, 14 and 15 like sRGB's.
CODED_TRANSFERS = {
    1: SRGB_CURVE,
    4: Transfer(2.2),
    5: Transfer(2.8),
    6: SRGB_CURVE,
    8: Transfer(1.0),
    13: SRGB_CURVE,
    14: SRGB_CURVE,
    15: SRGB_CURVE,
}
PQ, HLG = 16, 18
SAMPLES = 4096  # of a curve that no ICC formula describes
REFERENCE_WHITE = 203  # cd/m2 of white paper in HDR pictures (ITU-R BT.2408)


def knows_codes(primaries: int, transfer: int) -> bool:
    """Whether H.273's codes state a colour: 2, for one, means "unspecified"."""
    return primaries in CODED_PRIMARIES and transfer in (*CODED_TRANSFERS, PQ, HLG)


def profile_for_codes(primaries: int, transfer: int) -> bytes | None:
    """The ICC profile for H.273's codes; None for sRGB and for codes that are unknown."""
    if transfer in (PQ, HLG):
        curve = _sample(_pq() if transfer == PQ else _hlg())
        return _icc(CODED_PRIMARIES.get(primaries, SRGB), curve)
    return gamma_profile(CODED_PRIMARIES.get(primaries), CODED_TRANSFERS.get(transfer))


def gamma_profile(primaries: Primaries | None, transfer: Transfer | None) -> bytes | None:
    """The ICC profile for these, where None means sRGB's; None if both are close to sRGB's."""
    if primaries is not None and (_near(primaries, SRGB) or not _is_sound(primaries)):
        primaries = None
    if transfer == SRGB_CURVE or (
        # Programs that write gAMA 1/2.2 and nothing else mean sRGB, whose curve it approximates.
        primaries is None and transfer is not None and not transfer.curve and _like_srgb(transfer)
    ):
        transfer = None
    if primaries is None and transfer is None:
        return None
    return _icc(primaries or SRGB, (transfer or SRGB_CURVE).to_icc_tag())


def adobe_rgb() -> bytes:
    """The profile for photos that name Adobe RGB only in their EXIF."""
    return _icc(ADOBE_RGB, ADOBE_GAMMA.to_icc_tag())


def _like_srgb(transfer: Transfer) -> bool:
    return 2.15 < transfer.gamma < 2.25


def _near(left: Primaries, right: Primaries) -> bool:
    return all(abs(one - other) < 0.003 for one, other in zip(left, right, strict=True))


def _is_sound(primaries: Primaries) -> bool:
    """Whether the primaries form a triangle with white inside, large enough to compute with."""
    if min(primaries[1::2]) <= 0:
        return False
    columns = _columns(primaries)
    if abs(numpy.linalg.det(columns)) < 1e-3:
        return False
    scale = numpy.linalg.solve(columns, _xyz(primaries.white_x, primaries.white_y))
    return bool((scale > 0).all())


# ---- writing a profile (ICC.1:2022, profile version 4.3)


def _icc(primaries: Primaries, curve: bytes) -> bytes:
    tags = {
        b"desc": _text("Packshot"),
        b"cprt": _text("none"),
        b"wtpt": _xyz_tag(_xyz(0.34570, 0.35854)),
    }
    colorants = to_d50(primaries)
    for column, name in enumerate(b"rgb"):
        tags[bytes([name]) + b"XYZ"] = _xyz_tag(colorants[:, column])
        tags[bytes([name]) + b"TRC"] = curve
    return _assemble(tags)


def _assemble(tags: dict[bytes, bytes]) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12x4s4x4s4x4s8xI3i4s44x",
        start + len(body),
        bytes(4),
        0x04300000,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        b"acsp",
        bytes(4),
        bytes(4),
        0,
        *map(_to_fixed_point, (0.9642, 1.0, 0.8249)),
        bytes(4),
    )
    return header + table + body


def to_d50(primaries: Primaries) -> Matrix:
    """RGB to XYZ as 3 x 3 (columns red, green, blue), adapted to D50 by Bradford (ICC, annex E)."""
    columns = _columns(primaries)
    white = _xyz(primaries.white_x, primaries.white_y)
    native = columns * numpy.linalg.solve(columns, white)
    bradford = numpy.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    d50 = numpy.array([0.9642, 1.0, 0.8249])
    gain = numpy.diag((bradford @ d50) / (bradford @ white))
    adapted: Matrix = numpy.linalg.solve(bradford, gain @ bradford) @ native
    return adapted


def _columns(primaries: Primaries) -> Matrix:
    pairs = zip(primaries[2::2], primaries[3::2], strict=True)
    return numpy.column_stack([_xyz(x, y) for x, y in pairs])


def _xyz(x: float, y: float) -> Matrix:
    return numpy.array([x / y, 1.0, (1 - x - y) / y])


def _xyz_tag(xyz: Matrix) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *map(_to_fixed_point, xyz))


def _text(words: str) -> bytes:
    encoded = words.encode("utf-16-be")
    return struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(encoded), 28) + encoded


def _to_fixed_point(value: float) -> int:
    """The value as an s15Fixed16Number."""
    return round(float(value) * 65536)


def _sample(curve: Matrix) -> bytes:
    levels = (curve.clip(0, 1) * 65535).round().astype(">u2")
    return struct.pack(">4s4xI", b"curv", len(levels)) + levels.tobytes()


def _pq() -> Matrix:
    """ST 2084's curve, where white paper is 1 and brighter light is cut off."""
    value = numpy.linspace(0, 1, SAMPLES) ** (1 / 78.84375)
    light = numpy.maximum(value - 0.8359375, 0) / (18.8515625 - 18.6875 * value)
    bright: Matrix = light ** (1 / 0.1593017578125) * 10_000 / REFERENCE_WHITE
    return bright


def _hlg() -> Matrix:
    """ARIB STD-B67's curve, where white paper is at 75 %."""
    value = numpy.linspace(0, 1, SAMPLES)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    low, high = value**2 / 3, (numpy.exp((value - c) / a) + b) / 12
    scene = numpy.where(value <= 0.5, low, high)
    white = (numpy.exp((0.75 - c) / a) + b) / 12
    light: Matrix = (scene / white) ** 1.2
    return light
