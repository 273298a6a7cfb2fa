"""Every format's own traps: refused at once with a clear sentence, or read as a browser would."""

from __future__ import annotations

import random
import re
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy
import pytest
from conftest import needs_shared
from support.cpu import slowness
from support.pictures import (
    HEIC,
    HEIC_TURNED,
    Maker,
    chunk,
    chunks_of,
    damages,
    distance,
    exif_jpeg,
    flat,
    grainy,
    image_of,
    jpeg_with,
    png_data,
    png_of,
    png_with,
    scene,
    segment,
)

from packshot.errors import PictureError
from packshot.pictures import colour, imaging, kinds, limits
from packshot.pictures.child_processes import Pixels
from packshot.pictures.decoding import OPENERS
from packshot.pictures.vips import vips

ROOT = Path(__file__).resolve().parents[1]


def png(pixels: Any = None, **how: Any) -> bytes:
    pixels = scene() if pixels is None else pixels
    grey, deep = pixels.shape[2] < 3, pixels.dtype == numpy.uint16
    space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    data: bytes = image_of(pixels, space).pngsave_buffer(**how)
    return data


def jpeg(pixels: Any = None, **how: Any) -> bytes:
    data: bytes = image_of(scene() if pixels is None else pixels).jpegsave_buffer(**how)
    return data


def refusal(data: bytes) -> PictureError:
    with pytest.raises(PictureError) as caught:
        imaging.normalise(data)
    assert not caught.value.retryable
    return caught.value


def shown(data: bytes) -> Any:
    """What the normalised copy shows, as ints."""
    return imaging.to_array(imaging.normalise(data).data).astype(int)


def far(left: Any, right: Any) -> int:
    """The largest difference of two pictures' medians of 5 x 5 blocks, in levels."""
    return int(numpy.abs(blocks(left) - blocks(right)).max())


def blocks(pixels: Any) -> Any:
    height, width, bands = pixels.shape
    tiles = pixels[: height // 5 * 5, : width // 5 * 5]
    tiles = tiles.reshape(height // 5, 5, width // 5, 5, bands)
    return numpy.median(tiles, axis=(1, 3)).astype(int)


# ---- what costs more than its bytes deserve: in a real child, with its memory and time


def text_bomb(name: bytes, before: bytes) -> bytes:
    packed = zlib.compress(b"a" * 7_900_000, 9)
    return png_with(png(), *(chunk(name, b"k%d" % n + before + packed) for n in range(50)))


def app2(number: int) -> bytes:
    return segment(0xE2, b"ICC_PROFILE\0" + bytes([number + 1, 255]) + bytes(60_000))


def many_exif_tags() -> bytes:
    tags = b"".join(struct.pack("<HHII", 0x9000 + n % 4000, 2, 65_000, 8) for n in range(5_400))
    return segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 5_400) + tags)


def claimed_png(depth: int, colour: int, interlaced: int) -> bytes:
    """Of 8,000 x 6,200 pixels, by what its header says."""
    header = struct.pack(">IIBBBBB", 8000, 6200, depth, colour, 0, 0, interlaced)
    return png_of(header, zlib.compress(bytes(99)))


def claimed_jpeg(subsample_mode: str, bands: int = 3) -> bytes:
    """Progressive, of 8,000 x 6,200 pixels, by what its header says."""
    image = image_of(scene(bands=bands), "cmyk" if bands == 4 else "srgb")
    data: bytes = image.jpegsave_buffer(interlace=True, subsample_mode=subsample_mode)
    at = data.index(b"\xff\xc2") + 5
    return data[:at] + struct.pack(">HH", 6200, 8000) + data[at + 4 :]


