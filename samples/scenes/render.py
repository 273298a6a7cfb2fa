"""Renders the sample photos and masks: python samples/render.py [name ...] [--detail 0.4].

Each photo is path traced from meshes and prints made in this folder, denoised, then put through a
plain camera. The mask is a second pass of the same camera in which only the product glows, so it is
exact at the product's edges, in front of blur and behind clutter alike.
"""

import argparse
import ctypes
import os
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import mitsuba as mi
import numpy as np
from numpy.typing import NDArray
from PIL import Image


def choose_variant() -> str:
    """MI_DEFAULT_VARIANT, else the vectorised backend where there is LLVM, else the slow one."""
    chosen = os.environ.get("MI_DEFAULT_VARIANT")
    try:
        mi.set_variant(chosen or "llvm_ad_rgb")
        if chosen:
            return chosen
        mi.Float(1.0) + 1.0
    except (ImportError, RuntimeError):
        mi.set_variant("scalar_rgb")
    return str(mi.variant())


choose_variant()

from camera import developed, save_jpeg  # noqa: E402 - materials need the variant chosen first
from meshes import write_ply  # noqa: E402
from products import Part  # noqa: E402
from scenes import SCENES, Camera, Scene  # noqa: E402

HERE = Path(__file__).parent.parent  # samples/
BLACK = {"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.0}}
MASK_SAMPLES = 8
PASS_SAMPLES = 16  # one pass; keeps the vectorised renderer within memory

Pixels = NDArray[np.float32]


def sensor(camera: Camera, size: tuple[int, int]) -> dict[str, Any]:
    origin = camera.eye()
    target = list(camera.target)
    return {
        "type": "thinlens",
        "fov": camera.fov,
        "fov_axis": "larger",
        "aperture_radius": camera.aperture,
        "focus_distance": float(np.linalg.norm(np.array(target) - origin)) + camera.focus_shift,
        "to_world": mi.ScalarTransform4f().look_at(
            origin=origin.tolist(), target=target, up=camera.up()
        ),
        "film": {
            "type": "hdrfilm",
            "width": size[0],
            "height": size[1],
            "pixel_format": "rgb",
            "rfilter": {"type": "box"},  # the denoiser needs pixels that share no samples
        },
        "sampler": {"type": "independent"},
    }


def shape(part: Part, folder: Path, name: str, extra: dict[str, Any]) -> dict[str, Any]:
    path = folder / f"{name}.ply"
    if not path.exists():
        write_ply(part.mesh, path, part.crease)
    return {"type": "ply", "filename": str(path), **extra}


def photo_scene(scene: Scene, size: tuple[int, int], folder: Path) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": "scene",
        "sensor": sensor(scene.camera, size),
        **scene.lights,
    }
    described["integrator"] = {
        "type": "aov",
        "aovs": "albedo:albedo,normal:sh_normal",
        "image": {"type": "path", "max_depth": scene.depth},
    }
    for name, part in scene.parts():
        described[name] = shape(part, folder, name, {"bsdf": part.material})
    return described


def mask_scene(scene: Scene, size: tuple[int, int], folder: Path) -> dict[str, Any]:
    described: dict[str, Any] = {"type": "scene", "sensor": sensor(scene.camera, size)}
    described["integrator"] = {"type": "path", "max_depth": 1}
    # Flat normals: a smoothed one may point away from the camera at a rim and hide the glow.
    glow = {"type": "area", "radiance": {"type": "rgb", "value": 1.0}}
    for name, part in scene.parts():
        emitter = {"emitter": glow} if name.startswith("product") else {}
        described[name] = shape(
            part, folder, name, {"bsdf": BLACK, "face_normals": True, **emitter}
        )
    return described


def traced(described: dict[str, Any], samples: int) -> Pixels:
    """The mean of several passes with different seeds."""
    loaded = mi.load_dict(described)
    total: Pixels | None = None
    passes = -(-samples // PASS_SAMPLES)
    for seed in range(passes):
        image = np.array(mi.render(loaded, spp=-(-samples // passes), seed=seed))
        total = image if total is None else total + image
    assert total is not None
    return np.nan_to_num(np.asarray(total / passes, np.float32), posinf=0, neginf=0)


def load_denoiser() -> Any:
    """The oidn package; its wheel needs its own libtbb loaded beforehand."""
    found = find_spec("oidn")
    assert found is not None
    assert found.origin is not None
    for library in sorted(Path(found.origin).parent.glob("lib.linux*/libtbb.so*")):
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    import oidn

    return oidn


def denoised(layers: Pixels) -> Pixels:
    """Open Image Denoise over colour (compressed to 0..1), guided by albedo and normals."""
    oidn = load_denoiser()
    height, width = layers.shape[:2]
    colour = np.maximum(layers[..., :3], 0)
    inputs = {
        "color": colour / (1 + colour),
        "albedo": np.clip(layers[..., -6:-3], 0, 1),
        "normal": np.clip(layers[..., -3:], -1, 1),
        "output": np.zeros_like(colour),
    }
    inputs = {name: np.ascontiguousarray(data, np.float32) for name, data in inputs.items()}
    device = oidn.NewDevice()
    oidn.CommitDevice(device)
    task = oidn.NewFilter(device, "RT")
    for name, data in inputs.items():
        oidn.SetSharedFilterImage(task, name, data, oidn.FORMAT_FLOAT3, width, height)
    oidn.CommitFilter(task)
    oidn.ExecuteFilter(task)
    result = np.clip(inputs["output"], 0, 0.995)
    oidn.ReleaseFilter(task)
    oidn.ReleaseDevice(device)
    return np.asarray(result / (1 - result), np.float32)


def enlarged(light: Pixels, size: tuple[int, int]) -> Pixels:
    if light.shape[1::-1] == size:
        return light
    return np.asarray(np.maximum(cv2.resize(light, size, interpolation=cv2.INTER_CUBIC), 0))


def take(scene: Scene, detail: float, seed: int, out: Path) -> None:
    """Renders one photo and its mask into out/photos and out/masks.

    `detail` is the part of the photo's width and height that is traced; the rest is enlarged.
    """
    traced_size = (round(scene.size[0] * detail), round(scene.size[1] * detail))
    with tempfile.TemporaryDirectory() as folder:
        layers = traced(photo_scene(scene, traced_size, Path(folder)), scene.samples)
        coverage = traced(mask_scene(scene, scene.size, Path(folder)), MASK_SAMPLES)[..., 0]
    picture = developed(enlarged(denoised(layers), scene.size), scene.look, seed)
    save_jpeg(picture, out / "photos" / f"{scene.name}.jpg", scene.look.stored_turn)
    mask = Image.fromarray((np.clip(coverage, 0, 1) * 255 + 0.5).astype(np.uint8))
    mask.save(out / "masks" / f"{scene.name}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these photos (default: all)")
    parser.add_argument("--detail", type=float, default=0.8, help="part of the size traced")
    parser.add_argument("--out", type=Path, default=HERE, help="folder with photos/ and masks/")
    options = parser.parse_args()
    for folder in ("photos", "masks"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    for seed, (name, build) in enumerate(SCENES.items()):
        if not options.names or name in options.names:
            started = time.monotonic()
            make: Callable[[], Scene] = build
            take(make(), options.detail, seed, options.out)
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
