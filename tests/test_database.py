"""The database: many processes share it, it goes away and comes back, its words become ours."""

from __future__ import annotations

import gc
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from servers.postgres import Postgres
from servers.tcp_proxy import TcpProxy
from sqlalchemy import func, insert, make_url, select, text
from sqlalchemy.exc import OperationalError
from support.processes import in_a_child
from support.products import BOX

from packshot.database.engine import Database
from packshot.database.failures import as_unavailable
from packshot.database.models import Product
from packshot.database.tables import MIGRATIONS, bring_to_head, newest_revision, problem_with_tables
from packshot.errors import Unavailable

PROCESSES = 5


def add_product(database: Database) -> None:
    with database.write() as session:
        session.execute(insert(Product).values(**vars(BOX)))


def count_products(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Product)) or 0


# -- processes -------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """DATABASE_URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


def test_of_processes_that_start_together_one_migrates(empty_url: str, tmp_path: Path) -> None:
    gate, opener = os.pipe()

    def migrate(number: int) -> bool:
        os.close(opener)
        os.read(gate, 1)  # until the parent closes its end
        (tmp_path / f"applied-{number}").write_text(" ".join(bring_to_head(empty_url)))
        return True

    children = [in_a_child(lambda number=n: migrate(number)) for n in range(PROCESSES)]  # type: ignore[misc]
    os.close(opener)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * PROCESSES
    os.close(gate)
    applied = [path.read_text().split() for path in tmp_path.glob("applied-*")]
    [done] = [revisions for revisions in applied if revisions]
    assert len(applied) == PROCESSES
    assert done == sorted(set(done))
    assert bring_to_head(empty_url) == []


def test_forks_of_a_used_database_make_new_connections(database: Database) -> None:
    """On an inherited connection the processes would read each other's answers."""

    def add_ten() -> bool:
        for _ in range(10):
            add_product(database)
        return count_products(database) > 10

    add_product(database)
    children = [in_a_child(add_ten) for _ in range(3)]
    assert add_ten()
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert count_products(database) == 1 + 4 * 10


# -- away and back ---------------------------------------------------------------------------------


def test_a_connection_that_was_cut_while_idle_is_replaced(
    postgres: Postgres, postgres_url: str
) -> None:
    name = make_url(postgres_url).database or ""
    with TcpProxy(postgres.socket) as proxy:
        database = Database(postgres.url(name, proxy.port))
        add_product(database)
        proxy.drop()
        add_product(database)
        assert count_products(database) == 2
        database.close()


def test_a_restarted_postgresql_is_found_again(postgres: Postgres, postgres_url: str) -> None:
    database = Database(postgres_url)
    add_product(database)
    postgres.stop()
    try:
        with pytest.raises(Unavailable, match=r"^no connection to the database: "):
            add_product(database)
    finally:
        postgres.start()
    add_product(database)
    assert count_products(database) == 2
    database.close()


def test_after_a_failover_it_waits_and_connects_again(postgres_url: str) -> None:
    """The server used so far accepts no more writes: no product is to blame."""
    database = Database(postgres_url, pool_size=1)
    with database.write() as session:
        session.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
    with pytest.raises(Unavailable, match="read-only"):
        add_product(database)
    add_product(database)
    database.close()


def test_commits_that_come_together_share_a_sync(
    sqlite_url: str,
) -> None:
    """Each thread's commit waits for a sync that began after it, and they share them."""
    synced: list[int] = []

    def slow_sync(descriptor: int) -> None:
        synced.append(descriptor)
        time.sleep(0.05)

    database = Database(sqlite_url, pool_size=20, sync=slow_sync)

    def commit(_: int) -> None:
        with database.write() as session:
            session.execute(insert(Product).values(**vars(BOX)))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(commit, range(20)))
    database.close()
    assert 1 <= len(synced) < 10  # alone each would take its own: 20


def test_the_log_of_a_linked_file_is_synced(sqlite_url: str, tmp_path: Path) -> None:
    """SQLite follows the link and keeps its log beside the file itself."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    link = tmp_path / "elsewhere" / "linked.db"
    link.parent.mkdir()
    link.symlink_to(file)
    synced: list[str] = []

    def sync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    database = Database(f"sqlite:///{link}", sync=sync)
    add_product(database)
    assert synced == [f"{file}-wal"]
    database.close()


def test_a_write_returns_only_after_it_is_on_the_disk(sqlite_url: str) -> None:
    broken = [True]

    def sync(descriptor: int) -> None:
        if broken.pop():
            raise OSError(5, "Input/output error")
        broken.append(False)

    database = Database(sqlite_url, sync=sync)
    with (
        pytest.raises(Unavailable, match="can't be saved to the disk"),
        database.write() as session,
    ):
        session.execute(insert(Product).values(**vars(BOX)))
    broken.append(False)
    with database.write() as session:  # the next one is not held up by the one that failed
        session.execute(insert(Product).values(**vars(BOX)))
    database.close()


def test_a_postgresql_that_hangs_is_not_waited_for_for_ever(
    postgres: Postgres, postgres_url: str
) -> None:
    """It accepts the connection and the query, and never answers: no server-side limit helps."""
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    with TcpProxy(postgres.socket) as proxy:
        database = Database(postgres.url(name, proxy.port), answer_seconds=1)
        with database.read() as session:
            session.execute(text("SELECT 1"))
        proxy.mode = "hang"
        began = time.monotonic()
        with pytest.raises(Unavailable), database.read() as session:
            session.execute(text("SELECT 1"))
        assert time.monotonic() - began < 20
        proxy.mode = "pass"
        with database.read() as session:
            assert session.scalar(text("SELECT 1")) == 1
        database.close()


def test_the_newest_revision_is_the_migrations_head(database_url: str) -> None:
    """It is read off the files' names, so that a start needs no Alembic when nothing is to do."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert newest_revision() == head
    database = Database(database_url)
    assert problem_with_tables(database) is None
    with database.write_rows() as rows:
        rows.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert "packshot migrate" in (problem_with_tables(database) or "")
    with database.write_rows() as rows:  # as the next test wants to find it
        rows.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
    database.close()


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("database or disk is full", "make room"),
        ("attempt to write a readonly database", "may write to SQLite's file"),
    ],
)
def test_a_commit_that_fails_is_no_missing_connection(said: str, advice: str) -> None:
    """SQLAlchemy names no statement for a COMMIT, nor for a connection."""
    failed = OperationalError(None, None, sqlite3.OperationalError(said))
    words = as_unavailable(failed).message
    assert words.startswith(f"the database answered: {said}; ")
    assert advice in words


def test_a_nearly_full_disk_of_sqlites_is_a_problem(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    assert problem_with_tables(database) is None
    assert "3.0 MB left" in (problem_with_tables(database, lambda folder: 3_000_000) or "")
    database.close()


@pytest.mark.extra
def test_an_unused_database_is_closed(sqlite_url: str) -> None:
    """Registering for forks must not keep an object alive: the tests make thousands."""
    database = Database(sqlite_url)
    seen = weakref.ref(database)
    database.close()
    del database
    gc.collect()
    assert seen() is None
