"""SQLite's file that is moved, deleted or replaced under a running server is noticed at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.shop import Shop, row

from packshot.database.tables import bring_to_head
from packshot.errors import Unavailable


def replace_file(file: Path) -> None:
    copy = file.with_name("copy.db")
    shutil.copy(file, copy)
    copy.replace(file)


def replace_all(file: Path) -> None:
    """As an operator restores a backup: without stopping anything."""
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()
    bring_to_head(f"sqlite:///{file}")


def move_folder(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))


def move_link(file: Path) -> None:
    """The path was a link to the file; now it leads to another one."""
    other = file.with_name("other.db")
    shutil.copy(file, other)
    file.unlink()
    file.symlink_to(other)


def delete_log(file: Path) -> None:
    file.with_name(f"{file.name}-wal").unlink()


def replace_log(file: Path) -> None:
    log = file.with_name(f"{file.name}-wal")
    shutil.copy(log, log.with_name("log"))
    log.with_name("log").replace(log)


CHANGES: dict[str, Callable[[Path], object]] = {
    "moved": lambda file: file.rename(file.with_name("moved.db")),
    "deleted": Path.unlink,
    "replaced": replace_file,
    "restored": replace_all,
    "folder moved": move_folder,
    "link moved": move_link,
    "log deleted": delete_log,
    "log replaced": replace_log,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "var"
    folder.mkdir()
    return folder


@pytest.fixture
def shop(folder: Path, sqlite_template: Path, tmp_path: Path) -> Shop:
    url = f"sqlite:///{shutil.copy(sqlite_template, folder / 'packshot.db')}"
    return Shop(url, tmp_path / "media")


@pytest.mark.parametrize("change", CHANGES)
def test_writes_are_refused_after_the_file_was_changed(
    change: str, shop: Shop, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert shop.bulk(row()).status_code == 201
    CHANGES[change](folder / "packshot.db")
    for _ in range(3):
        caplog.clear()
        assert shop.bulk(row()).status_code == 503
        assert "moved, deleted or replaced" in caplog.text  # those who ask get no paths
    assert shop.ask("GET", "/readyz").status_code == 503
    shop.close()


def test_readyz_says_it_and_a_file_put_back_is_as_before(shop: Shop, folder: Path) -> None:
    ids = shop.create(row())
    file, moved = folder / "packshot.db", folder / "moved.db"
    file.rename(moved)
    ready = shop.ask("GET", "/readyz")
    assert ready.status_code == 503
    assert f"the database file {file} was moved, deleted or replaced" in ready.text
    assert shop.ask("GET", "/api/products").status_code == 503  # nor is it read any more
    moved.rename(file)
    assert shop.bulk(row()).status_code == 201
    assert [each.id for each in shop.services.catalog.products().products] == [ids[0] + 1, *ids]
    shop.close()


def test_what_was_written_while_it_was_moved_is_not_acknowledged(shop: Shop, folder: Path) -> None:
    """Between the first look and the commit."""
    shop.create(row())
    database = shop.services.database
    with pytest.raises(Unavailable, match="replaced"), database.write_rows():
        replace_file(folder / "packshot.db")
    shop.close()


def test_no_new_file_is_made_in_its_place(shop: Shop, folder: Path) -> None:
    shop.create(row())
    shop.services.database.engine.dispose()  # so that the next one would open what is there
    os.rename(folder / "packshot.db", folder / "moved.db")
    assert shop.bulk(row()).status_code == 503
    assert not (folder / "packshot.db").exists()
    shop.close()
