"""Bytes <-> pixels: every picture Packshot takes in or gives out passes through here; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from packshot.errors import PictureError
from packshot.pictures.decoding import Header, load, load_unturned, open_picture
from packshot.pictures.kinds import sniff
from packshot.pictures.limits import MAX_BYTES, MIN_SIDE
from packshot.pictures.missing_part import check_lower_part
from packshot.pictures.provenance import Provenance
from packshot.pictures.vips import decoding, vips

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MAX_BYTES",
    "Encoded",
    "Header",
    "OutputSpec",
    "encode_array",
    "finish",
    "finish_pixels",
    "fit",
    "normalise",
    "previews_of",
    "read_header",
    "shaped",
    "sniff",
    "to_array",
]

NORMALISED_SIDE = 4096
NORMALISED_QUALITY = 95
PREVIEW_SIDES = (320, 1600)
PREVIEW_QUALITY = 82
FITTED_QUALITY = 90
LEAST_QUALITY = 50  # below it, fewer pixels look better than stronger compression
MAX_ENLARGEMENT = 1.5  # beyond it a picture looks soft beside its neighbours in a shop
WHITE = (255, 255, 255)
UNIFORM_WITHIN = 6  # levels: a border that differs less is one colour to the eye


@dataclass(frozen=True)
class Encoded:
    """A finished picture: `previews` are JPEGs by the long side they were made to fit; `fitted` is
    the smaller copy that was asked for, see `normalise`."""

    data: bytes = field(repr=False)
    mime_type: str
    width: int
    height: int
    previews: dict[int, bytes] = field(repr=False)
    fitted: Encoded | None = field(repr=False, default=None)


Format = Literal["jpeg", "png", "webp", "avif"]


@dataclass(frozen=True)
class OutputSpec:
    """What a finished picture must be: data, so that a marketplace's preset is one of these.

    `aspect` as "4:5" (width:height), reached by padding; sides in pixels; `background` for padding
    and see-through parts (None: the border's own colour, white below see-through parts; a scene,
    whose border has no one colour, keeps its own ratio); `max_bytes` is kept by a lower quality,
    then by fewer pixels.
    """

    aspect: str | None = None
    max_side: int = 2048
    quality: int = 90
    background: tuple[int, int, int] | None = None
    max_bytes: int | None = None
    min_side: int = MIN_SIDE
    format: Format = "jpeg"
    subsample: bool = True  # a JPEG's colours have half the resolution


# ---- bytes in


def read_header(data: bytes) -> Header:
    """Check everything that can be checked before decoding. Raises PictureError with its code."""
    return open_picture(data).header


def normalise(data: bytes, fitted_side: int | None = None) -> Encoded:
    """The copy everything later reads: upright, sRGB, 8 bit, no metadata, at most 4,096 px.

    JPEG at quality 95, or PNG when some pixel is really transparent; never more than MAX_BYTES, so
    that it is accepted as input too. With `fitted_side`, in the same pass, `fitted`: as `fit` makes
    of that copy; None if the copy itself is as small a JPEG. Raises PictureError.
    """
    opened = open_picture(data)
    with decoding():
        # Turned while it is encoded or made smaller: a turned one would be in memory beside it.
        image = load_unturned(opened, NORMALISED_SIDE)
        upright = image.autorot()
        if image.hasalpha() and image[image.bands - 1].min() < 255:
            image, encoded = _see_through(upright.copy_memory())
            upright = image
        else:
            check_lower_part(upright)
            image = _opaque(image, WHITE)
            # Never keep more colour resolution than the photo had: 4:4:4 costs 30 % more bytes.
            upright, encoded = _within(
                _opaque(upright, WHITE),
                MAX_BYTES,
                lambda image, quality: _jpeg(image, quality, opened.header.subsampled),
                NORMALISED_QUALITY,
            )
        mime_type = sniff(encoded) or ""
        fitted = None
        is_jpeg = mime_type == "image/jpeg"
        if fitted_side and not (is_jpeg and max(image.width, image.height) <= fitted_side):
            image, fitted = _fitted(image, fitted_side, opened.header.subsampled and is_jpeg)
        previews = _previews(image)
        return Encoded(encoded, mime_type, upright.width, upright.height, previews, fitted)


def _fitted(image: Any, side: int, subsample: bool) -> tuple[Any, Encoded]:
    """The copy as pixels and encoded. Not made of a preview, which would cost up to 1 dB; previews
    may be made of it."""
    image = _opaque(image, WHITE).thumbnail_image(side, height=side, size="down").copy_memory()
    data = _jpeg(image, FITTED_QUALITY, subsample)
    return image, Encoded(data, "image/jpeg", image.width, image.height, {})


def _see_through(image: Any) -> tuple[Any, bytes]:
    """As PNG, with fewer pixels where it would exceed MAX_BYTES: photos compress badly as PNG."""
    while len(encoded := _png(image)) > MAX_BYTES:
        share = min(0.9, 0.97 * (MAX_BYTES / len(encoded)) ** 0.5)
        side = round(max(image.width, image.height) * share)
        image = image.thumbnail_image(side, height=side).copy_memory()
    return image, encoded


def to_array(data: bytes, max_side: int | None = None) -> NDArray[Any]:
    """Pixels as uint8, height x width x 3 (RGB) or 4 (RGBA, not premultiplied), sRGB, upright.

    Fitted into `max_side` pixels while decoding, which is much cheaper than shrinking afterwards.
    """
    opened = open_picture(data)
    with decoding():
        pixels: NDArray[Any] = load(opened, max_side).numpy()
        return pixels


def fit(data: bytes, max_side: int) -> bytes:
    """A clean JPEG of the picture, at most `max_side` pixels long, made while it is decoded.

    White below transparent parts; upright, sRGB, no metadata.
    """
    opened = open_picture(data)
    with decoding():
        image = _opaque(load(opened, max_side), WHITE)
        return _jpeg(image, FITTED_QUALITY, subsample=opened.header.subsampled)


# ---- pixels out


def encode_array(pixels: NDArray[Any], quality: int = 95) -> bytes:
    """uint8 pixels as JPEG with full colour resolution (H x W x 3), or as PNG (H x W x 4, RGBA)."""
    image = vips().Image.new_from_array(pixels, interpretation="srgb")
    return _png(image) if image.hasalpha() else _jpeg(image, quality, subsample=False)


def previews_of(data: bytes) -> dict[int, bytes]:
    """The previews of a stored picture, made again from its bytes."""
    opened = open_picture(data)
    with decoding():
        return _previews(load(opened, max(PREVIEW_SIDES)))


def finish(data: bytes, spec: OutputSpec, provenance: Provenance | None = None) -> Encoded:
    """The one last step for every picture: ratio, size, sRGB, format, previews, provenance.

    The ratio is reached by padding, so that nothing of the product is ever cut off; a picture
    without one border colour to pad with keeps its own ratio. `provenance` is written as XMP, the
    only metadata. Raises PictureError, `picture_too_small` when it would need enlarging more than
    1.5 times.
    """
    with decoding():
        return _finished(_ready(data, spec), spec, provenance)


def shaped(data: bytes, spec: OutputSpec) -> NDArray[Any]:
    """The pixels that `finish` would encode: H x W x 3, sRGB."""
    with decoding():
        pixels: NDArray[Any] = _ready(data, spec).numpy()
        return pixels


def finish_pixels(
    pixels: NDArray[Any], spec: OutputSpec, provenance: Provenance | None = None
) -> Encoded:
    """`shaped` pixels encoded as `finish` does it."""
    image = vips().Image.new_from_array(pixels, interpretation="srgb")
    with decoding():
        return _finished(image, spec, provenance)


def _ready(data: bytes, spec: OutputSpec) -> Any:
    image = load(open_picture(data), spec.max_side).copy_memory()
    return _shaped(_opaque(image, spec.background or WHITE), spec)


def _finished(image: Any, spec: OutputSpec, provenance: Provenance | None) -> Encoded:
    xmp = None if provenance is None else provenance.as_xmp()
    image, encoded = _within(
        image,
        spec.max_bytes or MAX_BYTES,
        lambda image, quality: _encoded(image, spec, quality, xmp),
        spec.quality,
        spec.min_side,
    )
    kind = f"image/{spec.format}"
    return Encoded(encoded, kind, image.width, image.height, _previews(image))


# ---- encoding


def _opaque(image: Any, background: tuple[int, int, int]) -> Any:
    return image.flatten(background=list(background)) if image.hasalpha() else image


def _encoded(image: Any, spec: OutputSpec, quality: int, xmp: bytes | None) -> bytes:
    """In the spec's format; PNG has no quality: it is exact."""
    kind = spec.format
    if kind == "jpeg":
        return _jpeg(image, quality, spec.subsample, xmp)
    image, keep = _with_xmp(image, xmp)
    encoded: bytes
    if kind == "png":
        encoded = image.pngsave_buffer(compression=6, keep=keep)
    elif kind == "webp":
        encoded = image.webpsave_buffer(Q=quality, keep=keep)
    else:
        encoded = image.heifsave_buffer(Q=quality, compression="av1", effort=4, keep=keep)
    return encoded


