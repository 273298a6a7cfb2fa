"""Bytes <-> pixels: every picture Packshot takes in or gives out passes through here; no I/O."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from packshot.errors import PictureError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
MAX_SCANS = 100  # 1,000 scans of 49 MP keep a decoder busy for 31 s (measured)
MIN_SIDE = 24
MAX_ASPECT = 20
NORMALISED_SIDE = 4096
NORMALISED_QUALITY = 95
PREVIEW_SIDES = (320, 1600)
PREVIEW_QUALITY = 82
LEAST_QUALITY = 50  # below it, fewer pixels look better than stronger compression
MAX_ENLARGEMENT = 3  # Lanczos stays soft but clean up to here; it invents no detail
WHITE = (255, 255, 255)
UNIFORM_WITHIN = 6  # levels: a border that differs less is one colour to the eye
BLUR_SHRINK = 8
DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@dataclass(frozen=True)
class Encoded:
    """A finished picture: `previews` are JPEGs by the long side they were made to fit."""

    data: bytes = field(repr=False)
    mime_type: str
    width: int
    height: int
    previews: dict[int, bytes] = field(repr=False)


@dataclass(frozen=True)
class OutputSpec:
    """What a finished picture must be: data, so that a marketplace's preset is one of these.

    `aspect` as "4:5" (width:height); sides in pixels; `background` for padding and see-through
    parts (None: the scene goes on out of focus, white below see-through parts); `max_bytes` is
    kept by a lower quality, then by fewer pixels.
    """

    aspect: str | None = None
    max_side: int = 2048
    quality: int = 90
    background: tuple[int, int, int] | None = None
    max_bytes: int | None = None
    min_side: int = 64


@dataclass(frozen=True)
class Header:
    """What a picture says of itself before it is decoded; width and height as they are shown."""

    mime_type: str
    width: int
    height: int
    has_alpha: bool
    subsampled: bool  # its colours are stored at half resolution (4:2:0), as phones and WebP do
    colour_managed: bool  # it has an ICC profile, or is CMYK: its colours need converting
    metadata: tuple[str, ...]  # names of the embedded blobs: EXIF, XMP, ICC profile, ...


# ---- bytes in


def sniff(data: bytes) -> str | None:
    """The media type by content ("image/jpeg", "image/png", "image/webp"), None for all else."""
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def read_header(data: bytes) -> Header:
    """Check everything that can be checked before decoding. Raises PictureError with its code."""
    mime_type = _check_bytes(data)
    with _decoding():
        image = _vips().Image.new_from_buffer(data, "", access="sequential")
        fields = image.get_fields()
        turned = image.get("orientation") >= 5 if "orientation" in fields else False
        _check_frames(image.get("n-pages") if "n-pages" in fields else 1)
        chroma = image.get("jpeg-chroma-subsample") if mime_type == "image/jpeg" else ""
    _check_size(image.width, image.height)
    return Header(
        mime_type,
        *((image.height, image.width) if turned else (image.width, image.height)),
        has_alpha=bool(image.hasalpha()),
        colour_managed=image.interpretation == "cmyk" or "icc-profile-data" in fields,
        subsampled=chroma == "4:2:0" or mime_type == "image/webp",
        metadata=tuple(name for name in fields if name.endswith("-data") or "comment" in name),
    )


def normalise(data: bytes) -> Encoded:
    """The copy everything later reads: upright, sRGB, 8 bit, no metadata, at most 4,096 px.

    JPEG at quality 95, or PNG when some pixel is really see-through. Raises PictureError.
    """
    header = read_header(data)
    with _decoding():
        image = _load(data, header, NORMALISED_SIDE).copy_memory()
        if image.hasalpha() and image[image.bands - 1].min() < 255:
            encoded = _png(image)
            return Encoded(encoded, "image/png", image.width, image.height, _previews(image))
        image = _opaque(image, WHITE)
        # Never keep more colour resolution than the photo had: 4:4:4 costs 30 % more bytes.
        encoded = _jpeg(image, NORMALISED_QUALITY, subsample=header.subsampled)
        return Encoded(encoded, "image/jpeg", image.width, image.height, _previews(image))


def to_array(data: bytes, max_side: int | None = None) -> NDArray[Any]:
    """Pixels as uint8, height x width x 3 (RGB) or 4 (RGBA, not premultiplied), sRGB, upright.

    Fitted into `max_side` pixels while decoding, which is much cheaper than shrinking afterwards.
    """
    header = read_header(data)
    with _decoding():
        pixels: NDArray[Any] = _load(data, header, max_side).numpy()
        return pixels


def fit(data: bytes, max_side: int, quality: int = 90) -> bytes:
    """A clean JPEG of the picture, at most `max_side` pixels long: in one pass, decoded as it goes.

    White below see-through parts; upright, sRGB, no metadata. For sending a picture somewhere.
    """
    header = read_header(data)
    with _decoding():
        image = _opaque(_load(data, header, max_side), WHITE)
        return _jpeg(image, quality, subsample=header.subsampled)


# ---- pixels out


def encode_array(pixels: NDArray[Any], quality: int = 95) -> bytes:
    """uint8 pixels as JPEG with full colour resolution (H x W x 3), or as PNG (H x W x 4, RGBA)."""
    image = _vips().Image.new_from_array(pixels, interpretation="srgb")
    return _png(image) if image.hasalpha() else _jpeg(image, quality, subsample=False)


def previews_of(data: bytes) -> dict[int, bytes]:
    """The previews of a picture of ours, made anew from what is stored."""
    header = read_header(data)
    with _decoding():
        return _previews(_load(data, header, max(PREVIEW_SIDES)))


def finish(data: bytes, spec: OutputSpec, provenance: str | None = None) -> Encoded:
    """The one last step for every enhancer's output: ratio, size, sRGB, JPEG, previews, provenance.

    The ratio is reached by padding, so that nothing of the product is ever cut off. `provenance` is
    an IPTC digital source type ("compositeWithTrainedAlgorithmicMedia"), written as XMP. Raises
    PictureError, `picture_too_small` when it would need enlarging more than 3 times.
    """
    header = read_header(data)
    side = _longer_side(header, spec)
    with _decoding():
        image = _load(data, header, side, enlarge=side > max(header.width, header.height))
        image = _opaque(image.copy_memory(), spec.background or WHITE)
        image = _pad(image, spec)
        image, encoded = _within(image, spec, provenance)
        return Encoded(encoded, "image/jpeg", image.width, image.height, _previews(image))


# ---- checks before decoding


def _check_bytes(data: bytes) -> str:
    if not data:
        raise PictureError("The file is empty.", code="picture_empty")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"The file has {len(data) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are allowed.",
            code="picture_too_large",
        )
    mime_type = sniff(data)
    if mime_type is None:
        raise PictureError("The file is not a JPEG, PNG or WebP picture.", code="not_a_picture")
    if mime_type == "image/jpeg":
        _check_scans(data)
    if mime_type == "image/png" and b"acTL" in data[: data.find(b"IDAT") + 1]:
        _check_frames(2)
    return mime_type


def _check_scans(data: bytes) -> None:
    if data.count(b"\xff\xda") > MAX_SCANS and count_scans(data) > MAX_SCANS:
        raise PictureError(
            f"The JPEG has more than {MAX_SCANS} scans, which no camera writes; "
            "save it again with a picture editor.",
            code="picture_too_many_scans",
        )


_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # FF00 is data, FFD0 to FFD7 are restarts


def count_scans(data: bytes) -> int:
    """A JPEG's start-of-scan markers (FF DA), without those of embedded thumbnails and trailers."""
    scans, position = 0, 2
    while marker := _MARKER.search(data, position):
        code, position = marker.group(1)[0], marker.end()
        if code == 0xD9:  # end of image
            break
        scans += code == 0xDA
        if code not in (0x01, 0xD8):  # those two alone have no length
            position += max(int.from_bytes(data[position : position + 2], "big"), 2)
    return scans


