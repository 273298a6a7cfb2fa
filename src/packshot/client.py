"""Packshot's public API from Python: create products, wait for their pictures, download them."""

from __future__ import annotations

import json
import math
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode, urljoin

import urllib3

from packshot.backoff import backoff, no_jitter

Json = dict[str, Any]
Sent = TypeVar("Sent")
Answer = urllib3.BaseHTTPResponse | Exception
PLAIN = urllib3.Retry(retry_after_max=10**9)  # reads Retry-After, seconds or a date
#: Answers after which the same request may be sent again.
TRY_AGAIN = (408, 429, 502, 503, 504)
BATCH = 1000  # the most products in one bulk request
BULK_BYTES = 2_000_000  # the most bytes of its body
FEW = 20  # up to this many products are read one by one, more by the pages of their batches
CONNECT_SECONDS = 60.0
ANSWER_SECONDS = 150.0  # the server gives up on a photo after 120
BUSY_WAIT = 600.0  # seconds in all of retries while the server is busy, see `_send`
LONGEST_WAIT = (
    120.0  # the longest Retry-After that is waited for; a longer one is raised to the caller
)
LONGEST_PAUSE = 15.0  # between two requests, where the server names no time


class Photo(Protocol):
    """A file to upload: a Path, or anything with a name and bytes."""

    @property
    def name(self) -> str: ...

    def read_bytes(self) -> bytes: ...


class ApiError(Exception):
    """The server refused: `status`, its `message`, and `errors` with a pointer each.

    `code` is the problem's, as in docs/api.md. `retry_after` is the seconds it asks to wait,
    `tries` the number of requests sent. `is_busy`: the server works on too many requests of this
    kind, and has not begun this one. `asks_for_key`: the server has keys, and none of them was
    sent.
    """

    def __init__(self, response: urllib3.BaseHTTPResponse, tries: int) -> None:
        self.status, self.tries = response.status, tries
        self.retry_after = PLAIN.get_retry_after(response)
        ours = "json" in response.headers.get("Content-Type", "")  # otherwise it is a proxy's page
        problem: Json = json.loads(response.data) if ours else {}
        self.asks_for_key = self.status == 401 and "WWW-Authenticate" in response.headers
        self.code = str(problem.get("type")).removeprefix("/problems/")
        self.is_busy = self.code == "busy"
        self.errors: list[Json] = problem.get("errors") or []
        self.message: str = problem.get("message") or _words_of_another(response)
        super().__init__(f"{self.status}: {self.message}")

    @property
    def explanation(self) -> str:
        """`message`, then a line for each of `errors` that adds to it: where, and what is wrong."""
        added = [error for error in self.errors if error["detail"] not in self.message]
        return "\n".join([self.message, *map(_words_of, added)])

    @property
    def is_passing(self) -> bool:
        """Whether the error concerns the server or the caller, not the data sent."""
        of_another = self.status < 400  # see `_words_of_another`
        return of_another or self.status in (401, 403, *TRY_AGAIN)

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.status in TRY_AGAIN or self.code == "idempotency_running"


def _words_of_another(response: urllib3.BaseHTTPResponse) -> str:
    """What a proxy or another program answered in Packshot's place."""
    if place := response.get_redirect_location():
        return f"this address leads to {place}: use that one"
    status = f"HTTP {response.status}"
    return status if response.status >= 400 else f"{status}, but not an answer of Packshot's"


def _words_of(error: Json) -> str:
    where = error["pointer"].removeprefix("/query").removeprefix("/")
    return f"{where}: {error['detail']}" if where else str(error["detail"])


def _pause_after(error: Exception, tries: int) -> float:
    """Seconds until the next request: as the server says, or longer after each."""
    asked = error.retry_after if isinstance(error, ApiError) else None
    pause = asked or backoff(tries, no_jitter, first=0.5, longest=LONGEST_PAUSE)
    is_busy = isinstance(error, ApiError) and error.is_busy
    return pause * random.uniform(1, 1.5) if is_busy else pause  # not all clients at once


