"""Runs the cut-out network: with onnxruntime if installed, a third faster than with OpenCV."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from packshot.errors import PackshotError
from packshot.pictures import cutout_network, model_file
from packshot.pictures.arrays import Bytes, Floats

#: px; the size the network was exported for. The fidelity weights were fitted with it, too.
SIDE: Final = 320


class NoNetwork(PackshotError):
    """The cut-out network's file is missing: nothing can be measured."""


def likelihood(rgb: Bytes, path: Path) -> Floats:
    """How likely each pixel belongs to the product, 0..1, 320 x 320. Raises NoNetwork."""
    session = _session(path) if find_spec("onnxruntime") else None
    if session is not None:
        data = {session.get_inputs()[0].name: cutout_network.as_input(rgb, SIDE)}
        return cutout_network.stretch_to_full_range(
            session.run([session.get_outputs()[0].name], data)[0]
        )
    if cutout_network.load(path) is None:
        raise NoNetwork(model_file.missing_note(path), code="no_network")
    return cutout_network.likelihood_at(SIDE, rgb, path)


@lru_cache(maxsize=1)
def _session(path: Path) -> Any:
    """None when the file is missing or is not the expected one."""
    import onnxruntime

    data = model_file.read_genuine(path)
    if data is None:
        return None
    return onnxruntime.InferenceSession(data, one_thread(arena=True), **ON_CPU)


ON_CPU: Any = {"providers": ["CPUExecutionProvider"]}


def one_thread(*, arena: bool = False) -> Any:
    """Session options for a pixel process, which computes in one thread. `arena` keeps memory for
    the next picture: a fifth faster, 100 MB more."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    options.enable_mem_pattern = False
    options.log_severity_level = 4
    return options
