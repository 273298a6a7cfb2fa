"""The two shops that every fault is tried on: the embedded defaults, and the cloud parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.rig import Rig, cloud, embedded


@pytest.fixture
def on_defaults(tmp_path: Path, sqlite_url: str) -> Iterator[Rig]:
    with embedded(tmp_path, sqlite_url) as rig:
        yield rig


@pytest.fixture
def on_cloud(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    aws = request.getfixturevalue("aws")
    url = request.getfixturevalue("postgres_url")
    with cloud(tmp_path, request.getfixturevalue("postgres"), url, aws) as rig:
        yield rig


@pytest.fixture(params=["defaults", "cloud"])
def rig(request: pytest.FixtureRequest) -> Rig:
    found: Rig = request.getfixturevalue(f"on_{request.param}")
    return found
