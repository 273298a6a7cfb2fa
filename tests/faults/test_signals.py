"""Processes of gunicorn that stop, are replaced or killed: no request, no product is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter

import psutil
import pytest
import urllib3
from servers.packshot_process import PackshotProcess

from faults.rig import Rig


class Customer:
    """Posts products one request after the other, and keeps what came back."""

    def __init__(self, rig: Rig, web: PackshotProcess) -> None:
        self.body = {
            "products": [
                {
                    "category": "Boxes",
                    "raw_image": rig.host.url("/photo.jpg"),
                    "mrp": 10,
                    "price": 9,
                }
            ]
        }
        self.url = f"{web.url}/api/products/bulk"
        self.answers: Counter[object] = Counter()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.shop)

    def shop(self) -> None:
        with urllib3.PoolManager(retries=False, timeout=20) as http:
            while not self.over.is_set():
                try:
                    self.answers[http.request("POST", self.url, json=self.body).status] += 1
                except urllib3.exceptions.HTTPError as error:
                    self.answers[repr(error)] += 1
                time.sleep(1.0)

    def __enter__(self) -> Customer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


def test_a_rolling_restart_loses_no_request(on_defaults: Rig) -> None:
    """SIGUSR2 starts a second gunicorn on the same socket; once it serves, the first one goes."""
    rig = on_defaults
    # As much time to drain as by default: four processes start on this machine meanwhile.
    more = {"WORKER_CONCURRENCY": "1", "LEASE_SECONDS": "60", "GRACE_SECONDS": "25"}
    web = rig.web("--preload", workers=2, **more)
    successor: list[psutil.Process] = []
    with rig.running(web):
        try:
            web.wait_for_line("Worker thread started", 2)
            before = set(psutil.Process(web.pid).children())
            with Customer(rig, web) as customer:
                rig.until(lambda: customer.answers[201] >= 3)
                psutil.Process(web.pid).send_signal(signal.SIGUSR2)
                web.wait_for_line("Worker thread started", 4)
                successor += set(psutil.Process(web.pid).children()) - before
                assert web.stop() == 0, web.log()
                reached = customer.answers[201]
                rig.until(lambda: customer.answers[201] >= reached + 3)
            assert set(customer.answers) == {201}, customer.answers
            rig.wait_done()
            audit = rig.paid_once()
            assert audit.statuses == {"pending_review": customer.answers[201]}
        finally:
            for master in successor:
                master.terminate()
                master.wait(30)


def test_sigterm_under_load_finishes_what_runs_and_takes_nothing_new(rig: Rig) -> None:
    web = rig.web(workers=2, WORKER_CONCURRENCY="2", LEASE_SECONDS="60")
    with rig.running(web):
        web.wait_until_serving()
        with Customer(rig, web) as customer:
            rig.until(lambda: len(rig.fake.paid()) >= 2)
            began = time.monotonic()
            assert web.stop() == 0, web.log()
            assert time.monotonic() - began < 16
        assert "Traceback" not in web.log()
    accepted = customer.answers[201]
    assert sum(rig.statuses().values()) >= accepted  # one may be created and its answer cut off
    last = rig.worker(LEASE_SECONDS="60")
    with rig.running(last):
        rig.wait_done()
        assert rig.paid_once().statuses["failed"] == 0


def test_killed_processes_of_gunicorn_lose_no_product(on_defaults: Rig) -> None:
    """The master starts another one; killed itself, its processes finish what they have and end."""
    rig = on_defaults
    rig.fake.latency = 0.5
    web = rig.web("--preload", workers=2, WORKER_CONCURRENCY="1")
    family: list[psutil.Process] = []
    with rig.running(web):
        try:
            web.wait_for_line("Worker thread started", 2)
            family += psutil.Process(web.pid).children()
            rig.create(8)
            rig.until(lambda: len(rig.fake.paid()) >= 2)
            family[0].kill()
            rig.deaths.append(time.time())
            web.wait_for_line("Worker thread started", 3)
            family += set(psutil.Process(web.pid).children()) - set(family)
            web.stop(signal.SIGKILL)
            assert psutil.wait_procs(family, 30)[1] == [], "they outlive their master"
        finally:
            for process in family:
                if process.is_running():
                    process.kill()
    last = rig.worker()
    with rig.running(last):
        rig.wait_done()
        audit = rig.audit()
        assert (audit.faults, audit.statuses) == ([], {"pending_review": 8})
        assert not rig.repeats_without_a_death()


@pytest.mark.extra
@pytest.mark.parametrize(("processes", "most", "requests"), [(1, 2, 2), (2, 3, 9)])
def test_processes_that_gunicorn_recycles_lose_nothing(
    on_defaults: Rig, processes: int, most: int, requests: int
) -> None:
    """`--max-requests` ends a process in the middle of its work, without a signal."""
    rig = on_defaults
    rig.fake.latency = 0.5
    web = rig.web("--preload", "--max-requests", str(most), workers=processes, LEASE_SECONDS="60")
    with rig.running(web):
        web.wait_for_line("Worker thread started", processes)
        customer = Customer(rig, web)
        for _ in range(requests):
            headers = {"Connection": "close"}
            answer = web.http.request("POST", customer.url, json=customer.body, headers=headers)
            assert answer.status == 201
        web.wait_for_line("Worker thread started", processes * 2)
        rig.wait_done()
        assert rig.paid_once().statuses == {"pending_review": requests}
        assert "Traceback" not in web.log()
        assert web.stop() == 0
