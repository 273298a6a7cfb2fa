"""A JPEG that is a normalised copy but for its metadata keeps its coded pixels."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from PIL import Image, ImageCms
from support.pictures import as_cv2, distance, image_of, scene

from packshot.errors import PictureError
from packshot.pictures import colour, imaging, jpeg
from packshot.pictures.srgb import is_srgb
from packshot.pictures.vips import vips

SECRETS = {"exif-ifd0-ImageDescription": "planted", "exif-ifd3-GPSLatitude": "52/1 31/1 12/1"}


def photo(width: int = 300, height: int = 200, orientation: int = 1, **how: Any) -> bytes:
    """A camera's JPEG with words in its metadata."""
    image = image_of(scene(width, height)).copy()
    for name, value in SECRETS.items():
        image.set_type(vips().GValue.gstr_type, name, value)
    image.set_type(vips().GValue.blob_type, "xmp-data", b"<x:xmpmeta>planted</x:xmpmeta>")
    image.set_type(vips().GValue.gint_type, "orientation", orientation)
    data: bytes = image.jpegsave_buffer(**{"Q": 90, "subsample_mode": "on"} | how)
    return data


def scan_of(data: bytes) -> bytes:
    """The last scan's compressed pixels."""
    last = list(jpeg.segments(data))[-1]
    assert last.marker == jpeg.SOS
    return data[last.body : last.end]


@pytest.mark.parametrize(
    "how", [{}, {"Q": 40}, {"subsample_mode": "off"}, {"restart_interval": 4}], ids=str
)
def test_a_plain_photo_keeps_its_pixels_and_loses_its_metadata(how: dict[str, Any]) -> None:
    data = photo(**how)
    assert b"planted" in data
    copy = imaging.normalise(data + b"planted after its end")
    assert scan_of(copy.data) == scan_of(data)
    assert numpy.array_equal(as_cv2(copy.data), as_cv2(data))
    assert b"planted" not in copy.data
    assert imaging.read_header(copy.data).metadata == ()
    assert (copy.mime_type, copy.width, copy.height) == ("image/jpeg", 300, 200)


def test_a_thumbnail_in_the_header_goes_too() -> None:
    plain = Image.fromarray(scene())
    file = io.BytesIO()
    plain.save(file, "JPEG", dpi=(72, 72))
    data = file.getvalue()
    assert data[2:11] == b"\xff\xe0\0\x10JFIF\0"
    with_thumbnail = data[:4] + (16 + 12).to_bytes(2, "big") + data[6:18] + b"\2\2"
    with_thumbnail += b"planted pixl" + data[20:]
    copy = imaging.normalise(with_thumbnail)
    assert scan_of(copy.data) == scan_of(data)
    assert b"planted" not in copy.data


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_copy_of_a_copy_is_the_same_file(orientation: int) -> None:
    """An upload is normalised when it arrives, and again for its product."""
    upload = imaging.normalise(photo(orientation=orientation, Q=85)).data
    first = imaging.normalise(upload).data
    assert scan_of(first) == scan_of(upload)
    assert imaging.normalise(first).data == first


@pytest.mark.parametrize(
    "orientation", [2, 6, *(pytest.param(turn, marks=pytest.mark.extra) for turn in (3, 8))]
)
def test_a_large_turned_photo_keeps_its_pixels_and_its_orientation(orientation: int) -> None:
    data = photo(2400, 1800, orientation)
    size = (1800, 2400) if orientation >= 5 else (2400, 1800)
    for copy in (imaging.normalise(data), imaging.normalise(data, smaller_side=1536)):
        assert scan_of(copy.data) == scan_of(data)
        assert (copy.width, copy.height) == size
        assert imaging.read_header(copy.data).metadata == ("exif-data",)
        assert b"planted" not in copy.data
        assert numpy.array_equal(as_cv2(copy.data), as_cv2(data))
        for preview in map(as_cv2, copy.previews.values()):
            assert distance(preview, as_cv2(imaging.fit(data, max(preview.shape)))) < 2
    assert copy.smaller is not None
    assert distance(as_cv2(copy.smaller.data), as_cv2(imaging.fit(data, 1536))) < 2


