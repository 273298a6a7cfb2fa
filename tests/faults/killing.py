"""Kills this process, as `kill -9` does, before or after a step of the real program.

The parts that an entry point builds are wrapped here: the product contains nothing for it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from sqlalchemy import event

from packshot.database.tables import bring_to_head
from packshot.pictures import imaging
from packshot.products.seller_fields import NewProduct
from packshot.serving.process import prepare_process
from packshot.serving.worker import make_worker
from packshot.wiring import Services, build


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def always(*_: Any) -> bool:
    return True


@dataclass
class Deadly:
    """A part that kills the process at its `method`, when the arguments are `fatal`."""

    part: Any
    method: str
    before: bool = False
    fatal: Callable[..., bool] = always

    def __post_init__(self) -> None:
        assert hasattr(self.part, self.method), f"nothing would die at {self.method}"

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.part, name)
        return self._kill if name == self.method else found

    def _kill(self, *given: Any, **named: Any) -> Any:
        if self.before and self.fatal(*given):
            die()
        result = getattr(self.part, self.method)(*given, **named)
        if self.fatal(*given):
            die()
        return result


def begins_with(prefix: str) -> Callable[..., bool]:
    return lambda key, *_: key.startswith(prefix)


def is_finishing(function: object, *_: object) -> bool:
    return function is imaging.finish


#: step -> the part that is wrapped, and how.
STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "after_receive": ("queue", {"method": "lease"}),
    "after_claim": ("claims", {"method": "claim_next"}),
    "after_fetch": ("read_raw", {}),
    "before_previews": ("storage", {"method": "put", "before": True}),
    "after_normalise": ("storage", {"method": "put_new"}),
    "after_analysis": ("claims", {"method": "save_analysis"}),
    "after_answer": ("storage", {"method": "put", "fatal": begins_with("answers/")}),
    "after_picture": ("pixels", {"method": "run", "before": True, "fatal": is_finishing}),
    "after_upload": ("storage", {"method": "put_new", "fatal": begins_with("enhanced/")}),
    "after_record": ("claims", {"method": "record_image"}),
    "after_complete": ("claims", {"method": "complete"}),
    "before_acknowledge": ("queue", {"method": "done", "before": True}),
    "after_acknowledge": ("queue", {"method": "done"}),
    "during_heartbeat": ("claims", {"method": "renew", "fatal": bool}),
    "take_claimed": ("takes", {"method": "claim_next"}),
    "take_before_paying": ("takes", {"method": "check_before_paying"}),
    "take_recorded": ("takes", {"method": "record"}),
    "take_measured": ("checks", {"method": "save", "before": True}),
    "take_settled": ("checks", {"method": "save"}),
    "before_send": ("queue", {"method": "send", "before": True}),
    "before_mark": ("queue", {"method": "send"}),
}


def killed_at(step: str, services: Services) -> Services:
    """The same services, deadly at this step."""
    if step == "before_commit":
        event.listen(services.database.engine, "commit", lambda connection: die())
        return services
    part, how = STEPS[step]
    if part == "queue":
        queue: Any = Deadly(services.queue, **how)
        services.queue = services.catalog.queue = services.catalog.sender.queue = queue
    elif part in ("takes", "checks"):
        assert services.remaker is not None and services.checker is not None
        owner: Any = services.remaker if part == "takes" else services.checker
        setattr(owner, part, Deadly(getattr(owner, part), **how))
    elif part == "read_raw":
        services.parts = replace(services.parts, read_raw=after(services.parts.read_raw))
    else:
        deadly: Any = Deadly(getattr(services.parts, part), **how)
        services.parts = replace(services.parts, **{part: deadly})
    if services.remaker is not None:
        services.remaker.parts = services.parts
    return services


def after(read_raw: Callable[[str], bytes], url_ends_with: str = "") -> Callable[[str], bytes]:
    """Dies when the raw image has arrived."""

    def read(url: str) -> bytes:
        data = read_raw(url)
        if url.endswith(url_ends_with):
            die()
        return data

    return read


# -- doors, for `WarmWorker` -----------------------------------------------------------------------


def worker_killed_at(step: str) -> int:
    return _work(lambda services: killed_at(step, services))


def worker_killed_by(picture: str) -> int:
    """A worker that dies when it has fetched the raw image of this path."""

    def deadly(services: Services) -> Services:
        services.parts = replace(services.parts, read_raw=after(services.parts.read_raw, picture))
        return services

    return _work(deadly)


def _work(change: Callable[[Services], Services]) -> int:
    settings = prepare_process()
    bring_to_head(settings.database_url)
    worker = make_worker(change(build(settings)))
    signal.signal(signal.SIGTERM, lambda *_: worker.begin_stop())
    worker.start()
    while not worker.is_stopping:
        time.sleep(0.1)
    worker.stop()
    return 0


def create_killed_at(step: str, products: Sequence[NewProduct]) -> int:
    """What the API does for one bulk request."""
    services = killed_at(step, build(prepare_process()))
    services.catalog.create(products)
    services.close()
    return 0
