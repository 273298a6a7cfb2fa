"""What every benchmark needs: SQS and S3 (ministack), PostgreSQL, and a scratch folder."""

from __future__ import annotations

import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from servers import guard
from servers.aws import Aws, start_ministack
from servers.postgres import Postgres

#: A folder in memory, for comparisons without fsync.
IN_MEMORY = Path("/dev/shm")


class Rig:
    """Servers started when first needed, and stopped at the end.

    `share` scales the sizes: 1 for the numbers of docs/performance.md, less to try something.
    """

    def __init__(self, share: float = 1.0) -> None:
        guard.begin()
        self.share = share
        self.folder = Path(tempfile.mkdtemp(prefix="bench-", dir=guard.folder()))
        self.in_memory = Path(tempfile.mkdtemp(prefix="packshot-bench-", dir=IN_MEMORY))

    def size(self, full: int, least: int = 1) -> int:
        return max(least, round(full * self.share))

    @cached_property
    def aws(self) -> Aws:
        return start_ministack(self.folder)

    @cached_property
    def postgres(self) -> Postgres:
        return Postgres()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in ("aws", "postgres"):
            if name in self.__dict__:
                getattr(self, name).close()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.in_memory, ignore_errors=True)
