"""What a cheap camera does to the light: exposure, cast, vignette, noise, tone curve and JPEG."""

import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Light = NDArray[np.float32]
ORIENTATION_TAG = 0x0112
LARGEST_FILE = 290_000


@dataclass(frozen=True)
class Look:
    """How one photo was taken."""

    exposure: float = 0.0  # stops, after the scene's brightness is normalised
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)  # gains per channel in linear light
    noise: float = 0.004  # deviation of linear mid-grey
    vignette: float = 0.22  # light lost in the corners
    contrast: float = 1.0
    blur: float = 0.55  # lens softness, pixels
    stored_turn: int = 1  # EXIF orientation: 1 upright, 6 needs a clockwise quarter turn


def developed(light: Light, look: Look, seed: int) -> Image.Image:
    """Linear scene light (height, width, 3) as an 8-bit sRGB picture."""
    level = light * (0.42 / np.percentile(light.mean(2), 70)) * 2.0**look.exposure
    level = level * np.array(look.cast, np.float32) * vignette(light.shape[:2], look.vignette)
    level = cv2.GaussianBlur(level, (0, 0), look.blur)
    level = with_noise(level, look.noise, seed)
    toned = tone_curve(level, look.contrast)
    return Image.fromarray((sharpened(toned) * 255 + 0.5).astype(np.uint8))


def vignette(shape: tuple[int, int], strength: float) -> Light:
    rows, columns = (np.linspace(-1, 1, size) for size in shape)
    distance = (columns[None, :] ** 2 + rows[:, None] ** 2) / 2
    return np.asarray(1 - strength * distance**1.3, np.float32)[..., None]


def with_noise(level: Light, amount: float, seed: int) -> Light:
    """Photon and read noise; a part of it smeared over neighbours as demosaicing does."""
    draw = np.random.default_rng(seed)
    fine = draw.normal(0, 1, level.shape).astype(np.float32)
    coarse = cv2.GaussianBlur(draw.normal(0, 1, level.shape).astype(np.float32), (0, 0), 1.3) * 3.2
    deviation = amount * np.sqrt(np.maximum(level, 0) / 0.18 + 0.12)
    return np.asarray(level + deviation * (0.6 * fine + 0.55 * coarse), np.float32)


def tone_curve(level: Light, contrast: float) -> Light:
    """A soft shoulder above 0.7, then sRGB and a gentle S."""
    level = np.maximum(level, 0)
    shoulder = np.where(level > 0.7, 0.7 + 0.3 * (1 - np.exp(-(level - 0.7) / 0.3)), level)
    encoded = np.where(
        shoulder < 0.0031308, shoulder * 12.92, 1.055 * shoulder ** (1 / 2.4) - 0.055
    )
    curve = encoded + contrast * 0.07 * np.sin((encoded - 0.5) * 2 * np.pi) / 1.2
    return np.asarray(np.clip(curve, 0, 1), np.float32)


def sharpened(picture: Light) -> Light:
    soft = cv2.GaussianBlur(picture, (0, 0), 1.1)
    return np.asarray(np.clip(picture + 0.35 * (picture - soft), 0, 1), np.float32)


def save_jpeg(picture: Image.Image, path: Path, stored_turn: int) -> None:
    """The best quality that stays under the size limit, with the EXIF orientation."""
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = stored_turn
    stored = picture.transpose(Image.Transpose.ROTATE_90) if stored_turn == 6 else picture
    for quality in range(92, 40, -3):
        buffer = io.BytesIO()
        stored.save(buffer, "JPEG", quality=quality, exif=exif, optimize=True)
        if buffer.tell() <= LARGEST_FILE:
            break
    path.write_bytes(buffer.getvalue())
