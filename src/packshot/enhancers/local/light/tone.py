"""Measures what is wrong with a photo's light and colour, and corrects it within bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from packshot.enhancers.local.backdrop import Backdrop
from packshot.enhancers.local.light import exposure, white_balance
from packshot.pictures.arrays import (
    LINEAR,
    Bytes,
    Floats,
    Mask,
    as_bytes,
    lowest,
    shrink,
    to_lab,
    to_linear,
    to_srgb,
)

MEASURE_SIDE = 512  # px
MAX_BLACK = 0.06  # of linear light, subtracted as haze
KNEE = 0.7  # linear light from which highlights are compressed
KNEE_CODE = 217  # the same as an sRGB byte
ROWS = 128  # of a picture that are worked on at once, which needs little memory
CODES = as_bytes(to_srgb(np.linspace(0, 1, 1 << 14, dtype=np.float32)))  # linear light -> sRGB
GREY = 8  # bytes between the channels of a colour that has no hue worth keeping
VISIBLE_CAST = 0.03  # between the gains of red and blue, from which on it is warmer or cooler
WHITE = 250  # from this value in all three channels a pixel looks white


@dataclass(frozen=True)
class Tone:
    """One photo's corrections. The neutral values change nothing."""

    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)  # gains of linear red, green, blue
    exposure: float = 0.0  # EV
    black: float = 0.0  # linear light that becomes black
    contrast: float = 0.0  # 0..1, share of the local equalisation blended in
    noise: float = 0.0  # sigma of the luma noise in bytes, at full size
    faults: tuple[str, ...] = ()
    maybe_dark: bool = False  # the photo may lack much more light than `exposure`

    @property
    def neutral(self) -> bool:
        """True when light and colour stay as they are."""
        kept = replace(self, balance=(1.0, 1.0, 1.0), exposure=0.0, black=0.0, contrast=0.0)
        return self == kept

    def words(self) -> str:
        """The settings for the picture's record."""
        red, _, blue = self.balance
        parts = []
        if (red, blue) != (1.0, 1.0):
            parts.append(f"white balance x{red:.2f}/{blue:.2f} (red/blue)")
        if self.exposure:
            parts.append(f"exposure {self.exposure:+.1f} EV")
        if self.black:
            parts.append(f"haze -{self.black * 100:.1f} %")
        if self.contrast:
            parts.append(f"local contrast {self.contrast:.2f}")
        return ", ".join(parts) or "light and colour left as they are"

    def effect(self) -> str:
        """What the corrections do to the picture, for a reviewer: `lighter and cooler`."""
        red, _, blue = self.balance
        parts = []
        if self.exposure:
            parts.append("lighter" if self.exposure > 0 else "darker")
        if abs(red - blue) >= VISIBLE_CAST:
            parts.append("warmer" if red > blue else "cooler")
        elif (red, blue) != (1.0, 1.0):
            parts.append("less green" if red > 1 else "greener")
        if self.black:
            parts.append("less hazy")
        if self.contrast:
            parts.append("richer in contrast")
        return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def measure(rgb: Bytes, backdrop: Backdrop, smaller: Bytes | None = None) -> Tone:
    """Judge the whole frame, never the product alone: a black shoe is not underexposed.

    `smaller` is the photo at 512 px or more, if the caller has one.
    """
    small = shrink(rgb if smaller is None else smaller, MEASURE_SIDE)
    balance = white_balance.gains(small, backdrop)
    black = 0.0 if backdrop.plain else _haze(small)  # nothing is dark in a white shirt on white
    lacking = exposure.estimate(small, backdrop, np.array(balance, np.float32), black)
    noise = _noise(rgb)
    contrast = _contrast(small, backdrop)
    faults = tuple(_faults(small, backdrop, balance, lacking.ev, black, noise))
    return Tone(balance, lacking.ev, black, contrast, noise, faults, lacking.unsure)


def apply(rgb: Bytes, tone: Tone, scale: float = 1.0) -> Bytes:
    """Correct light and colour. `scale` is the picture's size over that of the measured photo."""
    corrected = curves(rgb, tone)
    noise = tone.noise * min(1.0, scale)  # area averaging by s leaves s times the noise
    noise *= 2 ** (tone.exposure * 0.45)  # lifting a byte lifts its noise, by the sRGB slope
    if noise > 2.0:
        corrected = _denoise(corrected, min(noise, 12.0))
    if tone.contrast:
        corrected = _local_contrast(corrected, tone.contrast)
    return keep_below_white(corrected, rgb)


def keep_below_white(changed: Bytes, before: Bytes) -> Bytes:
    """Keep what was not white below white, or a light product's outline is lost on white."""
    if int(changed.max()) < WHITE:
        return changed
    newly = cv2.bitwise_and(_white(changed), cv2.bitwise_not(_white(before)))
    if cv2.countNonZero(newly):
        at = np.nonzero(newly)
        changed = changed.copy()
        changed[at] = np.minimum(changed[at], WHITE - 1)
    return changed


