"""Settings: their defaults, what is refused, and that `.env.example` tells the truth."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values
from servers.packshot_process import ROOT
from servers.ports import PATIENCE

from packshot.env_file import read_env_file
from packshot.errors import SettingsError
from packshot.serving.process import load_environment
from packshot.settings import SETTING_NAMES, Settings, load_settings


def test_the_example_names_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    example = dotenv_values(ROOT / ".env.example")
    names = {name.upper() for name in Settings.model_fields}
    assert set(example) == names
    for name, value in example.items():
        monkeypatch.setenv(name, value or "")
    assert load_settings() == Settings()
    for name in example:
        monkeypatch.delenv(name)
    assert load_settings() == Settings()


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENHANCED_IMAGES_COUNT", "")
    assert load_settings().enhanced_images_count == 3


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ENHANCED_IMAGES_COUNT", "0", "must be at least 1"),
        ("ENHANCED_IMAGES_COUNT", "11", "must be at most 10"),
        ("PORT", "http", "must be a whole number"),
        ("ENHANCER", "dalle", "must be 'local' or 'gemini'"),
        ("LEASE_SECONDS", "-1", "must be at least 1"),
        ("LEASE_SECONDS", "long", "must be a number"),
        ("GEMINI_DAILY_BUDGET", "inf", "must be a finite number"),
        ("GEMINI_DAILY_BUDGET", "0", "must be above 0"),
        ("WORKER_ENABLED", "maybe", "must be true or false"),
        ("PUBLIC_MEDIA_URL", "cdn", "must be an https"),
        ("PUBLIC_MEDIA_URL", "cdn.example.com/shop", "must be an https"),
        ("PUBLIC_MEDIA_URL", "s3://kivoa", "must be an https"),
        ("PUBLIC_MEDIA_URL", "https://cdn.example.com/?key=", "without ?"),
        ("S3_RAW_BUCKETS", "s3://kivoa", "must be a bucket's name"),
        ("S3_RAW_BUCKETS", "kivoa/raw", "must be a bucket's name"),
        ("S3_BUCKET", "https://kivoa.s3.amazonaws.com", "must be a bucket's name"),
    ],
)
def test_a_bad_value_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(
        SettingsError, match=re.escape(f"{name}='{value}': ") + ".*" + re.escape(words)
    ):
        load_settings()


def test_a_currency_is_a_code_of_iso_4217(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURRENCY", "inr")
    assert load_settings().currency == "INR"
    monkeypatch.setenv("CURRENCY", "RUPEES")
    with pytest.raises(SettingsError, match="CURRENCY='RUPEES': must be a code of ISO 4217"):
        load_settings()


def test_each_listed_bucket_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_RAW_BUCKETS", "kivoa, Old_Shop.in")
    assert load_settings().s3_raw_buckets == ("kivoa", "Old_Shop.in")
    monkeypatch.setenv("S3_RAW_BUCKETS", "kivoa,s3://a")
    with pytest.raises(SettingsError, match=r"^S3_RAW_BUCKETS='s3://a': must be a bucket's name"):
        load_settings()


def test_gemini_can_not_be_forced_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENHANCER", "gemini")
    with pytest.raises(SettingsError, match="GEMINI_API_KEY"):
        load_settings()


def test_a_key_means_gemini_and_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "secret-key")
    settings = load_settings()
    assert (settings.enhancer_name, settings.concurrency) == ("gemini", 8)
    assert "secret-key" not in repr(settings)


QUEUE_HOSTS = [
    ("sqs.us-east-1.amazonaws.com", "us-east-1"),
    ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("sqs-fips.us-east-1.amazonaws.com", "us-east-1"),
    ("sqs.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
    ("vpce-0a1b2c-d3e4.sqs.us-east-1.vpce.amazonaws.com", "us-east-1"),
    ("vpce-0a1b2c-d3e4-us-east-1a.sqs.us-east-1.vpce.amazonaws.com", "us-east-1"),
    ("sqs.us-east-2.api.aws", "us-east-2"),
    ("queue.amazonaws.com", "us-east-1"),
    ("us-east-2.queue.amazonaws.com", "us-east-2"),
    ("cn-north-1.queue.amazonaws.com.cn", "cn-north-1"),
    ("sqs.us-east-1.amazonaws.com.example.com", "ap-south-1"),
    ("127.0.0.1:4566", "ap-south-1"),
]


@pytest.mark.parametrize(("host", "region"), QUEUE_HOSTS)
def test_the_queues_region_comes_from_its_url(
    host: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQS_QUEUE_URL", f"https://{host}/123456789012/product-image-processing")
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    assert load_settings().queue_region == region


def test_the_process_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=1111\nHOST=127.0.0.9\nGEMINI_MODEL=\n")
    monkeypatch.setenv("PORT", "2222")
    load_environment(tmp_path)
    assert (os.environ["PORT"], os.environ["HOST"]) == ("2222", "127.0.0.9")
    assert "GEMINI_MODEL" not in os.environ


MISSPELT = [
    ("GEMINI_KEY", {}, "GEMINI_API_KEY"),
    ("gemini_apikey", {}, "GEMINI_API_KEY"),
    ("API_KEY", {}, "API_KEYS"),
    ("DATABASE_URI", {}, "DATABASE_URL"),
    ("GEMINI_KEY", {"GEMINI_API_KEY": "x"}, None),  # another program's
    ("WEB_CONCURRENCY", {}, None),  # gunicorn's
    ("POSTGRES_PASSWORD", {}, None),
    ("AWS_DEFAULT_REGION", {}, None),
    ("gemini_api_key", {}, None),
]


@pytest.mark.parametrize(("name", "others", "meant"), MISSPELT)
def test_a_misspelt_setting_is_remarked(
    name: str,
    others: dict[str, str],
    meant: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A misspelt GEMINI_API_KEY must not mean the local enhancer without a word."""
    for other, value in others.items():
        monkeypatch.setenv(other, value)
    monkeypatch.setenv(name, "")  # undone after the test
    (tmp_path / ".env").write_text(f"{name}=hush\n")
    load_environment(tmp_path)
    assert caplog.messages == (
        [
            f"{tmp_path}/.env: {name} is no setting of Packshot and has no effect on it;"
            f" {meant} may be meant"
        ]
        if meant
        else []
    )