class Client:
    """Talks to one Packshot. Safe to use from many threads.

    Requests are sent up to `tries` times while the server is unreachable or unavailable. That is
    safe: creating and correcting send an Idempotency-Key, and a redo the version it is for. If
    nothing listens at the first request, the error is raised at once. Requests to a busy server are
    repeated for up to ten minutes.

    `outage_wait`: repeat requests beyond `tries` until so many seconds were waited; math.inf: until
    the server answers for good, also the first one. `before_retry` gets each error after which a
    request is repeated; `after_retry` is called when one succeeds."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:5000",
        api_key: str | None = None,
        *,
        tries: int = 6,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/") + "/"
        self._given_up = threading.Event()
        self.tries, self.sleep = tries, sleep or self._given_up.wait
        self.outage_wait = 0.0
        self.before_retry: Callable[[Exception], object] = lambda error: None
        self.after_retry: Callable[[], object] = lambda: None
        self._reached = False
        self.headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        waits = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
        self.http = urllib3.PoolManager(timeout=waits, retries=False, maxsize=16, block=True)

    def plan_import(self, fields: Sequence[tuple[str, Any]]) -> Json:
        """What a spreadsheet and photos' names would become; creates nothing. `fields` are those
        of `POST /api/imports`: texts, or (file name, bytes)."""
        return self._data("POST", "api/imports", fields=fields)

    def upload(self, photo: Photo) -> str:
        """Store one photo; returns the `raw_image` for `create`."""
        fields = {"file": (photo.name, photo.read_bytes(), "application/octet-stream")}
        return str(self._data("POST", "api/uploads", fields=fields)["raw_image"])

    def create(
        self,
        products: Sequence[Json],
        *,
        skip_bad_rows: bool = False,
        skip_duplicates: bool = False,
        lane: str | None = None,
        pixel_lock: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Json:
        """Create up to 1,000 products, in a lane (standard, flex, batch; None: the server's), with
        the photo's own pixels put over the product or not (None: as the server does).

        `data` of the answer: created, total, products, errors of skipped bad rows, and which rows
        were skipped because their photos have products already.
        """
        query = {"on_error": "skip" if skip_bad_rows else "fail"}
        if skip_duplicates:
            query["on_duplicate"] = "skip"
        once = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        path = f"api/products/bulk?{urlencode(query)}"
        body: Json = {"products": list(products)} | ({"lane": lane} if lane else {})
        if pixel_lock is not None:
            body["pixel_lock"] = pixel_lock
        return self._data("POST", path, body, headers=once)

    def find_photos(self, photos: Sequence[Json]) -> Json:
        """The products of up to 1,000 photos (sha256 and fields), by `index`. `duplicates` are of
        the same SKU and view, `elsewhere` of others; `same_view` have these with another photo."""
        body = {"photos": list(photos)}
        return self._data("POST", "api/products/duplicates", body, headers={})

    def correct_skus(
        self, facts: Sequence[Json], *, dry_run: bool = False, idempotency_key: str | None = None
    ) -> list[Json]:
        """Give the products of up to 1,000 SKUs the fields that `facts` have beside their sku; with
        `dry_run` only say what would change: the `index`, `product_id` and `changes` of each."""
        path = f"api/products/corrections?dry_run={str(dry_run).lower()}"
        body = {"products": list(facts)}
        once = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return list(self._data("POST", path, body, headers=once)["products"])

    def product(self, product_id: int) -> Json:
        """One product with the pictures of its current round."""
        return dict(self._data("GET", f"api/products/{product_id}")["product"])

    def products(self, **filters: str | int) -> Iterator[Json]:
        """All products that match (status, category, batch, reason), newest first, page by page."""
        query: dict[str, str | int] = {**filters, "limit": 200}
        while query.get("cursor", True):
            page = self._data("GET", f"api/products?{urlencode(query)}")
            yield from page["products"]
            query["cursor"] = page["next_cursor"]

    def stats(self) -> Json:
        """Counts by status, the queue, pictures and spend."""
        return self._data("GET", "api/stats")

    def replace_photo(self, product_id: int, raw_image: str, version: int) -> Json:
        """Make a product again from another photo, if it still has this version."""
        same = {"If-Match": f'"{version}"'}
        path, body = f"api/products/{product_id}/photo", {"raw_image": raw_image}
        try:
            return dict(self._data("PUT", path, body, headers=same)["product"])
        except ApiError as error:
            if error.status != 412 or error.tries == 1:
                raise
            product = self.product(product_id)
            if product["raw_image"] != raw_image:  # not by the first try, whose answer was lost
                raise
            return product

    def enhance(
        self,
        product_id: int,
        instructions: str | None = None,
        adjustments: Sequence[str] = (),
    ) -> Json:
        """Redo one product, or resume a failed one. If it is repeated after a lost answer, the
        server has a newer version already: nothing is paid for twice."""
        same = {"If-Match": f'"{self.product(product_id)["version"]}"'}
        body: Json = {"instructions": instructions} if instructions else {}
        if adjustments:
            body["adjustments"] = list(adjustments)
        path = f"api/products/{product_id}/enhance"
        try:
            return dict(self._data("POST", path, body, headers=same)["product"])
        except ApiError as error:
            if error.status != 412 or error.tries == 1:
                raise
        return self.product(product_id)

    def wait(
        self,
        product_ids: Sequence[int],
        progress: Callable[[Json], None] | None = None,
        *,
        every: float = 0.5,
        timeout: float | None = None,
        before_pause: Callable[[], object] = lambda: None,
    ) -> list[Json]:
        """Wait until none is pending; `progress` gets each change, `before_pause` is between."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        latest: dict[int, Json] = {}
        waiting = set(product_ids)
        while waiting:
            for product in _look_at(self, waiting):
                number = product["id"]
                if progress and product["version"] != latest.get(number, {}).get("version"):
                    progress(product)
                latest[number] = product
            waiting = {number for number in waiting if latest[number]["status"] == "pending"}
            if waiting and time.monotonic() > deadline:
                few = "1 product is" if len(waiting) == 1 else f"{len(waiting):,} products are"
                raise TimeoutError(f"{few} still waiting for pictures")
            if waiting:
                before_pause()
                self.sleep(every)
        return [latest[number] for number in product_ids]

    def download(self, image: Json, folder: Path) -> Path:
        """Save one enhanced picture as `folder/{product}-{round}-{variant}.jpg`."""
        numbers = (int(image[part]) for part in ("product_id", "round", "variant"))  # never a path
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{'-'.join(map(str, numbers))}.jpg"
        target.write_bytes(self._send("GET", image["media_url"]).data)
        return target

    def export(
        self,
        as_format: str = "csv",
        *,
        begun: Callable[[Mapping[str, str]], object] = lambda headers: None,
        **filters: str,
    ) -> Iterator[bytes]:
        """The approved pictures as `csv`, `jsonl`, `zip`, `shopify` or `woocommerce`, in
        pieces.

        A ZIP that is cut off raises an error of urllib3. `begun` gets the answer's headers before
        the first piece: `Packshot-Pictures` and others, see docs/api.md.

        Filters: category, batch, sku, products, since; names and preset for a ZIP, pictures_at for
        a shop's file, see docs/api.md.
        """
        query = urlencode({"format": as_format, **filters})
        response = self._send("GET", f"api/export?{query}", preload_content=False)
        begun(response.headers)
        try:
            yield from response.stream(65_536)
        finally:
            response.release_conn()

    def _data(self, method: str, path: str, body: Json | None = None, **request: Any) -> Json:
        if body is not None:
            request["body"] = json.dumps(body, default=str).encode()
            request["headers"] = request["headers"] | {"Content-Type": "application/json"}
        data: Json = json.loads(self._send(method, path, **request).data)["data"]
        return data

    def give_up(self) -> None:
        """End all pauses and repeat nothing more: requests of other threads raise their error."""
        self._given_up.set()

    def _send(self, method: str, path: str, **request: Any) -> urllib3.BaseHTTPResponse:
        request["headers"] = self.headers | request.get("headers", {})
        tries, waited = 0, 0.0
        while True:
            tries += 1
            answer = self._ask(method, path, tries, request)
            if not isinstance(answer, Exception):
                if waited:
                    self.after_retry()
                return answer
            pause = _pause_after(answer, tries)
            is_last = tries >= self.tries and waited >= self.outage_wait
            if isinstance(answer, ApiError):
                if self.outage_wait == math.inf:
                    is_last = not answer.may_pass and answer.status < 500
                elif answer.is_busy:
                    tries, is_last = 0, waited >= BUSY_WAIT
                else:
                    is_last = is_last or not answer.may_pass or pause > LONGEST_WAIT
            if is_last or self._given_up.is_set():
                raise answer
            self.before_retry(answer)
            waited += pause
            self.sleep(pause)

    def _ask(self, method: str, path: str, tries: int, request: Json) -> Answer:
        """The answer, or the error in its place; raises where nothing ever listened."""
        try:
            response = self.http.request(method, urljoin(self.url, path), **request)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            never_listened = isinstance(error, urllib3.exceptions.NewConnectionError)
            if never_listened and not self._reached and self.outage_wait < math.inf:
                raise
            return error
        self._reached = True
        is_page = "html" in response.headers.get("Content-Type", "")  # of a proxy, another program
        return ApiError(response, tries) if is_page or response.status >= 300 else response


def split_for_requests(
    items: Sequence[Sent], most: int, size_of: Callable[[Sent], int]
) -> Iterator[Sequence[Sent]]:
    """Parts of at most `most` items, and of BULK_BYTES in all."""
    part: list[Sent] = []
    size = 0
    for item in items:
        needed = size_of(item)
        if part and (len(part) == most or size + needed > BULK_BYTES):
            yield part
            part, size = [], 0
        part.append(item)
        size += needed
    if part:
        yield part


def _look_at(client: Client, product_ids: set[int]) -> Iterator[Json]:
    """The current state of each: a few read one by one, many by the pages of their batches."""
    left = set(product_ids)
    while left:
        product = client.product(left.pop())
        yield product
        if len(left) >= FEW and product["batch_id"]:
            beside = [p for p in client.products(batch=product["batch_id"]) if p["id"] in left]
            left -= {each["id"] for each in beside}
            yield from beside
