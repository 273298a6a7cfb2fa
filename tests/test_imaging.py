"""Pictures in, pictures out: upright, sRGB, without metadata, or refused with a reason."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy
import pytest
from conftest import needs_shared
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cpu import slowness
from support.pictures import as_cv2, distance, image_of, scene

from packshot.errors import PictureError
from packshot.pictures import imaging, jpeg
from packshot.pictures.child_processes import Pixels
from packshot.pictures.imaging import Encoded, OutputSpec
from packshot.pictures.kinds import sniff
from packshot.pictures.limits import MAX_BYTES
from packshot.pictures.provenance import Provenance
from packshot.pictures.vips import vips

MIME_TYPES = {"image/jpeg", "image/png", "image/webp"}


def photo(name: str) -> bytes:
    return needs_shared("photos", name).read_bytes()


def refusal(data: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        imaging.normalise(data)
    assert not caught.value.retryable
    return caught.value.code


# ---- what is let in


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_the_three_formats_are_known_by_content_and_come_out_clean(kind: str) -> None:
    data = image_of(scene()).write_to_buffer(f".{kind}", Q=95)
    assert sniff(data) == f"image/{kind}"
    copy = imaging.normalise(data)
    assert (copy.mime_type, copy.width, copy.height) == ("image/jpeg", 300, 200)
    assert distance(as_cv2(copy.data), scene()) < 3
    assert imaging.read_header(copy.data).metadata == ()


@pytest.mark.parametrize(
    "data", [b"GIF89a" + bytes(50), b"<svg/>", b"%!PS-Adobe", b"II+\x00" + bytes(50), b"\xff"]
)
def test_all_else_is_not_a_picture(data: bytes) -> None:
    assert sniff(data) is None
    assert refusal(data) == "not_a_picture"


def test_empty_and_oversized_files_are_refused_by_their_length() -> None:
    assert refusal(b"") == "picture_empty"
    assert refusal(b"\xff\xd8\xff" + bytes(MAX_BYTES)) == "picture_too_large"


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("width", "height", "code"),
    [
        (8000, 7000, "picture_too_many_pixels"),
        (23, 400, "picture_too_small"),
        (30, 700, "picture_too_narrow"),
        (400, 400, "picture_damaged"),
    ],
)
def test_the_size_is_judged_before_anything_is_decoded(width: int, height: int, code: str) -> None:
    started = time.process_time()
    assert refusal(png_of_size(width, height)) == code
    assert time.process_time() - started < 0.5 * slowness()


def test_the_largest_allowed_picture_is_accepted() -> None:
    pixels = vips().Image.black(10_000, 5_000).copy(interpretation="b-w")
    copy = imaging.normalise(pixels.jpegsave_buffer())
    assert (copy.width, copy.height) == (4096, 2048)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
@pytest.mark.parametrize("side", [1600, 120])
def test_a_picture_that_was_cut_short_is_refused(kind: str, share: float, side: int) -> None:
    """At every size asked for: libvips' thumbnailer forgets `fail_on` and would paint it grey."""
    data = image_of(scene(1600, 1200)).write_to_buffer(f".{kind}", Q=95)
    cut = data[: int(len(data) * share)]
    with pytest.raises(PictureError) as caught:
        imaging.to_array(cut, side)
    assert caught.value.code == "picture_damaged"


def test_a_phone_photo_cut_short_is_refused() -> None:
    assert refusal(photo("f_truncated.jpg")) == "picture_damaged"


def test_animations_are_refused() -> None:
    assert refusal(photo("f_animated-loop-3.webp")) == "picture_animated"


def test_an_animated_png_is_refused() -> None:
    still = imaging.encode_array(scene(bands=4))
    marker = still.index(b"IDAT") - 4
    control = struct.pack(">I", 8) + b"acTL" + struct.pack(">II", 2, 0)
    control += struct.pack(">I", zlib.crc32(control[4:]))
    assert refusal(still[:marker] + control + still[marker:]) == "picture_animated"