def _check_frames(frames: int) -> None:
    if frames > 1:
        raise PictureError(
            "The picture is animated; send a single still picture.", code="picture_animated"
        )


def _check_size(width: int, height: int) -> None:
    size = f"The picture has {width} x {height} pixels"
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{size}; at most {MAX_PIXELS / 1e6:.0f} million are allowed.",
            code="picture_too_many_pixels",
        )
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            f"{size}; each side needs at least {MIN_SIDE}.", code="picture_too_small"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise PictureError(f"{size}; that is too narrow.", code="picture_too_narrow")


# ---- libvips


@cache
def _vips() -> Any:
    """pyvips, imported and locked down on first use: processes that never decode never load it."""
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    import pyvips

    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in ("Jpeg", "Png", "Webp"):
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    return pyvips


@contextmanager
def _decoding() -> Iterator[None]:
    """libvips' errors as ours. Running out of memory is no fault of the picture's: MemoryError."""
    vips = _vips()
    try:
        yield
    except vips.Error as error:
        if "out of memory" in str(error).lower():
            raise MemoryError(str(error)) from error
        raise PictureError(
            "The picture is damaged or cut short; export or upload it again.",
            code="picture_damaged",
        ) from error


def _load(data: bytes, header: Header, max_side: int | None, enlarge: bool = False) -> Any:
    """Decode, fit, turn upright and convert to 8-bit sRGB; nothing is decoded that shrinks away."""
    side = max_side or max(header.width, header.height)
    # Asking for sRGB where there is no profile to convert from costs 30 times the decoding.
    profile = {"output_profile": "srgb"} if header.colour_managed else {}
    image = _vips().Image.thumbnail_buffer(
        data,
        side,
        height=side,
        size="both" if enlarge else "down",
        # libvips 8.18 forgets thumbnail's own `fail_on` and decodes cut-off JPEGs: tell the loader.
        option_string="[fail_on=error]",
        **profile,
    )
    if image.interpretation != "srgb" or image.format != "uchar":
        image = image.colourspace("srgb").cast("uchar")
    return image


