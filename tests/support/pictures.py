"""Pictures that the tests make: small ones of every format, and the parts to build odd ones of."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import cv2
import numpy

from packshot.pictures.vips import vips

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: `scene(96, 64)` as HEIC: no free encoder of it is among our tools. Made once with pillow-heif
#: 1.4 and x265 at quality 60.
HEIC = base64.b85decode(
    "0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<00042ZDn*}000000000XXk=`10000000000aA{+700000000000000000"
    "000B57=IV*mgE07O6l0RRC200001dH?|c00000006cC001LtX>Mi!000000RR916=`l}WdZ;I000310BCk&F#rGn01j|"
    "zbZr0t000010002iX>f9I0002DX>en20001ZXm(>m0RwOV0058x000009`FGC{rLC*01pFT0096PKmiN^|NjGU00093k"
    "N^M!000939=ZZRVE_RDD?$MQ18@KU0|1Z!00RI30{|YNFo6Y@>PacCZUPz%2mk;B0LTCU0{{p>VgLaE2SfqEa<C#m000"
    "0JV{dG7ZewhC0096E00w{n000zeb8uw<00000003YB002M$000nhX?SS>000032nYxO000+haBX1#00000000310R({p"
    "0|Wp70KRQxVRQfh0J10nuL<DR6CMY>)Bo0*fAyPaeM^PCz))jb7`A6_+R>He`$G0zVyZ|o^d9*#&U=FN^59cV4l*L@jZ"
    "Sn)9&lzvSDo^d#PWDOa+qGAWRoF;L0oEt-WKkvz*+l<|BX96_^j45w*l|RtxWgdwetBl2AvJ}_z?oQgZx3{K${3IoKy"
    "ha*q3{McT>7Hu{CAdALW`PHSZsr<{U+DSM=b}Yk)V{GD*uE(=crLf9so{"
)

#: The same, stored turned by 90 degrees with a box that turns it further (`irot`), and with EXIF
#: that asks for it once more.
HEIC_TURNED = base64.b85decode(
    "0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0004@ZDn*}000000000XXk=`10000000000aA{+70000000000000000000"
    "0G-"
    "+&aV*mgE07O6l0ssL300001#Q*^S00000006iE0ssI200Mmg0RR9100000Bme*aIB98aW&i*H00062000$fZf0cy000000"
    "RRAKc4ILB0000LX>Mj^0ssI300IC2MR;ju000004sdC7Z2$lO00031007`=aB^?}006*gaAR)(004Msc4I>U18@KU0FVFx"
    "0000U@BsY%`1k+-4+CHT0RR|40Sp2E{{wIU00RJ!0009300RIXx&lC90096iLID8-"
    "Z~y=U0FVFx0{{R603M(qfrXapNhz*w0vZem00093$N&HX00=;000968L;=Baup&SJ000wXZ)|dIV{CW;0RRmE27mwn02FC"
    "+aAg1h0000006+i$0AK(B01$9#cxeCt0009B2nYZG010VwZ*&6y000<iaBX1#00000000310R@2q0|bQt000_ka%E-"
    "!00000000hSWOHKx0ssL30RR91<ZWbObN~PVv?u|u3E+5fIHG6pPZv^<f%F-"
    "Saqq*;+Q>v8J1M?uj_k0G+ogCWn#_~3M2rV~9D~{J&vVK!Q_L8`$iEz(hjP16@HoE7>2TKEaRzxWP*E$a^s4Q@#TcwiYtc"
    "=!-M`^Se^5>9+gcd%9{E9PE@byoeUMHBb(+E<#G~RbQn|S0HlCcnv-"
    "5s*w7Jqh+qlm|ta2D>IpvOS+n`i@54%Eb77RU2Iddo1#G#)4uZ!gWfB*mh21R&jW&i+9O#mtY000O80Ra*K0{{R30RRR70"
    "000000"
)


@cache
def scene(width: int = 300, height: int = 200, bands: int = 3) -> Any:
    """A smooth picture with a red block in its upper left corner, to tell up from down."""
    x, y = numpy.meshgrid(numpy.linspace(40, 200, width), numpy.linspace(60, 180, height))
    pixels = numpy.dstack([x, y, (x + y) / 2, numpy.full_like(x, 255)]).astype(numpy.uint8)
    pixels[: height // 4, : width // 4, :3] = (250, 10, 10)
    return pixels[:, :, :bands].copy()


@cache
def grainy(width: int = 600, height: int = 400) -> Any:
    """The scene as a camera gives it, with noise: its data is spread evenly over the file."""
    noise = numpy.random.default_rng(1).normal(0, 8, (height, width, 3))
    return (scene(width, height) + noise).clip(0, 255).astype(numpy.uint8)


def image_of(pixels: Any, interpretation: str = "srgb") -> Any:
    return vips().Image.new_from_array(pixels, interpretation=interpretation)


def as_cv2(data: bytes, flags: int = cv2.IMREAD_COLOR_RGB) -> Any:
    """An independent decoder's view: RGB, upright (it heeds EXIF too)."""
    return cv2.imdecode(numpy.frombuffer(data, numpy.uint8), flags)