def test_a_turned_photo_that_an_enhancer_may_send_as_it_is_gets_upright_pixels() -> None:
    """A model may ignore the orientation."""
    for copy in (
        imaging.normalise(photo(1500, 1200, 6)),
        imaging.normalise(photo(2400, 1800, 6), smaller_side=2400),
    ):
        assert copy.smaller is None
        assert imaging.read_header(copy.data).metadata == ()
        assert copy.width < copy.height


def test_what_is_made_of_a_large_kept_photo_shows_it() -> None:
    """It is decoded at half its size."""
    data = photo(3600, 900)
    copy = imaging.normalise(data, smaller_side=1536)
    assert scan_of(copy.data) == scan_of(data)
    assert (copy.width, copy.height) == (3600, 900)
    assert copy.smaller is not None
    assert (copy.smaller.width, copy.smaller.height) == (1536, 384)
    assert distance(as_cv2(copy.smaller.data), as_cv2(imaging.fit(data, 1536))) < 1
    assert as_cv2(copy.previews[320]).shape == (80, 320, 3)
    alone = imaging.normalise(data)
    assert alone.smaller is None
    assert as_cv2(alone.previews[1600]).shape == (400, 1600, 3)
    assert distance(as_cv2(alone.previews[1600]), as_cv2(imaging.fit(data, 1600))) < 2


def rgb() -> bytes:
    """Without YCbCr, which only Adobe's marker says."""
    file = io.BytesIO()
    Image.fromarray(scene()).save(file, "JPEG", quality=95, keep_rgb=True)
    return file.getvalue()


def wide_gamut() -> bytes:
    display_p3 = image_of(scene()).icc_transform("p3", input_profile="srgb")
    data: bytes = display_p3.jpegsave_buffer(Q=97)
    return data


def with_warning() -> bytes:
    """Bytes that no decoder needs, before its end."""
    data = photo()
    return data[:-2] + bytes(64) + data[-2:]


def in_srgb(profile: bytes) -> bytes:
    image = image_of(scene()).copy()
    image.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
    data: bytes = image.jpegsave_buffer(Q=90)
    return data


def test_a_profile_that_means_srgb_converts_nothing() -> None:
    """Lightroom and Photoshop embed one; Pillow's is another than libvips'."""
    pillows = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    converted = image_of(scene()).icc_transform("srgb", input_profile="srgb")
    for profile in (pillows, converted.get("icc-profile-data")):
        data = in_srgb(profile)
        header = imaging.read_header(data)
        assert "icc-profile-data" in header.metadata and not header.colour_managed
        copy = imaging.normalise(data)
        assert scan_of(copy.data) == scan_of(data)
        assert imaging.read_header(copy.data).metadata == ()


@pytest.mark.parametrize("profile", [b"no profile", bytes(500)])
def test_a_broken_profile_changes_no_colour(profile: bytes) -> None:
    """As for browsers: a picture without a profile is taken as sRGB."""
    data = in_srgb(profile)
    assert numpy.array_equal(imaging.to_array(data), as_cv2(data))


@pytest.mark.parametrize("primaries", [colour.ADOBE_RGB, colour.CODED_PRIMARIES[6]])
def test_a_profile_of_other_primaries_is_not_srgb(primaries: colour.Primaries) -> None:
    """SMPTE 170M's are the nearest to sRGB's that are in use."""
    profile = colour.gamma_profile(primaries, colour.SRGB_CURVE)
    assert profile is not None and not is_srgb(profile)


ENCODED_ANEW: dict[str, Callable[[], bytes]] = {
    "turned": lambda: photo(orientation=3),
    "progressive": lambda: photo(interlace=True),
    "grey": lambda: image_of(scene()).colourspace("b-w").jpegsave_buffer(Q=95),
    "RGB": rgb,
    "wide gamut": wide_gamut,
    "too large": lambda: photo(4112, 400),
    "with a warning": with_warning,
}


@pytest.mark.parametrize("kind", ENCODED_ANEW)
def test_all_others_are_encoded_anew(kind: str) -> None:
    data = ENCODED_ANEW[kind]()
    copy = imaging.normalise(data)
    assert scan_of(copy.data) != scan_of(data)
    assert distance(imaging.to_array(copy.data), imaging.to_array(data, 4096)) < 3
    assert imaging.normalise(copy.data).data[-1000:] == copy.data[-1000:]  # kept from now on
    assert b"planted" not in copy.data


