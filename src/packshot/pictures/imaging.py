"""Decodes and encodes every picture that Packshot reads or writes. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from packshot.errors import PictureError
from packshot.pictures.decoding import Header, Opened, load, load_unturned, open_picture
from packshot.pictures.kinds import sniff
from packshot.pictures.limits import MAX_BYTES, MIN_SIDE, check_opacity
from packshot.pictures.missing_data import check_lower_part
from packshot.pictures.provenance import Provenance
from packshot.pictures.vips import decoding, vips

if TYPE_CHECKING:
    from numpy.typing import NDArray

NORMALISED_SIDE = 4096
NORMALISED_QUALITY = 95
PREVIEW_SIDES = (320, 1600)
PREVIEW_QUALITY = 82
SMALLER_QUALITY = 90
MIN_QUALITY = 50  # instead of a lower quality the picture gets fewer pixels, which looks better
MAX_ENLARGEMENT = 1.5  # a picture that is enlarged more looks blurred
WHITE = (255, 255, 255)
UNIFORM_WITHIN = 6  # levels; a border that varies by less looks like one colour
FLAT_WITHIN = 3  # the same where a backdrop can be continued instead


@dataclass(frozen=True)
class Encoded:
    """An encoded picture. `previews` are JPEGs by their longest side; `smaller` is a smaller copy,
    see `normalise`."""

    data: bytes = field(repr=False)
    mime_type: str
    width: int
    height: int
    previews: dict[int, bytes] = field(repr=False)
    smaller: Encoded | None = field(repr=False, default=None)


PictureFormat = Literal["jpeg", "png", "webp", "avif"]


@dataclass(frozen=True)
class OutputSpec:
    """What a finished picture must look like. A marketplace's preset is one of these, too.

    `aspect` is like "4:5" (width:height) and reached by padding. Sides are in pixels. `background`
    is for padding and transparent parts; None: padding has the border's colour, transparent parts
    become white, and a scene, whose border has several colours, keeps its ratio; with
    `continue_backdrop` it is padded if its sides are smooth, as a studio's sweep is. To stay below
    `max_bytes`, first the quality is lowered, then the number of pixels.
    """

    aspect: str | None = None
    max_side: int = 2048
    quality: int = 90
    background: tuple[int, int, int] | None = None
    max_bytes: int | None = None
    min_side: int = MIN_SIDE
    format: PictureFormat = "jpeg"
    continue_backdrop: bool = False
    subsample: bool = True  # a JPEG's colours have half the resolution


# ---- reading


def read_header(data: bytes) -> Header:
    """Check everything that can be checked before decoding. Raises PictureError with its code."""
    return open_picture(data).header


def normalise(data: bytes, smaller_side: int | None = None) -> Encoded:
    """The copy that all later steps read: upright, sRGB, 8 bit, no metadata, at most 4,096 px.

    A plain JPEG (see `jpeg.without_metadata`) that is sRGB keeps its coded pixels, whatever its
    quality; a large one that its metadata turns keeps that orientation, too, and no other metadata.
    Others become an upright JPEG at quality 95, or PNG if a pixel is transparent. At most
    MAX_BYTES, so that it could be uploaded again.
    With `smaller_side` the result's `smaller` is what `fit` makes of that copy; None if the copy
    itself is such a JPEG. Raises PictureError.
    """
    opened = open_picture(data)
    with decoding():
        return _keep(opened, smaller_side) or _encode_normalised(opened, smaller_side)


def _keep(opened: Opened, smaller_side: int | None) -> Encoded | None:
    """The file as it is, without metadata, if it can be a normalised copy: to encode it again would
    lose quality and be most of the work. What an enhancer may send as it is has upright pixels."""
    width, height = opened.header.width, opened.header.height
    if max(width, height) > NORMALISED_SIDE:
        return None
    if opened.header.is_turned and max(width, height) <= (smaller_side or max(PREVIEW_SIDES)):
        return None
    kept = opened.keep(max(smaller_side or 0, *PREVIEW_SIDES))
    if kept is None or len(kept[0]) > MAX_BYTES:
        return None
    encoded, image = kept
    check_lower_part(image)
    smaller = None
    if smaller_side and max(width, height) > smaller_side:
        image, smaller = _make_smaller_copy(image, smaller_side, opened.header.subsampled)
    return Encoded(encoded, "image/jpeg", width, height, _previews(image), smaller)


def _encode_normalised(opened: Opened, smaller_side: int | None) -> Encoded:
    # Rotated while it is encoded or shrunk; otherwise a rotated copy is in memory, too.
    image = load_unturned(opened, NORMALISED_SIDE)
    upright = image.autorot()
    if image.hasalpha() and image[image.bands - 1].min() < 255:
        check_opacity(image[image.bands - 1].max())
        image, encoded = _encode_transparent(upright.copy_memory())
        upright = image
    else:
        check_lower_part(upright)
        image = _opaque(image, WHITE)
        # No more colour resolution than the photo has: 4:4:4 needs 30 % more bytes.
        upright, encoded = _encode_within(
            _opaque(upright, WHITE),
            MAX_BYTES,
            lambda image, quality: _jpeg(image, quality, opened.header.subsampled),
            NORMALISED_QUALITY,
        )
    mime_type = sniff(encoded) or ""
    smaller = None
    is_jpeg = mime_type == "image/jpeg"
    if smaller_side and not (is_jpeg and max(image.width, image.height) <= smaller_side):
        image, smaller = _make_smaller_copy(
            image, smaller_side, opened.header.subsampled and is_jpeg
        )
    previews = _previews(image)
    return Encoded(encoded, mime_type, upright.width, upright.height, previews, smaller)


def _make_smaller_copy(image: Any, side: int, subsample: bool) -> tuple[Any, Encoded]:
    """Shrink the full picture, because a preview would lose up to 1 dB. Returns the pixels, from
    which previews may be made, and the file."""
    image = _opaque(image, WHITE).thumbnail_image(side, height=side, size="down").copy_memory()
    data = _jpeg(image, SMALLER_QUALITY, subsample)
    return image, Encoded(data, "image/jpeg", image.width, image.height, {})


def _encode_transparent(image: Any) -> tuple[Any, bytes]:
    """Encode as PNG, with fewer pixels if it exceeds MAX_BYTES: photos compress badly as PNG."""
    while len(encoded := _png(image)) > MAX_BYTES:
        share = min(0.9, 0.97 * (MAX_BYTES / len(encoded)) ** 0.5)
        side = round(max(image.width, image.height) * share)
        image = image.thumbnail_image(side, height=side).copy_memory()
    return image, encoded


def to_array(data: bytes, max_side: int | None = None) -> NDArray[Any]:
    """Pixels as uint8, height x width x 3 (RGB) or 4 (RGBA, not premultiplied), sRGB, upright.

    Shrunk to `max_side` pixels while decoding, which is much faster than shrinking afterwards.
    """
    opened = open_picture(data)
    with decoding():
        pixels: NDArray[Any] = load(opened, max_side).numpy()
        return pixels


def fit(data: bytes, max_side: int) -> bytes:
    """A JPEG of the picture, shrunk to `max_side` pixels while it is decoded.

    Upright, sRGB, no metadata; transparent parts become white.
    """
    opened = open_picture(data)
    with decoding():
        image = _opaque(load(opened, max_side), WHITE)
        return _jpeg(image, SMALLER_QUALITY, subsample=opened.header.subsampled)


# ---- writing


def encode_array(pixels: NDArray[Any], quality: int = 95) -> bytes:
    """uint8 pixels as JPEG with full colour resolution (H x W x 3), or as PNG (H x W x 4, RGBA)."""
    image = vips().Image.new_from_array(pixels, interpretation="srgb")
    return _png(image) if image.hasalpha() else _jpeg(image, quality, subsample=False)


def make_previews(data: bytes) -> dict[int, bytes]:
    """Make the previews of a stored picture from its bytes."""
    opened = open_picture(data)
    with decoding():
        return _previews(load(opened, max(PREVIEW_SIDES)))


def finish(data: bytes, spec: OutputSpec, provenance: Provenance | None = None) -> Encoded:
    """The last step for every picture: ratio, size, sRGB, format, previews, provenance.

    The ratio is reached by padding, which never cuts anything off the product; a picture whose
    border has several colours keeps its ratio. `provenance` is written as XMP, the only metadata.
    Raises PictureError, with the code `picture_too_small` if it must be enlarged more than 1.5
    times.
    """
    with decoding():
        return _encode_to_spec(_load_to_spec(data, spec), spec, provenance)


def fit_to_spec(data: bytes, spec: OutputSpec) -> NDArray[Any]:
    """The pixels that `finish` encodes: H x W x 3, sRGB."""
    with decoding():
        pixels: NDArray[Any] = _load_to_spec(data, spec).numpy()
        return pixels


def encode_to_spec(
    pixels: NDArray[Any], spec: OutputSpec, provenance: Provenance | None = None
) -> Encoded:
    """Encode the pixels of `fit_to_spec` as `finish` does."""
    image = vips().Image.new_from_array(pixels, interpretation="srgb")
    with decoding():
        return _encode_to_spec(image, spec, provenance)


def _load_to_spec(data: bytes, spec: OutputSpec) -> Any:
    image = load(open_picture(data), spec.max_side).copy_memory()
    return _pad_to_ratio(_opaque(image, spec.background or WHITE), spec)


def _encode_to_spec(image: Any, spec: OutputSpec, provenance: Provenance | None) -> Encoded:
    xmp = None if provenance is None else provenance.as_xmp()
    image, encoded = _encode_within(
        image,
        spec.max_bytes or MAX_BYTES,
        lambda image, quality: _encode(image, spec, quality, xmp),
        spec.quality,
        spec.min_side,
    )
    kind = f"image/{spec.format}"
    previews = _previews(image, smaller_sides(image.width, image.height))
    return Encoded(encoded, kind, image.width, image.height, previews)


# ---- encoding


def _opaque(image: Any, background: tuple[int, int, int]) -> Any:
    return image.flatten(background=list(background)) if image.hasalpha() else image


def _encode(image: Any, spec: OutputSpec, quality: int, xmp: bytes | None) -> bytes:
    """Encode in the spec's format; PNG is lossless and ignores the quality."""
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
    """The image with `xmp` as its only metadata, and the encoder's `keep` option."""
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


