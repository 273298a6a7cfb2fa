"""Makes a real, edited version of the photo: cut out roughly, relit, in a scene, captioned."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.testing.fake_gemini.scenes import Colour, Scene

BgrPixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
#: Photo, scene, ratio and side -> the picture's bytes.
Painter = Callable[[BgrPixels, Scene, str | None, int], bytes]

CUTOUT_SIDE = 320  # the mask is found on a small copy and scaled up
COARSE = 8
FILLS = 0.74  # of the picture's shorter side


def decode(photo: bytes) -> BgrPixels | None:
    """Pixels as OpenCV keeps them (blue, green, red), or None when it is not a picture."""
    found = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
    return None if found is None else np.asarray(found, np.uint8)


def paint(photo: BgrPixels, scene: Scene, aspect: str | None, side: int) -> bytes:
    """A JPEG of about side x side pixels in that ratio, with the photo's product in the scene."""
    width, height = canvas_size(aspect, side)
    product, alpha = _place(_lit(photo, scene), _mask(photo), width, height)
    stage = _stage(scene, alpha)
    picture = np.asarray(cv2.blendLinear(stage, product, 1 - alpha, alpha), np.uint8)
    _caption(picture, scene.title)
    return encode(_sample(picture))


def encode(picture: BgrPixels) -> bytes:
    """JPEG, as Gemini 3 gives it."""
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])[1])


def canvas_size(aspect: str | None, side: int) -> tuple[int, int]:
    """Width and height of that ratio with side x side pixels in all, in steps of 16."""
    across, down = (int(each) for each in (aspect or "1:1").split(":"))
    ratio = (across / down) ** 0.5
    return round(side * ratio / 16) * 16, round(side / ratio / 16) * 16


def _mask(photo: BgrPixels) -> Floats:
    """The product's mask, 0..1: what differs in colour from the photo's border."""
    scale = CUTOUT_SIDE / max(photo.shape[:2])
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB).astype(np.float32)
    border = np.concatenate(
        [lab[:4].reshape(-1, 3), lab[:, :4].reshape(-1, 3), lab[:, -4:].reshape(-1, 3)]
    )
    distance = np.linalg.norm(lab - np.median(border, axis=0), axis=2)
    grey = np.clip(distance * 3, 0, 255).astype(np.uint8)
    _, binary = cv2.threshold(cv2.GaussianBlur(grey, (5, 5), 0), 0, 255, cv2.THRESH_OTSU)
    mask = _fill_outlines(np.asarray(binary, np.uint8))
    rim = np.concatenate([mask[0], mask[:, 0], mask[:, -1]]).mean() / 255
    mask = np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8)), np.uint8)  # no halo
    if rim > 0.1 or not 0.03 < float(mask.mean()) / 255 < 0.85:
        mask = np.full(mask.shape, 255, np.uint8)  # no product found: keep the whole photo
    soft = cv2.GaussianBlur(mask, (3, 3), 0)
    size = (photo.shape[1], photo.shape[0])
    whole = cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)
    return np.multiply(whole, 1 / 255, dtype=np.float32)


