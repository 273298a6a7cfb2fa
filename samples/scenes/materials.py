"""Surfaces as Mitsuba scene dictionaries: plastics, glaze, board, cloth, glass and metal."""

from typing import Any, TypeAlias

import mitsuba as mi
import numpy as np
from PIL import Image

Material = dict[str, Any]
Tone: TypeAlias = tuple[float, float, float] | Image.Image


def texture(
    image: Image.Image, repeat: tuple[float, float] = (1, 1), raw: bool = False
) -> Material:
    pixels = np.array(image.convert("RGB"))
    turn = mi.ScalarTransform3f().scale([repeat[0], repeat[1]])
    return {"type": "bitmap", "bitmap": mi.Bitmap(pixels), "raw": raw, "to_uv": turn}


def tone(value: Tone, repeat: tuple[float, float] = (1, 1)) -> Material:
    """A linear RGB colour, or a picture laid over the surface."""
    if isinstance(value, Image.Image):
        return texture(value, repeat)
    return {"type": "rgb", "value": list(value)}


def surface(
    colour: Tone,
    roughness: float,
    specular: float = 0.5,
    repeat: tuple[float, float] = (1, 1),
    **more: float,
) -> Material:
    """A principled BSDF seen from both sides; `more` holds clearcoat, sheen, metallic..."""
    principled: Material = {
        "type": "principled",
        "base_color": tone(colour, repeat),
        "roughness": roughness,
        "specular": specular,
        **more,
    }
    return {"type": "twosided", "bsdf": principled}


def bumpy(
    material: Material, height: Image.Image, scale: float, repeat: tuple[float, float] = (1, 1)
) -> Material:
    """The material with its normals tilted by a height map; scale as Mitsuba's bumpmap."""
    inner = material["bsdf"] if material["type"] == "twosided" else material
    bump: Material = {
        "type": "bumpmap",
        "height": texture(height, repeat, raw=True),
        "scale": scale,
        "bsdf": inner,
    }
    return {"type": "twosided", "bsdf": bump}


def matte(colour: Tone, repeat: tuple[float, float] = (1, 1)) -> Material:
    return {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": tone(colour, repeat)}}


def glazed(colour: Tone, roughness: float = 0.08) -> Material:
    """Glossy glaze over a coloured body: ceramic, lacquer."""
    return surface(colour, 0.35, 0.5, clearcoat=1.0, clearcoat_gloss=1.0 - roughness)


def metal(name: str = "Al", roughness: float = 0.15) -> Material:
    return {
        "type": "twosided",
        "bsdf": {
            "type": "roughconductor",
            "material": name,
            "alpha": roughness,
            "distribution": "ggx",
        },
    }


def clear_glass(ior: float = 1.5) -> Material:
    return {"type": "dielectric", "int_ior": ior, "ext_ior": 1.0}
