"""PostgreSQL as people have it: behind a pooler, with few rights, under many kinds of address."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from conftest import missing
from servers.packshot_process import ROOT
from servers.pgbouncer import PROGRAM, pgbouncer
from servers.ports import PATIENCE
from servers.postgres import OTHERS_OUT, Postgres
from sqlalchemy import insert, text
from support.products import BOX

from packshot.cli import main
from packshot.database.engine import Database
from packshot.database.models import Product
from packshot.database.tables import bring_to_head, problem_with_tables
from packshot.database.urls import read_url, redact_url
from packshot.errors import NotConfigured, SettingsError, Unavailable

THREADS = 4
STATES = """
SELECT state FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
SECRET = "p@ss/w:rd#1?x=y%zz&"


@pytest.fixture
def empty_name(postgres: Postgres) -> Iterator[str]:
    """The name of a database without any table."""
    name = postgres.create()
    yield name
    postgres.drop(name)


@pytest.fixture(params=[pytest.param("session", marks=pytest.mark.extra), "transaction"])
def pooled_url(
    request: pytest.FixtureRequest, postgres: Postgres, empty_name: str, tmp_path: Path
) -> Iterator[str]:
    """DATABASE_URL of an empty database behind a PgBouncer with two connections to share."""
    if PROGRAM is None:
        missing("pgbouncer is not installed: apt-get install pgbouncer")
    size = THREADS if request.param == "session" else 2
    with pgbouncer(postgres, tmp_path, request.param, size) as port:
        yield postgres.url(empty_name, port)