def smaller_sides(width: int, height: int) -> tuple[int, ...]:
    """The sides of a finished picture's previews: it is its own preview where it is no larger."""
    return tuple(side for side in PREVIEW_SIDES if side < max(width, height))


def _previews(image: Any, sides: tuple[int, ...] = PREVIEW_SIDES) -> dict[int, bytes]:
    """The largest first; each smaller one is made from the one before."""
    image, previews = _opaque(image, WHITE), {}
    for side in sorted(sides, reverse=True):
        image = image.thumbnail_image(side, height=side, size="down").copy_memory()
        previews[side] = _jpeg(image, PREVIEW_QUALITY)
    return previews


# ---- finishing


def _pad_to_ratio(image: Any, spec: OutputSpec) -> Any:
    """Put the picture on a canvas of the wanted ratio, if one colour can fill the rest, or the
    backdrop can be continued."""
    if spec.aspect is None:
        return _scale_image(image, _scale_factor(image.width, image.height, spec))
    if spec.continue_backdrop and spec.background is None and not _border(image, FLAT_WITHIN)[1]:
        extended = _extend_backdrop(*_scale_for_ratio(image, spec, spec.aspect))
        if extended is not None:
            return extended
    colour, uniform = _border(image)
    if spec.background is not None or uniform:
        image, width, height = _scale_for_ratio(image, spec, spec.aspect)
        background = list(spec.background or colour)
        return image.gravity("centre", width, height, extend="background", background=background)
    return _scale_image(image, _scale_factor(image.width, image.height, spec))


