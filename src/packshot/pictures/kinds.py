"""Recognises the kind of a file's bytes: a picture that Packshot accepts, or something else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

#: The formats that are accepted, recognised by content alone.
ACCEPTED_WORDS = "JPEG, PNG, WebP, HEIC, AVIF or TIFF"

EXPORT = "export it as a JPEG and send that"
ITSELF = "give the picture itself, or its own address"
TEXT_BYTES = 65_536  # the part of a text that is examined


@dataclass(frozen=True)
class FileKind:
    """`words` name it with its article ("a web page (HTML)"); `advice` says what to do instead."""

    words: str
    mime_type: str | None = None  # of accepted pictures
    advice: str = ""


JPEG = FileKind("a JPEG picture", "image/jpeg")
PNG = FileKind("a PNG picture", "image/png")
WEBP = FileKind("a WebP picture", "image/webp")
HEIC = FileKind("a HEIC picture", "image/heic")
AVIF = FileKind("an AVIF picture", "image/avif")
TIFF = FileKind("a TIFF picture", "image/tiff")
BMP = FileKind("a BMP picture", advice=EXPORT)
VIDEO = FileKind("a video", advice="send a still picture")
UNKNOWN = FileKind("not a picture of a known kind", advice=f"send {ACCEPTED_WORDS}")

#: Kinds by their first bytes.
SIGNATURES = (
    (b"\xff\xd8\xff\xf7", FileKind("a JPEG-LS picture", advice=EXPORT)),
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI", FileKind("a PNG for iOS apps (CgBI)", advice=EXPORT)),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"FUJIFILMCCD-RAW", FileKind("a RAW photo (Fujifilm RAF)", advice=EXPORT)),
    (b"FOVb", FileKind("a RAW photo (Sigma X3F)", advice=EXPORT)),
    (b"IIRO", FileKind("a RAW photo (Olympus ORF)", advice=EXPORT)),
    (b"IIRS", FileKind("a RAW photo (Olympus ORF)", advice=EXPORT)),
    (b"MMOR", FileKind("a RAW photo (Olympus ORF)", advice=EXPORT)),
    (b"IIU\0", FileKind("a RAW photo (Panasonic RW2)", advice=EXPORT)),
    (b"\0MRM", FileKind("a RAW photo (Minolta MRW)", advice=EXPORT)),
    (b"II+\0", FileKind("a BigTIFF picture", advice="save it as an ordinary TIFF or a JPEG")),
    (b"MM\0+", FileKind("a BigTIFF picture", advice="save it as an ordinary TIFF or a JPEG")),
    (b"8BPS", FileKind("a Photoshop document (PSD)", advice=EXPORT)),
    (b"gimp xcf", FileKind("a GIMP document (XCF)", advice=EXPORT)),
    (b"%PDF-", FileKind("a PDF document", advice=EXPORT)),
    (b"%!PS", FileKind("a PostScript document", advice=EXPORT)),
    (b"\xc5\xd0\xd3\xc6", FileKind("a PostScript document", advice=EXPORT)),
    (b"\xff\x0a", FileKind("a JPEG XL picture", advice=EXPORT)),
    (b"\0\0\0\x0cJXL ", FileKind("a JPEG XL picture", advice=EXPORT)),
    (b"\0\0\0\x0cjP  ", FileKind("a JPEG 2000 picture", advice=EXPORT)),
    (b"\xff\x4f\xff\x51", FileKind("a JPEG 2000 picture", advice=EXPORT)),
    (b"\0\0\1\0", FileKind("an icon (ICO)", advice=EXPORT)),
    (b"\x1a\x45\xdf\xa3", VIDEO),  # Matroska, WebM
    (b"FLV\1", VIDEO),
    (b"\0\0\1\xba", VIDEO),
    (b"\0\0\1\xb3", VIDEO),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", VIDEO),  # Windows Media
    (b"ID3\2", FileKind("a sound file", advice="send a picture")),
    (b"ID3\3", FileKind("a sound file", advice="send a picture")),
    (b"ID3\4", FileKind("a sound file", advice="send a picture")),
    (b"PK\3\4", FileKind("a ZIP archive", advice="unpack it and send the pictures")),
    (b"PK\5\6", FileKind("an empty ZIP archive", advice="send the pictures")),
    (b"Rar!", FileKind("a RAR archive", advice="unpack it and send the pictures")),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7-Zip archive", advice="unpack it and send the pictures")),
    (b"\x1f\x8b", FileKind("a gzip archive", advice="unpack it and send the pictures")),
    (
        b"\xd0\xcf\x11\xe0",
        FileKind("an Office document or Windows' thumbnail cache", advice=EXPORT),
    ),
    (
        b"\0\5\x16\7",
        FileKind("a sidecar file of macOS (AppleDouble)", advice="send the photo itself"),
    ),
    (b"\0\5\x16\0", FileKind("a sidecar file of macOS", advice="send the photo itself")),
    (b"bplist", FileKind("a sidecar file of macOS or iOS", advice="send the photo itself")),
    (b"MZ\x90", FileKind("a Windows program", advice="send a picture")),
    (b"\x7fELF", FileKind("a program", advice="send a picture")),
)

HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
RAW_COMPRESSIONS = {32767: "Sony ARW", 34713: "Nikon NEF", 65535: "Pentax PEF", 34892: "DNG"}
RAW_MAKERS = {b"NIKON": "Nikon NEF", b"SONY": "Sony ARW", b"PENTAX": "Pentax PEF"}


_PICTURE = re.compile(rb"\xff\xd8\xff[\xe0-\xef\xdb]|\x89PNG\r\n\x1a\n")


def recognise(data: bytes) -> FileKind:
    """What the bytes are, by content alone: names and declared types are ignored."""
    if not data:
        return FileKind("an empty file", advice="send it again")
    for signature, kind in SIGNATURES:
        if data.startswith(signature):
            return _archive(data) if kind.words == "a ZIP archive" else kind
    if data[:6] in (b"GIF87a", b"GIF89a"):
        animated = data.count(b"\x21\xf9\x04") > 1
        return FileKind("an animated picture (GIF)" if animated else "a GIF picture", advice=EXPORT)
    if data[:2] == b"BM" and data[6:10] == bytes(4):
        return BMP
    if data[:4] == b"RIFF":
        return _riff(data)
    if data[4:8] == b"ftyp":
        return _iso(data)
    if data[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return VIDEO  # old QuickTime, without a type box
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff(data)
    return _text(data)


def sniff(data: bytes) -> str | None:
    """The media type by content when it is an accepted picture, else None."""
    return recognise(data).mime_type


def _archive(data: bytes) -> FileKind:
    if b"[Content_Types].xml" in data[:4096]:
        return FileKind("an Office document", advice="send the pictures themselves")
    return FileKind("a ZIP archive", advice="unpack it and send the pictures")


def _riff(data: bytes) -> FileKind:
    if data[8:12] == b"WEBP":
        return WEBP
    return VIDEO if data[8:12] == b"AVI " else UNKNOWN


def _iso(data: bytes) -> FileKind:
    """The kind of an ISO base media file, by its brands: picture, video or RAW photo."""
    size = min(max(int.from_bytes(data[:4], "big"), 12), 256)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, size, 4))}
    if data[8:12] == b"crx ":
        return FileKind("a RAW photo (Canon CR3)", advice=EXPORT)
    if brands & {b"avif", b"avis"}:
        return AVIF
    if brands & HEIF_BRANDS:
        return HEIC
    if data[8:12] in (b"mif1", b"msf1", b"mif2", b"miaf"):
        return AVIF if b"av01" in data[:TEXT_BYTES] else HEIC
    return VIDEO


def _tiff(data: bytes) -> FileKind:
    """The kind of a TIFF, or of a RAW format that is built like it."""
    raw = "Canon CR2" if data[8:10] == b"CR" else _raw_maker(data)
    return TIFF if raw is None else FileKind(f"a RAW photo ({raw})", advice=EXPORT)


def _raw_maker(data: bytes) -> str | None:
    from packshot.pictures.tiff import Tag, read_directories

    directories = read_directories(data, most=1)
    if not directories:
        return None
    first = directories[0]
    if Tag.DNG_VERSION in first:
        return "DNG"
    maker = bytes(first.get(Tag.MAKE, ())).upper()
    names = [name for start, name in RAW_MAKERS.items() if maker.startswith(start)]
    if first.get(Tag.COMPRESSION, (1,))[0] in RAW_COMPRESSIONS:
        return RAW_COMPRESSIONS[first[Tag.COMPRESSION][0]]
    preview_first = Tag.SUB_DIRECTORIES in first and first.get(Tag.SUBFILE_TYPE, (0,))[0] & 1
    return (names[0] if names else "of a camera") if preview_first else None


def _text(data: bytes) -> FileKind:
    if not data.strip(b"\0"):
        return FileKind("nothing but zero bytes", advice="send it again")
    start = data[:TEXT_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    lower = start.lower()
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")) or (
        lower.startswith(b"<") and b"<html" in lower[:2048]
    ):
        return _page(lower)
    if lower.startswith(b"<svg") or (lower.startswith(b"<") and b"<svg" in lower[:4096]):
        return FileKind("an SVG drawing", advice=EXPORT)
    if lower.startswith((b"<?xml", b"<error")):
        return FileKind("an XML document", advice=ITSELF)
    if start[:1] in (b"{", b"[") and _is_json(data):
        return FileKind("JSON data", advice=ITSELF)
    if re.match(rb"data:image/[\w.+-]+;base64,|/9j/[\w+/]{2}|iVBORw0KGgo", start):
        return FileKind("a picture written as text (base64)", advice="send the picture itself")
    if _is_readable(start):
        return FileKind("text", advice="send a picture")
    if before := _PICTURE.search(data, 1, 1024):  # a BOM, or a mail's or an answer's header
        words = f"a picture with {before.start()} other bytes before it"
        return FileKind(words, advice="send the picture itself")
    return UNKNOWN


def _page(lower: bytes) -> FileKind:
    """The kind of a web page; a private link leads to one that asks for a password."""
    if re.search(rb"type\s*=\s*[\"']?password|<title>[^<]*(sign in|log ?in)", lower):
        return FileKind(
            "a login page (HTML)",
            advice="give the picture itself, or an address that needs no sign-in",
        )
    return FileKind("a web page (HTML)", advice=ITSELF)


def _is_json(data: bytes) -> bool:
    if len(data) > TEXT_BYTES:  # judged by its beginning
        return re.match(rb'\s*[{\[]\s*["{\[\d]', data) is not None and _is_readable(data[:256])
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _is_readable(start: bytes) -> bool:
    """Whether this is UTF-8 (or UTF-16 with its mark) without control characters."""
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = start[:1024].decode(encoding, "ignore")
    printable = sum(character.isprintable() or character.isspace() for character in text)
    return (
        len(text) > 3
        and printable == len(text)
        and len(start[:1024]) - len(text.encode(encoding)) in range(-2, 4)
    )