#: name: (bytes, what comes of it)
COSTLY: dict[str, tuple[Maker, str]] = {
    "50 texts that unpack": (lambda: text_bomb(b"zTXt", b"\0\0"), "taken"),
    "50 texts in UTF-8": (lambda: text_bomb(b"iTXt", b"\0\1\0\0\0"), "taken"),
    "ICC profile of 50 MB": (
        lambda: png_with(png(), chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(50_000_000), 9))),
        "picture_too_large_inside",
    ),
    "EXIF of 15 MB": (
        lambda: png_with(png(), chunk(b"eXIf", b"II*\0\x08\0\0\0" + bytes(15_000_000))),
        "taken",
    ),
    "a million chunks": (
        lambda: png_with(png(), chunk(b"tEXt", b"a\0") * 1_000_000),
        "picture_too_many_parts",
    ),
    "a million empty IDATs": (
        lambda: png_with(png(), chunk(b"IDAT", b"") * 1_000_000),
        "picture_too_many_parts",
    ),
    "PNG of 16 bits, interlaced": (lambda: claimed_png(16, 2, 1), "picture_too_much_memory"),
    "see-through PNG of 16 bits, interlaced": (
        lambda: claimed_png(16, 6, 1),
        "picture_too_much_memory",
    ),
    "progressive JPEG with full colour": (lambda: claimed_jpeg("off"), "picture_too_much_memory"),
    "progressive CMYK JPEG": (lambda: claimed_jpeg("off", 4), "picture_too_much_memory"),
    "four million comments": (
        lambda: jpeg_with(jpeg(), b"\xff\xfe\0\2" * 4_000_000),
        "picture_too_many_parts",
    ),
    "ICC profile in 255 segments": (lambda: jpeg_with(jpeg(), *map(app2, range(255))), "taken"),
    "5,400 EXIF tags": (lambda: jpeg_with(jpeg(), many_exif_tags()), "taken"),
    "TIFF in one tile": (
        lambda: flat(4000, 3000, 4, 16).tiffsave_buffer(
            compression="deflate", tile=True, tile_width=4000, tile_height=4000
        ),
        "picture_too_much_memory",
    ),
}
#: The largest of their kinds that are taken.
LARGE: dict[str, tuple[Maker, str]] = {
    "16 bits": (lambda: flat(8000, 6200, 3, 16).pngsave_buffer(bitdepth=16), "taken"),
    "interlaced": (lambda: flat(8000, 6200).pngsave_buffer(interlace=True), "taken"),
    "progressive": (
        lambda: flat(8000, 6200).jpegsave_buffer(interlace=True, subsample_mode="on"),
        "taken",
    ),
    "restarts after every block": (
        lambda: flat(8000, 6200).jpegsave_buffer(restart_interval=1),
        "taken",
    ),
    "CMYK": (lambda: flat(8000, 6200, 4).copy(interpretation="cmyk").jpegsave_buffer(), "taken"),
    "TIFF in one strip": (
        lambda: flat(8000, 6200, 3, 16).tiffsave_buffer(compression="deflate", tile_height=6200),
        "taken",
    ),
    "AVIF, 50 MP": (
        lambda: flat(8000, 6200).heifsave_buffer(compression="av1", effort=0),
        "picture_too_much_memory",
    ),
    "AVIF, 16 MP": (
        lambda: flat(5000, 3200).heifsave_buffer(compression="av1", effort=0, subsample_mode="on"),
        "taken",
    ),
    "lossless WebP": (
        lambda: flat(8000, 6200).webpsave_buffer(lossless=True, effort=0),
        "taken",
    ),
}


@pytest.fixture(scope="module")
def child() -> Iterator[Pixels]:
    pixels = Pixels()
    yield pixels
    pixels.close()


@pytest.mark.parametrize("name", COSTLY)
def test_what_unpacks_to_much_stays_within_bounds(child: Pixels, name: str) -> None:
    check_cost(child, *COSTLY[name])


@pytest.mark.extra
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.soak if n % 6 else ()) for n, name in enumerate(LARGE)],
)
def test_the_largest_pictures_stay_within_bounds(name: str) -> None:
    """Each in a separate child: one that worked before keeps some memory for the next."""
    child = Pixels()
    try:
        check_cost(child, *LARGE[name])
    finally:
        child.close()


def check_cost(child: Pixels, make: Maker, expected: str) -> None:
    outcome, seconds, megabytes = child.run(cost_of, make())
    assert outcome == expected
    assert megabytes < 420  # progressive, 50 MP: 150 MB of coefficients, 150 MB of pixels
    assert seconds < 3 * slowness()


def cost_of(data: bytes) -> tuple[str, float, float]:
    """(refusal's code or "taken", CPU seconds, peak memory in MB); runs in the child."""
    imaging.normalise(HEIC)  # the imports are not the picture's fault
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    started = time.process_time()
    try:
        imaging.normalise(data)
        outcome = "taken"
    except PictureError as error:
        outcome = f"{error.code}{' retryable' * error.retryable}"
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return outcome, time.process_time() - started, int(found[1]) / 1024


def test_a_keyword_in_latin_1_is_no_matter() -> None:
    latin = chunk(b"tEXt", "Überschrift\0Größe".encode("latin-1"))
    assert far(shown(png_with(png(), latin)), scene()) <= 2