def _opaque(image: Any, background: tuple[int, int, int]) -> Any:
    return image.flatten(background=list(background)) if image.hasalpha() else image


def _jpeg(image: Any, quality: int, subsample: bool = True, xmp: bytes | None = None) -> bytes:
    """JPEG without any metadata but `xmp`. libvips alone would stop subsampling from quality 90."""
    if xmp is not None:
        image = image.copy()
        image.set_type(_vips().GValue.blob_type, "xmp-data", xmp)
    encoded: bytes = image.jpegsave_buffer(
        Q=quality,
        subsample_mode="on" if subsample else "off",
        keep="none" if xmp is None else "xmp",
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


def _ratio(spec: OutputSpec, width: int, height: int) -> float:
    if spec.aspect is None:
        return width / height
    across, down = spec.aspect.split(":")
    return float(across) / float(down)


def _canvas(spec: OutputSpec, width: int, height: int) -> tuple[int, int]:
    """The smallest canvas of the wanted ratio that holds the whole picture."""
    ratio = _ratio(spec, width, height)
    return max(width, round(height * ratio)), max(height, round(width / ratio))


def _longer_side(header: Header, spec: OutputSpec) -> int:
    """How long the picture's longer side becomes, so that its padded canvas keeps the spec."""
    canvas = _canvas(spec, header.width, header.height)
    scale = min(1.0, spec.max_side / max(canvas))
    if min(canvas) * scale < spec.min_side:
        scale = spec.min_side / min(canvas)
    if scale > MAX_ENLARGEMENT:
        raise PictureError(
            f"The picture has {header.width} x {header.height} pixels, too few to be shown at "
            f"{spec.min_side}.",
            code="picture_too_small",
        )
    return max(1, round(max(header.width, header.height) * scale))


def _pad(image: Any, spec: OutputSpec) -> Any:
    width, height = _canvas(spec, image.width, image.height)
    width, height = min(width, spec.max_side), min(height, spec.max_side)
    if (width, height) == (image.width, image.height):
        return image
    width, height = max(width, image.width), max(height, image.height)
    colour, uniform = _border(image)
    if spec.background is None and not uniform:
        return _continued(image, width, height)
    ground = list(spec.background or colour)
    return image.gravity("centre", width, height, extend="background", background=ground)


def _continued(image: Any, width: int, height: int) -> Any:
    """The scene goes on beyond its edges, mirrored and out of focus: no bars, no second product.

    Blurred at an eighth of the size, which looks the same and costs a 64th.
    """
    left, top = (width - image.width) // 2, (height - image.height) // 2
    beyond = image.embed(left, top, width, height, extend="mirror")
    small = beyond.resize(1 / BLUR_SHRINK).gaussblur(max(width, height) / 30 / BLUR_SHRINK)
    soft = small.resize(width / small.width, vscale=height / small.height)
    soft = soft.cast("uchar").embed(0, 0, width, height, extend="copy")
    return soft.insert(image, left, top).copy(interpretation="srgb")


def _border(image: Any) -> tuple[tuple[int, ...], bool]:
    """The median colour of the outermost pixels, and whether nearly all of them are near it."""
    import numpy

    pixels = image.numpy()
    edges = numpy.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    median = numpy.median(edges, axis=0)
    near = (numpy.abs(edges - median).max(axis=1) <= UNIFORM_WITHIN).mean() >= 0.98
    return tuple(int(value) for value in median), bool(near)


def _within(image: Any, spec: OutputSpec, provenance: str | None) -> tuple[Any, bytes]:
    """The picture as JPEG of at most `max_bytes`: first the quality gives way, then the size."""
    xmp = None if provenance is None else _provenance_xmp(provenance)
    while True:
        for quality in _qualities(spec.quality):
            encoded = _jpeg(image, quality, xmp=xmp)
            if spec.max_bytes is None or len(encoded) <= spec.max_bytes:
                return image, encoded
        if min(image.width, image.height) * 0.8 < spec.min_side:
            raise PictureError(
                f"The picture can't be made smaller than {spec.max_bytes} bytes.",
                code="picture_too_large",
            )
        image = image.resize(0.8).copy_memory()


def _qualities(first: int) -> Iterator[int]:
    yield first
    yield from range(min(first, 100) - 8, LEAST_QUALITY - 1, -8)


def _provenance_xmp(source_type: str) -> bytes:
    """XMP with IPTC's Iptc4xmpExt:DigitalSourceType (IPTC Photo Metadata Standard 2023.1)."""
    address = quoteattr(DIGITAL_SOURCE_TYPE + source_type.removeprefix(DIGITAL_SOURCE_TYPE))
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f"Iptc4xmpExt:DigitalSourceType={address}/>"
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()
