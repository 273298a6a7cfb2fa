"""Files and batches as Google's REST has them (ai.google.dev/api/files and batch-api), strictly.

A job's requests are worked on, and paid, when it is looked at after its time. `misbehave` breaks
the life of a job; single requests are broken by the orders of the fake itself, by kind and key.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import packshot.testing.fake_gemini.strict as strict
from packshot.testing.fake_gemini.faults import Reply, reply_of
from packshot.testing.fake_gemini.strict import ErrorAnswer

UPLOAD: Final = re.compile(r".*/upload/v1beta/files(?:/(?P<id>\w+))?(?:\?.*)?")
FILE: Final = re.compile(r".*/v1beta/files/(?P<id>[\w-]+)(?P<verb>:download)?(?:\?(?P<query>.*))?")
JOB: Final = re.compile(
    r".*/v1beta/batches(?:/(?P<id>[\w-]+)(?P<verb>:cancel)?)?(?:\?(?P<query>.*))?"
)
CREATE: Final = re.compile(r".*/v1beta/models/(?P<model>[^:/?]+):batchGenerateContent")
LIFE_FAULTS: Final = (
    "create_lost",  # the job is made, but its answer is not sent
    "create_overloaded",  # 503, and no job is made
    "create_limited",  # 429, and no job is made
    "create_refused",  # 400: the model takes no batches
    "create_proxy_404",  # a proxy's page in place of Google's answer
    "unlisted",  # the next list does not show it
    "look_missing",  # 404 for a job that exists
    "look_proxy_404",
    "look_slow",  # answers after SLOW_SECONDS
    "twins",  # one request makes two jobs of the same name
    "stuck",  # stays pending
    "output_early",  # names the file of its answers while it is running
    "output_late",  # has succeeded, but does not name the file of its answers yet
    "failed",  # fails with a reason at the top of the operation
    "expired",  # ends without answers
    "results_gone",  # the file of the answers is no longer kept
    "results_late",  # the file of the answers does not exist yet
    "download_cut",  # the connection ends in the middle of the answers
    "lines_doubled",
    "lines_missing",  # the last one
    "lines_late",  # the last one, in one download
    "get_overloaded",  # 503 for a job, the list or a file
    "delete_overloaded",  # 503, and nothing is deleted
    "delete_refused",  # 400 for a job, which stays
)
#: Not in Google's words, but with the path.
PROXY_404: Final = ErrorAnswer(
    404, "", "Cannot POST /v1beta/models/gemini-3.8-flash:batchGenerateContent"
)
CREATE_ERRORS: Final = {
    "create_overloaded": ErrorAnswer(503, "UNAVAILABLE", "The service is currently unavailable."),
    "create_limited": ErrorAnswer(429, "RESOURCE_EXHAUSTED", "Too many batch jobs."),
    "create_refused": ErrorAnswer(
        400, "INVALID_ARGUMENT", "The model is not supported for batchGenerateContent."
    ),
    "create_proxy_404": PROXY_404,
}
SLOW_SECONDS: Final = 5.5
PAGE: Final = 3  # jobs on a page of the list: pages must be followed

Json = dict[str, Any]
#: Answers one request of a job: its line of the results; None keeps the line out.
Work = Callable[[str, strict.CheckedRequest], Json]


def owns(path: str) -> bool:
    """Whether the path is about files and jobs."""
    return any(each.fullmatch(path) for each in (UPLOAD, FILE, JOB, CREATE))


@dataclass
class File:
    mime_type: str
    size: int
    data: bytes | None = None  # None: it is announced
    made_here: bool = False


@dataclass
class FakeJob:
    name: str
    model: str
    display_name: str
    requests: list[tuple[str, Json]]
    due: float
    state: str = "PENDING"
    results: str | None = None
    error: Json | None = None
    is_deleted: bool = False
    faults: set[str] = field(default_factory=set)


class Batches:
    """`delay` is how long a job takes (seconds); `answered_before_cancel` how many of its requests
    a cancelled one has answered."""

    def __init__(self, work: Work) -> None:
        self.delay = 0.0
        self.answered_before_cancel = 0
        self.files: dict[str, File] = {}
        self.jobs: list[FakeJob] = []
        self.asked: Counter[str] = Counter()  # "create", "list", "look", "cancel", "download", ...
        self._work = work
        self._orders: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self._lock = threading.RLock()

    def misbehave(self, fault: str, times: int = 1) -> None:
        """Break the next `times` requests to which this can happen."""
        assert fault in LIFE_FAULTS, fault
        with self._lock:
            self._orders[fault] += times

    def _happens(self, fault: str) -> bool:
        with self._lock:
            happens = self._orders[fault] > 0
            self._orders[fault] -= happens
            return happens

    # -- files -----------------------------------------------------------------------------------

    def _upload(self, headers: dict[str, str], body: bytes, name: str | None, url: str) -> Reply:
        """The two requests of a resumable upload."""
        with self._lock:
            if name is None:
                return self._announce(headers, body, url)
            return self._take(name, headers, body)

    def _announce(self, headers: dict[str, str], body: bytes, url: str) -> Reply:
        self.asked["upload"] += 1
        if headers.get("x-goog-upload-protocol") != "resumable":
            raise _invalid("X-Goog-Upload-Protocol must be resumable.")
        if headers.get("x-goog-upload-command") != "start":
            raise _invalid("X-Goog-Upload-Command must be start.")
        described = _object(body)
        strict.known(described, {"file"}, "")
        strict.known(described.get("file") or {}, {"display_name", "displayName", "name"}, "file")
        mime_type = headers.get("x-goog-upload-header-content-type", "")
        size = int(headers.get("x-goog-upload-header-content-length", "0"))
        if not mime_type or not size:
            raise _invalid("The length and the type of the file are required.")
        name = f"in{next(self._ids)}"
        self.files[name] = File(mime_type, size)
        return reply_of({}, headers={"x-goog-upload-url": f"{url}/upload/v1beta/files/{name}"})

    def _take(self, name: str, headers: dict[str, str], body: bytes) -> Reply:
        file = self.files.get(name)
        if file is None or file.data is not None:
            raise _missing("upload")
        if headers.get("x-goog-upload-command") != "upload, finalize":
            raise _invalid("X-Goog-Upload-Command must be upload, finalize.")
        if headers.get("x-goog-upload-offset") != "0" or len(body) != file.size:
            raise _invalid("The upload has another length than was announced.")
        file.data = body
        return reply_of(
            {"file": _describe(name, self.files[name])}, headers={"x-goog-upload-status": "final"}
        )

    # -- requests --------------------------------------------------------------------------------

    def reply(
        self, method: str, path: str, headers: dict[str, str], body: bytes, url: str
    ) -> Reply:
        """The answer to a request about files or jobs. Raises ErrorAnswer."""
        upload, file, job = (each.fullmatch(path) for each in (UPLOAD, FILE, JOB))
        create = CREATE.fullmatch(path)
        if upload and method == "POST":
            return self._upload(headers, body, upload["id"], url)
        if create and method == "POST":
            return self.create(create["model"], _object(body))
        if (file or job) and self._happens(f"{method.lower()}_overloaded"):
            raise _overloaded()
        if file and method in {"GET", "DELETE"}:
            return self._file(method, file)
        if job and job["verb"] and method == "POST":
            return self._cancel(f"batches/{job['id']}")
        if job and job["id"] and job["verb"] is None and method == "DELETE":
            return self._delete_job(f"batches/{job['id']}")
        if job and job["verb"] is None and method == "GET":
            return (
                self._look(f"batches/{job['id']}") if job["id"] else self._list(job["query"] or "")
            )
        raise _missing("method")

    def _file(self, method: str, found: re.Match[str]) -> Reply:
        name = found["id"]
        with self._lock:
            file = self.files.get(name)
            if method == "DELETE":
                self.asked["delete"] += 1
                if self.files.pop(name, None) is None:
                    raise _missing("file")
                return reply_of({})
            if found["verb"] is None:
                if file is None:
                    raise _missing("file")
                return reply_of(_describe(name, file))
            self.asked["download"] += 1
            if found["query"] != "alt=media":
                raise _invalid("alt must be media.")
            if self._happens("results_late"):
                raise _missing("file")
            if file is None or file.data is None or self._happens("results_gone"):
                self.files.pop(name, None)
                raise _missing("file")
            if not file.made_here:
                raise _invalid("Only files generated by the API can be downloaded.")
            wire = "cut_body" if self._happens("download_cut") else "whole"
            data = file.data
            if self._happens("lines_late"):
                data = b"".join(data.splitlines(keepends=True)[:-1])
            return Reply(body=data, content_type="application/octet-stream", wire=wire)

    def create(self, model: str, body: Any) -> Reply:
        """POST models/{model}:batchGenerateContent."""
        self.asked["create"] += 1
        for fault, error in CREATE_ERRORS.items():
            if self._happens(fault):
                raise error
        strict.check_model(model)
        strict.known(body, {"batch"}, "")
        batch = body.get("batch")
        strict.known(batch, {"displayName", "inputConfig", "priority"}, "batch")
        strict.known(batch.get("inputConfig"), {"fileName"}, "batch.input_config")
        if not batch.get("displayName"):
            raise _invalid("batch.display_name is required.")
        with self._lock:
            requests = self._requests_in(str(batch["inputConfig"].get("fileName")))
            job = self._add(model, batch["displayName"], requests)
            if self._happens("twins"):
                self._add(model, batch["displayName"], requests)
            wire = "reset" if self._happens("create_lost") else "whole"
            return reply_of(_operation(job), wire=wire)

    def _requests_in(self, file_name: str) -> list[tuple[str, Json]]:
        file = self.files.get(file_name.removeprefix("files/"))
        if file is None or file.data is None:
            raise _missing("file")
        if file.mime_type not in {"application/jsonl", "jsonl"}:
            raise _invalid(f"Unsupported MIME type {file.mime_type}: use JSONL.")
        return [_request(line) for line in file.data.splitlines() if line.strip()]

    def _add(self, model: str, display_name: str, requests: list[tuple[str, Json]]) -> FakeJob:
        job = FakeJob(
            f"batches/b{next(self._ids)}", model, display_name, requests, time.time() + self.delay
        )
        ways = ("stuck", "failed", "expired", "output_early")
        job.faults = {each for each in ways if self._happens(each)}
        self.jobs.append(job)
        return job

    def _list(self, query: str) -> Reply:
        self.asked["list"] += 1
        token = re.search(r"pageToken=(\d+)", query)
        start = int(token[1]) if token else 0
        if self._happens("unlisted"):
            return reply_of({})
        with self._lock:
            newest_first = self.listed()[::-1]
            shown = [_operation(job) for job in newest_first[start : start + PAGE]]
            more = start + PAGE < len(newest_first)
            return reply_of(
                {"operations": shown} | ({"nextPageToken": str(start + PAGE)} if more else {})
            )

    def _look(self, name: str) -> Reply:
        self.asked["look"] += 1
        if self._happens("look_slow"):
            time.sleep(SLOW_SECONDS)
        if self._happens("look_proxy_404"):
            raise PROXY_404
        if self._happens("look_missing"):
            raise _missing("batch")
        with self._lock:
            job = self._job(name)
            if job.state in {"PENDING", "RUNNING"} and time.time() >= job.due:
                self._progress(job)
            late = job.results and self._happens("output_late")
            return reply_of(_operation(replace(job, results=None) if late else job))

    def listed(self) -> list[FakeJob]:
        """The jobs that were not deleted."""
        return [job for job in self.jobs if not job.is_deleted]

    def _delete_job(self, name: str) -> Reply:
        """Forget the job; one that runs is not cancelled by this."""
        self.asked["delete_job"] += 1
        if self._happens("delete_refused"):
            raise _invalid("The batch can't be deleted.")
        with self._lock:
            self._job(name).is_deleted = True
            return reply_of({})

    def _job(self, name: str) -> FakeJob:
        found = next((job for job in self.listed() if job.name == name), None)
        if found is None:
            raise _missing("batch")
        return found

    def _progress(self, job: FakeJob) -> None:
        if "stuck" in job.faults:
            return
        if "output_early" in job.faults and job.state == "PENDING":
            job.state = "RUNNING"
            return
        if "failed" in job.faults:
            job.state, job.error = "FAILED", {"code": 13, "message": "internal trouble of the fake"}
        elif "expired" in job.faults:
            job.state = "EXPIRED"
        else:
            job.state = "SUCCEEDED"
            self._answer(job, len(job.requests))

    def _answer(self, job: FakeJob, count: int) -> None:
        """Work on the first `count` requests: from now on they cost money."""
        lines = [self._line(job.model, *each) for each in job.requests[:count]]
        if lines and self._happens("lines_missing"):
            lines.pop()
        if self._happens("lines_doubled"):
            lines += lines
        data = "".join(json.dumps(line) + "\n" for line in lines).encode()
        name = f"batch-out{next(self._ids)}"
        self.files[name] = File("application/jsonl", len(data), data, made_here=True)
        job.results = f"files/{name}"

    def _line(self, model: str, key: str, request: Json) -> Json:
        try:
            return {"key": key} | self._work(key, strict.read_request(model, request))
        except ErrorAnswer as refused:
            error = refused.body["error"]
            return {"key": key, "error": {"code": 3, "message": error["message"]}}

    def _cancel(self, name: str) -> Reply:
        self.asked["cancel"] += 1
        with self._lock:
            job = self._job(name)
            if job.state in {"PENDING", "RUNNING"}:
                job.state = "CANCELLED"
                if self.answered_before_cancel:
                    self._answer(job, self.answered_before_cancel)
            return reply_of({})


def _describe(name: str, file: File) -> Json:
    return {
        "name": f"files/{name}",
        "mimeType": file.mime_type,
        "sizeBytes": str(file.size),
        "state": "ACTIVE",
        "uri": f"https://generativelanguage.googleapis.com/v1beta/files/{name}",
    }


def _operation(job: FakeJob) -> Json:
    done = job.state not in {"PENDING", "RUNNING"}
    metadata: Json = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "model": f"models/{job.model}",
        "displayName": job.display_name,
        "state": f"BATCH_STATE_{job.state}",
        "batchStats": {"requestCount": str(len(job.requests))},
        "name": job.name,
    }
    answer: Json = {"name": job.name, "metadata": metadata} | ({"done": True} if done else {})
    if "output_early" in job.faults:
        metadata["output"] = {"responsesFile": "files/batch-early"}
    if job.results:
        metadata["output"] = {"responsesFile": job.results}
        answer["response"] = {"responsesFile": job.results}
    if job.error:
        answer["error"] = job.error
    return answer


def _request(line: bytes) -> tuple[str, Json]:
    """One line: `{"key": ..., "request": a raw REST body in camelCase}`."""
    found = _object(line)
    strict.known(found, {"key", "request"}, "")
    request = found.get("request")
    if not isinstance(found.get("key"), str) or not isinstance(request, dict):
        raise _invalid("A line needs a key and a request.")
    wrong = [name for name in request if "_" in name]
    if wrong or "config" in request:
        raise _invalid(f"Invalid JSON payload received. Unknown name {wrong or 'config'}.")
    return found["key"], request


def _object(body: bytes) -> Json:
    try:
        found = json.loads(body)
    except ValueError:
        raise _invalid("Invalid JSON payload received.") from None
    if not isinstance(found, dict):
        raise _invalid("Invalid JSON payload received.")
    return found


def _invalid(message: str) -> ErrorAnswer:
    return ErrorAnswer(400, "INVALID_ARGUMENT", message)


def _overloaded() -> ErrorAnswer:
    return ErrorAnswer(503, "UNAVAILABLE", "The service is currently unavailable.")


def _missing(what: str) -> ErrorAnswer:
    if what == "file":
        words = "You do not have permission to access the File or it may not exist."
        return ErrorAnswer(403, "PERMISSION_DENIED", words)
    return ErrorAnswer(404, "NOT_FOUND", f"The {what} does not exist, or is no longer kept.")
