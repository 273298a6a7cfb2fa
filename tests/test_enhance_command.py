"""`packshot enhance` on photos and folders: names, progress, failures in one line each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.fakes import photo_bytes

from packshot.cli import main
from packshot.pictures.imaging import read_header


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUTOUT", "off")
    monkeypatch.setenv("ENHANCED_IMAGES_COUNT", "1")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "blue mug.jpg").write_bytes(photo_bytes(1))
    (tmp_path / "photos" / "tin.jpg").write_bytes(photo_bytes(2))
    return tmp_path


def enhance(*words: str) -> Result:
    done = CliRunner().invoke(main, ["enhance", *words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.extra
def test_a_folder_keeps_its_names_in_a_folder_that_is_made() -> None:
    done = enhance("photos", "--out", "made/here")
    assert done.exit_code == 0
    assert names(Path("made/here")) == {
        "blue mug-enhanced.jpg",
        "blue mug-enhanced-natural.jpg",
        "tin-enhanced.jpg",
        "tin-enhanced-natural.jpg",
    }
    assert len(done.stdout.splitlines()) == 4
    assert "natural.jpg: The background was kept" in done.stderr


def pictures_of(folder: str) -> dict[str, bytes]:
    """Every file below the folder, by its path in it."""
    files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.extra
def test_run_twice_it_replaces_nothing_and_says_so() -> None:
    assert enhance("photos").exit_code == 0
    first = pictures_of("photos")
    assert len(first) == 6
    Path("photos/enhanced/tin-enhanced.jpg").write_bytes(b"the seller's own")
    again = enhance("photos")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "2 photos have results already" in again.stderr and "--replace" in again.stderr
    assert Path("photos/enhanced/tin-enhanced.jpg").read_bytes() == b"the seller's own"
    assert enhance("photos", "--replace").exit_code == 0
    assert pictures_of("photos").keys() == first.keys()
    assert Path("photos/enhanced/tin-enhanced.jpg").read_bytes() != b"the seller's own"


def test_one_existing_picture_of_a_photo_stops_that_photo_alone() -> None:
    Path("made").mkdir()
    Path("made/tin-enhanced-natural.jpg").write_bytes(b"the seller's own")
    done = enhance("photos", "--out", "made")
    assert done.exit_code == 1 and "made/tin-enhanced-natural.jpg: exists already" in done.stderr
    assert Path("made/tin-enhanced-natural.jpg").read_bytes() == b"the seller's own"
    assert names(Path("made")) == {
        "blue mug-enhanced.jpg",
        "blue mug-enhanced-natural.jpg",
        "tin-enhanced-natural.jpg",
    }


@pytest.mark.extra
def test_subfolders_keep_their_places_and_earlier_results_are_no_photos() -> None:
    for folder, seed in (("photos/shoes", 5), ("photos/hats", 6)):
        Path(folder).mkdir()
        Path(folder, "1.jpg").write_bytes(photo_bytes(seed))
    for _ in range(2):
        done = enhance("photos", "--out", "photos/made/here", "--replace")
        assert done.exit_code == 0, done.stderr
    made = {name for name in pictures_of("photos/made/here") if "natural" not in name}
    assert made == {
        "blue mug-enhanced.jpg",
        "tin-enhanced.jpg",
        "shoes/1-enhanced.jpg",
        "hats/1-enhanced.jpg",
    }


@pytest.mark.extra
def test_a_photo_that_is_named_twice_is_enhanced_once() -> None:
    done = enhance("photos/tin.jpg", "photos", "photos/../photos/tin.jpg", "--out", "made")
    assert done.exit_code == 0
    assert len(names(Path("made"))) == 4


def test_a_photo_is_never_replaced_by_its_own_picture() -> None:
    before = pictures_of("photos")
    for words in (("photos/tin.jpg", "--out", "photos/tin.jpg"), ("photos", "--out", "photos")):
        done = enhance(*words, "--replace")
        assert done.exit_code == 1 and "Traceback" not in done.output
        assert pictures_of("photos") == before


@pytest.mark.parametrize("out", ["taken/made", "/proc/made"])  # not even root may write there
def test_a_folder_that_can_not_be_made_is_named_once_before_the_work(out: str) -> None:
    Path("taken").write_text("not a folder")
    done = enhance("photos", "--out", out)
    assert done.exit_code == 1 and done.stderr.count(out) == 1
    assert "could not be enhanced" not in done.stderr


@pytest.mark.extra
def test_interrupted_it_ends_at_once_and_leaves_whole_pictures(folder: Path) -> None:
    for seed in range(40):
        (folder / "photos" / f"{seed}.jpg").write_bytes(photo_bytes(seed, 900))
    command = [sys.executable, "-m", "packshot.cli", "enhance", "photos", "--out", "made"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()  # the first picture is written
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the children get it too
        said = process.stderr.read().decode()
    assert process.returncode == 1 and "Traceback" not in said and "Aborted" in said
    for path in (folder / "made").iterdir():
        assert read_header(path.read_bytes()).width, path


@pytest.mark.extra
def test_several_photos_of_one_name_do_not_overwrite_each_other() -> None:
    Path("photos/tin.png").write_bytes(photo_bytes(3))
    Path("other").mkdir()
    Path("other/tin.jpg").write_bytes(photo_bytes(4))
    done = enhance("photos/tin.jpg", "photos/tin.png", "other/tin.jpg", "--out", "made")
    assert done.exit_code == 0
    assert {name for name in names(Path("made")) if "natural" not in name} == {
        "tin-jpg-enhanced.jpg",
        "tin-png-enhanced.jpg",
        "tin-jpg-2-enhanced.jpg",
    }


def test_what_can_not_be_used_is_named_and_the_rest_is_made() -> None:
    Path("photos/broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    Path("photos/empty.png").write_bytes(b"")
    Path("photos/notes.txt").write_text("not a photo")
    Path("photos/tin.changes.webp").write_bytes(photo_bytes(3))  # of `packshot fidelity`
    done = enhance("photos", "--out", "made")
    assert done.exit_code == 1
    assert "photos/broken.jpg: The picture is damaged" in done.stderr
    assert "photos/empty.png: The file is empty" in done.stderr
    assert "2 other files left out" in done.stderr
    assert "2 photos of 4 could not be enhanced" in done.stderr
    assert len([name for name in names(Path("made")) if "natural" in name]) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("empty",), "there are no photos in empty"),
        (("photos", "--out", "photos/tin.jpg"), "is a file: several photos need a folder"),
        (("photos", "--sheet", "--out", "photos/tin.jpg/sheet.jpg"), "photos/tin.jpg"),
    ],
)
def test_what_can_not_be_done_is_reported_in_one_line(words: tuple[str, ...], said: str) -> None:
    Path("empty").mkdir()
    done = enhance(*words)
    assert done.exit_code == 1 and said in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("words", [("photos", "--sheet"), ("photos/tin.jpg",)])
def test_a_name_of_another_format_is_refused(words: tuple[str, ...]) -> None:
    """The file is a JPEG."""
    done = enhance(*words, "--out", "shown.png")
    assert done.exit_code == 1
    assert "shown.png: the picture is written as a JPEG: name it shown.jpg" in done.stderr
    assert not Path("shown.png").exists()


def test_a_sheet_shows_what_the_server_would_finish() -> None:
    done = enhance("photos", "--sheet", "--out", "made")
    assert (done.exit_code, done.stdout) == (0, "made/sheet.jpg\n")
    assert read_header(Path("made/sheet.jpg").read_bytes()).width > 600
