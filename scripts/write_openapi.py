"""Writes docs/openapi.json, the document the server serves; a test compares the two."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from packshot.settings import Settings
from packshot.web.app import create_app
from packshot.wiring import build

TARGET = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def document() -> str:
    """The OpenAPI document of this version, as it is committed."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{folder}/openapi.db", media_dir=Path(folder))
        services = build(settings)
        app = create_app(services)
        answer = app.test_client().get("/openapi.json", headers={"Host": "127.0.0.1:5000"})
        services.close()
    return json.dumps(answer.get_json(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(document())
    print(f"wrote {TARGET}")
