"""Opens every format in the same way: first the header, then the pixels, upright and in sRGB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packshot.errors import PictureError
from packshot.pictures import heif, jpeg, kinds, limits, missing_data, png, tiff
from packshot.pictures.srgb import is_srgb
from packshot.pictures.vips import decoding, vips

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Header:
    """What is known about a picture before it is decoded; width and height as displayed."""

    mime_type: str
    width: int
    height: int
    has_alpha: bool
    subsampled: bool  # its colours are stored at half resolution (4:2:0), as phones and WebP do
    colour_managed: bool  # its colour is not sRGB and must be converted
    metadata: tuple[str, ...]  # names of the embedded blobs: EXIF, XMP, ICC profile, ...
    is_turned: bool = False  # its orientation says that its pixels must be turned or mirrored


@dataclass(frozen=True)
class Opened:
    """A picture that passed all checks before decoding."""

    header: Header
    #: Longest side -> libvips image, not enlarged, upright or with its orientation.
    load: Callable[[int], Any] = field(repr=False)
    #: Longest side that is needed -> the file without metadata but its orientation, and its libvips
    #: image with it, if its pixels are opaque and in sRGB as they are.
    keep: Callable[[int], tuple[bytes, Any] | None] = field(repr=False, default=lambda side: None)


def open_picture(data: bytes) -> Opened:
    """Check everything that can be checked before decoding. Raises PictureError with its code."""
    mime_type = _check_bytes(data)
    with decoding():
        return OPENERS[mime_type](data)


def load(opened: Opened, max_side: int | None = None) -> Any:
    """Decode, fit, turn upright, convert to 8-bit sRGB; shrink while decoding if possible."""
    return _load(opened, max_side).autorot()


def load_unturned(opened: Opened, max_side: int) -> Any:
    """Like `load`, but the image can be read several times and is not turned yet: `autorot` and
    `thumbnail_image` turn it without another copy in memory."""
    image = _load(opened, max_side)
    header = opened.header
    is_shrunk = max(header.width, header.height) > max_side
    is_in_memory = header.mime_type == "image/jpeg" and not (header.colour_managed or is_shrunk)
    return image if is_in_memory else image.copy_memory()


def _load(opened: Opened, max_side: int | None) -> Any:
    header = opened.header
    image = opened.load(max_side or max(header.width, header.height))
    if image.interpretation != "srgb" or image.format != "uchar":
        image = image.colourspace("srgb").cast("uchar")
    return image


def _check_bytes(data: bytes) -> str:
    if not data:
        raise PictureError("The file is empty.", code="picture_empty")
    if len(data) > limits.MAX_BYTES:
        raise PictureError(
            f"The file has {len(data) / 1e6:.1f} MB; "
            f"at most {limits.MAX_BYTES / 1e6:.0f} MB are allowed.",
            code="picture_too_large",
        )
    kind = kinds.recognise(data)
    if kind.mime_type is None:
        raise PictureError(
            f"The file is {kind.words}, not a {kinds.ACCEPTED_WORDS} picture; {kind.advice}.",
            code="not_a_picture",
        )
    return kind.mime_type


# ---- the formats


def _open_jpeg(data: bytes) -> Opened:
    unwrapped = jpeg.unwrap(data)
    limits.check_size(*unwrapped.size)
    limits.check_held(unwrapped.bytes_held, *unwrapped.size, "in several scans (progressive)")
    image = _header_of(unwrapped.data)
    if (profile := _profile_in_exif(image)) is not None:
        unwrapped.data = jpeg.with_profile(unwrapped.data, profile)
        image = _header_of(unwrapped.data)
    subsampled = image.get("jpeg-chroma-subsample") == "4:2:0"
    header = _header("image/jpeg", image, subsampled, unwrapped.metadata)

    def decode(side: int) -> Any:
        if image.interpretation == "cmyk":
            jpeg.check_complete(unwrapped.data)
            return _fit_inks(_header_of(unwrapped.data, fail_on="error"), side)
        grey = image.interpretation == "b-w"
        shrink = _shrink_of(max(unwrapped.size) / side)
        pixels = jpeg.pixels_of(unwrapped, "GRAY" if grey else "RGB", shrink)
        decoded = _with_metadata_of(image, pixels)
        if max(unwrapped.size) <= side and not header.colour_managed:
            return decoded  # without the copy that `thumbnail` makes to turn it
        return _fit(decoded, header, side)

    def keep(side: int) -> tuple[bytes, Any] | None:
        if header.colour_managed:
            return None
        kept = jpeg.without_metadata(unwrapped, _field(image, "orientation", 1))
        if kept is None:
            return None
        # What is made of it is shown or sent to Gemini, which the inexact last halving suits, too.
        shrink = _shrink_of(2 * max(unwrapped.size) / side)
        pixels = jpeg.pixels_without_warning(kept, "RGB", shrink)
        return None if pixels is None else (kept.data, _with_metadata_of(image, pixels))

    return Opened(header, decode, keep)


def _shrink_of(factor: float) -> int:
    """The factor by which a JPEG is shrunk while it is decoded, which is inexact: libvips does at
    least the last halving."""
    return next((shrink for shrink in (8, 4, 2) if factor >= 2 * shrink), 1)


def _with_metadata_of(header: Any, pixels: NDArray[Any]) -> Any:
    """Decoded pixels as a libvips image, with the metadata that turns it and converts its
    colours."""
    height, width, bands = pixels.shape
    image = vips().Image.new_from_memory(pixels.data, width, height, bands, "uchar")
    image = image.copy(interpretation=header.interpretation)
    for name in ("orientation", "icc-profile-data"):
        if name in header.get_fields():
            image.set_type(header.get_typeof(name), name, header.get(name))
    return image


def _open_png(data: bytes) -> Opened:
    unwrapped = png.unwrap(data)
    image = _header_of(unwrapped.data)
    limits.check_size(image.width, image.height)
    limits.check_held(unwrapped.bytes_held, image.width, image.height, "in interlaced form")
    profile = unwrapped.profile if unwrapped.states_colour else _profile_in_exif(image)
    header = _header("image/png", image, False, unwrapped.metadata, profile)

    def decode(side: int) -> Any:
        image = _header_of(unwrapped.data, fail_on="error")
        return _fit(_with_profile(image, profile), header, side)

    return Opened(header, decode)


def _open_webp(data: bytes) -> Opened:
    image = _header_of(data)
    limits.check_frames(_field(image, "n-pages", 1))
    limits.check_size(image.width, image.height)
    missing_data.check_webp(data, image.width * image.height)
    profile = _profile_in_exif(image)
    header = _header("image/webp", image, True, profile=profile)

    def decode(side: int) -> Any:
        if profile is None:
            return _thumbnail(data, "[fail_on=error]", header, side)
        image = _header_of(data, fail_on="error")
        return _fit(_with_profile(image, profile), header, side)

    return Opened(header, decode)


def _open_tiff(data: bytes) -> Opened:
    directories = tiff.read_directories(data)
    page = tiff.check_pages(directories)
    directory = directories[page] if directories else {}
    tiff.check_compression(directory)
    tiff.check_colours(directory)
    tiff.check_tiles(directory)
    image = tiff.without_extra_channels(_header_of(data, page=page), directory)
    limits.check_size(image.width, image.height)
    tiff.check_layout(image)
    header = _header("image/tiff", image, False)

    def decode(side: int) -> Any:
        image = _header_of(data, page=page, fail_on="error")
        return _fit(tiff.without_extra_channels(image, directory), header, side)

    return Opened(header, decode)


def _open_avif(data: bytes) -> Opened:
    heif.check_still(data)
    image = _header_of(data)
    limits.check_size(image.width, image.height)
    held = heif.bytes_held_by_avif(data, image.width * image.height)
    limits.check_held(held, image.width, image.height, "as AVIF")
    profile = None if "icc-profile-data" in image.get_fields() else heif.profile_of_avif(data)
    header = _header("image/avif", image, True, profile=profile)

    def decode(side: int) -> Any:
        return _fit(_with_profile(_header_of(data), profile), header, side)

    return Opened(header, decode)


def _open_heic(data: bytes) -> Opened:
    heif.check_still(data)
    found = heif.open_heic(data)
    width, height = found.size
    limits.check_size(width, height)
    limits.check_held(heif.bytes_held_by_heic(found), width, height, "as HEIC")
    profile = heif.profile_of_heic(found)
    header = Header(
        "image/heic",
        width,
        height,
        has_alpha=found.has_alpha,
        subsampled=True,
        colour_managed=_converts(profile),
        metadata=heif.metadata_of(found),
    )

    def decode(side: int) -> Any:
        image = vips().Image.new_from_array(heif.pixels_of(found))
        deep = image.format == "ushort"
        space = ("grey16" if deep else "b-w") if image.bands < 3 else ("rgb16" if deep else "srgb")
        image = image.copy(interpretation=space)
        if found.premultiplied_alpha:
            image = image.unpremultiply().cast(image.format)
        return _fit(_with_profile(image, profile), header, side)

    return Opened(header, decode)


OPENERS: dict[str, Callable[[bytes], Opened]] = {
    "image/jpeg": _open_jpeg,
    "image/png": _open_png,
    "image/webp": _open_webp,
    "image/tiff": _open_tiff,
    "image/avif": _open_avif,
    "image/heic": _open_heic,
}


# ---- shared by the formats


def _header_of(data: bytes, **options: Any) -> Any:
    return vips().Image.new_from_buffer(data, "", access="sequential", **options)


def _field(image: Any, name: str, default: Any) -> Any:
    return image.get(name) if name in image.get_fields() else default


def _profile_in_exif(image: Any) -> bytes | None:
    """Adobe RGB's profile, if the picture has none and only its EXIF says that it is in Adobe RGB:
    as cameras write it, and programs that convert their photos pass it on."""
    if image.bands < 3 or "icc-profile-data" in image.get_fields():
        return None
    if not jpeg.says_adobe_rgb(_exif(image)):
        return None
    from packshot.pictures import colour

    return colour.adobe_rgb()


def _exif(image: Any) -> dict[str, str]:
    wanted = ("exif-ifd2-ColorSpace", "exif-ifd4-InteroperabilityIndex")
    return {name.rpartition("-")[2]: _field(image, name, "") for name in wanted}


def _header(
    mime_type: str,
    image: Any,
    subsampled: bool,
    metadata: tuple[str, ...] = (),
    profile: bytes | None = None,
) -> Header:
    fields = image.get_fields()
    orientation = _field(image, "orientation", 1)
    blobs = (name for name in fields if name.endswith("-data"))
    return Header(
        mime_type,
        *((image.height, image.width) if orientation >= 5 else (image.width, image.height)),
        has_alpha=bool(image.hasalpha()),
        subsampled=subsampled,
        colour_managed=image.interpretation == "cmyk"
        or _converts(profile or _field(image, "icc-profile-data", None)),
        metadata=tuple(dict.fromkeys((*blobs, *metadata))),
        is_turned=orientation != 1,
    )


def _converts(profile: bytes | None) -> bool:
    """Whether the profile says that the colours are not sRGB's."""
    return profile is not None and not is_srgb(profile)