def _fill_outlines(binary: BgrPixels) -> BgrPixels:
    """The larger pieces of a mask, without holes."""
    closed = cv2.morphologyEx(binary, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    large = [each for each in outlines if cv2.contourArea(each) > 0.005 * binary.size]
    mask = np.zeros_like(binary)
    cv2.drawContours(mask, large, -1, 255, cv2.FILLED)
    return mask


def _place(photo: BgrPixels, mask: Floats, width: int, height: int) -> tuple[BgrPixels, Floats]:
    """The product and its mask, centred on an empty canvas, a little below the middle."""
    rows, columns = np.where(mask > 0.5)
    top, bottom = int(rows.min()), int(rows.max()) + 1
    left, right = int(columns.min()), int(columns.max()) + 1
    cut, alpha = photo[top:bottom, left:right], mask[top:bottom, left:right]
    scale = min(FILLS * width / (right - left), FILLS * height / (bottom - top))
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    x, y = (width - size[0]) // 2, round((height - size[1]) * 0.6)
    product = np.zeros((height, width, 3), np.uint8)
    cover = np.zeros((height, width), np.float32)
    inside = (slice(y, y + size[1]), slice(x, x + size[0]))
    product[inside] = cv2.resize(cut, size, interpolation=how)
    cover[inside] = cv2.resize(alpha, size, interpolation=how)
    return product, cover


def _stage(scene: Scene, alpha: Floats) -> BgrPixels:
    """Wall and surface, softly joined, lit from one side, with the product's soft shadow.

    All of it is smooth, so an eighth of the size is enough to compute.
    """
    height, width = alpha.shape
    small = cv2.resize(alpha, (width // COARSE, height // COARSE), interpolation=cv2.INTER_AREA)
    down = np.linspace(0, 1, small.shape[0], dtype=np.float32)[:, None, None]
    across = np.linspace(0, 1, small.shape[1], dtype=np.float32)[None, :, None]
    join = 1 / (1 + np.exp(-(down - 0.68) * 40))
    colour = _colour(scene.wall) * (1 - join) + _colour(scene.surface) * join
    light = 1.06 - 0.22 * np.abs(across - scene.light) - 0.10 * np.abs(down - 0.4)
    shaded = colour * light * (1 - 0.45 * _shadow(np.asarray(small, np.float32))[:, :, None])
    coarse = np.clip(shaded, 0, 255).astype(np.float32)
    whole = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.convertScaleAbs(whole), np.uint8)


def _colour(colour: Colour) -> Floats:
    return np.array(colour, np.float32)[None, None, :]


def _shadow(cover: Floats) -> Floats:
    """Darkness 0..1: the product's outline, flattened to its foot and blurred."""
    foot = int(np.where(cover.max(axis=1) > 0.5 * cover.max())[0].max())
    depth = max(2, cover.shape[0] // 24)
    flat = np.zeros_like(cover)
    spread = cv2.resize(cover, (cover.shape[1], depth * 2), interpolation=cv2.INTER_AREA)
    top = max(0, min(foot - depth, cover.shape[0] - 2 * depth))
    flat[top : top + 2 * depth] = spread
    return np.clip(np.asarray(cv2.GaussianBlur(flat, (0, 0), depth), np.float32), 0, 1)


def _lit(photo: BgrPixels, scene: Scene) -> BgrPixels:
    """The photo in the scene's light: a little brighter, warmer or colder."""
    levels = np.arange(256, dtype=np.float32)[:, None]
    gain = np.array([1 - 0.06 * scene.warmth, 1.0, 1 + 0.06 * scene.warmth], np.float32)
    curve = np.clip(levels * 1.07 * gain + 3, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(photo, curve[None]), np.uint8)


def _sample(picture: BgrPixels) -> BgrPixels:
    """The word "sample" across the picture: nobody can take it for Gemini's and sell with it."""
    height, width = picture.shape[:2]
    cover, rest = _sample_word(width, height)
    light = sum(cv2.mean(picture)[:3]) / 3
    ink = np.full_like(picture, 255 if light < 128 else 60)
    return np.asarray(cv2.blendLinear(ink, picture, cover, rest), np.uint8)


@lru_cache(2)  # half of a picture's time, and pictures in a row are of one size
def _sample_word(width: int, height: int) -> tuple[Floats, Floats]:
    """How much of each pixel the word covers, and the rest."""
    word, font = "SAMPLE", cv2.FONT_HERSHEY_SIMPLEX
    scale = 0.8 * min(width, height) / cv2.getTextSize(word, font, 1.0, 2)[0][0]
    thick = max(2, round(2.5 * scale))
    (wide, tall), _ = cv2.getTextSize(word, font, scale, thick)
    layer = np.zeros((height, width), np.uint8)
    at = ((width - wide) // 2, (height + tall) // 2)
    cv2.putText(layer, word, at, font, scale, 255, thick, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 30, 1.0)
    turned = cv2.warpAffine(layer, turn, (width, height))
    cover = np.multiply(turned, 0.4 / 255, dtype=np.float32)
    return cover, np.subtract(1, cover, dtype=np.float32)


def _caption(picture: BgrPixels, title: str) -> None:
    """Write into the picture that no Gemini made it."""
    cover, rest = _caption_words(title, picture.shape[1], picture.shape[0])
    foot = picture[-cover.shape[0] :]
    ink = np.full_like(foot, 70 if picture[-20:, :200].mean() > 128 else 190)
    foot[:] = cv2.blendLinear(ink, foot, cover, rest)


@lru_cache(64)  # OpenCV loads its font again in each thread, and each request has its own: 24 ms
def _caption_words(title: str, width: int, height: int) -> tuple[Floats, Floats]:
    """How much of each pixel at the foot of a picture the caption covers, and the rest."""
    scale = min(width, height) / 1400
    margin = round(24 * scale) + 8
    layer = np.zeros((2 * margin + round(30 * scale), width), np.uint8)
    place, font = (margin, layer.shape[0] - margin), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(layer, f"fake Gemini: {title}", place, font, scale, 255, 1, cv2.LINE_AA)
    cover = np.multiply(layer, 1 / 255, dtype=np.float32)
    return cover, np.subtract(1, cover, dtype=np.float32)
