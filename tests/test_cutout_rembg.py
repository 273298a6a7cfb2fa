"""CUTOUT=rembg: the real rembg over a tiny network built here, and clear words when it is missing.

rembg is an extra of 590 MB, not among the development dependencies; with it installed
(`pip install 'packshot[rembg]'`) the second half of this file runs too.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.enhancers.contract import Brief, Photo
from packshot.enhancers.local import backdrop
from packshot.enhancers.local.cut import cutout, trust, with_rembg
from packshot.enhancers.local.cut.cutout import CutOut
from packshot.enhancers.local.enhancer import LocalEnhancer
from packshot.errors import NotConfigured
from packshot.pictures.arrays import shrink
from packshot.pictures.imaging import encode_array
from packshot.settings import Settings

needs_rembg = pytest.mark.skipif(
    importlib.util.find_spec("rembg") is None, reason="rembg, an extra, is not installed"
)


def here(function: Callable[..., object], *args: object) -> object:
    return function(*args)


def red_disc(side: int = 400) -> NDArray[np.uint8]:
    """A red disc in front of blocks of blue and green: plain for a network that sees red."""
    y, x = np.mgrid[0:side, 0:side]
    picture = np.zeros((side, side, 3), np.uint8)
    picture[..., 1], picture[..., 2] = (x // 40 % 2) * 200, (y // 40 % 2) * 200
    picture[(x - side / 2) ** 2 + (y - side / 2) ** 2 < (side / 4) ** 2] = (230, 20, 20)
    return picture


def write_redness_network(folder: Path) -> None:
    """u2netp.onnx whose answer is the red channel: 1x3x320x320 in, 1x1x320x320 out."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weights = helper.make_tensor("weights", kind, [1, 3, 1, 1], [1.0, 0.0, 0.0])
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weights"], ["output"])],
        "redness",
        [helper.make_tensor_value_info("input", kind, [1, 3, 320, 320])],
        [helper.make_tensor_value_info("output", kind, [1, 1, 320, 320])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / "u2netp.onnx"))


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    with_rembg._session.cache_clear()
    return tmp_path


@pytest.mark.parametrize("place", ["u2netp.onnx", "models/u2netp/u2netp.onnx"])
def test_weights_are_found_where_rembg_keeps_them(weights: Path, place: str) -> None:
    assert with_rembg.weights() is None
    (weights / place).parent.mkdir(parents=True, exist_ok=True)
    (weights / place).write_bytes(b"")
    assert with_rembg.weights() == "u2netp"


@pytest.mark.skipif(needs_rembg.args[0] is False, reason="rembg is installed here")
def test_without_the_extra_the_message_says_what_to_install(weights: Path) -> None:
    write_redness_network(weights)
    enhancer = LocalEnhancer(Settings(cutout="rembg"), here)
    photo = Photo(encode_array(red_disc()), "image/jpeg", 400, 400)
    with pytest.raises(NotConfigured, match=r"pip install 'packshot\[rembg\]'"):
        enhancer.analyse(photo, Brief(1, 1, "discs", 1))
    health = enhancer.health()
    assert "packshot[rembg]" in (health.problem or "")


@needs_rembg
def test_without_weights_the_message_names_the_folder(weights: Path) -> None:
    with pytest.raises(NotConfigured, match="found no weights in"):
        with_rembg.likelihood(red_disc())


@needs_rembg
def test_broken_weights_are_a_matter_of_configuration(weights: Path) -> None:
    (weights / "u2netp.onnx").write_bytes(b"not a network")
    with pytest.raises(NotConfigured, match="could not load u2netp"):
        with_rembg.likelihood(red_disc())


@needs_rembg
def test_the_networks_answer_becomes_the_cut_out(weights: Path) -> None:
    write_redness_network(weights)
    enhancer = LocalEnhancer(Settings(cutout="rembg"), here)
    photo = Photo(encode_array(red_disc()), "image/jpeg", 400, 400)
    analysis = enhancer.analyse(photo, Brief(1, 1, "discs", 1))
    assert analysis.variants[0].title == "white"
    assert "(rembg)" in analysis.variants[0].prompt
    assert enhancer.health().problem is None


def disc_of(softness: float, side: int = 256) -> NDArray[np.float32]:
    """An answer 0..1: a disc whose edge takes `softness` px to fall from 1 to 0."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    distance = np.hypot(x - side / 2, y - side / 2) - side / 4
    return np.asarray(np.clip(0.5 - distance / softness, 0, 1), np.float32)


def judged(likelihood: NDArray[np.float32], picture: NDArray[np.uint8]) -> CutOut | None:
    small = shrink(picture, cutout.WORK_SIDE)
    maps = trust.PhotoMaps.of(small, backdrop.measure(picture))
    masks = cutout.possible_candidates(small, maps)
    return cutout.from_likelihood(likelihood, maps, masks, "rembg")


@pytest.mark.parametrize(("softness", "trusted"), [(2, True), (60, False)])
def test_a_hesitant_answer_is_not_trusted(softness: float, trusted: bool) -> None:
    found = judged(disc_of(softness), red_disc(256))
    assert found is not None and found.trusted is trusted


def test_an_answer_that_is_everything_or_nothing_finds_nothing() -> None:
    assert judged(np.ones((64, 64), np.float32), red_disc(64)) is None
    assert judged(np.zeros((64, 64), np.float32), red_disc(64)) is None
