"""Google's REST for files and batches, over the transport of ordinary calls.

The SDK reads only `metadata` of a batch's operation and drops why it failed; it sends a request
again by itself, and a job would be created twice. Shapes: ai.google.dev/api/batch-api and
ai.google.dev/api/files, read 2026-11-28.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Final
from urllib.parse import quote, urlsplit, urlunsplit

import httpx2

from packshot.enhancers.gemini import failures
from packshot.enhancers.gemini.client import (
    API_VERSION,
    DEFAULT_BASE_URL,
    check_key,
    check_url,
    without_key,
)
from packshot.enhancers.gemini.per_process import PerProcess
from packshot.enhancers.gemini.transport import DeadlineTransport, system_tls, within
from packshot.errors import NotFound

#: Seconds for a request without a file, for a file up, and for all of the results down.
ASK_SECONDS: Final = 60.0
UPLOAD_SECONDS: Final = 1800.0
DOWNLOAD_SECONDS: Final = 1800.0
#: The longest pause in an answer, in seconds: results of 100 pictures come from a store.
STALL_SECONDS: Final = 60.0
#: 100 pictures at 4K, each with its signature.
MAX_RESULTS_BYTES: Final = 5_000_000_000
PIECE: Final = 1_000_000
UPLOAD_PIECE: Final = 8_000_000
#: The most pages of a list that are read.
MAX_PAGES: Final = 100

Json = dict[str, Any]


class BatchClient:
    """Sends each request once. Errors are Packshot's; a missing object raises NotFound,
    a closed client Stopping."""

    def __init__(self, api_key: str, base_url: str | None) -> None:
        self._api_key = check_key(api_key)
        self._base_url = check_url(base_url or DEFAULT_BASE_URL).rstrip("/")
        self._clients = PerProcess(self._new)

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """Send one request of JSON and return its answer; `path` follows the API's version."""
        with self._calling(path, ASK_SECONDS) as client:
            answer = client.request(
                method, f"{self._base_url}/{API_VERSION}/{path}", json=body, headers=self._headers()
            )
            self._check(answer, path)
            return _json(answer)

    def upload(
        self, display_name: str, data: BinaryIO, mime_type: str, sent: Callable[[], object]
    ) -> Json:
        """Store a file, by Google's resumable protocol in one go; return its description.

        `sent` is called before each piece that is read.
        """
        size = data.seek(0, os.SEEK_END)
        data.seek(0)
        start = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(size),
            "X-Goog-Upload-Header-Content-Type": mime_type,
        }
        finish = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
        with self._calling("files", UPLOAD_SECONDS) as client:
            begun = client.post(
                f"{self._base_url}/upload/{API_VERSION}/files",
                json={"file": {"display_name": display_name}},
                headers=self._headers() | start,
            )
            self._check(begun, "files")
            done = client.post(
                self._own_host(begun.headers.get("x-goog-upload-url", "")),
                content=_pieces(data, sent),
                headers=finish | {"Content-Length": str(size), "Content-Type": mime_type},
            )
            self._check(done, "files")
            return dict(_json(done).get("file") or {})

    def lines(self, file: str) -> Iterator[bytes]:
        """The lines of a file that Google made."""
        path = f"{quote(file)}:download?alt=media"
        url = f"{self._base_url}/{API_VERSION}/{path}"
        with self._calling(path, DOWNLOAD_SECONDS) as client:
            with client.stream("GET", url, headers=self._headers()) as answer:
                if not answer.is_redirect:
                    yield from self._lines_of(answer, path)
                    return
                elsewhere = answer.headers.get("location", "")
            with client.stream("GET", elsewhere) as answer:  # without the key
                yield from self._lines_of(answer, path)

    def _lines_of(self, answer: httpx2.Response, path: str) -> Iterator[bytes]:
        if answer.status_code != 200:
            answer.read()
        self._check(answer, path)
        left = b""
        for piece in answer.iter_bytes(PIECE):
            *whole, left = (left + piece).split(b"\n")
            yield from whole
        yield left

    def close(self) -> None:
        """Close the connections this process opened, once the requests under way end."""
        self._clients.close()

    def _own_host(self, url: str) -> str:
        """The upload address with the configured host, as in the SDK: a proxy stays in use."""
        ours, theirs = urlsplit(self._base_url), urlsplit(url)
        return urlunsplit((ours.scheme, ours.netloc, theirs.path, theirs.query, ""))

    def _headers(self) -> dict[str, str]:
        return {"x-goog-api-key": self._api_key}

    def _check(self, answer: httpx2.Response, path: str) -> None:
        if not path.startswith("models/") and _is_gone(answer):
            raise NotFound(f"Gemini has no {path.partition('?')[0]}")
        if answer.status_code >= 300:
            details = _error_of(without_key(answer.text, self._api_key))
            header = answer.headers.get("retry-after")
            raise failures.of_status(answer.status_code, details, _about(path), header)

    @contextmanager
    def _calling(self, path: str, seconds: float) -> Iterator[httpx2.Client]:
        """The client, for requests that take at most `seconds` together; their errors are ours.

        The originals are dropped: they contain the request, and that contains the key.
        """
        try:
            with self._clients.use() as client, within(seconds, STALL_SECONDS):
                yield client
        except Exception as error:
            raise _translate(error, _about(path)) from None

    def _new(self) -> httpx2.Client:
        tls = system_tls()
        return httpx2.Client(
            transport=DeadlineTransport(self._base_url, 4, tls, MAX_RESULTS_BYTES),
            timeout=None,  # `within` ends each request; the library's own is 5 s
            follow_redirects=False,
            trust_env=False,
            verify=tls,
        )


def _pieces(data: BinaryIO, sent: Callable[[], object]) -> Iterator[bytes]:
    sent()
    while piece := data.read(UPLOAD_PIECE):
        yield piece
        sent()


def _is_gone(answer: httpx2.Response) -> bool:
    """Whether Google says that it is gone: of a file by 403, "... or it may not exist". A proxy's
    404 says nothing: the requests of a job that was given up are paid for again."""
    words = {404: "NOT_FOUND", 403: "may not exist"}.get(answer.status_code)
    return words is not None and words in answer.text


def _about(path: str) -> str:
    """What an error is about, for its message: the model, or the part of the API."""
    return (
        path.removeprefix("models/").partition(":")[0] if "models/" in path else "Gemini's batches"
    )


def _json(answer: httpx2.Response) -> Json:
    found = answer.json() if answer.content.strip() else {}
    return found if isinstance(found, dict) else {}


def _error_of(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {"message": text}
    return found if isinstance(found, dict) else {"message": text}


def _translate(error: Exception, about: str) -> Exception:
    if isinstance(error, ValueError):
        return failures.not_json(about)
    return failures.of_transport(error, about, "its time", STALL_SECONDS) or error
