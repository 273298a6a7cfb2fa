"""The shape of the project: one package, migrations that match the models, light imports."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from servers.packshot_process import ROOT
from sqlalchemy import create_engine, text

from packshot.database import Database, bring_to_head
from packshot.models import Base

DOCUMENTS_TABLE = """
CREATE TABLE products (
  id INTEGER PRIMARY KEY, category VARCHAR(100), raw_image VARCHAR(255), mrp NUMERIC(10,2),
  price NUMERIC(10,2), discount NUMERIC(10,2), gst NUMERIC(5,2), status VARCHAR(20),
  created_at TIMESTAMP, updated_at TIMESTAMP)
"""


def test_nothing_imports_the_second_copy() -> None:
    pattern = re.compile(r"^\s*(from|import)\s+src\.packshot", re.MULTILINE)
    files = [
        path for folder in ("src", "tests", "scripts") for path in (ROOT / folder).rglob("*.py")
    ]
    assert [path for path in files if pattern.search(path.read_text())] == []


def test_migrations_equal_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_table_made_by_hand_is_adopted_rows_and_all(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/hand.db"
    else:
        postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.create())
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(DOCUMENTS_TABLE))
        connection.execute(
            text(
                "INSERT INTO products (id, category, raw_image, mrp, price) VALUES (7,'a','b',2,1)"
            )
        )
    engine.dispose()
    assert bring_to_head(url)[0] == "0001"
    assert bring_to_head(url) == []
    database = Database(url)
    with database.read() as session:
        row = session.execute(text("SELECT * FROM products")).mappings().one()
    database.close()
    assert (row["id"], row["status"], row["queued_at"], row["version"]) == (7, "pending", None, 1)
    assert row["created_at"] is not None


@pytest.mark.parametrize(
    ("command", "forbidden"),
    [
        ("import packshot.cli", ("flask", "boto3", "pyvips", "cv2", "google.genai", "sqlalchemy")),
        ("import packshot.serving, packshot.web", ("boto3", "pyvips", "cv2", "google.genai")),
    ],
)
def test_heavy_parts_are_imported_when_first_needed(
    command: str, forbidden: tuple[str, ...]
) -> None:
    script = f"import sys; {command}; print([m for m in {forbidden!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
