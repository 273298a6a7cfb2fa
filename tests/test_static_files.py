"""The pages' own files, at addresses that change with their content."""

from __future__ import annotations

import re
from pathlib import Path

from support.shop import Shop

from packshot.web.static_files import FOLDER, fingerprint


def test_a_browser_keeps_the_files_that_a_page_names(shop: Shop) -> None:
    page = shop.ask("GET", "/", headers={"Accept": "text/html"}).get_data(as_text=True)
    named = re.findall(r'"(/static/[^"]+)"', page)
    assert {Path(path).suffix for path in named} >= {".css", ".js", ".svg"}
    for path in named:
        answer = shop.ask("GET", path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert "max-age=31536000" in answer.headers["Cache-Control"]


def test_a_page_of_another_version_gets_todays_file_and_asks_again(shop: Shop) -> None:
    """While hosts are upgraded one by one, a page and its files come from two versions."""
    answer = shop.ask("GET", "/static/0123456789abcdef/desk/api.js")
    assert answer.get_data() == (FOLDER / "desk" / "api.js").read_bytes()
    assert answer.headers["Cache-Control"] == "no-cache"
    known = {"If-None-Match": answer.headers["ETag"]}
    assert shop.ask("GET", "/static/other/desk/api.js", headers=known).status_code == 304


def test_only_its_own_files_are_served(shop: Shop) -> None:
    for path in ("nothing.js", "../desk.py", "..%2fdesk.py", "desk", "desk/../../desk.py"):
        assert shop.ask("GET", f"/static/any/{path}").status_code == 404


def test_the_address_changes_with_each_name_and_content(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    seen = set()
    for name, content in (("a/1.js", "x"), ("a/1.js", "y"), ("2.js", ""), ("2.js", "x")):
        (tmp_path / name).write_text(content)
        seen.add(fingerprint(tmp_path))
    assert len(seen) == 4
    assert fingerprint(tmp_path) in seen
