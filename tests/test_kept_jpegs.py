"""A JPEG that is a normalised copy but for its metadata keeps its coded pixels."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from PIL import Image, ImageCms
from support.pictures import as_cv2, distance, image_of, scene

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


def test_what_is_made_of_a_large_kept_photo_shows_it() -> None:
    """It is decoded at half its size."""
    data = photo(3600, 2400)
    copy = imaging.normalise(data, smaller_side=1536)
    assert scan_of(copy.data) == scan_of(data)
    assert (copy.width, copy.height) == (3600, 2400)
    assert copy.smaller is not None
    assert (copy.smaller.width, copy.smaller.height) == (1536, 1024)
    assert distance(as_cv2(copy.smaller.data), as_cv2(imaging.fit(data, 1536))) < 1
    assert as_cv2(copy.previews[320]).shape == (213, 320, 3)
    alone = imaging.normalise(data)
    assert alone.smaller is None
    assert as_cv2(alone.previews[1600]).shape == (1067, 1600, 3)
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
    "too large": lambda: photo(4112, 2000),
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
