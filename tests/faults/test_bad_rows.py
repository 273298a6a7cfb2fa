"""Rows whose photo can't be read: each fails or waits alone, and delays no other product."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from string import ascii_lowercase

import psutil
import pytest
from servers.canned_aws import Answer, CannedAws, s3_error
from servers.ports import free_port
from support.cpu import slowness
from support.fakes import photo_bytes

from faults.rig import Rig
from packshot.database.models import FAILED, PENDING, PENDING_REVIEW
from packshot.products.seller_fields import NewProduct

BAD, HEALTHY = 40, 16
#: 16 products alone take two to three seconds; a busy machine is a tenth as fast.
PROMPTLY = 60.0
MONEY = (Decimal(10), Decimal(9), Decimal(1), Decimal(18))

NO_SUCH_KEY = s3_error("NoSuchKey", 404)
#: What this S3 answers, by a part of the path; any other object of it is missing.
S3_ANSWERS = {
    "/raw/photo.jpg": Answer(photo_bytes(side=300)),
    "/raw/kkkk": s3_error("KeyTooLongError", 400),
    "/../": s3_error("InvalidURI", 400),
    "/raw/elsewhere": s3_error("PermanentRedirect", 301),
    "/raw/moved": s3_error("TemporaryRedirect", 307),
    "/raw/signed": s3_error("AuthorizationHeaderMalformed", 400),
    "/raw/method": s3_error("MethodNotAllowed", 405),
    "/raw/feature": s3_error("NotImplemented", 501),
    "/raw/error": s3_error("InternalError", 500),
    "/raw/signature": s3_error("SignatureDoesNotMatch", 403),
    "/raw/plain": Answer("<html>no</html>", 403),
    "/denied/": s3_error("AccessDenied", 403),
    "/gone/": s3_error("NoSuchBucket", 404),
    "/expired/": s3_error("ExpiredToken", 400),
    "/busy/": s3_error("SlowDown", 503),
    "/broken/": s3_error("InternalError", 500),
}
BUCKETS = "raw,denied,gone,expired,busy,broken"
NO_ROUTE = "[2001:db8::1]:80"  # a documentation address: nothing answers there
CLOSED = f"127.0.0.1:{free_port()}"

#: What such rows look like, and what they end as; `pending` waits for its own bucket.
KINDS: dict[str, tuple[Callable[[int], str], str]] = {
    "over-long key": (lambda n: f"s3://raw/{'k' * 1100}{n}", FAILED),
    "dots in the key": (lambda n: f"s3://raw/../other/{n}.jpg", FAILED),
    "encoded dots": (lambda n: f"s3://raw/%2e%2e/other/{n}.jpg", FAILED),
    "control character": (lambda n: f"s3://raw/a\x01b{n}.jpg", FAILED),
    "invented region": (
        lambda n: (
            f"https://raw.s3.xx-{ascii_lowercase[n % 26] * (1 + n // 26)}-1.amazonaws.com/{n}"
        ),
        FAILED,
    ),
    "missing object": (lambda n: f"s3://raw/none-{n}.jpg", FAILED),
    "missing bucket": (lambda n: f"s3://gone/{n}.jpg", FAILED),
    "denied bucket": (lambda n: f"s3://denied/{n}.jpg", FAILED),
    "unlisted bucket": (lambda n: f"s3://stranger/{n}.jpg", FAILED),
    "another region": (lambda n: f"s3://raw/elsewhere-{n}.jpg", FAILED),
    "moved bucket": (lambda n: f"s3://raw/moved-{n}.jpg", PENDING),
    "wrong signing region": (lambda n: f"s3://raw/signed-{n}.jpg", FAILED),
    "405": (lambda n: f"s3://raw/method-{n}.jpg", FAILED),
    "501": (lambda n: f"s3://raw/feature-{n}.jpg", FAILED),
    "403 without a code": (lambda n: f"s3://raw/plain-{n}.jpg", FAILED),
    "signature of one key": (lambda n: f"s3://raw/signature-{n}.jpg", PENDING),
    "500 of one key": (lambda n: f"s3://raw/error-{n}.jpg", PENDING),
    "expired credentials": (lambda n: f"s3://expired/{n}.jpg", PENDING),
    "busy bucket": (lambda n: f"s3://busy/{n}.jpg", PENDING),
    "broken bucket": (lambda n: f"s3://broken/{n}.jpg", PENDING),
    "IPv6 without a route": (lambda n: f"http://{NO_ROUTE}/{n}.jpg", PENDING),
    "closed port": (lambda n: f"http://{CLOSED}/{n}.jpg", PENDING),
    "missing upload": (lambda n: f"/media/uploads/none-{n}", FAILED),
    "odd label": (lambda n: f"http://-{'a' * 70}.example/{n}.jpg", FAILED),
}


def make_beside(rig: Rig, bad: list[str], s3: CannedAws) -> list[int]:
    """Make the healthy products promptly, with `/readyz` well, beside the bad rows; those's ids."""
    hosts = f"{rig.host.address},{NO_ROUTE},{CLOSED}"
    web = rig.web(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_ENDPOINT_URL_S3=s3.endpoint,
        AWS_REGION="us-east-1",
        S3_RAW_BUCKETS=BUCKETS,
        RAW_IMAGE_HOSTS=hosts,
        WORKER_CONCURRENCY="4",
    )
    with rig.running(web):
        web.wait_until_serving()
        rows = create(rig, bad)
        good = [rig.host.url("/photo.jpg"), "s3://raw/photo.jpg"] * (HEALTHY // 2)
        began, healthy = time.monotonic(), create(rig, good)
        ready = set()

        def all_made() -> bool:
            ready.add(web.call("GET", "/readyz")[0])
            return rig.statuses(healthy)[PENDING_REVIEW] == HEALTHY

        try:
            rig.until(all_made, PROMPTLY * slowness())
        finally:
            memory = sum(each.memory_info().rss for each in processes(web.pid)) / 1e6
            made = rig.statuses(healthy)[PENDING_REVIEW]
            ended = f"{time.monotonic() - began:.1f} s, {made} of {HEALTHY} made"
            print(f"{ended}, /readyz {sorted(ready)}, {memory:.0f} MB, rows {rig.statuses(rows)}")
        assert ready == {200}
        assert "Traceback" not in web.log()
    return rows


def has_ipv6_route() -> bool:
    """Whether Linux knows a way to the whole of IPv6: a route with an empty prefix."""
    routes = Path("/proc/net/ipv6_route")
    lines = routes.read_text().splitlines() if routes.exists() else []
    return any(line.split()[1] == "00" and line.split()[-1] != "lo" for line in lines)


def processes(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def create(rig: Rig, addresses: list[str]) -> list[int]:
    """Past the door of the API, as a row written by hand or by an older version."""
    rows = [NewProduct("Boxes", address, *MONEY) for address in addresses]
    return [each.id for each in rig.catalog().create(rows).products]


def test_bad_rows_of_every_kind_delay_no_other_product(on_defaults: Rig) -> None:
    bad = [address(n) for n in range(2) for address, _ in KINDS.values()]
    with CannedAws(NO_SUCH_KEY, by_path=S3_ANSWERS) as s3:
        rows = make_beside(on_defaults, bad, s3)
    endings = Counter(ending for _, ending in KINDS.values())
    assert on_defaults.statuses(rows) == {status: 2 * count for status, count in endings.items()}


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_bad_rows_of_one_kind_delay_no_other_product(kind: str, on_defaults: Rig) -> None:
    address, ending = KINDS[kind]
    if kind == "IPv6 without a route" and has_ipv6_route():
        pytest.skip("this machine has an IPv6 route: if it leads nowhere, each try takes seconds")
    with CannedAws(NO_SUCH_KEY, by_path=S3_ANSWERS) as s3:
        rows = make_beside(on_defaults, [address(n) for n in range(BAD)], s3)
    assert on_defaults.statuses(rows) == {ending: BAD}
