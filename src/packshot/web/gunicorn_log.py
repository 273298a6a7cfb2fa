"""Writes gunicorn's own log lines in the same form as Packshot's."""

from __future__ import annotations

import os
from typing import Any, cast

from gunicorn.glogging import Logger

from packshot import logs


class GunicornLog(Logger):  # type: ignore[misc]
    """For gunicorn's `logger_class`. `--error-logfile` still works: it takes standard error too."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        wanted = os.environ.get("LOG_FORMAT") or "auto"
        logs.configure(as_format=cast("logs.LogFormat", wanted))
        self.error_log.handlers.clear()
        self.error_log.propagate = True
