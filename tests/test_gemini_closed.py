"""Threads that still use Gemini's clients when these are closed, at the end of a process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.gemini import MemoryLedger, here

from packshot.enhancers.gemini.batch_client import BatchClient
from packshot.enhancers.gemini.client import GeminiClient
from packshot.enhancers.gemini.enhancer import GeminiEnhancer
from packshot.errors import Stopping
from packshot.settings import Settings
from packshot.testing.fake_gemini import FakeGemini

CHECK = "packshot-gemini-check"
#: Each closes at another moment of a call, which takes a few milliseconds.
TRIES = 40


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with FakeGemini(side=288) as server:
        yield server


def running_check() -> threading.Thread | None:
    return next((each for each in threading.enumerate() if each.name == CHECK), None)


def test_a_check_under_way_ends_quietly_when_the_process_ends(
    fake: FakeGemini, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: died.append(repr(args.exc_value)))
    settings = Settings(gemini_api_key="AIza-key", google_gemini_base_url=fake.url)
    with caplog.at_level(logging.WARNING):
        for attempt in range(TRIES):
            enhancer = GeminiEnhancer(settings, MemoryLedger(), here)
            enhancer.health()
            time.sleep(attempt * 0.0003)
            enhancer.close()
            if (thread := running_check()) is not None:
                thread.join()

    assert (died, caplog.messages) == ([], [])


def check(fake: FakeGemini) -> tuple[Callable[[], object], Callable[[], None]]:
    client = GeminiClient("AIza-key", fake.url, timeout=10, connections=2)
    return lambda: client.check("gemini-3.8-flash"), client.close


def list_jobs(fake: FakeGemini) -> tuple[Callable[[], object], Callable[[], None]]:
    client = BatchClient("AIza-key", fake.url)
    return lambda: client.ask("GET", "batches?pageSize=100"), client.close


@pytest.mark.parametrize("client", [check, list_jobs])
def test_calls_of_a_client_being_closed_succeed_or_say_that_the_process_ends(
    fake: FakeGemini, client: Any
) -> None:
    wrong: list[BaseException] = []

    def keep_using(use: Callable[[], object]) -> None:
        ends = time.monotonic() + 10
        try:
            while time.monotonic() < ends:
                use()
            wrong.append(AssertionError("a closed client still makes calls"))
        except Stopping:
            return
        except BaseException as error:
            wrong.append(error)

    for attempt in range(TRIES // 2):
        use, close = client(fake)
        use()
        threads = [threading.Thread(target=keep_using, args=(use,)) for _ in range(2)]
        for each in threads:
            each.start()
        time.sleep(0.005 + attempt * 0.0005)
        close()
        for each in threads:
            each.join()
        assert wrong == []
