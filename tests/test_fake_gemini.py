"""The fake Gemini is as strict, as lenient and as ill-behaved as it says it is."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from packshot.enhancers.contract import Analysis
from packshot.testing.fake_gemini import FAULTS, FakeGemini
from packshot.testing.fake_gemini.faults import (
    ACCOUNT_FAULTS,
    ANSWER_FAULTS,
    STATUS_FAULTS,
    WIRE_FAULTS,
)
from packshot.testing.fake_gemini.painting import canvas_size, encode, paint
from packshot.testing.fake_gemini.scenes import SCENES

ANALYSIS, IMAGE = "gemini-3.8-flash", "gemini-nano-banana-2.1"


def product_photo() -> bytes:
    """A red disc on a grey backdrop."""
    photo = np.full((300, 400, 3), 150, np.uint8)
    cv2.circle(photo, (200, 150), 90, (30, 30, 200), -1)
    return encode(photo)


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with FakeGemini(side=288) as server:
        yield server


def ask(
    fake: FakeGemini | str,
    model: str,
    body: Any,
    *,
    version: str = "v1beta",
    verb: str = "generateContent",
    **headers: str,
) -> tuple[int, Any]:
    """POST as anyone would; status and JSON."""
    sent = {
        "x-goog-api-key": "key",
        **{name.replace("_", "-"): each for name, each in headers.items()},
    }
    return call(fake, "POST", f"/{version}/models/{model}:{verb}", json.dumps(body), sent)


def call(
    fake: FakeGemini | str,
    method: str,
    path: str,
    body: str = "",
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    address = urlsplit(fake if isinstance(fake, str) else fake.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def body(config: dict[str, Any] | None = None, words: str = "Look.") -> dict[str, Any]:
    data = base64.b64encode(product_photo()).decode()
    parts = [{"inlineData": {"mimeType": "image/jpeg", "data": data}}, {"text": words}]
    return {"contents": [{"role": "user", "parts": parts}], "generationConfig": config or {}}


PICTURE = {
    "responseModalities": ["IMAGE"],
    "imageConfig": {"aspectRatio": "1:1", "imageSize": "1K"},
}
SCHEMA = Analysis.model_json_schema()
STRUCTURED = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}


# ---- strict where Google is


@pytest.mark.parametrize(
    ("model", "change", "status", "message"),
    [
        (ANALYSIS, {"temprature": 1}, 400, 'Unknown name "temprature"'),
        (IMAGE, {"imageConfig": {"outputMimeType": "image/png"}}, 400, "outputMimeType"),
        (IMAGE, {"imageConfig": {"imageSize": "1k"}}, 400, "imageSize"),
        (IMAGE, {"imageConfig": {"imageSize": "512"}}, 400, "imageSize"),
        (IMAGE, {"imageConfig": {"aspectRatio": "7:5"}}, 400, "aspectRatio"),
        ("gemini-3.1-flash-lite-image", {"imageConfig": {"imageSize": "2K"}}, 400, "imageSize"),
        (IMAGE, STRUCTURED, 400, "JSON mode is not enabled"),
        (ANALYSIS, PICTURE, 400, "response modalities"),
        (ANALYSIS, {"responseJsonSchema": SCHEMA}, 400, "responseMimeType"),
        ("gemini-1.5-flash", {}, 404, "models/gemini-1.5-flash is not found"),
    ],
)
def test_what_google_refuses_is_refused(
    fake: FakeGemini, model: str, change: dict[str, Any], status: int, message: str
) -> None:
    given, answer = ask(fake, model, body(change))

    assert given == status
    assert message in answer["error"]["message"]
    assert fake.calls == []


def test_bad_keys_and_short_deadlines_are_refused(fake: FakeGemini) -> None:
    fake.key = "right"
    assert ask(fake, ANALYSIS, body(), x_goog_api_key="")[0] == 403
    status, answer = ask(fake, ANALYSIS, body(), x_goog_api_key="wrong")
    assert (status, answer["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    status, answer = ask(fake, ANALYSIS, body(), x_goog_api_key="right", x_server_timeout="8")
    assert "Minimum allowed deadline is 10s" in answer["error"]["message"]
    assert ask(fake, ANALYSIS, body(), x_goog_api_key="right", x_server_timeout="10")[0] == 200


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {"contents": []},
        {"contents": [{"parts": []}]},
        {"contents": [{"role": "robot", "parts": [{"text": "x"}]}]},
        {"contents": [{"parts": [{"words": "x"}]}]},
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "!"}}]}]},
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]}]},
        {"contents": [{"parts": [{"text": "x"}]}], "secret": 1},
    ],
)
def test_broken_bodies_are_refused(fake: FakeGemini, broken: Any) -> None:
    assert ask(fake, ANALYSIS, broken)[0] == 400


# ---- lenient where Google is


def test_both_spellings_both_alphabets_both_versions(fake: FakeGemini) -> None:
    photo = product_photo()
    for encoded in (base64.b64encode(photo), base64.urlsafe_b64encode(photo).rstrip(b"=")):
        for blob in (
            {"inlineData": {"mimeType": "image/jpeg", "data": encoded.decode()}},
            {"inline_data": {"mime_type": "image/jpeg", "data": encoded.decode()}},
        ):
            for version in ("v1", "v1beta", "some/proxy/v1"):
                config = {"response_modalities": ["IMAGE"], "image_config": {"aspect_ratio": "4:5"}}
                asked = {"contents": [{"parts": [blob]}], "generation_config": config}
                assert ask(fake, IMAGE, asked, version=version)[0] == 200


def test_only_known_models_can_be_looked_up(fake: FakeGemini) -> None:
    headers = {"x-goog-api-key": "key"}
    assert call(fake, "GET", f"/v1/models/{ANALYSIS}", headers=headers)[0] == 200
    assert call(fake, "GET", "/v1/models/gemini-1.5-pro", headers=headers)[0] == 404
    assert call(fake, "GET", "/elsewhere", headers=headers)[0] == 404
    assert ask(fake, ANALYSIS, body(), verb="countTokens")[0] == 404


# ---- real work


def test_an_analysis_fits_its_schema(fake: FakeGemini) -> None:
    schema = json.loads(json.dumps(SCHEMA))
    schema["properties"]["variants"]["minItems"] = 7
    config = {"responseMimeType": "application/json", "responseJsonSchema": schema}
    _, answer = ask(fake, ANALYSIS, body(config, 'Data: {"category": "Ha\\"ts"}'))

    analysis = Analysis.model_validate_json(answer["candidates"][0]["content"]["parts"][0]["text"])
    assert len(analysis.variants) == 7
    assert analysis.product == 'one item of the category Ha"ts'
    assert analysis.colours == ["red"]


def test_a_picture_shows_the_product_in_the_scene(fake: FakeGemini) -> None:
    _, answer = ask(fake, IMAGE, body(PICTURE, f"Scene: {SCENES[5].prompt}"))

    part = answer["candidates"][0]["content"]["parts"][0]
    made = cv2.imdecode(
        np.frombuffer(base64.b64decode(part["inlineData"]["data"]), np.uint8), cv2.IMREAD_COLOR
    )
    assert made is not None
    assert made.shape == (288, 288, 3)
    assert made[20, 20].mean() < 90  # the dark stage, where the photo was grey
    blue, green, red = (int(each) for each in made[165, 144])
    assert red > 150 > max(blue, green)  # the product is still red
    assert answer["usageMetadata"]["candidatesTokensDetails"][0]["tokenCount"] == 1120


@pytest.mark.parametrize("aspect", ["1:1", "4:5", "21:9", "8:1"])
def test_a_picture_has_the_requested_ratio(aspect: str) -> None:
    width, height = canvas_size(aspect, 1024)
    across, down = (int(each) for each in aspect.split(":"))

    assert width / height == pytest.approx(across / down, rel=0.05)
    assert width * height == pytest.approx(1024**2, rel=0.05)


@pytest.mark.parametrize("shape", [(24, 24), (900, 60), (60, 900)])
def test_odd_photos_are_painted_too(shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(1).integers(0, 255, (*shape, 3), dtype=np.uint8)

    made = cv2.imdecode(np.frombuffer(paint(photo, SCENES[0], "1:1", 128), np.uint8), 1)
    assert made is not None
    assert made.shape == (128, 128, 3)


# ---- the ledger and the faults


def test_the_ledger_lists_what_was_paid_for(fake: FakeGemini) -> None:
    fake.misbehave("overloaded")
    ask(fake, ANALYSIS, body(STRUCTURED), x_packshot_call="5/1/analysis")
    ask(fake, ANALYSIS, body(STRUCTURED), x_packshot_call="5/1/analysis")
    fake.misbehave("finish_NO_IMAGE", call="5/1/2")
    ask(fake, IMAGE, body(PICTURE), x_packshot_call="5/1/0")
    ask(fake, IMAGE, body(PICTURE), x_packshot_call="5/1/2")

    assert [(each.call, each.paid, each.fault) for each in fake.calls] == [
        ("5/1/analysis", False, "overloaded"),
        ("5/1/analysis", True, None),
        ("5/1/0", True, None),
        ("5/1/2", True, "finish_NO_IMAGE"),
    ]
    assert [each.call for each in fake.paid()] == ["5/1/analysis", "5/1/0", "5/1/2"]
    assert len(fake.paid("5/1/2")) == 1


@pytest.mark.parametrize("name", sorted(STATUS_FAULTS.keys() | ANSWER_FAULTS.keys()))
def test_every_fault_occurs_once_and_then_all_is_well(fake: FakeGemini, name: str) -> None:
    analysis = name.startswith("analysis_")
    model, asked = (ANALYSIS, body(STRUCTURED)) if analysis else (IMAGE, body(PICTURE))
    fake.misbehave(name)

    def once() -> bytes:
        address = urlsplit(fake.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
        path = f"/v1/models/{model}:generateContent"
        connection.request("POST", path, json.dumps(asked), {"x-goog-api-key": "key"})
        answer = connection.getresponse()
        text = b"%d " % answer.status + answer.read()
        connection.close()
        return text

    spoiled, good = once(), once()
    assert spoiled != good
    assert good.startswith(b"200 ")
    assert [each.fault for each in fake.calls] == [name, None]


@pytest.mark.parametrize("name", ["cut_body", "reset", "close_early"])
def test_connection_faults_lose_the_paid_answer(fake: FakeGemini, name: str) -> None:
    fake.misbehave(name)
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(fake, ANALYSIS, body())
    assert name in WIRE_FAULTS
    assert [each.paid for each in fake.calls] == [True]  # the work was done, the answer lost


def test_random_faults_occur_about_as_often_as_configured() -> None:
    with FakeGemini(side=288, chances={"error_500": 0.3}, seed=3) as fake:
        statuses = [ask(fake, ANALYSIS, body())[0] for _ in range(60)]

    assert 8 <= statuses.count(500) <= 30


def test_a_stopped_server_ends_idle_connections_and_those_who_wait() -> None:
    fake = FakeGemini().start()
    fake.misbehave("hang")
    address = urlsplit(fake.url)
    idle = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    idle.request("GET", f"/v1/models/{ANALYSIS}", headers={"x-goog-api-key": "key"})
    idle.getresponse().read()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ask, fake, ANALYSIS, body())
        while not fake.calls:
            threading.Event().wait(0.01)
        fake.stop()
        with pytest.raises((http.client.HTTPException, OSError)):
            waiting.result(timeout=10)
    with pytest.raises((http.client.HTTPException, OSError)):
        idle.request("GET", f"/v1/models/{ANALYSIS}", headers={"x-goog-api-key": "key"})
        idle.getresponse()
    idle.close()


def test_it_runs_on_its_own_with_faults_by_chance() -> None:
    command = [sys.executable, "-m", "packshot.testing.fake_gemini", "--latency", "0"]
    with subprocess.Popen(
        [*command, "--fault", "overloaded"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert ask(url, ANALYSIS, body())[0] == 503
        process.terminate()
        assert process.wait(10) == 0


def test_every_fault_has_a_different_name() -> None:
    kinds = (STATUS_FAULTS, ACCOUNT_FAULTS, ANSWER_FAULTS, WIRE_FAULTS)
    assert len(FAULTS) == sum(map(len, kinds))
