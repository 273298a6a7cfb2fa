"""The shape of the project: one package, migrations that match the models, light imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import takewhile

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from servers.packshot_process import ROOT
from servers.ports import PATIENCE

from packshot.database.engine import Database
from packshot.database.models import Base


def test_nothing_imports_the_second_copy() -> None:
    pattern = re.compile(r"^\s*(from|import)\s+src\.packshot", re.MULTILINE)
    files = [
        path for folder in ("src", "tests", "scripts") for path in (ROOT / folder).rglob("*.py")
    ]
    assert [path for path in files if pattern.search(path.read_text())] == []


def test_the_design_page_lists_the_layers() -> None:
    """As import-linter enforces them, from top to bottom."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract = project["tool"]["importlinter"]["contracts"][0]
    rows = re.findall(r"^\| \d+ \| (.+?) \|", (ROOT / "docs/design.md").read_text(), re.MULTILINE)
    written = [set(re.findall(r"`(\w+)`", row)) for row in rows]
    assert written == [set(re.findall(r"packshot\.(\w+)", layer)) for layer in contract["layers"]]


def test_no_test_module_imports_another() -> None:
    """What tests share stands in tests/support."""
    pattern = re.compile(r"^\s*(from|import)\s+(\w+\.)*test_", re.MULTILINE)
    files = [path for folder in ("tests", "bench") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in files if pattern.search(path.read_text())] == []


def test_no_file_outgrows_its_reader() -> None:
    suffixes = {".py", ".js", ".css", ".html"}
    files = [path for path in (ROOT / "src").rglob("*") if path.suffix in suffixes]
    assert {path.suffix for path in files} == suffixes
    assert [path.name for path in files if len(path.read_text().splitlines()) > 450] == []


def test_no_class_or_function_outgrows_its_reader() -> None:
    files = {path: path.read_text() for path in (ROOT / "src").rglob("*.py")}
    lengths = [
        (path.name, each.name, type(each), (each.end_lineno or 0) - each.lineno + 1)
        for path, text in files.items()
        if "migrations" not in path.parts
        for each in ast.walk(ast.parse(text))
        if isinstance(each, ast.ClassDef | ast.FunctionDef)
    ]
    most = {("worker.py", "Worker"): 200}
    assert [
        (file, name, length)
        for file, name, kind, length in lengths
        if length > (39 if kind is ast.FunctionDef else most.get((file, name), 250))
    ] == []


def test_no_page_keeps_its_state_in_loose_variables() -> None:
    """State that changes while a page is open belongs to a named object."""
    scripts = list((ROOT / "src/packshot/web/static/desk").rglob("*.js"))
    loose = re.compile(r"^(export )?(let|var) ", re.MULTILINE)
    assert len(scripts) > 20
    assert [path.name for path in scripts if loose.search(path.read_text())] == []
    assert [path.name for path in scripts if _changed(path.read_text())] == []


def _changed(script: str) -> list[str]:
    """A module's arrays, objects, maps and sets that are empty at first or changed later."""
    literal = re.compile(r"^(?:export )?const (\w+) = ([\[{].?|new (?:Weak)?(?:Map|Set)..)", re.M)
    change = r"[.\[]\S* [-+*/|&?]{0,2}= |\.(add|clear|delete|pop|push|set|shift|splice|unshift)\("
    return [
        name
        for name, begin in literal.findall(script)
        if begin.endswith(("[]", "{}", "()")) or re.search(rf"\b{name}({change})", script)
    ]


def test_no_class_or_function_of_the_desk_outgrows_its_reader() -> None:
    """Biome's own rule counts neither blank lines nor most of a call."""
    paths = (ROOT / "src/packshot/web/static/desk").rglob("*.js")
    scripts = {path: path.read_text() for path in paths}
    functions = [
        (path.name, line, length)
        for path, text in scripts.items()
        for line, length in _functions(text.splitlines())
    ]
    classes = re.compile(r"^(?:export )?class .*?^}", re.MULTILINE | re.DOTALL)
    bodies = [body for text in scripts.values() for body in classes.findall(text)]
    assert len(functions) > 500
    assert len(bodies) > 20
    assert [found for found in functions if found[2] > 39] == []
    assert [body.splitlines()[0] for body in bodies if len(body.splitlines()) > 250] == []


def _functions(lines: list[str]) -> Iterator[tuple[str, int]]:
    """The first line and the length of each function, by its indentation, which Biome formats."""
    begins = re.compile(r" *(?!if |for |while |switch |} |/|\*)(.*=>|.*\bfunction\b|.*\) {$)")
    for number, line in enumerate(lines, 1):
        if begins.match(line):
            own = re.escape(line[: len(line) - len(line.lstrip())])
            inside = re.compile(rf"$|{own} |{own}[\])}}].*{{$")
            body = "\n".join(takewhile(inside.match, lines[number:])).rstrip()
            yield line.strip(), len(body.splitlines()) + 2


def test_migrations_equal_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize(
    ("command", "forbidden"),
    [
        ("import packshot.cli", ("flask", "boto3", "pyvips", "cv2", "google.genai", "sqlalchemy")),
        (
            "import packshot.serving.server, packshot.web",
            ("boto3", "pyvips", "cv2", "google.genai", "alembic"),
        ),
        (
            "import packshot.enhancers.local.enhancer, packshot.enhancers.gemini.enhancer",
            ("numpy", "cv2", "pyvips", "google.genai"),
        ),
    ],
)
def test_heavy_parts_are_imported_when_first_needed(
    command: str, forbidden: tuple[str, ...]
) -> None:
    script = f"import sys; {command}; print([m for m in {forbidden!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.strip() == "[]"