def _extend_backdrop(image: Any, width: int, height: int) -> Any:
    """The image on a canvas of this size; None if its backdrop can't be continued."""
    from packshot.pictures.extending import extend  # with NumPy

    pixels = extend(image.numpy(), width, height)
    if pixels is None:
        return None
    return vips().Image.new_from_array(pixels.copy(), interpretation="srgb")


def _scale_for_ratio(image: Any, spec: OutputSpec, aspect: str) -> tuple[Any, int, int]:
    """The image at its size on a canvas of the ratio, and that canvas's size."""
    across, down = aspect.split(":")
    ratio = float(across) / float(down)
    width = max(image.width, round(image.height * ratio))
    height = max(image.height, round(image.width / ratio))
    scale = _scale_factor(width, height, spec)
    image = _scale_image(image, scale)
    width, height = (min(spec.max_side, round(side * scale)) for side in (width, height))
    return image, max(width, image.width), max(height, image.height)


def _scale_factor(width: int, height: int, spec: OutputSpec) -> float:
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


def _scale_image(image: Any, scale: float) -> Any:
    return image if scale == 1.0 else image.resize(scale).copy_memory()


def _border(image: Any, within: int = UNIFORM_WITHIN) -> tuple[tuple[int, ...], bool]:
    """The median colour of the outermost pixels, and whether nearly all of them are near it."""
    import numpy

    pixels = image.numpy()
    edges = numpy.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    median = numpy.median(edges, axis=0)
    near = (numpy.abs(edges - median).max(axis=1) <= within).mean() >= 0.98
    return tuple(int(value) for value in median), bool(near)


def _encode_within(
    image: Any,
    max_bytes: int,
    encode: Callable[[Any, int], bytes],
    quality: int,
    min_side: int = MIN_SIDE,
) -> tuple[Any, bytes]:
    """Encode the picture in at most `max_bytes`: lower the quality first, then the size."""
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
    yield from range(min(first, 100) - 8, MIN_QUALITY - 1, -8)
