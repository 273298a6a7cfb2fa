"""libvips, restricted to the decoders that Packshot uses, with errors as Packshot's."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from packshot.pictures.limits import damaged

#: Heif only decodes AVIF: the wheel lacks HEVC. GIF is only for `packshot comply`.
LOADERS = ("Jpeg", "Png", "Webp", "Tiff", "Heif", "Nsgif")


@cache
def vips() -> Any:
    """pyvips, imported and restricted on first use: processes that never decode never load it."""
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    # Its warnings about damaged pictures ("error in tile 0 x 392") add nothing to Packshot's error.
    logging.getLogger("pyvips").setLevel(logging.ERROR)
    import pyvips

    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    return pyvips


@contextmanager
def decoding() -> Iterator[None]:
    """Turn libvips' errors into Packshot's. Raises MemoryError when memory runs out: the picture
    is not the cause."""
    library = vips()
    try:
        yield
    except library.Error as error:
        if "out of memory" in str(error).lower():
            raise MemoryError(str(error)) from error
        raise damaged() from error
