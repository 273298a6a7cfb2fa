"""Recognises ICC profiles that mean sRGB, as most cameras and editors embed one."""

from __future__ import annotations

from functools import lru_cache

from packshot.pictures.vips import vips

MAX_BYTES = 16_384  # the usual ones have 0.5 to 3 KB
STEPS = 17  # levels of each channel that are compared, and all greys
WITHIN = 1  # level of 255: makers round the same curve differently


def is_srgb(profile: bytes) -> bool:
    """Whether an RGB profile shows every colour as sRGB does; its name says nothing about that.

    To convert a photo with such a profile changes no colour, and takes as long as decoding it.
    """
    is_rgb = profile[16:20] == b"RGB "
    return is_rgb and len(profile) <= MAX_BYTES and _shows_srgb(profile)


@lru_cache(maxsize=16)
def _shows_srgb(profile: bytes) -> bool:
    import numpy

    library = vips()
    levels = numpy.linspace(0, 255, STEPS).round().astype("uint8")
    mixed = numpy.stack(numpy.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    greys = numpy.arange(256, dtype="uint8").reshape(1, -1, 1).repeat(3, axis=2)
    colours = numpy.concatenate([mixed, greys], axis=1)
    image = library.Image.new_from_array(colours, interpretation="srgb").copy()
    image.set_type(library.GValue.blob_type, "icc-profile-data", profile)
    try:
        shown = image.icc_transform("srgb", embedded=True).numpy()
    except library.Error:
        return False
    return bool(abs(shown.astype(int) - colours).max() <= WITHIN)