def _white(rgb: Bytes) -> Bytes:
    """255 where all three channels are white, else 0."""
    return np.asarray(cv2.inRange(rgb, (WHITE,) * 3, (255,) * 3), np.uint8)


def curves(rgb: Bytes, tone: Tone) -> Bytes:
    """White balance, haze and exposure as one table per channel, with a soft shoulder."""
    if (tone.balance, tone.exposure, tone.black) == ((1.0, 1.0, 1.0), 0.0, 0.0):
        return rgb
    bent = _tables(tone)
    lifted = np.asarray(cv2.LUT(rgb, as_bytes(to_srgb(bent))[None]), np.uint8)
    if tone.exposure > 0:
        unlifted = _tables(replace(tone, exposure=0.0))
        for row in range(0, len(rgb), ROWS):
            _keep_hue(lifted[row : row + ROWS], rgb[row : row + ROWS], bent, unlifted)
    return lifted


def _tables(tone: Tone) -> Floats:
    """Linear light for each code of red, green and blue, 256 x 3."""
    columns = []
    for gain in tone.balance:
        lifted = (LINEAR - tone.black) / (1 - tone.black) * gain * 2**tone.exposure
        columns.append(_shoulder(np.maximum(lifted, 0), float(lifted[-1])))
    table = np.stack(columns, axis=1)
    table[:WHITE] = np.minimum(table[:WHITE], LINEAR[WHITE - 1])  # see keep_below_white
    return table


def _keep_hue(lifted: Bytes, rgb: Bytes, bent: Floats, unlifted: Floats) -> None:
    """Where the lift bent a colour's lightest channel, bend the others with it, in place: a channel
    that alone reaches its limit makes a bright blue pale. Greys need nothing."""
    at = (_highest(lifted) >= KNEE_CODE) & (_spread(rgb) > GREY)
    if not at.any():
        return
    colours = np.asarray(cv2.LUT(rgb, unlifted[None]))
    ratio = _highest(np.asarray(cv2.LUT(rgb, bent[None]))) / np.maximum(_highest(colours), 1e-6)
    kept = CODES[np.rint(colours * ratio[..., None] * (len(CODES) - 1)).astype(np.uint16)]
    lifted[at] = np.minimum(lifted, kept)[at]


def _spread(rgb: Bytes) -> Bytes:
    """The highest less the lowest of three channels."""
    return np.asarray(_highest(rgb) - (255 - _highest(255 - rgb)), np.uint8)


def _highest(picture: Floats) -> Floats:
    """The highest of three channels."""
    red, green, blue = cv2.split(picture)
    return np.asarray(cv2.max(cv2.max(red, green), blue))


def sharpen(rgb: Bytes, scale: float, noise: float = 0.0) -> Bytes:
    """Sharpen the luma for output: more after shrinking, less after enlarging.

    Differences below the noise stay as they are, and no pixel leaves the range of its
    neighbours by more than 6 bytes, so that no halo shows.
    """
    amount, sigma = _sharpening(scale)
    coded = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), np.uint8)
    luma = coded[..., 0]
    soft = cv2.GaussianBlur(luma, (0, 0), sigma)
    floor = 1.0 + 1.5 * min(noise, 8.0) * min(1.0, scale)
    detail = np.arange(-128, 128, dtype=np.float32)  # of luma; larger ones count as these
    change = np.rint(amount * np.sign(detail) * np.maximum(np.abs(detail) - floor, 0))
    shifted = cv2.LUT(cv2.addWeighted(luma, 1, soft, -1, 128), change.astype(np.int16))
    wanted = cv2.add(luma, shifted, dtype=cv2.CV_8U)
    kernel = np.ones((3, 3), np.uint8)
    low = cv2.subtract(cv2.erode(luma, kernel), 6.0)  # type: ignore[call-overload]
    high = cv2.add(cv2.dilate(luma, kernel), 6.0)  # type: ignore[call-overload]
    coded[..., 0] = cv2.min(cv2.max(wanted, low), high)
    return keep_below_white(np.asarray(cv2.cvtColor(coded, cv2.COLOR_YCrCb2RGB), np.uint8), rgb)


def _sharpening(scale: float) -> tuple[float, float]:
    """Amount and radius: shrinking costs sharpness, an unscaled photo has lost none."""
    if scale > 1:
        return 0.35, min(scale, 2.0)
    return 0.25 + 0.3 * float(np.clip((1 - scale) / 0.4, 0, 1)), 0.8


# Exposure and contrast


