"""The scenes this Gemini proposes, and how each is painted."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]  # blue, green, red


@dataclass(frozen=True)
class Scene:
    """A backdrop: the wall above, the surface below, a light from one side."""

    title: str
    prompt: str
    wall: Colour
    surface: Colour
    light: float  # where it comes from: 0 left, 1 right
    warmth: float = 0.0  # of the light on the product: -1 cold, 1 warm


SCENES = (
    Scene(
        "Clean studio",
        "A clean studio picture on a seamless, nearly white backdrop. A large softbox from the "
        "left wraps the product in even light, and a soft contact shadow grounds it.",
        (248, 247, 246),
        (238, 237, 236),
        0.25,
    ),
    Scene(
        "Warm daylight",
        "The product stands on a pale oak table before a plaster wall in warm morning light that "
        "falls in from a window on the right. The camera is at eye level.",
        (208, 222, 236),
        (140, 178, 210),
        0.8,
        0.6,
    ),
    Scene(
        "Cool slate",
        "The product rests on a slab of grey slate before a cool blue-grey wall. A narrow softbox "
        "from above draws a crisp edge along it.",
        (168, 152, 138),
        (110, 102, 96),
        0.5,
        -0.4,
    ),
    Scene(
        "Soft sage",
        "The product stands on a matte sage green plinth before a backdrop of the same green, lit "
        "by two large softboxes.",
        (188, 208, 194),
        (160, 184, 168),
        0.4,
    ),
    Scene(
        "Terracotta",
        "A terracotta backdrop sweeps down into the surface; low sun from the left gives the "
        "product a long, soft shadow.",
        (128, 158, 214),
        (96, 124, 186),
        0.15,
        0.5,
    ),
    Scene(
        "Dark stage",
        "The product stands in a pool of light on a dark, softly reflecting surface, before a "
        "charcoal wall.",
        (58, 54, 52),
        (38, 36, 34),
        0.5,
    ),
    Scene(
        "Lilac sweep",
        "A seamless lilac paper sweep, bright and flat light from the front, hardly any shadow.",
        (226, 200, 212),
        (214, 184, 198),
        0.6,
    ),
    Scene(
        "White marble",
        "The product stands on white marble with faint grey veins, a bright kitchen out of focus "
        "behind it.",
        (236, 238, 240),
        (222, 224, 226),
        0.7,
        0.2,
    ),
    Scene(
        "Linen",
        "The product lies on natural linen in soft, shadowless light from above.",
        (204, 218, 228),
        (190, 206, 218),
        0.5,
        0.3,
    ),
    Scene(
        "Sky blue",
        "A clear sky blue backdrop, a white surface, hard summer light from the right.",
        (240, 214, 180),
        (246, 238, 230),
        0.85,
    ),
)


def scene_of(words: str) -> Scene:
    """The scene a picture prompt asks for; the first when it is none of ours."""
    return next((scene for scene in SCENES if scene.prompt in words), SCENES[0])
