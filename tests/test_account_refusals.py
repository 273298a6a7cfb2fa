"""Gemini refuses the whole account for a while: nothing fails, and work goes on by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from servers.packshot_process import PackshotProcess, gunicorn
from servers.photo_host import PhotoHost
from servers.ports import wait_until
from support.fakes import photo_bytes

from packshot.testing.fake_gemini import FakeGemini

PRODUCTS = 6
PICTURES = 2


def products(process: PackshotProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = process.call("GET", "/api/products")[1]["data"]["products"]
    return found


@pytest.mark.parametrize(
    ("fault", "kind", "word"),
    [
        pytest.param("spending_cap", "picture", "spending cap", marks=pytest.mark.extra),
        pytest.param("location", None, "User location is not supported", marks=pytest.mark.soak),
        pytest.param("suspended", "picture", "suspended", marks=pytest.mark.soak),
    ],
)
def test_a_refusal_in_the_middle_of_a_batch_fails_nothing_and_ends_by_itself(
    tmp_path: Path, fault: str, kind: str | None, word: str
) -> None:
    with FakeGemini(side=288, latency=0.02) as fake, PhotoHost({"/a.jpg": photo_bytes()}) as host:
        environment = {
            "GEMINI_API_KEY": "key",
            "GOOGLE_GEMINI_BASE_URL": fake.url,
            "ENHANCED_IMAGES_COUNT": str(PICTURES),
            "RAW_IMAGE_HOSTS": host.address,
        }
        row = {"category": "Mugs", "raw_image": host.url("/a.jpg"), "mrp": 2, "price": 1}
        with PackshotProcess(tmp_path, gunicorn(1), environment) as process:
            process.wait_until_serving()

            def post(count: int) -> None:
                status, _ = process.call("POST", "/api/products/bulk", {"products": [row] * count})
                assert status == 201

            def statuses() -> list[str]:
                return [product["status"] for product in products(process)]

            post(1)
            wait_until(lambda: statuses() == ["pending_review"])
            fake.misbehave(fault, times=10_000, kind=kind)
            post(PRODUCTS - 1)
            wait_until(lambda: process.call("GET", "/readyz")[0] == 503)
            assert word in str(process.call("GET", "/readyz")[1])
            assert "failed" not in statuses()

            fake.behave()
            wait_until(lambda: set(statuses()) == {"pending_review"})
            assert process.call("GET", "/readyz")[0] == 200
            said = [line for line in process.log().splitlines() if word in line]
            assert len([line for line in said if "packshot.gemini" in line]) == 1, said

        paid = [call.call for call in fake.paid()]
        assert len(paid) == len(set(paid)) == PRODUCTS * (1 + PICTURES)
