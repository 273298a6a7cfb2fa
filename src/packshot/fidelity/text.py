"""Reads printed text: first on the photo, then in the same places of the enhanced picture.

Uses PP-OCRv6 (small), whose weights are in RapidOCR's wheel: the extra `packshot[fidelity]`.
Its alphabet is Latin with all European accents, Chinese, Japanese and Greek.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from packshot.fidelity.network import ON_CPU, one_thread
from packshot.pictures.arrays import Bytes, Floats

LINE_HEIGHT: Final = 48  # px; what the network reads
DETECTION_SIDE: Final = 768  # px of the product's longer side
MIN_CONFIDENCE: Final = 0.9
MIN_CONFIDENCE_SMALL: Final = 0.98
SMALL_PRINT: Final = 24.0  # px in the photo
MIN_HEIGHT: Final = 14.0  # px in the photo
MIN_HEIGHT_ENHANCED: Final = 15.0
WIDER: Final = 0.04  # of a line's size, by which the box of a second reading is larger
#: 1 - correlation; a line below it looks like the photo's and is not read again.
ALIKE: Final = 0.04
LETTER: Final = 32  # px of a line at 48 px height; most letters are narrower
NEAR: Final = 2  # px by which a letter may have moved in its line
INKED: Final = 0.25  # of the line's contrast; a window with less has no ink to compare
BLANK: Final = 0.5  # of 255
MAX_LINES: Final = 24  # the tallest; each costs 10 to 40 ms
MAX_WIDTH: Final = 1600  # px of a line at 48 px height
LOOKALIKES: Final = str.maketrans("01l|!58", "oiiiisb")


@dataclass(frozen=True)
class Line:
    """One line of the photo. `quad` is in picture px, clockwise from the start of the line; `logp`
    is the log-probability of its reading, per letter; `crop` is grey, 48 px high."""

    quad: Floats
    text: str
    confidence: float
    height: float
    logp: float
    crop: Bytes


@dataclass(frozen=True)
class SecondReading:
    """The same line in the enhanced picture. `similarity` of the letters is 0..1; `drop` is how
    much log-probability per letter was lost; `unlike` is 1 - correlation of the worst letter."""

    line: Line
    quad: Floats  # in the enhanced picture's px
    text: str
    similarity: float
    drop: float
    unlike: float


def is_available() -> bool:
    """Whether the extra is installed."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


