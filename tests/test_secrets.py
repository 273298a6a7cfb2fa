"""Planted secrets come out nowhere: not in words, reprs and errors, nor from the whole program."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from packshot.database import Database, shown_url
from packshot.errors import SettingsError
from packshot.settings import Settings, load_settings

PLANTED = "pl4nted"


# -- words ---------------------------------------------------------------------------------------


def test_no_secret_is_in_the_settings_repr() -> None:
    settings = Settings(
        database_url=f"postgresql://shop:{PLANTED}@db.example/shop?password={PLANTED}",
        api_keys=f"shop:{PLANTED}",
        gemini_api_key=PLANTED,
        google_gemini_base_url=f"https://user:{PLANTED}@proxy.example",
        webhook_urls=(f"https://hooks.example/{PLANTED}",),
        webhook_secret="whsec_" + "A" * 32,
    )
    assert PLANTED not in repr(settings) + str(settings)
    assert "whsec_" not in repr(settings)
    assert "database_url='(not shown)'" in repr(settings)
    assert "port=5000" in repr(settings)


def test_no_secret_is_in_an_error_about_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(gemini_api_key=PLANTED, port=PLANTED)
    assert PLANTED not in str(caught.value) + repr(caught.value)
    for knob in ("DATABASE_URL", "API_KEYS", "GEMINI_API_KEY", "WEBHOOK_SECRET", "WEBHOOK_URLS"):
        monkeypatch.setenv(knob, PLANTED)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert PLANTED not in repr(refused.value) + repr(refused.value.__cause__)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://shop:{PLANTED}@db/shop", "postgresql+psycopg://shop:***@db/shop"),
        (f"postgresql://db/shop?user=a&password={PLANTED}", "postgresql+psycopg://db/shop"),
        ("sqlite:////var/packshot.db", "sqlite:////var/packshot.db"),
    ],
)
def test_a_database_is_named_without_its_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_a_failed_statement_is_told_without_its_values(database: Database) -> None:
    """The values of a product hold its raw image's address, which may be signed."""
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    statement = text("INSERT INTO products (category, raw_image) VALUES (:category, NULL)")
    with pytest.raises(DBAPIError) as caught, database.write() as session:
        session.execute(statement, {"category": PLANTED})
    assert f"'{PLANTED}'" not in str(caught.value)