@pytest.mark.extra
def test_a_see_through_photo_never_outgrows_the_limit() -> None:
    """What is stored must be taken again by everything that reads it."""
    noise = numpy.random.default_rng(2).integers(0, 256, (2500, 2500, 4), dtype=numpy.uint8)
    data = image_of(noise).webpsave_buffer(Q=50, effort=0, alpha_q=20)
    assert len(data) < limits.MAX_BYTES
    copy = imaging.normalise(data)
    assert copy.mime_type == "image/png"
    assert limits.MAX_BYTES * 0.5 < len(copy.data) <= limits.MAX_BYTES
    assert copy.width == copy.height > 1800
    assert imaging.read_header(copy.data).has_alpha


@pytest.mark.extra
def test_no_noise_outgrows_the_limit_as_jpeg() -> None:
    noise = numpy.random.default_rng(3).integers(0, 256, (2550, 2550, 3), dtype=numpy.uint8)
    copy = imaging.normalise(png(noise, compression=0))
    assert len(copy.data) <= limits.MAX_BYTES
    assert imaging.read_header(copy.data).width == copy.width


# ---- rare kinds of JPEG


@pytest.mark.parametrize(
    ("marker", "precision", "words"),
    [
        (0xC9, 8, "arithmetic-coded"),
        (0xC3, 8, "lossless"),
        (0xC1, 12, "12 bits per channel"),
    ],
)
def test_rare_kinds_of_jpeg_are_refused_by_their_name(
    marker: int, precision: int, words: str
) -> None:
    data = jpeg()
    at = data.index(b"\xff\xc0")
    error = refusal(
        data[: at + 1]
        + bytes([marker])
        + data[at + 2 : at + 4]
        + bytes([precision])
        + data[at + 5 :]
    )
    assert error.code == "picture_unsupported"
    assert words in error.message


# ---- frames


def test_an_animation_of_one_frame_is_a_still() -> None:
    control = chunk(b"acTL", struct.pack(">II", 1, 0))
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 300, 200, 0, 0, 1, 1, 0, 0))
    assert far(shown(png_with(png(), control, frame)), scene()) <= 2
    two = png_with(png(), chunk(b"acTL", struct.pack(">II", 2, 0)), frame)
    assert refusal(two).code == "picture_animated"


# ---- colour


def stored_with(gamma: float, to_file: Any = None, depth: int = 8) -> Any:
    """The scene's light, mixed by `to_file` (3 x 3), to the power of `gamma`."""
    light = numpy.where(
        scene() <= 10, scene() / 255 / 12.92, ((scene() / 255 + 0.055) / 1.055) ** 2.4
    )
    if to_file is not None:
        light = (light @ to_file.T).clip(0, 1)
    top = 2**depth - 1
    return (light ** (1 / gamma) * top).round().astype(numpy.uint8 if depth == 8 else numpy.uint16)


#: linear sRGB to linear Adobe RGB (1998), both D65
TO_ADOBE = numpy.array([[0.71512, 0.28488, 0], [0, 1, 0], [0, 0.04117, 0.95883]])
#: linear sRGB to linear Display P3
TO_P3 = numpy.array([[0.82246, 0.17754, 0], [0.03319, 0.96681, 0], [0.01708, 0.07240, 0.91052]])
ADOBE_CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)


def gama(gamma: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(100_000 / gamma)))


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))


@pytest.mark.parametrize(
    ("stored", "notes"),
    [
        (stored_with(1.8), [gama(1.8)]),
        (stored_with(1.8), [gama(1.8), chunk(b"cHRM", struct.pack(">8I", *range(8)))]),
        (stored_with(2.2, TO_ADOBE), [gama(2.2), chunk(b"cHRM", ADOBE_CHRM)]),
        (scene(), [gama(2.2)]),
        (scene(), [gama(1.0), chunk(b"sRGB", b"\0")]),
        (scene(), [gama(1.0), chunk(b"cICP", bytes([1, 13, 0, 1]))]),
        (scene(), [chunk(b"gAMA", bytes(4))]),
        (stored_with(1.0, TO_P3), [chunk(b"cICP", bytes([12, 8, 0, 1]))]),
        (stored_with(1.8), [gama(1.8), chunk(b"iCCP", b"x\0\0broken")]),
        (stored_with(1.8), [chunk(b"cICP", bytes([2, 2, 0, 1])), gama(1.8)]),
        (stored_with(1.8)[:, :, :1], [gama(1.8), iccp(colour.adobe_rgb())]),
        (stored_with(1.0, depth=16)[:, :, :1], [gama(1.0)]),
    ],
    ids=[
        *("gAMA", "bad cHRM", "gAMA, cHRM", "gAMA 2.2", "sRGB", "cICP", "no gamma", "P3"),
        *("bad ICC", "unknown cICP", "grey with ICC of RGB", "linear grey"),
    ],
)
def test_a_pngs_own_statement_of_colour_is_heeded(stored: Any, notes: list[bytes]) -> None:
    """In a browser's order: cICP, iCCP, sRGB, then gAMA with cHRM."""
    coarse = 8 if notes == [chunk(b"cICP", bytes([12, 8, 0, 1]))] else 3
    expected = scene()[:, :, : stored.shape[2]]
    assert far(shown(png_with(png(stored), *notes)), expected) <= coarse


