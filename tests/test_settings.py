"""Knobs: their defaults, what is refused, and that `.env.example` tells the truth."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from dotenv import dotenv_values
from servers.packshot_process import ROOT

from packshot.errors import SettingsError
from packshot.serving import load_environment
from packshot.settings import Settings, load_settings


def test_the_example_names_every_knob_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    example = dotenv_values(ROOT / ".env.example")
    knobs = {name.upper() for name in Settings.model_fields}
    assert set(example) == knobs
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
    ("name", "value"),
    [
        ("ENHANCED_IMAGES_COUNT", "0"),
        ("ENHANCED_IMAGES_COUNT", "11"),
        ("PORT", "http"),
        ("ENHANCER", "dalle"),
        ("LEASE_SECONDS", "-1"),
        ("PUBLIC_MEDIA_URL", "cdn"),
        ("PUBLIC_MEDIA_URL", "cdn.example.com/shop"),
        ("PUBLIC_MEDIA_URL", "s3://kivoa"),
        ("PUBLIC_MEDIA_URL", "https://cdn.example.com/?key="),
        ("S3_RAW_BUCKETS", "s3://kivoa"),
        ("S3_RAW_BUCKETS", "kivoa/raw"),
        ("S3_BUCKET", "https://kivoa.s3.amazonaws.com"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=re.escape(f"{name}='{value}'")):
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