def distance(left: Any, right: Any) -> float:
    """Mean absolute difference of two uint8 arrays, in levels."""
    return float(numpy.abs(left.astype(float) - right.astype(float)).mean())


def flat(width: int, height: int, bands: int = 3, depth: int = 8) -> Any:
    """One colour, as libvips image: large in pixels, small in bytes."""
    image = vips().Image.black(width, height, bands=bands) + 100
    form, space = ("uchar", "srgb") if depth == 8 else ("ushort", "rgb16")
    return image.cast(form).copy(interpretation=space)


# ---- PNG


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def chunks_of(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 8
    while position < len(png):
        length, name = struct.unpack_from(">I4s", png, position)
        yield name, png[position + 8 : position + 8 + length]
        position += 12 + length


def png_with(png: bytes, *extra: bytes) -> bytes:
    """The PNG with chunks put in before its first IDAT."""
    at = png.index(b"IDAT") - 4
    return png[:at] + b"".join(extra) + png[at:]


def png_of(header: bytes, data: bytes) -> bytes:
    """From an IHDR's body and what its IDATs hold, 8 KB in each."""
    parts = [chunk(b"IDAT", data[at : at + 8192]) for at in range(0, len(data), 8192)]
    return PNG_SIGNATURE + chunk(b"IHDR", header) + b"".join(parts) + chunk(b"IEND", b"")


def png_data(png: bytes) -> tuple[bytes, bytes]:
    """(the IHDR's body, what the IDATs hold together)."""
    found = list(chunks_of(png))
    return found[0][1], b"".join(body for name, body in found if name == b"IDAT")


# ---- JPEG


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(jpeg: bytes, *extra: bytes) -> bytes:
    """The JPEG with segments put in after its start."""
    return jpeg[:2] + b"".join(extra) + jpeg[2:]


def exif_jpeg(jpeg: bytes, colour_space: int, index: bytes) -> bytes:
    """With EXIF that says ColorSpace and InteroperabilityIndex, and nothing else."""
    tiff = b"II*\0" + struct.pack("<I", 8)
    tiff += struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
    tiff += struct.pack("<HHHIHH", 2, 0xA001, 3, 1, colour_space, 0)
    tiff += struct.pack("<HHIII", 0xA005, 4, 1, 56, 0)
    tiff += struct.pack("<HHHI4sI", 1, 1, 2, 4, index.ljust(4, b"\0"), 0)
    return jpeg_with(jpeg, segment(0xE1, b"Exif\0\0" + tiff))


# ---- damage


def damages(data: bytes, size: int = 3000) -> dict[str, bytes]:
    """What happens to a file on its way, each from its middle on."""
    half = len(data) // 2
    return {
        "half": data[:half],
        "hole": data[:half] + bytes(size) + data[half + size :],
        "removed": data[:half] + data[half + size :],
        "doubled": data[:half] + data[half - size : half] + data[half:],
        "overwritten": data[:half] + b"\x5a" * size + data[half + size :],
    }


Maker = Callable[[], bytes]