def test_sixteen_bits_are_converted_too() -> None:
    deep = png(stored_with(1.0, depth=16))
    assert far(shown(png_with(deep, gama(1.0))), scene()) <= 3


def test_a_png_may_say_how_it_is_turned_after_its_pixels() -> None:
    turned = numpy.ascontiguousarray(numpy.rot90(scene()))
    orientation = struct.pack(">HHHIHHI", 1, 0x112, 3, 1, 6, 0, 0)
    exif = chunk(b"eXIf", b"MM\0*" + struct.pack(">I", 8) + orientation)
    plain = png(turned)
    assert far(shown(plain[:-12] + exif + plain[-12:]), scene()) <= 2


@pytest.mark.parametrize(
    ("space", "index", "converted"),
    [(0xFFFF, b"R03", True), (2, b"", True), (0xFFFF, b"R98", False), (1, b"R98", False)],
)
def test_a_camera_may_say_adobe_rgb_in_its_exif_alone(
    space: int, index: bytes, converted: bool
) -> None:
    stored = stored_with(2.2, TO_ADOBE)
    data = exif_jpeg(jpeg(stored, Q=98, subsample_mode="off"), space, index)
    assert far(shown(data), scene() if converted else stored) <= 5
    assert far(stored, scene()) > 10


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_adobe_rgb_in_exif_alone_survives_a_conversion(kind: str) -> None:
    """Programs that convert a camera's JPEG pass its EXIF on."""
    stored = stored_with(2.2, TO_ADOBE)
    photo = vips().Image.new_from_buffer(exif_jpeg(jpeg(stored, Q=98), 0xFFFF, b"R03"), "")
    data = photo.pngsave_buffer() if kind == "png" else photo.webpsave_buffer(lossless=True)
    data = without_chunks(data) if kind == "png" else data
    assert distance(shown(data), scene()) < 2 < 5 < distance(stored, scene())
    if kind == "png":
        assert far(shown(png_with(data, chunk(b"sRGB", b"\0"))), stored) <= 5


def without_chunks(data: bytes) -> bytes:
    """A PNG with its pixels and EXIF alone."""
    kept = (b"IHDR", b"eXIf", b"IDAT", b"IEND")
    chunks = [chunk(name, body) for name, body in chunks_of(data) if name in kept]
    return data[:8] + b"".join(chunks)


def test_the_colour_charts_come_out_alike() -> None:
    charts = needs_shared("cases", "pictures")
    reference = shown((charts / "c-srgb.png").read_bytes())
    for chart in sorted(charts.glob("c-*")):
        assert numpy.abs(shown(chart.read_bytes()) - reference).max() <= 3, chart.name


# ---- damage


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_marker_is_accepted(progressive: bool) -> None:
    data = jpeg(grainy(), interlace=progressive, Q=90)
    assert far(shown(data[:-2]), shown(data)) == 0


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("kind", ["half", "hole", "removed", "doubled", "overwritten"])
def test_a_jpeg_that_is_not_all_there_is_refused(progressive: bool, ended: bool, kind: str) -> None:
    """With any ending: libjpeg itself paints the rest grey."""
    broken = damages(jpeg(grainy(), interlace=progressive, Q=90))[kind]
    broken = broken.removesuffix(b"\xff\xd9") + b"\xff\xd9" * ended
    for use in (imaging.normalise, imaging.to_array, lambda data: imaging.to_array(data, 100)):
        with pytest.raises(PictureError) as caught:
            use(broken)
        assert caught.value.code == "picture_damaged"


def test_a_jpeg_with_fewer_rows_than_it_says_is_refused() -> None:
    data = jpeg(grainy())
    at = data.index(b"\xff\xc0") + 5
    assert refusal(data[:at] + struct.pack(">H", 500) + data[at + 2 :]).code == "picture_damaged"


