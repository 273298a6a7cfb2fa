"""The committed OpenAPI document is the served one, and a client generated from it works."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from servers.packshot_process import BIN, ROOT, PackshotProcess, gunicorn

DOCUMENT = ROOT / "docs" / "openapi.json"


def test_the_committed_document_is_the_served_one() -> None:
    specification = importlib.util.spec_from_file_location(
        "write_openapi", ROOT / "scripts" / "write_openapi.py"
    )
    assert specification is not None
    assert specification.loader is not None
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    assert DOCUMENT.read_text() == script.document(), "run: python scripts/write_openapi.py"


@pytest.mark.extra
def test_a_generated_client_talks_to_the_real_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    generated = importlib.import_module("shop_client")
    products = importlib.import_module("shop_client.api.products.create_products")
    listed = importlib.import_module("shop_client.api.products.list_products")
    body = importlib.import_module("shop_client.models.bulk_in").BulkIn.from_dict(
        {
            "products": [
                {"category": "Hats", "raw_image": "https://a.example/h.jpg", "mrp": 9, "price": 8}
            ]
        }
    )
    with PackshotProcess(tmp_path, gunicorn(1), {"WORKER_ENABLED": "false"}) as server:
        server.wait_until_serving()
        with generated.Client(base_url=server.url) as client:
            created = products.sync(client=client, body=body)
            found = listed.sync(client=client)
    assert (created.success, created.data.created) == (True, 1)
    assert [product.category for product in found.data.products] == ["Hats"]


def generate(folder: Path) -> None:
    configuration = folder / "configuration.yml"
    configuration.write_text("post_hooks: []\n")
    done = subprocess.run(
        [
            str(BIN / "openapi-python-client"),
            "generate",
            *("--path", str(DOCUMENT)),
            *("--output-path", str(folder / "shop_client")),
            *("--meta", "none"),
            *("--config", str(configuration)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": str(Path(sys.executable).parent)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
