"""No request costs more than its size deserves: measured on a real gunicorn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.costly import REQUESTS, Server, serving
from support.cpu import slowness

#: Bounds for any request of at most 20 MB, several times what each takes: CPU seconds, growth of
#: the process in MB, and the slowest answer of /healthz meanwhile, in seconds on a busy machine.
CPU, MEGABYTES, HEALTH = 1.5, 60, 3.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("costly")) as server:
        yield server


def case(name: str) -> Any:
    twin = name == "upload in chunks of one byte"
    return pytest.param(name, marks=[pytest.mark.extra] if twin else [])


@pytest.mark.parametrize("name", [case(name) for name in REQUESTS])
def test_no_request_costs_more_than_its_size_deserves(server: Server, name: str) -> None:
    cost = server.measure(REQUESTS[name]())
    assert cost.status is None or 400 <= cost.status < 500, cost
    assert cost.cpu < CPU * slowness(), cost
    assert cost.megabytes < MEGABYTES, cost
    assert cost.slowest_health < HEALTH and not cost.failures, cost