def _with_xmp(image: Any, xmp: bytes | None) -> tuple[Any, str]:
    """The image with this as its only metadata, and what its encoder is to keep."""
    if xmp is None:
        return image, "none"
    image = image.copy()
    image.set_type(vips().GValue.blob_type, "xmp-data", xmp)
    return image, "xmp"


def _jpeg(image: Any, quality: int, subsample: bool = True, xmp: bytes | None = None) -> bytes:
    """JPEG without any metadata but `xmp`. libvips alone would stop subsampling from quality 90."""
    image, keep = _with_xmp(image, xmp)
    encoded: bytes = image.jpegsave_buffer(
        Q=quality, subsample_mode="on" if subsample else "off", keep=keep
    )
    return encoded


def _png(image: Any) -> bytes:
    encoded: bytes = image.pngsave_buffer(compression=4, keep="none")
    return encoded


def _previews(image: Any) -> dict[int, bytes]:
    """From the largest down, each made of the one before."""
    image, previews = _opaque(image, WHITE), {}
    for side in sorted(PREVIEW_SIDES, reverse=True):
        image = image.thumbnail_image(side, height=side, size="down").copy_memory()
        previews[side] = _jpeg(image, PREVIEW_QUALITY)
    return previews


# ---- finishing


def _shaped(image: Any, spec: OutputSpec) -> Any:
    """The picture on a canvas of the wanted ratio, where one colour can fill what is missing."""
    colour, uniform = _border(image)
    if spec.aspect is None or (spec.background is None and not uniform):
        return _scaled(image, _scale(image.width, image.height, spec))
    across, down = spec.aspect.split(":")
    ratio = float(across) / float(down)
    width = max(image.width, round(image.height * ratio))
    height = max(image.height, round(image.width / ratio))
    scale = _scale(width, height, spec)
    image = _scaled(image, scale)
    width, height = (min(spec.max_side, round(side * scale)) for side in (width, height))
    width, height = max(width, image.width), max(height, image.height)
    background = list(spec.background or colour)
    return image.gravity("centre", width, height, extend="background", background=background)