def migrate(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "scripts/create_product_images_table.py"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.extra
@pytest.mark.parametrize("pooled_url", ["transaction"], indirect=True)
def test_three_starts_at_once_behind_a_pooler(pooled_url: str) -> None:
    """One more than its connections in the transaction mode."""
    running = [migrate(pooled_url) for _ in range(3)]
    said = [process.communicate(timeout=PATIENCE) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert sum("applied 0001" in out for out, _ in said) == 1
    assert bring_to_head(pooled_url) == []


def test_it_works_when_each_transaction_gets_another_connection(pooled_url: str) -> None:
    """More threads than connections, and the same statements often enough to be prepared."""
    bring_to_head(pooled_url)
    database = Database(pooled_url, pool_size=THREADS)

    def work(_: int) -> str:
        for _ in range(8):
            with database.write() as session:
                session.execute(insert(Product).values(**vars(BOX)))
            with database.read() as session:
                limit: str = session.scalar(text("SHOW statement_timeout")) or ""
        return limit

    with ThreadPoolExecutor(THREADS) as pool:
        assert set(pool.map(work, range(THREADS))) == {"20s"}
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM products")) == 8 * THREADS
    assert problem_with_tables(database) is None
    database.close()


@pytest.mark.parametrize("pooled_url", ["transaction"], indirect=True)
def test_nothing_is_left_on_a_shared_connection(pooled_url: str) -> None:
    """Other programs use the same connections: no setting, no lock, no prepared statement."""
    bring_to_head(pooled_url)
    database = Database(pooled_url)
    for _ in range(10):
        with database.read() as session:
            session.execute(text("SELECT 1"))
    database.close()
    left = "SELECT (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_locks"
    left += " WHERE locktype = 'advisory'), current_setting('statement_timeout')"
    port = pooled_url.rpartition(":")[2]
    with psycopg.connect(f"postgresql://127.0.0.1:{port}", prepare_threshold=None) as other:
        assert other.execute(left).fetchone() == (0, 0, "0")


def test_pooled_connections_that_the_server_closed_are_replaced(
    postgres: Postgres, postgres_name: str, postgres_url: str
) -> None:
    """No statement of ours runs on a dead one."""
    with closing(Database(postgres_url, pool_size=2)) as database:
        for _ in range(3):
            with database.read_rows() as first, database.read_rows() as second:
                for each in (first, second):
                    assert each.scalar(text("SHOW timezone")) == "UTC"
            with postgres.connect(postgres_name) as operator:
                assert len(operator.execute(OTHERS_OUT).fetchall()) == 2


def test_a_connection_without_statements_leaves_no_transaction_open(
    postgres: Postgres, postgres_name: str, postgres_url: str
) -> None:
    with closing(Database(postgres_url, pool_size=1)) as database:
        for _ in range(2):  # a new connection, then the same from the pool
            with database.read_rows():
                pass
        with postgres.connect(postgres_name) as operator:
            assert operator.execute(STATES).fetchall() == [("idle",)]


# -- rights and encodings --------------------------------------------------------------------------


def said_by_all(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The one sentence of the start, which `packshot check` says too."""
    started = migrate(url)
    out, err = started.communicate(timeout=PATIENCE)
    assert started.returncode == 1, out
    [line] = err.splitlines()
    monkeypatch.setenv("DATABASE_URL", url)
    checked = CliRunner().invoke(main, ["check"])
    assert checked.exit_code == 1
    assert line.removeprefix("packshot: ") in checked.output
    return line


@pytest.fixture
def role(postgres: Postgres, empty_name: str) -> Iterator[str]:
    """A role that owns nothing."""
    name = f"shop_{uuid.uuid4().hex[:8]}"
    with postgres.connect(empty_name) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    yield name
    with postgres.connect(empty_name) as connection:
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


@pytest.mark.extra
def test_a_role_that_may_not_create_tables_is_shown_the_grant(
    postgres: Postgres, empty_name: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.url(empty_name).replace("postgres@", f"{role}@")
    said = said_by_all(url, monkeypatch)
    grant = f"GRANT USAGE, CREATE ON SCHEMA public TO {role}"
    assert grant in said
    with postgres.connect(empty_name) as connection:
        connection.execute(grant)
    assert bring_to_head(url)


@pytest.mark.extra
def test_a_schema_that_is_not_there_is_named(
    postgres: Postgres, empty_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.url(empty_name) + "&schema=shop"
    assert "search path is" in said_by_all(url, monkeypatch)
    with postgres.connect(empty_name) as connection:
        connection.execute("CREATE SCHEMA shop")
    assert bring_to_head(url)
    with postgres.connect(empty_name) as connection:
        assert connection.execute("SELECT count(*) FROM shop.products").fetchone() == (0,)
    database = Database(url)
    assert problem_with_tables(database) is None
    with database.write() as session:
        session.execute(insert(Product).values(**vars(BOX)))
    database.close()


def test_a_right_that_is_missing_later_is_named(
    postgres: Postgres, postgres_url: str, empty_name: str, role: str
) -> None:
    database = Database(postgres_url.replace("postgres@", f"{role}@"))
    says = r"permission denied for table products; .*GRANT"
    with pytest.raises(NotConfigured, match=says), database.write() as session:
        session.execute(insert(Product).values(**vars(BOX)))
    assert "permission denied" in _problem(database)
    database.close()


def test_too_many_connections_are_no_wrong_address(
    postgres: Postgres, postgres_url: str, role: str
) -> None:
    with postgres.connect("postgres") as connection:
        connection.execute(f"ALTER ROLE {role} CONNECTION LIMIT 0")
    with closing(Database(postgres_url.replace("postgres@", f"{role}@"))) as database:
        problem = _problem(database)
    assert "too many connections for role" in problem
    assert problem.endswith("(in PgBouncer max_client_conn), or run fewer processes")


@pytest.mark.parametrize("pooled_url", ["statement"], indirect=True)
def test_a_pooler_without_transactions_is_shown_its_setting(pooled_url: str) -> None:
    with closing(Database(pooled_url)) as database:
        assert _problem(database).endswith("set PgBouncer's pool_mode to transaction")


def test_tables_that_vanish_for_a_while_are_no_internal_error(
    postgres: Postgres, postgres_name: str, postgres_url: str
) -> None:
    """As while a backup is being restored."""
    database = Database(postgres_url)
    with postgres.connect(postgres_name) as connection:
        connection.execute("ALTER TABLE products RENAME TO elsewhere")
        says = '"products" does not exist; if no backup is being'
        with pytest.raises(Unavailable, match=says), database.write() as session:
            session.execute(insert(Product).values(**vars(BOX)))
        connection.execute("ALTER TABLE elsewhere RENAME TO products")
    database.close()


def _problem(database: Database) -> str:
    try:
        return problem_with_tables(database) or ""
    except Unavailable as error:
        return error.message


@pytest.mark.extra
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_an_encoding_without_every_character_is_refused(
    encoding: str, postgres: Postgres, empty_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{empty_name}_{encoding.lower()}"
    with postgres.connect(empty_name) as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C'"
            " LC_CTYPE 'C'"
        )
    said = said_by_all(postgres.url(name), monkeypatch)
    assert f"the database {name} has the encoding {encoding}" in said
    assert "ENCODING 'UTF8'" in said
    postgres.drop(name)


def test_settings_of_a_role_change_nothing(postgres: Postgres, empty_name: str) -> None:
    """Every transaction begins with what Packshot relies on."""
    url = postgres.url(empty_name)
    with postgres.connect(empty_name) as connection:
        for setting in (
            "timezone = 'Asia/Kolkata'",
            "datestyle = 'German'",
            "client_encoding = 'LATIN1'",
            "default_transaction_isolation = 'serializable'",
        ):
            connection.execute(f"ALTER DATABASE {empty_name} SET {setting}")
    bring_to_head(url)
    database = Database(url)
    hindi = vars(BOX) | {"category": "खिलौने"}
    with database.write() as session:
        session.execute(insert(Product).values(**hindi))
    with database.read() as session:
        made = session.execute(text("SELECT category, created_at, now() FROM products")).one()
    assert made[0] == "खिलौने"
    assert abs((made[1] - made[2]).total_seconds()) < 60
    database.close()


# -- addresses -------------------------------------------------------------------------------------

PLACE = "db.example:5433/shop"


@pytest.mark.parametrize(
    ("url", "user", "password"),
    [
        (f"postgres://{PLACE}", None, None),
        (f"postgresql://shop:hush@{PLACE}", "shop", "hush"),
        (f"postgresql+psycopg2://shop:hush@{PLACE}", "shop", "hush"),
        (f"postgresql+asyncpg://shop:hush@{PLACE}", "shop", "hush"),
        (f"jdbc:postgresql://shop:hush@{PLACE}", "shop", "hush"),
        (f"Postgres://shop:hush@{PLACE}", "shop", "hush"),
        (f" postgresql://shop:hush@{PLACE}\r\n", "shop", "hush"),
        (f"postgresql://shop:p%40ss%2Fw%3Ard%23@{PLACE}", "shop", "p@ss/w:rd#"),
        (f"postgresql://shop:p@ss/w:rd#@{PLACE}", "shop", "p@ss/w:rd#"),
        (f"postgresql://shop:{SECRET}@{PLACE}", "shop", SECRET),
        (f"postgresql://shop:p@ss@word@{PLACE}?sslmode=require", "shop", "p@ss@word"),
        (f"postgresql://me@shop.example:hush@{PLACE}", "me@shop.example", "hush"),
        (f"postgresql://shop:a[b]c^d|e%@{PLACE}", "shop", "a[b]c^d|e%"),
    ],
)
def test_an_address_is_read_as_it_was_meant(
    url: str, user: str | None, password: str | None
) -> None:
    read = read_url(url).url
    assert read.drivername == "postgresql+psycopg"
    assert (read.username, read.password) == (user, password)
    assert (read.host, read.port, read.database) == ("db.example", 5433, "shop")


@pytest.mark.parametrize(
    ("query", "taken", "ignored"),
    [
        ("pgbouncer=true&connection_limit=1&pool_timeout=0", {}, 3),
        ("sslmode=require&channel_binding=prefer&connect_timeout=10", {"sslmode": "require"}, 0),
        ("ssl=true", {"sslmode": "require"}, 0),
        ("sslmode=no-verify", {"sslmode": "require"}, 0),
        ("statement_cache_size=0&prepareThreshold=0", {}, 2),
        ("schema=public", {}, 0),
        ("currentSchema=shop", {}, 0),
        ("application_name=shop%20one", {"application_name": "shop one"}, 0),
    ],
)
def test_parameters_of_other_programs_are_understood(
    query: str, taken: dict[str, str], ignored: int
) -> None:
    read = read_url(f"postgresql://shop:hush@{PLACE}?{query}")
    assert taken.items() <= dict(read.url.query).items()
    assert len(read.ignored) == ignored


@pytest.mark.parametrize(
    "url",
    [
        "hush",
        "mysql://shop:hush@db/shop",
        "postgresql:shop:hush@db/shop",
        "host=db user=shop password=hush",
        "postgresql://shop:hush@db/shop?hush=1",
        "postgresql://shop:hush@db/shop?hush",
        "postgresql://shop:hush@db:port/shop",
        "postgresql://shop:hush@db:99999999/shop",
        "postgresql://shop:hush#db/shop",
        "postgresql://shop:p@hush?k=v@db/shop",
        "postgresql://shop:hush@db/shop?schema=a;hush",
        "postgresql://shop:hush@[::1/shop",
        "sqlite://hush.db",
        "sqlite:///file:hush.db",
        "sqlite:///shop.db?mode=hush",
    ],
)
def test_an_address_with_no_or_two_meanings_is_one_sentence(url: str) -> None:
    with pytest.raises(
        SettingsError, match=r"^DATABASE_URL [^\n]*$|^DATABASE_URL: [^\n]*$"
    ) as said:
        read_url(url)
    words = said.value.message.replace("parameter hush", "")
    assert "hush" not in words
    assert said.value.__suppress_context__ or said.value.__context__ is None


def test_several_hosts_are_tried_in_turn(postgres: Postgres, postgres_url: str) -> None:
    read = read_url("postgresql://shop@one:5433,two/shop?target_session_attrs=read-write")
    assert read.url.query["host"] == ("one:5433", "two")
    assert (
        redact_url("postgresql://shop:hush@one,two/shop") == "postgresql+psycopg://shop:***@/shop"
    )


def test_a_parameter_without_effect_is_noted(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{postgres_url}&connection_limit=1")
    checked = CliRunner().invoke(main, ["check"])
    assert checked.exit_code == 0, checked.output
    assert "note DATABASE_URL: connection_limit has no effect" in checked.output
