"""A real PgBouncer in front of the tests' PostgreSQL, with its defaults but for the pool's mode."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from servers.ports import HOST, free_port, start, stop
from servers.postgres import Postgres

#: Where Debian puts it; a plain user's PATH may not have it.
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

CONFIGURATION = """
[databases]
* = host={folder} user=postgres
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
"""


@contextmanager
def pgbouncer(
    postgres: Postgres,
    folder: Path,
    mode: Literal["session", "transaction", "statement"],
    size: int,
) -> Iterator[int]:
    """Its port, while it runs. `size` connections to PostgreSQL are shared by all clients."""
    assert PROGRAM is not None
    port = free_port()
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            folder=postgres.socket.parent, host=HOST, port=port, mode=mode, size=size
        )
    )
    # It refuses to run as root; the socket's owner may open it.
    as_user = ["-u", postgres.socket.owner()] if os.geteuid() == 0 else []
    process = start([PROGRAM, *as_user, str(configuration)], port, folder / "pgbouncer.log", {})
    try:
        yield port
    finally:
        stop(process)
