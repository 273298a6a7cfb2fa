"""Packshot's public API from Python: create products, wait for their pictures, download them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import urllib3

Json = dict[str, Any]
#: Answers after which the same request may be sent again.
TRY_AGAIN = (429, 502, 503, 504)
BATCH = 1000  # products in one bulk request, at most
LOOK_AT = 50  # products asked after in one round of waiting, the oldest first


class ApiError(Exception):
    """The server refused: `status`, its `message`, and `errors` with a pointer each."""

    def __init__(self, status: int, problem: Json) -> None:
        self.status = status
        self.errors: list[Json] = problem.get("errors") or []
        self.message: str = problem.get("message") or problem.get("title") or f"HTTP {status}"
        super().__init__(f"{status}: {self.message}")


class Client:
    """Talks to one Packshot. Safe to use from many threads.

    Requests that are safe to repeat are repeated up to `tries` times when the server is away or
    says so; creating carries an Idempotency-Key, so that a repeat creates nothing twice. Where
    nobody listens from the start, it is said at once.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:5000",
        api_key: str | None = None,
        *,
        tries: int = 6,
        timeout: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/") + "/"
        self.tries, self.sleep = tries, sleep
        self._reached = False
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.http = urllib3.PoolManager(
            headers=headers, timeout=timeout, retries=False, maxsize=16, block=True
        )

    def upload(self, photo: Path) -> str:
        """Store one photo; the answer is the `raw_image` for `create`."""
        fields = {"file": (photo.name, photo.read_bytes(), "application/octet-stream")}
        answer = self._call("POST", "api/uploads", fields=fields)
        return str(answer["data"]["raw_image"])

    def create(self, products: Sequence[Json], *, skip_bad_rows: bool = False) -> Json:
        """Create up to 1,000 products; `data` of the answer (created, total, products, errors)."""
        path = "api/products/bulk" + ("?on_error=skip" if skip_bad_rows else "")
        key = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
        body = json.dumps({"products": list(products)}, default=str).encode()
        data: Json = self._call("POST", path, body=body, headers=key)["data"]
        return data

    def product(self, product_id: int) -> Json:
        """One product with the pictures of its current round."""
        product: Json = self._call("GET", f"api/products/{product_id}")["data"]["product"]
        return product

    def products(self, **filters: str | int) -> Iterator[Json]:
        """All products that match (status, category, batch), newest first, page by page."""
        cursor: str | None = None
        while True:
            query = {**filters, "limit": 200} | ({"cursor": cursor} if cursor else {})
            data = self._call("GET", f"api/products?{urlencode(query)}")["data"]
            yield from data["products"]
            cursor = data["next_cursor"]
            if cursor is None:
                return

    def stats(self) -> Json:
        """Counts by status, the queue, pictures and spend."""
        data: Json = self._call("GET", "api/stats")["data"]
        return data

    def enhance(self, product_id: int, instructions: str | None = None) -> Json:
        """Redo one product, or resume a failed one."""
        body = {"instructions": instructions} if instructions else {}
        answer = self._call(
            "POST",
            f"api/products/{product_id}/enhance",
            body=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        product: Json = answer["data"]["product"]
        return product

    def wait(
        self,
        product_ids: Sequence[int],
        progress: Callable[[Json], None] | None = None,
        *,
        every: float = 0.5,
        timeout: float | None = None,
    ) -> list[Json]:
        """Wait until none of these is pending; `progress` sees each product whenever it changed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        latest: dict[int, Json] = {}
        waiting = set(product_ids)
        while waiting:
            for product_id in sorted(waiting)[:LOOK_AT]:
                product = self.product(product_id)
                if progress and product["version"] != latest.get(product_id, {}).get("version"):
                    progress(product)
                latest[product_id] = product
            waiting -= {n for n, product in latest.items() if product["status"] != "pending"}
            if waiting and deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{len(waiting)} products are still waiting for their pictures")
            if waiting:
                self.sleep(every)
        return [latest[number] for number in product_ids]

    def download(self, image: Json, folder: Path) -> Path:
        """Save one enhanced picture as `folder/{product}-{round}-{variant}.jpg`."""
        numbers = (int(image[part]) for part in ("product_id", "round", "variant"))  # never a path
        name = f"{'-'.join(map(str, numbers))}.jpg"
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / name
        target.write_bytes(self._send("GET", image["media_url"].lstrip("/")).data)
        return target

    def export(self, as_format: str = "csv", **filters: str) -> Iterator[bytes]:
        """What is approved, as `csv` or `jsonl`, piece by piece; filters: category, batch."""
        query = urlencode({"format": as_format, **filters})
        response = self._send("GET", f"api/export?{query}", preload_content=False)
        try:
            yield from response.stream(65_536)
        finally:
            response.release_conn()

    def _call(self, method: str, path: str, **request: Any) -> Json:
        answer: Json = json.loads(self._send(method, path, **request).data)
        return answer

    def _send(self, method: str, path: str, **request: Any) -> urllib3.BaseHTTPResponse:
        for attempt in range(1, self.tries + 1):
            try:
                response = self.http.request(method, urljoin(self.url, path), **request)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                nobody = isinstance(error, urllib3.exceptions.NewConnectionError)
                if attempt == self.tries or (nobody and not self._reached):
                    raise
                self.sleep(0.25 * 2**attempt)
                continue
            self._reached = True
            if response.status < 400:
                return response
            if response.status not in TRY_AGAIN or attempt == self.tries:
                raise ApiError(response.status, _problem(response))
            self.sleep(float(response.headers.get("Retry-After") or 0.25 * 2**attempt))
        raise AssertionError("unreachable")


def _problem(response: urllib3.BaseHTTPResponse) -> Json:
    try:
        problem = json.loads(response.data)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
