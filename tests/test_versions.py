"""A database that is newer than the program, and the way back to an older program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from servers.packshot_process import RUN_PY, WORKER, PackshotProcess, clean_environment, gunicorn
from sqlalchemy import text
from support.shop import RAW_IMAGE, Shop, row

from packshot.cli import main
from packshot.database.engine import Database
from packshot.database.models import Product
from packshot.database.tables import bring_to_head, migrate_back, revisions
from packshot.errors import SettingsError
from packshot.products.lookup import Editor

SENTENCE = "the database is at revision 9999, which Packshot"


def from_the_future(url: str, revision: str = "9999") -> None:
    database = Database(url)
    with database.write_rows() as rows:
        rows.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    database.close()


def test_a_newer_database_is_refused_and_left_as_it_is(database_url: str) -> None:
    from_the_future(database_url)
    with pytest.raises(SettingsError, match=SENTENCE):
        bring_to_head(database_url)
    with pytest.raises(SettingsError, match=SENTENCE):
        migrate_back(database_url, "0001")
    database = Database(database_url)
    with database.read_rows() as rows:
        assert rows.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    database.close()
    from_the_future(database_url, revisions()[-1])  # as the next test wants to find it


@pytest.mark.extra
@pytest.mark.parametrize("command", [RUN_PY, WORKER, gunicorn()], ids=["run.py", "worker", "serve"])
def test_a_start_ends_with_one_sentence(
    command: tuple[str, ...], sqlite_url: str, tmp_path: Path
) -> None:
    from_the_future(sqlite_url)
    program = PackshotProcess(tmp_path, command, {"DATABASE_URL": sqlite_url}).start()
    assert program.process is not None
    assert program.process.wait(60) != 0
    said = [line for line in program.log().splitlines() if line.startswith("packshot: ")]
    assert len(said) == 1
    assert SENTENCE in said[0]
    assert "Traceback" not in program.log()


def test_commands_and_the_health_report_show_it(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(sqlite_url, tmp_path / "media")
    from_the_future(sqlite_url)
    assert SENTENCE in shop.ask("GET", "/readyz").text
    shop.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("MEDIA_DIR", str(tmp_path / "media"))
    monkeypatch.setenv("REJECTED_KEEP_DAYS", "1")
    for command in (["check"], ["prune", "--delete"], ["webhooks", "list"]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 1
        assert SENTENCE in result.output


def test_older_tables_can_t_go_back_to_a_newer_revision(sqlite_url: str, tmp_path: Path) -> None:
    migrate_back(sqlite_url, "0006")
    with pytest.raises(SettingsError, match=r"can't go back to revision 0007: theirs is 0006$"):
        migrate_back(sqlite_url, "0007")
    migrate_back(sqlite_url, "0006")
    (tmp_path / "empty.db").touch()
    with pytest.raises(SettingsError, match="theirs is none"):
        migrate_back(f"sqlite:///{tmp_path}/empty.db", "0006")


#: The way back to the first passes all others. To every third of those between `make test-extra`
#: goes too, and `make soak` to the rest.
BETWEEN = [
    pytest.param(older, marks=pytest.mark.soak if number % 3 else pytest.mark.extra)
    for number, older in enumerate(revisions()[1:-4])
]


@pytest.mark.parametrize("older", [revisions()[0], *BETWEEN, *revisions()[-4:-1]])
def test_going_back_keeps_what_the_older_tables_have(
    older: str, database_url: str, tmp_path: Path
) -> None:
    shop = Shop(database_url, tmp_path / "media")
    product_id, images = shop.reviewable()
    shop.services.catalog.review(product_id, "approved", who="ann", image_ids=images[:1])
    replaced, _ = shop.reviewable(variants=1)
    shop.services.catalog.replace_photo(replaced, f"{RAW_IMAGE}?second", by=Editor("ann"))
    before = shop.services.catalog.product(product_id)
    shop.close()
    migrate_back(database_url, older)
    assert bring_to_head(database_url) == revisions()[revisions().index(older) + 1 :]
    shop = Shop(database_url, tmp_path / "media")
    assert shop.services.catalog.product(product_id) == before
    assert len(shop.services.catalog.history(product_id)) == len(images)
    with shop.services.database.read() as session:
        assert session.get_one(Product, replaced).photo_since == 2
    assert shop.create(row()) == [replaced + 1]
    shop.close()


@pytest.mark.extra
def test_the_migrate_command_goes_back(sqlite_url: str, tmp_path: Path) -> None:
    def migrate(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "packshot.cli", "migrate", *options],
            cwd=tmp_path,
            env=clean_environment() | {"DATABASE_URL": sqlite_url},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "back at revision 0006" in migrate("--back-to", "0006").stdout
    assert "applied 0007" in migrate().stdout
    wrong = migrate("--back-to", "0000")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("packshot: there is no revision 0000")
