"""A whole shop in a temporary folder, on the embedded defaults or on the cloud parts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.rig import Rig, cloud, embedded
from servers.aws import start_ministack
from servers.postgres import Postgres

from packshot.database.tables import bring_to_head


@contextmanager
def shop(kind: str) -> Iterator[Rig]:
    """Yields a shop of the kind `embedded` (the defaults) or `cloud` (PostgreSQL, SQS and S3)."""
    with scratch() as folder:
        yield from (_embedded if kind == "embedded" else _cloud)(Path(folder))


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder; a process that was just killed may still write its last picture into it."""
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def _embedded(folder: Path) -> Iterator[Rig]:
    url = f"sqlite:///{folder}/packshot.db"
    bring_to_head(url)
    with embedded(folder, url) as rig:
        yield rig


def _cloud(folder: Path) -> Iterator[Rig]:
    postgres, aws = Postgres(), start_ministack(folder)
    try:
        os.environ.update(aws.environment)
        url = postgres.url(postgres.create())
        bring_to_head(url)
        with cloud(folder, postgres, url, aws) as rig:
            yield rig
    finally:
        aws.close()
        postgres.close()
