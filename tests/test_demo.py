"""`make demo` stays on its embedded defaults, whatever the shell it is started from has set."""

from __future__ import annotations

import pytest

from packshot.cli.demo import demo_environment


def test_knobs_of_the_shell_do_not_reach_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "WORKER_ENABLED": "false",  # it would wait for ever
        "RAW_IMAGE_HOSTS": "shop.example",
        "WEBHOOK_URLS": "https://shop.example/hook",
        "LEASE_SECONDS": "0",
        "DATABASE_URL": "postgresql://shop.example/live",
        "s3_bucket": "live",
        "ENHANCED_IMAGES_COUNT": "2",
        "LANG": "C.UTF-8",
    }.items():
        monkeypatch.setenv(name, value)
    environment = demo_environment(5050)
    assert environment["DATABASE_URL"].startswith("sqlite:///")
    assert environment["ENHANCED_IMAGES_COUNT"] == "2"
    assert environment["LANG"] == "C.UTF-8"
    reached = {"WORKER_ENABLED", "RAW_IMAGE_HOSTS", "WEBHOOK_URLS", "LEASE_SECONDS", "s3_bucket"}
    assert not reached & set(environment)
