"""Runs a command in the test's process."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from packshot.cli.upload import upload


def run_upload(*arguments: str | Path) -> Result:
    return CliRunner().invoke(upload, [str(argument) for argument in arguments])
