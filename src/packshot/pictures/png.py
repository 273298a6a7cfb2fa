"""Reduces a PNG to what a decoder needs: no texts that unpack to gigabytes, no animation."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from struct import unpack, unpack_from

from packshot.pictures.limits import check_frames, damaged, too_large_inside, too_many_parts

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"\0\0\0\0IEND\xaeB`\x82"
#: The chunks that are decoded. All others only describe them, and are not passed on.
NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
MAX_CHUNKS = 100_000  # libpng itself writes 8 KB in each: 2,500 of them make 20 MB
MAX_PROFILE = 4_000_000  # bytes, unpacked; printers' profiles have up to 3 MB
MAX_EXIF = 65_536
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
NAMES = {b"eXIf": "exif-data", b"iCCP": "icc-profile-data", b"tEXt": "png-comment"}
COLOUR_CHUNKS = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"}
XMP = b"XML:com.adobe.xmp"


@dataclass(frozen=True)
class Png:
    """The part for the decoder, and facts read from the rest."""

    data: bytes
    profile: bytes | None  # ICC: embedded, or made from gAMA, cHRM and cICP
    states_colour: bool  # in any of these ways, or as sRGB
    metadata: tuple[str, ...]
    bytes_held: int  # bytes that the decoder keeps at once: all pixels when interlaced


def unwrap(data: bytes) -> Png:
    """Raises PictureError for a PNG that is animated, has too many parts or ends in its pixels."""
    needed, notes, metadata = _chunks(data)
    [width, height, depth, colour, *_, interlaced] = _header(needed)
    check_frames(int.from_bytes(notes[b"acTL"][:4], "big") if b"acTL" in notes else 1)
    grey = colour in (0, 4)
    return Png(
        b"".join([SIGNATURE, *needed, END]),
        _profile(notes, grey),
        not notes.keys().isdisjoint(COLOUR_CHUNKS),
        tuple(dict.fromkeys(metadata)),
        width * height * CHANNELS.get(colour, 4) * max(depth, 8) // 8 if interlaced else 0,
    )


def _chunks(data: bytes) -> tuple[list[bytes], dict[bytes, bytes], list[str]]:
    """The needed chunks, the first content of each other kind, and the names of metadata."""
    needed: list[bytes] = []
    notes: dict[bytes, bytes] = {}
    metadata = []
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(data):
            break
        length, name = unpack_from(">I4s", data, position)
        end = position + 12 + length
        if name == b"IEND":
            break
        if name in NEEDED or (name == b"eXIf" and length <= MAX_EXIF):
            if end > len(data):
                raise damaged("it ends within its pixels")
            # eXIf may come after the pixels, where the decoder ignores it.
            needed.insert(1 if name == b"eXIf" else len(needed), data[position:end])
        if name not in NEEDED:
            notes.setdefault(name, data[position + 8 : min(end - 4, position + 8 + 2**20 * 4)])
            metadata += _metadata_name(name, data[position + 8 : position + 8 + len(XMP)])
        position = end
    else:
        raise too_many_parts("PNG", MAX_CHUNKS)
    return needed, notes, metadata


def _metadata_name(name: bytes, start: bytes) -> list[str]:
    if name in (b"iTXt", b"zTXt"):
        return ["xmp-data" if start == XMP else "png-comment"]
    return [NAMES[name]] if name in NAMES else []


def _header(needed: list[bytes]) -> tuple[int, ...]:
    if not needed or needed[0][4:8] != b"IHDR" or len(needed[0]) != 25:
        raise damaged("its header is missing")
    return unpack(">IIBBBBB", needed[0][8:21])


# ---- colour: in the order of precedence (PNG, third edition, 4.3)


def _profile(notes: dict[bytes, bytes], grey: bool) -> bytes | None:
    if len(notes.get(b"cICP", b"")) == 4:
        from packshot.pictures import colour  # it loads numpy

        primaries, transfer, _matrix, _range = notes[b"cICP"]
        if colour.knows_codes(primaries, transfer):
            return colour.profile_for_codes(primaries, transfer)
    if b"iCCP" in notes and (embedded := _unpack(notes[b"iCCP"], grey)) is not None:
        return embedded
    if b"sRGB" in notes:
        return None
    return _profile_of(notes)


def _unpack(chunk: bytes, grey: bool) -> bytes | None:
    """The ICC profile; None when it can't be unpacked or is for other channels: browsers ignore
    such a profile too."""
    _name, _, packed = chunk.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], MAX_PROFILE + 1)
    except zlib.error:
        return None
    if len(profile) > MAX_PROFILE:
        raise too_large_inside("ICC profile", MAX_PROFILE)
    fits = profile[36:40] == b"acsp" and profile[16:20] == (b"GRAY" if grey else b"RGB ")
    return profile if fits else None


def _profile_of(notes: dict[bytes, bytes]) -> bytes | None:
    """A profile from gAMA and cHRM; with only one of them, the other is sRGB's."""
    if not notes.keys() & {b"gAMA", b"cHRM"}:
        return None
    from packshot.pictures.colour import Primaries, Transfer, gamma_profile

    gamma = int.from_bytes(notes[b"gAMA"], "big") / 1e5 if len(notes.get(b"gAMA", b"")) == 4 else 0
    transfer = Transfer(1 / gamma) if 0.1 <= gamma <= 10 else None
    primaries = None
    if len(notes.get(b"cHRM", b"")) == 32:
        primaries = Primaries(*(value / 1e5 for value in unpack(">8I", notes[b"cHRM"])))
    return gamma_profile(primaries, transfer)