def jpeg_with_scans(extra: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data: bytes = image_of(scene()).jpegsave_buffer(interlace=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * extra + b"\xff\xd9"


def scans_of(data: bytes) -> int:
    return sum(segment.marker == jpeg.SOS for segment in jpeg.segments(data))


def test_scans_are_counted_before_decoding() -> None:
    scans = scans_of(jpeg_with_scans(0))
    assert scans_of(jpeg_with_scans(7)) == scans + 7
    assert refusal(jpeg_with_scans(jpeg.MAX_SCANS)) == "picture_too_many_scans"


def test_a_large_jpeg_may_have_fewer_scans() -> None:
    """Each goes through all pixels."""
    data = jpeg_with_scans(40)
    at = data.index(b"\xff\xc2") + 5
    large = data[:at] + struct.pack(">HH", 6200, 8000) + data[at + 4 :]
    assert refusal(large) == "picture_too_many_scans"


def test_bytes_that_only_look_like_scans_do_not_count() -> None:
    """In an embedded thumbnail or profile, and after the end of the image."""
    plain: bytes = image_of(scene()).jpegsave_buffer()
    look_alike = b"\xff\xda\x00\x02" * 200
    segment = b"\xff\xe2" + struct.pack(">H", len(look_alike) + 2) + look_alike
    data = plain[:2] + segment + plain[2:] + bytes(2) + look_alike
    assert scans_of(data) == scans_of(plain) == 1
    assert imaging.normalise(data).width == 300


# ---- upright, sRGB, no metadata


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    undo = {  # how a camera held that way would have stored the scene
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: numpy.rot90(a),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: numpy.rot90(a, -1),
    }
    stored = image_of(numpy.ascontiguousarray(undo[orientation](scene())))
    tagged = stored.copy()
    tagged.set_type(vips().GValue.gint_type, "orientation", orientation)
    data = tagged.jpegsave_buffer(Q=95)
    header = imaging.read_header(data)
    assert (header.width, header.height) == (300, 200)
    copy = imaging.normalise(data, smaller_side=150)
    assert distance(as_cv2(copy.data), scene()) < 3
    half = imaging.to_array(data, 150)
    assert half.shape == (100, 150, 3)
    assert copy.smaller is not None
    for smaller in (copy.smaller.data, *copy.previews.values()):
        assert distance(as_cv2(smaller), as_cv2(imaging.fit(copy.data, 150))) < 5
    for preview in imaging.normalise(data).previews.values():
        assert distance(as_cv2(preview), scene()) < 5


def test_a_phone_photo_on_its_side_is_turned_upright() -> None:
    data = photo("x_Landscape_6.jpg")
    copy = imaging.normalise(data)
    assert (copy.width, copy.height) == (1800, 1200)
    upright = as_cv2(data)
    assert distance(imaging.to_array(copy.data), upright) < 3
    assert distance(imaging.to_array(copy.data)[::-1], upright) > 20


def test_cmyk_is_converted_by_its_profile() -> None:
    """The means that ImageCms gives (notes: 128, 132, 123); without the profile 109, 132, 109."""
    pixels = imaging.to_array(
        imaging.normalise(photo("f_Channel_digital_image_CMYK_color.jpg")).data
    )
    assert pixels.reshape(-1, 3).mean(0) == pytest.approx([128, 132, 123], abs=1.5)


def test_a_wide_gamut_photo_is_converted_to_srgb() -> None:
    display_p3 = image_of(scene()).icc_transform("p3", input_profile="srgb")
    data = display_p3.jpegsave_buffer(Q=100, subsample_mode="off")
    assert "icc-profile-data" in imaging.read_header(data).metadata
    raw, copy = as_cv2(data), imaging.to_array(imaging.normalise(data).data)
    assert distance(copy, scene()) < 2 < distance(raw, scene())


def test_sixteen_bit_grey_with_alpha_becomes_eight_bit_rgba() -> None:
    data = photo("f_16-bit-grey-alpha.png")
    deep = as_cv2(data, cv2.IMREAD_UNCHANGED)
    copy = imaging.normalise(data)
    pixels = imaging.to_array(copy.data)
    assert (copy.mime_type, str(deep.dtype)) == ("image/png", "uint16")
    assert (str(pixels.dtype), pixels.shape) == ("uint8", (96, 109, 4))
    assert distance(pixels, deep / 257) < 1


def test_sixteen_bit_colour_keeps_its_brightness() -> None:
    deep = image_of(scene().astype(numpy.uint16) * 257, "rgb16").pngsave_buffer(bitdepth=16)
    assert distance(imaging.to_array(deep), scene()) < 1


def test_grey_becomes_rgb() -> None:
    grey = image_of(scene(), "srgb").colourspace("b-w")
    pixels = imaging.to_array(grey.jpegsave_buffer(Q=95))
    assert pixels.shape == (200, 300, 3)
    assert distance(pixels[:, :, 0], grey.numpy()) < 2


def test_a_palette_with_alpha_keeps_every_pixel() -> None:
    data = photo("so_beer-01_2.png")
    expected = as_cv2(data, cv2.IMREAD_UNCHANGED)
    copy = imaging.normalise(data)
    assert copy.mime_type == "image/png"
    assert numpy.array_equal(imaging.to_array(copy.data)[..., [2, 1, 0, 3]], expected)


def test_alpha_that_hides_nothing_is_dropped() -> None:
    copy = imaging.normalise(imaging.encode_array(scene(bands=4)))
    assert (copy.mime_type, imaging.to_array(copy.data).shape) == ("image/jpeg", (200, 300, 3))


def see_through() -> bytes:
    """Black where it can't be seen, so that a decoder which drops the alpha is found out."""
    pixels = scene(bands=4).copy()
    pixels[:, 150:] = 0
    return imaging.encode_array(pixels)


def test_see_through_parts_turn_white_in_every_jpeg() -> None:
    copy = imaging.normalise(see_through())
    assert copy.mime_type == "image/png"
    for data in (*copy.previews.values(), imaging.finish(copy.data, OutputSpec()).data):
        shown = as_cv2(data)
        assert shown[:, shown.shape[1] * 3 // 4 :].min() > 250


METADATA = {"exif-data", "xmp-data", "iptc-data", "icc-profile-data"}


@pytest.mark.parametrize(("kind", "bands"), [("jpg", 3), ("png", 3), ("png", 4), ("webp", 3)])
def test_nothing_written_into_a_picture_gets_out(kind: str, bands: int) -> None:
    values = vips().GValue
    pixels = scene(bands=bands).copy()
    pixels[..., 3:] = 128  # see-through, where there is an alpha: stays a PNG
    image = image_of(pixels).icc_transform("srgb", input_profile="srgb")  # embeds one
    image.set_type(values.gstr_type, "exif-ifd0-ImageDescription", "planted (planted, ASCII)")
    image.set_type(values.gstr_type, "exif-ifd3-GPSLatitude", "52/1 31/1 12/1")
    image.set_type(values.blob_type, "xmp-data", b"<x:xmpmeta>planted</x:xmpmeta>")
    data = image.write_to_buffer(f".{kind}") + b"PK\x03\x04planted<script>planted</script>"
    assert set(imaging.read_header(data).metadata) >= {"exif-data", "xmp-data"}
    copy = imaging.normalise(data)
    finished = imaging.finish(data, OutputSpec())
    for made in (copy, finished):
        for encoded in (made.data, *made.previews.values()):
            assert b"planted" not in encoded
            assert not METADATA & set(imaging.read_header(encoded).metadata)


# ---- sizes


def test_large_pictures_are_fitted_and_small_ones_left_alone() -> None:
    large = imaging.normalise(imaging.encode_array(scene(4500, 900)))
    assert (large.width, large.height) == (4096, 819)
    assert sizes(large) == {320: (320, 64), 1600: (1600, 320)}
    small = imaging.normalise(imaging.encode_array(scene(90, 60)))
    assert (small.width, small.height) == (90, 60)
    assert sizes(small) == {320: (90, 60), 1600: (90, 60)}


@pytest.mark.parametrize(
    ("side", "previews"),
    [(2000, {320, 1600}), (1601, {320, 1600}), (1600, {320}), (1024, {320}), (320, set())],
)
def test_a_finished_picture_is_its_own_preview_where_it_is_no_larger(
    side: int, previews: set[int]
) -> None:
    finished = imaging.finish(imaging.encode_array(scene(side, 200)), OutputSpec(min_side=200))
    assert finished.width == side
    assert set(finished.previews) == previews


def sizes(picture: Encoded) -> dict[int, tuple[int, int]]:
    headers = {side: imaging.read_header(data) for side, data in picture.previews.items()}
    assert {header.mime_type for header in headers.values()} == {"image/jpeg"}
    return {side: (header.width, header.height) for side, header in headers.items()}


@given(width=st.integers(24, 400), height=st.integers(24, 400), side=st.integers(24, 500))
@settings(max_examples=40)
def test_an_array_is_fitted_into_its_side(width: int, height: int, side: int) -> None:
    shape = imaging.to_array(imaging.encode_array(scene(width, height)), side).shape
    assert max(shape[:2]) == min(side, max(width, height))
    scale = min(1.0, side / max(width, height))
    assert shape[:2] == pytest.approx((height * scale, width * scale), abs=1.0)


@pytest.mark.parametrize("bands", [3, 4])
def test_arrays_survive_the_way_out_and_back(bands: int) -> None:
    pixels = scene(bands=bands)
    data = imaging.encode_array(pixels)
    assert sniff(data) == {3: "image/jpeg", 4: "image/png"}[bands]
    assert distance(imaging.to_array(data), pixels) < (2 if bands == 3 else 0.001)


def test_colour_is_kept_at_the_photos_own_resolution() -> None:
    """Full from a PNG; halved from a phone's JPEG, where full would only cost bytes."""
    graphic = imaging.normalise(image_of(scene()).pngsave_buffer())
    phone = imaging.normalise(image_of(scene()).jpegsave_buffer(subsample_mode="on"))
    assert not imaging.read_header(graphic.data).subsampled
    assert imaging.read_header(phone.data).subsampled
    assert imaging.read_header(imaging.finish(graphic.data, OutputSpec()).data).subsampled


def test_a_fitted_copy_is_a_clean_upright_jpeg_in_one_pass() -> None:
    tagged = image_of(numpy.ascontiguousarray(numpy.rot90(scene())))
    tagged.set_type(vips().GValue.gint_type, "orientation", 6)
    fitted = imaging.fit(tagged.jpegsave_buffer(Q=95), 150)
    assert imaging.read_header(fitted).metadata == ()
    assert distance(as_cv2(fitted), cv2.resize(scene(), (150, 100), None, 0, 0, cv2.INTER_AREA)) < 4
    assert as_cv2(imaging.fit(see_through(), 150))[:, 100:].min() > 250


# ---- finishing


@pytest.mark.parametrize("aspect", ["1:1", "4:5", "16:9", "1:2"])
@pytest.mark.parametrize(("width", "height"), [(300, 200), (1250, 1500)])
def test_the_ratio_is_reached_by_padding_and_nothing_is_cut_off(
    aspect: str, width: int, height: int
) -> None:
    spec = OutputSpec(aspect=aspect, max_side=1000, background=(0, 0, 255))
    made = imaging.finish(imaging.encode_array(scene(width, height)), spec)
    across, down = (float(part) for part in aspect.split(":"))
    assert made.width / made.height == pytest.approx(across / down, abs=0.01)
    assert max(made.width, made.height) <= 1000
    shown = as_cv2(made.data).astype(int)
    product = (shown[..., 2] - shown[..., :2].max(axis=2)) < 100  # all that is not the padding
    rows, columns = numpy.nonzero(product.any(1))[0], numpy.nonzero(product.any(0))[0]
    assert len(columns) / len(rows) == pytest.approx(width / height, rel=0.03)
    assert product.mean() == pytest.approx(len(rows) * len(columns) / product.size, abs=0.02)


def test_padding_takes_the_colour_of_the_border() -> None:
    pixels = numpy.full((200, 300, 3), (210, 220, 230), numpy.uint8)
    pixels[50:150, 50:250] = 20
    made = imaging.finish(imaging.encode_array(pixels), OutputSpec(aspect="1:1"))
    assert (made.width, made.height) == (300, 300)
    assert distance(as_cv2(made.data)[0, 0], numpy.array([210, 220, 230])) < 3


def test_a_small_picture_is_enlarged_to_the_least_side_but_not_blown_up() -> None:
    data = imaging.encode_array(scene(300, 200))
    made = imaging.finish(data, OutputSpec())
    assert (made.width, made.height) == (300, 200)
    made = imaging.finish(data, OutputSpec(min_side=300))
    assert (made.width, made.height) == (450, 300)
    with pytest.raises(PictureError) as caught:
        imaging.finish(data, OutputSpec(min_side=320))
    assert caught.value.code == "picture_too_small"


@pytest.mark.parametrize("bands", [3, 4])
def test_a_smaller_copy_is_made_in_the_same_pass(bands: int) -> None:
    pixels = scene(1200, 900, bands).copy()
    pixels[600:, :200, 3:] = 0
    made = imaging.normalise(imaging.encode_array(pixels), smaller_side=640)
    fitted = made.smaller
    assert fitted is not None
    assert (fitted.mime_type, fitted.width, fitted.height) == ("image/jpeg", 640, 480)
    assert distance(as_cv2(fitted.data), as_cv2(imaging.fit(made.data, 640))) < 0.5
    assert imaging.normalise(made.data).smaller is None


GENERATED = Provenance("trainedAlgorithmicMedia", "a-model", datetime(2026, 11, 28, 21, tzinfo=UTC))


def noise() -> bytes:
    random = numpy.random.default_rng(1)
    return imaging.encode_array(random.integers(0, 255, (600, 800, 3), numpy.uint8), 95)


@pytest.mark.parametrize("limit", [300_000, 100_000, 30_000])
def test_a_byte_limit_is_respected(limit: int) -> None:
    free = imaging.finish(noise(), OutputSpec())
    assert len(free.data) > limit
    assert len(imaging.finish(noise(), OutputSpec(max_bytes=limit)).data) <= limit


def test_a_byte_limit_that_can_not_be_met_is_an_error() -> None:
    with pytest.raises(PictureError) as caught:
        imaging.finish(noise(), OutputSpec(max_bytes=500))
    assert caught.value.code == "picture_too_large"


def test_where_a_picture_comes_from_is_written_into_it() -> None:
    """As IPTC asks: Iptc4xmpExt:DigitalSourceType with the address of the term."""
    made = imaging.finish(noise(), OutputSpec(max_bytes=90_000), GENERATED)
    assert imaging.read_header(made.data).metadata == ("xmp-data",)
    term = rb'DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/(\w+)"'
    assert re.findall(term, made.data) == [b"trainedAlgorithmicMedia"]
    assert b'xmp:CreatorTool="Packshot (a-model)"' in made.data
    assert b'xmp:CreateDate="2026-11-28T21:00:00+00:00"' in made.data
    assert imaging.read_header(imaging.finish(made.data, OutputSpec()).data).metadata == ()


def test_the_same_input_gives_the_same_bytes() -> None:
    spec = OutputSpec(aspect="4:5")
    assert imaging.finish(noise(), spec, GENERATED) == imaging.finish(
        noise(), replace(spec), replace(GENERATED)
    )


def test_importing_imaging_loads_no_pixel_library() -> None:
    """Web processes import it for its limits, and must stay small."""
    heavy = "{'pyvips', 'numpy', 'cv2'}"
    code = f"import sys, packshot.pictures.imaging; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


# ---- hostile input, in a real child


@pytest.fixture(scope="module")
def verdicts() -> Iterator[dict[str, tuple[str, float, float]]]:
    hostile = needs_shared("hostile", "images")
    files = sorted(str(path) for path in hostile.rglob("*") if path.is_file())
    pixels = Pixels()
    yield {Path(name).name: verdict for name, verdict in pixels.run(judge, files).items()}
    pixels.close()


def judge(files: list[str]) -> dict[str, tuple[str, float, float]]:
    """For each file: "clean", a refusal's code or what is wrong; CPU seconds; peak memory in MB."""
    imaging.normalise(imaging.encode_array(scene()))  # the imports are not the picture's fault
    judged = {}
    for name in files:
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        started = time.process_time()
        outcome = judge_one(Path(name).read_bytes())
        judged[name] = (outcome, time.process_time() - started, peak_memory())
    return judged


def judge_one(data: bytes) -> str:
    try:
        copy = imaging.normalise(data)
    except PictureError as error:
        return "retryable!" if error.retryable else error.code
    header = imaging.read_header(copy.data)
    clean = not header.metadata and not header.colour_managed and header.mime_type in MIME_TYPES
    return "clean" if clean and b"<script" not in copy.data else f"unclean: {header}"


def peak_memory() -> float:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found
    return int(found[1]) / 1024


def test_hostile_files_end_cheaply_as_a_clean_copy_or_a_typed_refusal(
    verdicts: dict[str, tuple[str, float, float]],
) -> None:
    assert len(verdicts) >= 80
    for name, (outcome, seconds, megabytes) in verdicts.items():
        assert re.fullmatch(r"clean|not_a_picture|picture_\w+", outcome), (name, outcome)
        assert outcome not in ("picture_crashed", "picture_too_slow"), (name, outcome)
        assert seconds < 2 * slowness(), (name, seconds)
        assert megabytes < 400, (name, megabytes)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("jpeg_gray_16000_256MP.jpg", "picture_too_many_pixels"),
        ("jpeg_progressive_300_extra_scans.jpg", "picture_too_many_scans"),
        ("webp_150_frames_1200.webp", "picture_animated"),
        ("html_named.jpg", "not_a_picture"),
        ("gzip_bomb_100MB.gz", "not_a_picture"),
        ("empty.jpg", "picture_empty"),
        ("onepixel.png", "picture_too_small"),
        ("jpeg_then_zip.jpg", "clean"),
        ("gps_exif.jpg", "clean"),
        ("jpeg_named.png", "clean"),
        ("pi_0_attack.jpg", "clean"),
        ("pi_5_benign_label.jpg", "clean"),
    ],
)
def test_the_known_tricks_get_the_right_answer(
    verdicts: dict[str, tuple[str, float, float]], name: str, outcome: str
) -> None:
    assert verdicts[name][0] == outcome


def test_a_scene_keeps_its_own_ratio() -> None:
    """Neither bars nor smeared bands: no one colour could go on beyond its edges."""
    photo = numpy.zeros((600, 900, 3), numpy.uint8)
    photo[:, :450], photo[:, 450:] = (200, 40, 40), (40, 40, 200)
    done = imaging.finish(imaging.encode_array(photo), OutputSpec(aspect="1:1"))
    assert (done.width, done.height) == (900, 600)
    assert distance(as_cv2(done.data), photo) < 4