def _with_profile(image: Any, profile: bytes | None) -> Any:
    """The image with a profile, whose colour channels it then has: of grey alone, libvips converts
    dark tones inexactly."""
    if profile is None:
        return image
    if image.bands < 3 and profile[16:20] == b"RGB ":
        image = image.colourspace("rgb16" if image.format == "ushort" else "srgb")
    image = image.copy()
    image.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
    return image


def _thumbnail(data: bytes, option: str, header: Header, side: int) -> Any:
    """Shrink while decoding, where the format allows it."""
    return vips().Image.thumbnail_buffer(data, side, option_string=option, **_fitting(header, side))


def _fit(image: Any, header: Header, side: int) -> Any:
    return image.thumbnail_image(side, **_fitting(header, side))


def _fit_inks(image: Any, side: int) -> Any:
    """Shrink CMYK before its colours are converted: at 50 MP that takes 2 s instead of 7."""
    scale = side / max(image.width, image.height)
    if scale < 1:
        image = image.resize(scale)
    image = image.icc_transform("srgb", embedded=True, input_profile="cmyk")
    return image.copy_memory().autorot()


def _fitting(header: Header, side: int) -> dict[str, Any]:
    # Without a profile, asking for sRGB costs 30 times the decoding.
    profile = {"output_profile": "srgb"} if header.colour_managed else {}
    return {"height": side, "size": "down", **profile}