class Reader:
    """Finds and reads lines; created once for each pixel process."""

    def __init__(self) -> None:
        import onnxruntime
        import rapidocr

        models = Path(rapidocr.__file__).parent / "models"
        weights = str(models / "PP-OCRv6_rec_small.onnx")
        self._session = onnxruntime.InferenceSession(weights, one_thread(), **ON_CPU)
        self._input = self._session.get_inputs()[0].name
        characters = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._alphabet = ["", *characters, " "]
        self._index = {letter: number for number, letter in enumerate(self._alphabet)}
        self._detector = rapidocr.RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.max_side_len": DETECTION_SIDE,
                "Det.limit_type": "max",
                "Det.limit_side_len": DETECTION_SIDE,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def find(self, rgb: Bytes) -> Floats:
        """The quads of lines (n x 4 x 2), in px."""
        found = self._detector(rgb[..., ::-1], use_det=True, use_cls=False, use_rec=False)
        boxes = getattr(found, "boxes", None)
        return np.zeros((0, 4, 2), np.float32) if boxes is None else np.asarray(boxes, np.float32)

    def read(self, crop: Bytes) -> tuple[str, float, Floats]:
        """Text, confidence 0..1 and the log-probabilities (steps x letters) of a line's crop."""
        data = (crop[..., ::-1].astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
        padded = np.zeros((1, 3, LINE_HEIGHT, max(320, data.shape[3])), np.float32)
        padded[..., : data.shape[3]] = data
        likely = np.asarray(self._session.run(None, {self._input: padded})[0][0], np.float32)
        best = likely.argmax(axis=1)
        kept = (best != 0) & np.concatenate([[True], best[1:] != best[:-1]])
        text = "".join(self._alphabet[number] for number in best[kept])
        confidence = float(likely[kept, best[kept]].mean()) if kept.any() else 0.0
        return text, confidence, np.log(np.maximum(likely, 1e-9))

    def log_probability(self, text: str, likely: Floats) -> float:
        """CTC's log-probability of `text`, per letter (Graves et al., 2006)."""
        letters = [self._index[letter] for letter in text if letter in self._index]
        if not letters:
            return 0.0
        return _ctc(letters, likely) / len(letters)


@lru_cache(maxsize=1)
def reader() -> Reader | None:
    """The reader of this process; None without the extra."""
    return Reader() if is_available() else None


# ---- the photo


def lines_of(rgb: Bytes, product: tuple[int, int, int, int]) -> tuple[Line, ...] | None:
    """The lines to compare inside a box (left, top, right, bottom, px); None without a reader.

    Only lines that are read with confidence, and that read the same at 60 % of their size.
    """
    found = reader()
    if found is None:
        return None
    left, top, right, bottom = product
    part = np.ascontiguousarray(rgb[top:bottom, left:right])
    quads = found.find(part) + np.array([left, top], np.float32)
    tallest = sorted(quads, key=_height, reverse=True)[:MAX_LINES]
    lines = (_line(found, rgb, _upright(quad)) for quad in tallest if _height(quad) >= MIN_HEIGHT)
    return tuple(line for line in lines if line is not None)


def _line(found: Reader, rgb: Bytes, quad: Floats) -> Line | None:
    crop = crop_of(rgb, quad)
    text, confidence, likely = found.read(crop)
    if not _is_certain(confidence, quad) or len(fold(text)) < 2:
        return None
    if not _is_stable(found, crop, text):
        return None
    grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
    logp = found.log_probability(text, likely)
    return Line(quad, text, confidence, _height(quad), logp, grey)


def _is_certain(confidence: float, quad: Floats) -> bool:
    small = _height(quad) < SMALL_PRINT
    return confidence >= (MIN_CONFIDENCE_SMALL if small else MIN_CONFIDENCE)


def _is_stable(found: Reader, crop: Bytes, text: str) -> bool:
    """Whether it reads the same at 60 % of its size, compressed as JPEG 75."""
    small = cv2.resize(crop, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    again = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
    again = cv2.resize(again, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return fold(found.read(np.asarray(again, np.uint8))[0]) == fold(text)


# ---- the enhanced picture


def read_again(rgb: Bytes, line: Line, quad: Floats) -> SecondReading | None:
    """Read a line of the photo where it lies in the enhanced picture (`quad`, px).

    None when it is too small there, or not wholly inside the picture.
    """
    found = reader()
    inside = (quad >= 0).all() and (quad < (rgb.shape[1], rgb.shape[0])).all()
    if found is None or not inside or _height(quad) < MIN_HEIGHT_ENHANCED:
        return None
    crop = crop_of(rgb, quad)
    unlike = unlikeness(line, crop)
    if unlike < ALIKE:
        return SecondReading(line, quad, line.text, 1.0, 0.0, unlike)
    readings = [read_as(found, line, crop), read_as(found, line, crop_of(rgb, _widen(quad)))]
    alike, _, text = max(readings, key=lambda one: one[:2])
    drop = min(-one[1] for one in readings)
    return SecondReading(line, quad, text, alike, max(0.0, drop), unlike)


def read_as(found: Reader, line: Line, crop: Bytes) -> tuple[float, float, str]:
    """How similar it reads, its gain of log-probability per letter (mostly below 0), its text.

    A reading with the same letters counts as the line's: "Saleor" is often read as "saleor".
    """
    text, _, likely = found.read(crop)
    alike = similarity(line.text, text)
    same = {line.text, text} if alike == 1 else {line.text}
    gain = max(found.log_probability(one, likely) for one in same) - line.logp
    return alike, gain, text


def unlikeness(line: Line, other: Bytes) -> float:
    """1 - the correlation of two crops of a line where they differ most: in a window as wide as a
    letter, so that one changed letter of a long line counts as much as one of a short line.

    The line is placed over shifts of 3 px and scales of 3 %, then each window within 2 px. Small
    print is softened more, because its sharpness may change without its letters changing.
    """
    sigma = max(1.0, 0.75 * LINE_HEIGHT / line.height)
    ours = cv2.GaussianBlur(line.crop, (0, 0), sigma).astype(np.float32)[3:-3, 3:-3]
    grey = np.asarray(cv2.cvtColor(other, cv2.COLOR_RGB2GRAY), np.uint8)
    theirs, left, top = _placed(ours, grey, sigma)
    height, width = ours.shape
    contrast = _contrast(ours)
    gain = _contrast(theirs[top : top + height, left : left + width]) / contrast
    last = max(0, width - LETTER)
    worst = 0.0
    for start in (*range(0, last, LETTER // 4), last):
        window = ours[:, start : start + LETTER]
        x, y = max(0, left + start - NEAR), max(0, top - NEAR)
        place = theirs[y : top + height + NEAR, x : left + start + window.shape[1] + NEAR]
        if max(_contrast(window), _contrast(place) / gain) >= INKED * contrast:
            worst = max(worst, 1.0 - _correlation(place, window))
    return worst


def _placed(ours: Floats, grey: Bytes, sigma: float) -> tuple[Floats, int, int]:
    """The other crop at the scale that fits best, softened, and where the line begins in it."""
    found: tuple[float, Floats, int, int] = (-2.0, ours, 0, 0)
    height, width = ours.shape[0] + 6, ours.shape[1] + 6
    for scale in (0.97, 1.0, 1.03):
        size = (max(ours.shape[1], round(width * scale)), height)
        scaled = cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR)
        scaled = cv2.GaussianBlur(scaled, (0, 0), sigma).astype(np.float32)
        _, best, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(scaled, ours, cv2.TM_CCOEFF_NORMED))
        if best > found[0]:
            found = (best, scaled, x, y)
    return found[1:]


def _correlation(place: Floats, window: Floats) -> float:
    """The best of a window anywhere in a place; 0 if the window is blank (OpenCV would say 1)."""
    if _contrast(window) < BLANK:
        return 0.0
    return float(cv2.matchTemplate(place, window, cv2.TM_CCOEFF_NORMED).max())


def _contrast(grey: Floats) -> float:
    return max(1e-3, float(cv2.meanStdDev(grey)[1][0, 0]))


def crop_of(rgb: Bytes, quad: Floats) -> Bytes:
    """The line, upright and 48 px high (RGB)."""
    across = max(_side(quad, 0, 1), _side(quad, 3, 2))
    down = max(_side(quad, 0, 3), _side(quad, 1, 2))
    width = int(np.clip(round(LINE_HEIGHT * across / max(down, 1.0)), 16, MAX_WIDTH))
    corners = np.array(
        [[0, 0], [width, 0], [width, LINE_HEIGHT], [0, LINE_HEIGHT]], dtype=np.float32
    )
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), corners)
    return np.asarray(
        cv2.warpPerspective(
            rgb,
            matrix,
            (width, LINE_HEIGHT),
            flags=cv2.INTER_AREA if down > LINE_HEIGHT else cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def similarity(text: str, other: str) -> float:
    """1 - edit distance over the longer length, of the folded texts."""
    a, b = fold(text), fold(other)
    longest = max(len(a), len(b))
    return 1.0 - _distance(a, b) / longest if longest else 1.0


def fold(text: str) -> str:
    """Letters and digits in lower case, without accents; lookalikes become the same letter."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain.translate(LOOKALIKES) if c.isalnum())


def _distance(a: str, b: str) -> int:
    """The Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, before + (left != right))
            before, row[j] = row[j], cost
    return row[-1]


def _ctc(letters: Sequence[int], likely: Floats) -> float:
    states = np.zeros(2 * len(letters) + 1, int)
    states[1::2] = letters
    skip = np.zeros(len(states), bool)
    skip[2:] = (states[2:] != 0) & (states[2:] != states[:-2])
    path: Any = np.full(len(states), -1e9)
    path[:2] = likely[0, states[:2]]
    for step in likely[1:]:
        one = np.concatenate([[-1e9], path[:-1]])
        two = np.where(skip, np.concatenate([[-1e9, -1e9], path[:-2]]), -1e9)
        path = np.logaddexp(np.logaddexp(path, one), two) + step[states]
    return float(np.logaddexp(path[-1], path[-2]))


def _upright(quad: Floats) -> Floats:
    """Rotate a tall quad, whose text runs upwards, so that it reads from left to right."""
    tall = _side(quad, 0, 3) >= 1.5 * _side(quad, 0, 1)
    return np.roll(quad, 1, axis=0) if tall else quad


def _widen(quad: Floats) -> Floats:
    middle = quad.mean(axis=0)
    return np.asarray(middle + (quad - middle) * (1 + WIDER), np.float32)


def _height(quad: Floats) -> float:
    return float(min((_side(quad, 0, 3) + _side(quad, 1, 2)), _side(quad, 0, 1) * 2) / 2)


def _side(quad: Floats, a: int, b: int) -> float:
    return float(np.linalg.norm(quad[a] - quad[b]))