def _scale(width: int, height: int, spec: OutputSpec) -> float:
    """The factor by which a canvas of this size has to be scaled to meet the spec."""
    scale = min(1.0, spec.max_side / max(width, height))
    if min(width, height) * scale < spec.min_side:
        scale = spec.min_side / min(width, height)
    if scale > MAX_ENLARGEMENT:
        raise PictureError(
            f"The picture has {width} x {height} pixels, too few to be shown at {spec.min_side}.",
            code="picture_too_small",
        )
    return scale


def _scaled(image: Any, scale: float) -> Any:
    return image if scale == 1.0 else image.resize(scale).copy_memory()


def _border(image: Any) -> tuple[tuple[int, ...], bool]:
    """The median colour of the outermost pixels, and whether nearly all of them are near it."""
    import numpy

    pixels = image.numpy()
    edges = numpy.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    median = numpy.median(edges, axis=0)
    near = (numpy.abs(edges - median).max(axis=1) <= UNIFORM_WITHIN).mean() >= 0.98
    return tuple(int(value) for value in median), bool(near)


def _within(
    image: Any,
    max_bytes: int,
    encode: Callable[[Any, int], bytes],
    quality: int,
    min_side: int = MIN_SIDE,
) -> tuple[Any, bytes]:
    """The picture encoded in at most `max_bytes`: first the quality is lowered, then the size."""
    while True:
        for lower in _qualities(quality):
            encoded = encode(image, lower)
            if len(encoded) <= max_bytes:
                return image, encoded
        if min(image.width, image.height) * 0.8 < min_side:
            raise PictureError(
                f"The picture can't be made smaller than {max_bytes} bytes.",
                code="picture_too_large",
            )
        image = image.resize(0.8).copy_memory()


def _qualities(first: int) -> Iterator[int]:
    yield first
    yield from range(min(first, 100) - 8, LEAST_QUALITY - 1, -8)