# -- `.env` as people write it ---------------------------------------------------------------------

LINES = "# Settings of the café\nexport PORT = 5001 # ours\nHOST='127.0.0.9'\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_file_is_read_in_the_encoding_of_its_editor(
    encoding: str, ends: str, tmp_path: Path
) -> None:
    """PowerShell's `>` writes UTF-16, Notepad a mark or Windows-1252."""
    (tmp_path / ".env").write_bytes(LINES.replace("\n", ends).encode(encoding))
    found = read_env_file(tmp_path / ".env")
    assert found.values == {"PORT": "5001", "HOST": "127.0.0.9"}
    assert bool(found.remarks) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('X="a b"', "a b"),
        ("X='a b'  # why", "a b"),
        ("X=“a b”", "a b"),
        ("X=„a b“ # why", "a b"),
        ("X=‘a b’", "a b"),
        ("X=«a b»", "a b"),
        ("X=\u00a0a b\u200b", "a b"),
        ("  export  X  =  a b  ", "a b"),
        ("X=a#b", "a#b"),
        ("X=it's", "it's"),
        ("X=a b\nX=", "a b"),
        ("X=\nX=a b", "a b"),
        ("X=one\nX=a b", "a b"),
        ("X='C:\\new'", "C:\\new"),
        ("Y=a\nX=${Y} b", "a b"),
        ('X="a\nb"', "a\nb"),  # another program's
    ],
)
def test_a_value_is_read_as_it_was_meant(line: str, value: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{line}\n", encoding="utf-8")
    assert read_env_file(tmp_path / ".env").values["X"] == value


def test_a_name_with_two_values_is_remarked(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\n\nHOST=a\nPORT=2\nHOST=a\n")
    found = read_env_file(tmp_path / ".env")
    assert found.values == {"PORT": "2", "HOST": "a"}
    assert found.remarks == [f"{tmp_path}/.env: PORT is on line 1 and on line 4, which counts"]


@pytest.mark.parametrize(
    "line",
    [
        b"API_KEYS hush",
        b"API_KEYS: hush",
        b"set API_KEYS=hush",
        b'$env:API_KEYS = "hush"',
        b'API_KEYS="hush',
        b"API_KEYS='hush\nPORT=1\nHOST='x'",
        b'API_KEYS="hush" hush',
        b'MEDIA_DIR="C:\\new\\hush"',
        b"hush-hush=1",
        b"API_KEYS=hush\x81\xff",
        b"\x89PNG\r\n\x1a\nhush",
        "API_KEYS=hush".encode("utf-16")[:-1],
    ],
)
def test_a_wrong_line_is_one_sentence(line: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(line if line[:1] == b"\xff" else b"\n# why\n" + line)
    with pytest.raises(SettingsError) as caught:
        read_env_file(tmp_path / ".env", SETTING_NAMES)
    where = r", line (1|3|4): " if line[:1] == b"\xff" else r", line (3|4): "
    assert re.search(re.escape(f"{tmp_path}/.env") + where, caught.value.message)
    assert "hush" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_folder_is_no_file_of_settings(tmp_path: Path) -> None:
    """A virtual environment may have this name; Docker makes a folder of a file that is missing."""
    (tmp_path / ".env").mkdir()
    assert read_env_file(tmp_path / ".env").values == {}


@pytest.mark.parametrize("value", ['"5001"', "'5001'", " 5001 ", "5001\r", "“5001”"])
def test_a_process_may_pass_quotes_on(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", value)
    assert load_settings().port == 5001
    monkeypatch.setenv("PORT", "''")
    assert load_settings().port == 5000


@pytest.mark.extra
@pytest.mark.parametrize("command", ["check", "redrive", "migrate"])
def test_every_command_says_what_is_wrong_with_the_file(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("API_KEYS hush\n")
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        [Path(sys.executable).with_name("packshot"), command],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    line, *rest = (done.stdout + done.stderr).splitlines()
    assert [text.partition(" ")[0] for text in rest] == (["note"] if command == "check" else [])
    assert ".env, line 1: must be NAME=value" in line
    assert "hush" not in line
