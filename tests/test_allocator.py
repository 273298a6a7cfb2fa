"""The memory of large photos is returned: measured in a separate process."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Sizes that grow: each block that is freed would teach glibc to keep the next one.
PROGRAM = """
import ctypes, gc, sys
from packshot.pictures.allocator import give_large_blocks_back
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6
give_large_blocks_back() if sys.argv[1] == "yes" else None
before = resident()
for megabytes in range(1, 16):
    bytes(megabytes * 2**20)
photos, small = [], []
for number in range(60):
    photos.append(bytearray(b"x" * (2 * 2**20)))
    small.append([bytearray(b"y" * 100_000) for _ in range(3)])  # lies between, and outlives them
del photos
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_the_memory_of_photos_is_returned() -> None:
    kept = {
        given: float(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, given], capture_output=True, text=True, check=True
            ).stdout
        )
        for given in ("yes", "no")
    }
    assert kept["yes"] < 40  # what outlives them is 18 MB
    assert kept["no"] > 2 * kept["yes"], "without it glibc would keep them"
