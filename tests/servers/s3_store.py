"""A store that speaks S3 over a socket, as well as the one it stands for: see `Dialect`."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from servers.ports import HOST

Refusal = tuple[int, str]  # status, code


@dataclass(frozen=True)
class Dialect:
    """What a store refuses, and with what answer; None: it supports that."""

    headers: Mapping[str, Refusal] = field(default_factory=dict)  # by name, in lower case
    ignores_condition: bool = False
    delete_wants_md5: bool = False
    delete_together: Refusal | None = None
    delete_names_missing: bool = False  # in the answer to DeleteObjects, as an error
    list_v2: Refusal | Literal["as version 1"] | None = None
    writes: Refusal | None = None
    no_tags: bool = False
    head_bucket: int | None = None  # a HEAD has no body to name a code in


class S3Store:
    """One bucket in memory. `page` is how many keys a list has at most."""

    def __init__(self, dialect: Dialect, page: int = 3) -> None:
        self.dialect, self.page = dialect, page
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []  # method and path
        store, self._lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                store.asked.append(f"{self.command} {self.path}")
                status, data, more = store.reply(self, body)
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

            def log_message(self, format: str, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def reply(
        self, request: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        for name, (status, code) in self.dialect.headers.items():
            if name in request.headers or (name == "aws-chunked" and _is_chunked(request)):
                return refuse(status, code, f"Unsupported header '{name}' received.")
        parts = urlsplit(request.path)
        key = unquote(parts.path).removeprefix("/").partition("/")[2]
        query = {name: values[0] for name, values in parse_qs(parts.query, True).items()}
        with self._lock:
            match request.command:
                case "PUT":
                    return self._put(key, body, request)
                case "POST":
                    return self._delete_together(body, request)
                case "DELETE":
                    self.objects.pop(key, None)
                    return 204, b"", {}
                case "GET" if not key:
                    return self._list(query)
                case "HEAD" if not key and self.dialect.head_bucket:
                    return self.dialect.head_bucket, b"", {}
                case _:
                    return self._get(key)

    def _put(
        self, key: str, body: bytes, request: BaseHTTPRequestHandler
    ) -> tuple[int, bytes, dict[str, str]]:
        if self.dialect.writes:
            return refuse(*self.dialect.writes)
        there = key in self.objects and request.headers.get("If-None-Match") == "*"
        if there and not self.dialect.ignores_condition:
            return refuse(412, "PreconditionFailed")
        self.objects[key] = body
        tag = {} if self.dialect.no_tags else {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}
        return 200, b"", tag

    def _get(self, key: str) -> tuple[int, bytes, dict[str, str]]:
        if key and key not in self.objects:
            return refuse(404, "NoSuchKey")
        more = {"Last-Modified": formatdate(usegmt=True), "ETag": '"e"'}
        return 200, self.objects.get(key, b""), more

    def _delete_together(
        self, body: bytes, request: BaseHTTPRequestHandler
    ) -> tuple[int, bytes, dict[str, str]]:
        if self.dialect.delete_together:
            return refuse(*self.dialect.delete_together)
        if self.dialect.delete_wants_md5 and "Content-MD5" not in request.headers:
            return refuse(400, "InvalidRequest", "Missing required header: Content-MD5")
        keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
        missing = [key for key in keys if self.objects.pop(key, None) is None]
        errors = [f"<Error><Key>{key}</Key><Code>NoSuchKey</Code></Error>" for key in missing]
        said = "".join(errors) if self.dialect.delete_names_missing else ""
        return 200, f"<DeleteResult>{said}</DeleteResult>".encode(), {}

    def _list(self, query: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]]:
        is_v2 = query.get("list-type") == "2"
        if is_v2 and isinstance(self.dialect.list_v2, tuple):
            return refuse(*self.dialect.list_v2)
        is_v2 = is_v2 and self.dialect.list_v2 is None
        token = query.get("continuation-token", query.get("start-after", ""))
        after = token if is_v2 else query.get("marker", "")
        keys = sorted(key for key in self.objects if key.startswith(query.get("prefix", "")))
        keys = [key for key in keys if key > after]
        more = len(keys) > self.page
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys[: self.page]
        )
        if more and is_v2:
            found += f"<NextContinuationToken>{keys[self.page - 1]}</NextContinuationToken>"
        truncated = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
        return 200, f"<ListBucketResult>{truncated}{found}</ListBucketResult>".encode(), {}

    def __enter__(self) -> S3Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _is_chunked(request: BaseHTTPRequestHandler) -> bool:
    return "aws-chunked" in request.headers.get("Content-Encoding", "")


def refuse(status: int, code: str, message: str = "no") -> tuple[int, bytes, dict[str, str]]:
    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return status, body.encode(), {"Content-Type": "application/xml"}