def test_a_progressive_jpeg_without_its_last_scans_is_refused() -> None:
    """It decodes without a complaint, only blurred or without its colours."""
    data = jpeg(grainy(), interlace=True)
    for scans in (1, 3, 6):
        at = 0
        for _ in range(scans + 1):
            at = data.index(b"\xff\xda", at + 2)
        at = data.rindex(b"\xff\xc4", 0, at)  # its tables come before it
        error = refusal(data[:at] + b"\xff\xd9")
        assert error.code == "picture_damaged"
        assert "last scans are missing" in error.message


def test_filling_and_junk_between_segments_are_no_damage() -> None:
    data = jpeg(grainy())
    at = data.index(b"\xff\xc0")
    for padded in (
        data[:-2] + bytes(64) + data[-2:],
        data[:-2] + b"\xff" * 64 + data[-2:],
        data[:-2] + bytes(700),
        data[:at] + b"junk" + data[at:],
        data + b"MotionPhoto" + bytes(5000),
    ):
        imaging.normalise(padded)  # accepted
        assert far(imaging.to_array(padded), imaging.to_array(data)) == 0


def restarts(data: bytes) -> list[int]:
    """Where a JPEG's restart markers stand."""
    return [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", data)]


@pytest.mark.parametrize("padding", [b"", bytes(64)])
def test_whole_restart_intervals_that_are_lost_or_duplicated_are_noticed(padding: bytes) -> None:
    """Eight of them: the numbers of the markers still follow each other."""
    data = jpeg(grainy(), restart_interval=4)
    at = restarts(data)
    lost = data[: at[40]] + data[at[48] :]
    doubled = data[: at[48]] + data[at[40] :]
    for broken in (lost, doubled):
        assert refusal(broken[:-2] + padding + broken[-2:]).code == "picture_damaged"
    padded = data[:-2] + padding + data[-2:]
    assert far(imaging.to_array(padded), imaging.to_array(data)) == 0
    imaging.normalise(padded)  # accepted


@pytest.mark.parametrize("kind", ["half", "hole", "removed", "doubled", "overwritten"])
def test_a_png_that_is_not_all_there_is_refused(kind: str) -> None:
    """In the file, or in the stream before somebody wrote new checksums."""
    data = png(grainy())
    header, packed = png_data(data)
    assert refusal(damages(data)[kind]).code == "picture_damaged"
    assert refusal(png_of(header, damages(packed)[kind])).code == "picture_damaged"


def test_a_png_with_fewer_rows_than_it_says_is_refused() -> None:
    header, packed = png_data(png(grainy()))
    rows = zlib.decompress(packed)
    assert refusal(png_of(header, zlib.compress(rows[: len(rows) // 2]))).code == "picture_damaged"


def test_a_png_without_its_end_is_accepted() -> None:
    data = png()
    assert list(chunks_of(data))[-1] == (b"IEND", b"")
    assert far(shown(data[:-12]), scene()) <= 2
    assert far(shown(data[:-12] + chunk(b"tEXt", b"a\0b")[:-6]), scene()) <= 2


@pytest.mark.parametrize("save", [jpeg, png])
def test_a_grey_part_that_was_saved_again_is_refused(save: Any) -> None:
    """A lenient decoder painted it, another program wrote a whole file of it."""
    data = jpeg(grainy(), Q=90)
    lenient = cv2.imdecode(
        numpy.frombuffer(data[: len(data) * 2 // 3] + b"\xff\xd9", numpy.uint8),
        cv2.IMREAD_COLOR_RGB,
    )
    assert lenient is not None and tuple(lenient[-1, -1]) == (128, 128, 128)
    error = refusal(save(lenient))
    assert error.code == "picture_damaged"
    assert "flat grey" in error.message


def test_a_grey_backdrop_is_no_missing_part() -> None:
    product = numpy.full((400, 600, 3), 128, numpy.uint8)
    product[100:380, 200:400] = grainy()[:280, :200]
    bars = grainy().copy()
    bars[:60] = bars[340:] = 118
    for good in (product, bars, numpy.full((400, 600, 3), 128, numpy.uint8)):
        assert imaging.normalise(png(good)).width == 600


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("kind", ["half", "hole", "removed"])
def test_a_webp_that_is_not_all_there_is_refused(kind: str, lossless: bool) -> None:
    data = image_of(grainy()).webpsave_buffer(lossless=lossless, Q=90)
    assert refusal(damages(data)[kind]).code == "picture_damaged"


@pytest.mark.parametrize("lossless", [False, True])
def test_a_flat_webp_has_no_holes(lossless: bool) -> None:
    """Its data is nearly nothing but zeros."""
    data = flat(1500, 1500).webpsave_buffer(lossless=lossless, effort=0)
    assert far(shown(data), numpy.full((1500, 1500, 3), 100)) <= 2


# ---- HEIC, AVIF, TIFF


def test_heic_is_accepted() -> None:
    header = imaging.read_header(HEIC)
    assert (header.mime_type, header.width, header.height) == ("image/heic", 96, 64)
    copy = imaging.normalise(HEIC)
    assert (copy.mime_type, copy.width, copy.height) == ("image/jpeg", 96, 64)
    assert far(shown(HEIC)[20:], scene(96, 64)[20:]) <= 4
    assert tuple(shown(HEIC)[5, 5]) == pytest.approx((250, 10, 10), abs=6)


def test_a_heic_is_turned_once() -> None:
    """By its box; the EXIF beside it says the same again (ISO/IEC 23008-12, A.2.2)."""
    assert numpy.abs(shown(HEIC_TURNED) - numpy.rot90(scene(96, 64), 2)).mean() < 3


@pytest.mark.parametrize(
    "data",
    [
        HEIC[:-200],
        HEIC[:100],
        HEIC[:-90] + bytes(40) + HEIC[-50:],
        HEIC[:-90] + HEIC[-50:],
        HEIC_TURNED.replace(b"Exif", b"Ex\xfff", 1),
    ],
    ids=["half", "header alone", "hole", "removed", "a kind that is no text"],
)
def test_a_damaged_heic_is_refused(data: bytes) -> None:
    """Its decoder paints over a hole, and crashes on the last."""
    assert refusal(data).code == "picture_damaged"


@pytest.mark.extra
def test_no_mutation_of_any_format_gets_out_as_anything_but_a_refusal(child: Pixels) -> None:
    """In a real child, which a crash would take with it."""
    image = image_of(grainy(120, 90))
    seeds = [HEIC, HEIC_TURNED, image.jpegsave_buffer(), image.jpegsave_buffer(interlace=True)]
    seeds += [image.pngsave_buffer(), image.webpsave_buffer(), image.tiffsave_buffer()]
    seeds += [image.heifsave_buffer(compression="av1"), tiff_pages(0, 1)]
    for number, seed in enumerate(seeds):
        assert child.run(mutate, seed, number) == []


def mutate(seed: bytes, number: int) -> list[str]:
    """Normalise 60 mutations; what came of them besides pictures and refusals."""
    chance, wrong = random.Random(number), []
    for _ in range(60):
        data = bytearray(seed)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(min(len(data), chance.choice((100, 400, len(data)))))
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        try:
            imaging.normalise(bytes(data))
        except PictureError as error:
            wrong += ["retryable"] * error.retryable
        except Exception as error:
            wrong.append(repr(error))
    return wrong


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


@pytest.mark.parametrize("subsampled", [False, True])
@pytest.mark.parametrize("depth", [8, 10, 12])
def test_avif_is_accepted(subsampled: bool, depth: int) -> None:
    pixels = scene() if depth == 8 else scene().astype(numpy.uint16) * 257
    data = image_of(pixels, "srgb" if depth == 8 else "rgb16").heifsave_buffer(
        compression="av1", Q=95, bitdepth=depth, subsample_mode="on" if subsampled else "off"
    )
    assert imaging.read_header(data).mime_type == "image/avif"
    assert numpy.abs(shown(data) - scene()).mean() < 1.5


def test_colour_that_a_phone_states_by_code_is_converted() -> None:
    """Display P3 as nclx, in place of an ICC profile."""
    at = HEIC.index(b"colrnclx") + 8
    phones = HEIC[:at] + struct.pack(">HH", 12, 13) + HEIC[at + 4 :]
    plain = numpy.array(imaging.to_array(HEIC)[4, 90]) / 255
    light = ((plain + 0.055) / 1.055) ** 2.4
    expected = 1.055 * (numpy.linalg.inv(TO_P3) @ light) ** (1 / 2.4) - 0.055
    assert imaging.to_array(phones)[4, 90] == pytest.approx(expected * 255, abs=2)
    assert numpy.abs(expected - plain).max() * 255 > 4


def test_a_sequence_of_pictures_is_an_animation() -> None:
    assert refusal(HEIC.replace(b"ftypheic", b"ftyphevc", 1)).code == "picture_animated"


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "jpeg", "packbits"])
def test_tiff_is_accepted(compression: str) -> None:
    data = image_of(scene()).tiffsave_buffer(compression=compression, Q=95)
    assert imaging.read_header(data).mime_type == "image/tiff"
    assert far(shown(data), scene()) <= 4


def test_a_rotated_16_bit_tiff_is_accepted() -> None:
    deep = numpy.ascontiguousarray(numpy.rot90(scene())).astype(numpy.uint16) * 257
    image = image_of(deep, "rgb16").copy()
    image.set_type(vips().GValue.gint_type, "orientation", 6)
    assert far(shown(image.tiffsave_buffer()), scene()) <= 3


def tiff_pages(*subfile_types: int) -> bytes:
    """Pages of 40 x 40 grey, the later ones half as bright, each marked with its type."""
    pages, position, out = [], 8, b""
    for number, kind in enumerate(subfile_types):
        pixels = bytes([200 if number == 0 else 100]) * 1600
        tags = [(254, 4, kind), (256, 3, 40), (257, 3, 40), (258, 3, 8), (259, 3, 1), (262, 3, 1)]
        tags += [(273, 4, position), (277, 3, 1), (278, 3, 40), (279, 4, 1600)]
        directory = position + 1600
        position = directory + 2 + 12 * len(tags) + 4
        following = position + 1600 if number + 1 < len(subfile_types) else 0
        pages.append(directory)
        out += pixels + struct.pack("<H", len(tags))
        out += b"".join(struct.pack("<HHII", tag, form, 1, value) for tag, form, value in tags)
        out += struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", pages[0]) + out


def test_pages_of_a_tiff_are_counted_without_its_previews() -> None:
    assert shown(tiff_pages(0, 1))[20, 20, 0] == 200
    assert shown(tiff_pages(1, 0))[20, 20, 0] == 100
    error = refusal(tiff_pages(0, 0, 0))
    assert error.code == "picture_many_pages"
    assert "3 pages" in error.message


@pytest.mark.parametrize(
    ("kinds", "transparent"), [((0,), False), ((0, 0, 0), False), ((0, 2), True), ((2, 0), True)]
)
def test_a_selection_saved_in_a_tiff_makes_nothing_transparent(
    kinds: tuple[int, ...], transparent: bool
) -> None:
    """Only a channel that the file names alpha is (ExtraSamples 1 and 2)."""
    extra = [numpy.full((200, 300), 90 if kind else 0, numpy.uint8) for kind in kinds]
    data = image_of(numpy.dstack([scene(), *extra])).tiffsave_buffer()
    (entry,) = re.findall(re.escape(struct.pack("<HHI", 338, 3, len(kinds))), data)
    at = data.index(entry) + len(entry)
    at = at if len(kinds) < 3 else struct.unpack_from("<I", data, at)[0]
    stated = struct.pack(f"<{len(kinds)}H", *kinds)
    pixels = shown(data[:at] + stated + data[at + len(stated) :])
    assert far(pixels[:, :, :3], scene()) <= 3
    assert pixels.shape[2] == (4 if transparent else 3)
    assert pixels[0, 0, -1] == 90 or not transparent


@pytest.mark.parametrize("space", ["lab", "labs", "labq"])
def test_a_tiff_in_lab_colour_is_refused_by_its_name(space: str) -> None:
    error = refusal(image_of(scene()).colourspace(space).tiffsave_buffer())
    assert (error.code, "Lab colour" in error.message) == ("picture_unsupported", True)


@pytest.mark.parametrize(("number", "name"), [(50000, "Zstandard"), (7777, "number 7777")])
def test_a_tiff_that_is_compressed_in_a_rare_way_is_refused_by_its_name(
    number: int, name: str
) -> None:
    data = image_of(scene()).tiffsave_buffer(compression="deflate")
    deflate, rare = (struct.pack("<HHIH", 259, 3, 1, stored) for stored in (8, number))
    error = refusal(data.replace(deflate, rare))
    assert (error.code, name in error.message) == ("picture_unsupported", True)


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate"])
def test_a_tiff_in_ycbcr_is_converted_or_refused_by_its_name(compression: str) -> None:
    as_jpeg = image_of(scene()).tiffsave_buffer(compression="jpeg", Q=85)
    assert struct.pack("<HHIH", 262, 3, 1, 6) in as_jpeg
    assert distance(imaging.to_array(as_jpeg), scene()) < 5
    rgb = image_of(scene()).tiffsave_buffer(compression=compression)
    photometric = (struct.pack("<HHIH", 262, 3, 1, colour) for colour in (2, 6))
    error = refusal(rgb.replace(*photometric))
    assert (error.code, "YCbCr colour" in error.message) == ("picture_unsupported", True)


@pytest.mark.parametrize("opacity", [0, 4])
def test_a_picture_that_nobody_sees_is_refused(opacity: int) -> None:
    pixels = numpy.dstack([scene(), numpy.full(scene().shape[:2], opacity, numpy.uint8)])
    assert refusal(imaging.encode_array(pixels)).code == "picture_transparent"
    pixels[50:60, 50:60, 3] = 255
    assert imaging.normalise(imaging.encode_array(pixels)).mime_type == "image/png"


def test_the_files_of_a_phones_folder_are_accepted_with_any_ending() -> None:
    for file in needs_shared("cases", "folder").iterdir():
        if file.is_file() and file.stat().st_size:
            assert imaging.normalise(file.read_bytes()).width == 480, file.name


# ---- what came instead


TIFF_START = b"II*\0\x08\0\0\0"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html><body>Not here", "a web page (HTML)"),
        (b"\xef\xbb\xbf\n<html lang=en>", "a web page (HTML)"),
        (b"<html><form><input type='password'>", "a login page (HTML)"),
        (b"<html><title>Sign in - Google Accounts", "a login page (HTML)"),
        (b'{"error": "not found"}', "JSON data"),
        (b"[1, 2]", "JSON data"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document"),
        (b'<?xml version="1.0"?><svg xmlns="x"/>', "an SVG drawing"),
        (b"<svg width='1'/>", "an SVG drawing"),
        (box(b"ftyp", b"isom\0\0\2\0isomavc1mp41") + bytes(99), "a video"),
        (box(b"ftyp", b"qt  \0\0\0\0qt  ") + bytes(99), "a video"),
        (b"\x1a\x45\xdf\xa3" + bytes(99), "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"8BPS\0\1" + bytes(40), "a Photoshop document (PSD)"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "a RAW photo (Canon CR2)"),
        (box(b"ftyp", b"crx \0\0\0\1crx isom"), "a RAW photo (Canon CR3)"),
        (
            TIFF_START + struct.pack("<HHHIII", 1, 50706, 1, 4, 1, 0),
            "a RAW photo (DNG)",
        ),
        (
            TIFF_START
            + struct.pack("<HHHIIHHIIHHIII", 3, 254, 4, 1, 1, 271, 2, 6, 50, 330, 4, 1, 99, 0)
            + b"NIKON\0",
            "a RAW photo (Nikon NEF)",
        ),
        (b"FUJIFILMCCD-RAW 0201", "a RAW photo (Fujifilm RAF)"),
        (b"PK\3\4" + bytes(40), "a ZIP archive"),
        (b"PK\3\4" + bytes(26) + b"[Content_Types].xml", "an Office document"),
        (b"GIF89a" + b"\x21\xf9\x04" * 2, "an animated picture (GIF)"),
        (b"GIF89a" + bytes(40), "a GIF picture"),
        (b"BM" + bytes(40), "a BMP picture"),
        (b"\xff\xd8\xff\xf7\0\x0b" + bytes(40), "a JPEG-LS picture"),
        (b"BMW 320d, silver, front left", "text"),
        (b"Dear customer,\nyour picture was moved.", "text"),
        (b"data:image/png;base64,iVBORw0KGgo=", "a picture written as text (base64)"),
        (b"/9j/4AAQSkZJRgABAQAAAQABAAD/2wBD", "a picture written as text (base64)"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI" + bytes(40), "a PNG for iOS apps (CgBI)"),
        (b"\xef\xbb\xbf\xff\xd8\xff\xe0" + bytes(40), "a picture with 3 other bytes before it"),
        (
            b"Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n" + bytes(40),
            "a picture with 27 other bytes before it",
        ),
        (bytes(5000), "nothing but zero bytes"),
        (bytes(range(1, 9)) * 20, "not a picture of a known kind"),
    ],
)
def test_a_refusal_names_what_came_instead(data: bytes, words: str) -> None:
    assert kinds.recognise(data).words == words
    error = refusal(data)
    assert error.code == "not_a_picture"
    assert error.message.startswith(f"The file is {words}, not a JPEG, ")
    assert error.message.endswith(f"; {kinds.recognise(data).advice}.")
    assert "the address" not in error.message  # it may be a file


def test_names_and_words_agree() -> None:
    for mime_type in OPENERS:
        assert mime_type.partition("/")[2].upper() in kinds.ACCEPTED_WORDS.upper()


def test_the_documentation_names_every_refusal() -> None:
    """Every code that the formats raise, and none that they do not."""
    files = (ROOT / "src/packshot/pictures").glob("*.py")
    others = {"child_processes", "signing"}  # codes that no upload is refused with
    source = "".join(path.read_text() for path in files if path.stem not in others)
    ours = set(re.findall(r"`((?:picture_|not_a_)\w+)`", (ROOT / "docs/api.md").read_text()))
    assert ours == set(re.findall(r'code="(\w+)"', source))
