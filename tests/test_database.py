"""The database: what it says in its own words becomes ours."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from servers.postgres import Postgres
from servers.tcp_proxy import TcpProxy
from sqlalchemy import insert, text
from test_catalog import BOX

from packshot.database import Database
from packshot.errors import Unavailable
from packshot.models import Product


def test_after_a_failover_it_waits_and_connects_anew(postgres_url: str) -> None:
    """The server that was asked so far takes no writes any more: nobody's product is to blame."""
    database = Database(postgres_url, pool_size=1)
    with database.write() as session:
        session.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
    with pytest.raises(Unavailable, match="read-only"), database.write() as session:
        session.execute(insert(Product).values(**vars(BOX)))
    with database.write() as session:
        session.execute(insert(Product).values(**vars(BOX)))
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


def test_nobody_is_told_it_is_saved_before_it_is_on_the_disk(sqlite_url: str) -> None:
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
    """It takes the connection and the question, and never answers: no server-side limit helps."""
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