def _haze(small: Bytes) -> float:
    """The darkest linear light of any channel in the frame, when even that is far from black. Haze
    lies on all channels: a vivid colour, of which one channel is dark, shows that there is none."""
    darkest = float(np.percentile(to_linear(lowest(small)), 0.5))
    return round(min(darkest - 0.012, MAX_BLACK), 4) if darkest > 0.025 else 0.0


def _shoulder(value: Floats, top: float) -> Floats:
    """Leave 0..0.7 alone and compress 0.7..top into 0.7..1, to keep detail in the highlights."""
    if top <= 1.0:
        return value
    knee, room = KNEE, top - KNEE
    over = np.clip((value - knee) / room, 0, 1)
    # A quadratic with slope 1 at the knee would overshoot for large tops: blend by an exponent.
    bent = knee + (1 - knee) * (1 - (1 - over) ** (room / (1 - knee)))
    return np.where(value > knee, bent, value).astype(np.float32)


def _contrast(small: Bytes, backdrop: Backdrop) -> float:
    """How much local equalisation to apply: none in front of a plain backdrop."""
    lightness = to_lab(small)[..., 0]
    spread = float(np.percentile(lightness, 95) - np.percentile(lightness, 5))
    if backdrop.plain:
        return 0.0
    return round(float(np.clip((75 - spread) / 100, 0, 0.35)), 2)


def _local_contrast(rgb: Bytes, share: float) -> Bytes:
    """CLAHE on luma, blended by `share`; no value changes by more than 14."""
    coded = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), np.uint8)
    luma = coded[..., 0]
    equal = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(6, 6)).apply(luma)
    mixed = cv2.addWeighted(equal, share, luma, 1 - share, 0)
    low, high = cv2.subtract(luma, 14.0), cv2.add(luma, 14.0)  # type: ignore[call-overload]
    coded[..., 0] = cv2.min(cv2.max(mixed, low), high)
    return np.asarray(cv2.cvtColor(coded, cv2.COLOR_YCrCb2RGB), np.uint8)


# Noise


def _noise(rgb: Bytes) -> float:
    """Sigma of the luma noise in bytes (Immerkaer 1996), from the flattest blocks.

    Never NaN, because NaN once made the denoiser erase a label; a noiseless picture gives 0.
    """
    luma = np.asarray(cv2.cvtColor(_centre(rgb, 1024), cv2.COLOR_RGB2GRAY), np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(luma, -1, kernel))[1:-1, 1:-1]
    usable = ((luma > 8) & (luma < 247))[1:-1, 1:-1]
    blocks = _block_means(response, usable, 16)
    if len(blocks) < 8:
        return 0.0
    sigma = float(np.percentile(blocks, 15)) * np.sqrt(np.pi / 2) / 6
    return round(float(np.nan_to_num(sigma)), 2)


def _block_means(values: Floats, usable: Mask, side: int) -> Floats:
    """Means of the side x side blocks in which every pixel is usable."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    shape = (rows, side, columns, side)
    means = values[: rows * side, : columns * side].reshape(shape).mean(axis=(1, 3))
    whole = usable[: rows * side, : columns * side].reshape(shape).all(axis=(1, 3))
    return np.asarray(means[whole], np.float32)


def _centre(rgb: Bytes, side: int) -> Bytes:
    top, left = (max(0, (length - side) // 2) for length in rgb.shape[:2])
    return rgb[top : top + side, left : left + side]


def _denoise(rgb: Bytes, noise: float) -> Bytes:
    """Bilateral luma and, at half size, bilateral chroma: as strong as the noise measured."""
    coded = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), np.uint8)
    planes = list(cv2.split(coded))
    planes[0] = cv2.bilateralFilter(planes[0], 5, 1.8 * noise, 1.6)
    height, width = planes[0].shape
    for index in (1, 2):
        half = cv2.resize(
            planes[index], (width // 2 or 1, height // 2 or 1), interpolation=cv2.INTER_AREA
        )
        calm = cv2.bilateralFilter(half, 5, 2.5 * noise, 2.0)
        planes[index] = cv2.resize(calm, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2RGB), np.uint8)


# Words


def _faults(
    small: Bytes,
    backdrop: Backdrop,
    balance: tuple[float, float, float],
    lacking: float,
    black: float,
    noise: float,
) -> list[str]:
    faults = []
    if lacking:
        faults.append(f"underexposed by {lacking:.1f} EV")
    if balance[2] > balance[0] * 1.04:
        faults.append("warm colour cast")
    elif balance[0] > balance[2] * 1.04:
        faults.append("cold colour cast")
    if black:
        faults.append("hazy: nothing in the frame is dark")
    if noise > 3:
        faults.append(f"noisy (sigma {noise:.1f})")
    clipped = float((lowest(small) >= 254).mean())
    if clipped > 0.2 and not backdrop.plain:
        share = f"{clipped * 100:.0f} % of the frame is pure white"
        faults.append(f"{share}: overexposed, unless it is the background")
    return faults