def test_a_file_in_two_scans_is_encoded_anew() -> None:
    """Baseline JPEGs may have one for each colour, but some programs can't read that."""
    data = photo()
    scan = list(jpeg.segments(data))[-1]
    doubled = data[: scan.end] + data[scan.start :]
    unwrapped = jpeg.unwrap(doubled)
    assert jpeg.without_metadata(unwrapped) is None
    assert jpeg.without_metadata(jpeg.unwrap(data)) is not None


def flat(sampling: tuple[int, ...], width: int = 304, height: int = 200) -> bytes:
    """One grey, with any sampling (horizontal and vertical factor in a byte): every block holds the
    codes of no difference and of its end, by the standard tables."""
    file = io.BytesIO()
    Image.fromarray(scene()).save(file, "JPEG")
    data = file.getvalue()
    parts = [each for each in jpeg.segments(data) if each.marker in (jpeg.DHT, jpeg.DQT)]
    tables = b"".join(data[each.start : each.end] for each in parts)
    columns = -(-width // (8 * max(each >> 4 for each in sampling)))
    rows = -(-height // (8 * max(each & 15 for each in sampling)))
    blocks = ((each >> 4) * (each & 15) for each in sampling)
    codes = ("001010", "0000", "0000")
    bits = "".join(code * n for code, n in zip(codes, blocks, strict=False)) * columns * rows
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    count = len(sampling)
    frame = struct.pack(">BHHB", 8, height, width, count)
    frame += b"".join(bytes([n + 1, each, min(n, 1)]) for n, each in enumerate(sampling))
    order = bytes([count]) + b"".join(bytes([n + 1, 0x11 * min(n, 1)]) for n in range(count))
    headers = segment(jpeg.SOF0, frame) + segment(jpeg.SOS, order + b"\0\x3f\0")
    return b"\xff\xd8" + jpeg.JFIF + tables + headers + scan + b"\xff\xd9"


def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize("luma", [0x11, 0x21, 0x12, 0x22])
def test_the_usual_samplings_are_kept(luma: int) -> None:
    data = flat((luma, 0x11, 0x11))
    assert scan_of(imaging.normalise(data).data) == scan_of(data)


@pytest.mark.parametrize(
    "sampling",
    [
        *((luma, 0x11, 0x11) for luma in (0x14, 0x41, 0x31, 0x13, 0x42, 0x24)),
        *((0x22, 0x12, 0x12), (0x22, 0x21, 0x11), (0x11, 0x22, 0x22), (0x22, 0x22, 0x22)),
        (0x11, 0x11),
    ],
    ids=str,
)
def test_an_odd_sampling_is_encoded_anew_or_refused(sampling: tuple[int, ...]) -> None:
    """The decoder has no name for some of them, and raises errors of its own."""
    data = flat(sampling)
    try:
        copy = imaging.normalise(data)
    except PictureError as error:
        assert error.code in ("picture_damaged", "picture_unsupported")
    else:
        assert scan_of(copy.data) != scan_of(data)
        assert distance(as_cv2(copy.data), numpy.full((200, 304, 3), 128)) < 2


@pytest.mark.parametrize("kind", ["tables", "filling", "restarts"])
def test_nothing_is_hidden_in_what_no_decoder_shows(kind: str) -> None:
    data = photo()
    frame = data.index(b"\xff\xc0")
    unused = b"".join(segment(jpeg.DQT, bytes([3]) + b"planted!" * 8) for _ in range(9))
    hidden = {
        "tables": data[:frame] + unused + data[frame:],
        "filling": data[:-2] + b"\xff" * 1000 + data[-2:],
        "restarts": data[:-2] + b"\xff\xd0\xff\xd1" * 100 + data[-2:],
    }[kind]
    try:
        copy = imaging.normalise(hidden)
    except PictureError as error:
        assert error.code == "picture_damaged"
    else:
        assert scan_of(copy.data) != scan_of(hidden)
        assert b"planted" not in copy.data
