"""The limits on pictures, checked before they are decoded, and the errors beyond them."""

from __future__ import annotations

from packshot.errors import PictureError

MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
MIN_SIDE = 24
MAX_ASPECT = 20
MIN_OPACITY = 8  # of 255, at the picture's least transparent pixel
#: Bytes that a decoder may need besides its output: with 240 MB a child was measured to need 400 MB
#: in total.
MAX_HELD = 240_000_000


def damaged(why: str = "") -> PictureError:
    seen = f": {why}" if why else ""
    return PictureError(
        f"The picture is damaged or cut short{seen}; export or upload it again.",
        code="picture_damaged",
    )


def unsupported(what: str) -> PictureError:
    return PictureError(
        f"{what}, which can't be read here; save it again as an ordinary JPEG.",
        code="picture_unsupported",
    )


def too_many_parts(format_name: str, most: int) -> PictureError:
    return PictureError(
        f"The {format_name} consists of more than {most:,} parts, which no camera or editor "
        "writes; save it again with a picture editor.",
        code="picture_too_many_parts",
    )


def too_large_inside(what: str, most: int) -> PictureError:
    return PictureError(
        f"The {what} inside the picture has more than {most / 1e6:.0f} MB; "
        "save the picture again without it.",
        code="picture_too_large_inside",
    )


def check_held(held: int, width: int, height: int, how: str) -> None:
    """Check the bytes that decoding keeps (`held`); `how` names the form of the stored picture."""
    if held > MAX_HELD:
        raise PictureError(
            f"The picture has {width} x {height} pixels {how}, which takes {held / 1e6:.0f} MB of "
            f"memory at once to decode; at most {MAX_HELD / 1e6:.0f} are allowed. Save it again "
            "as an ordinary JPEG, or with fewer pixels.",
            code="picture_too_much_memory",
        )


def check_frames(frames: int) -> None:
    if frames > 1:
        raise PictureError(
            "The picture is animated; send a single still picture.", code="picture_animated"
        )


def check_size(width: int, height: int) -> None:
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


def check_opacity(highest: float) -> None:
    if highest < MIN_OPACITY:
        raise PictureError(
            "The picture is transparent everywhere, so that nothing of it is seen; export it again "
            "with the product visible.",
            code="picture_transparent",
        )
