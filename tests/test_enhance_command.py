"""`packshot enhance` on photos and folders: names, progress, failures in one line each."""

from __future__ import annotations

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


def test_run_twice_it_does_not_enhance_its_own_pictures() -> None:
    assert enhance("photos").exit_code == 0
    first = names(Path("photos/enhanced"))
    assert enhance("photos").exit_code == 0
    assert names(Path("photos/enhanced")) == first and len(first) == 4


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
    done = enhance("photos", "--out", "made")
    assert done.exit_code == 1
    assert "photos/broken.jpg: The picture is damaged" in done.stderr
    assert "photos/empty.png: The file is empty" in done.stderr
    assert "1 other file left out" in done.stderr
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


def test_a_sheet_shows_what_the_server_would_finish() -> None:
    done = enhance("photos", "--sheet", "--out", "made")
    assert (done.exit_code, done.stdout) == (0, "made/sheet.jpg\n")
    assert read_header(Path("made/sheet.jpg").read_bytes()).width > 600
