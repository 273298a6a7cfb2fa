"""The batch lane at Gemini: jobs of many requests, at half the price, within a day.

Traps (python-genai #2519, #1482, #2439, and the project's notes): create takes no key of the
client's and may have worked although its answer was lost; results are kept for 48 hours; a job may
stay pending for more than a day; a failed one says why only outside `metadata`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from packshot.enhancers.contract import (
    Analysis,
    Brief,
    CallRecord,
    JobResult,
    JobStatus,
    Photo,
)
from packshot.enhancers.gemini.answers import read_answer
from packshot.enhancers.gemini.batch_client import MAX_PAGES, BatchClient, Json
from packshot.enhancers.gemini.client import Request
from packshot.enhancers.gemini.paid_requests import PaidRequest, PaidRequests
from packshot.enhancers.gemini.paying import book
from packshot.enhancers.gemini.prices import expected_cost
from packshot.enhancers.gemini.prompts import clean
from packshot.errors import EnhancerError, NotFound, RateLimited, Unanswered, Unavailable

#: Errors after which the request may have been carried out.
UNCERTAIN: Final = frozenset(
    {
        "gemini_timeout",
        "gemini_fault",
        "gemini_overloaded",
        "gemini_cut",
        "gemini_garbled",
        "gemini_stalled",
    }
)
ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})


class GeminiBatches:
    """See `BatchLane`."""

    def __init__(
        self, client: BatchClient, requests: PaidRequests, today: Callable[[], date]
    ) -> None:
        self._client, self._requests, self._today = client, requests, today

    def model_of(self, kind: str) -> str:
        return self._requests.model if kind == "analysis" else self._requests.image_model

    def expected(self, kind: str) -> Decimal | None:
        size = self._requests.size if kind == "picture" else None
        model, views = self.model_of(kind), self._requests.most_references
        return expected_cost(kind, model, size, self._today(), "batch", views)

    def request(self, photo: Photo, brief: Brief, analysis: Analysis | None, variant: int) -> bytes:
        paid = self._paid_request(photo, brief, analysis, variant)
        line = {"key": paid.request.call, "request": rest_body(paid.request)}
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"

    def _paid_request(
        self, photo: Photo, brief: Brief, analysis: Analysis | None, variant: int
    ) -> PaidRequest:
        if analysis is None:
            return self._requests.analysis(photo, brief)
        return self._requests.picture(photo, analysis, brief, variant)

    def upload(self, display_name: str, requests: BinaryIO, sent: Callable[[], object]) -> str:
        found = self._client.upload(display_name, requests, "application/jsonl", sent)
        name = found.get("name")
        if not isinstance(name, str):
            raise Unavailable("Gemini took the file of a batch job without naming it.")
        return name

    def create(self, model: str, display_name: str, file: str) -> JobStatus:
        batch = {"displayName": display_name, "inputConfig": {"fileName": file}}
        path = f"models/{quote(model)}:batchGenerateContent"
        try:
            status = _status(self._client.ask("POST", path, {"batch": batch}))
        except RateLimited:
            raise
        except Unavailable as error:
            if error.code in UNCERTAIN:
                raise Unanswered(error.message) from None
            raise
        if not status.name:
            raise Unanswered(f"Gemini answered without the name of the job {display_name}.")
        return status

    def find(self, display_name: str) -> Sequence[JobStatus]:
        token, found = "", []
        for _ in range(MAX_PAGES):
            more = f"&pageToken={quote(token)}" if token else ""
            page = self._client.ask("GET", f"batches?pageSize=100{more}")
            found += [each for each in page.get("operations") or [] if isinstance(each, dict)]
            token = str(page.get("nextPageToken") or "")
            if not token:
                named = [
                    each for each in found if _metadata(each).get("displayName") == display_name
                ]
                return [_status(each) for each in named]
        raise Unavailable(f"Gemini lists more than {len(found):,} batch jobs: delete old ones.")

    def look(self, name: str) -> JobStatus:
        return _status(self._client.ask("GET", quote(name)))

    def cancel(self, name: str) -> None:
        self._client.ask("POST", f"{quote(name)}:cancel")

    def results(self, file: str) -> Iterator[JobResult]:
        for line in self._client.lines(file):
            result = _result(line)
            if result is not None:
                yield result

    def delete(self, name: str) -> None:
        try:
            self._client.ask("DELETE", quote(name))
        except NotFound:
            return
        except EnhancerError:
            # A file of answers has a name that is too long for this request (python-genai#1759).
            if not name.startswith("files/"):
                raise

    def book(self, record: CallRecord, model: str, answer: str) -> None:
        book(record, model, read_answer(answer), self._today())

    def close(self) -> None:
        self._client.close()


def rest_body(request: Request) -> Json:
    """The request in REST form, as the SDK would send it, in one spelling."""
    photos = [base64.b64encode(each).decode() for each in (request.photo, *request.references)]
    parts: list[Json] = [
        {"inlineData": {"mimeType": "image/jpeg", "data": photo}} for photo in photos
    ]
    parts.append({"text": request.words})
    contents = [{"role": "user", "parts": parts}]
    body: Json = {"contents": contents, "generationConfig": _generation_config(request)}
    if request.system is not None:
        body["systemInstruction"] = {"parts": [{"text": request.system}]}
    return body


def _generation_config(request: Request) -> Json:
    if request.size is not None:
        image = {"aspectRatio": request.aspect, "imageSize": request.size}
        return {"responseModalities": ["IMAGE"], "imageConfig": image}
    if request.schema is not None:
        return {"responseMimeType": "application/json", "responseJsonSchema": request.schema}
    return {}


def _metadata(operation: Json) -> Json:
    found = operation.get("metadata")
    return found if isinstance(found, dict) else {}


def _status(operation: Json) -> JobStatus:
    """Read raw: the SDK drops `error` and `response`, which contain the result of the job."""
    metadata = _metadata(operation)
    state = str(metadata.get("state") or "UNSPECIFIED")
    state = state.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    outputs = [operation.get("response"), metadata.get("output")]
    files = [each.get("responsesFile") for each in outputs if isinstance(each, dict)]
    error = operation.get("error") or metadata.get("error")
    return JobStatus(
        name=str(operation.get("name") or ""),
        ended=operation.get("done") is True or state in ENDED,
        state=state,
        results=next((str(file) for file in files if file), None),
        error=_words(error),
    )


def _words(error: Any) -> str | None:
    if not isinstance(error, dict):
        return None
    return clean(f"{error.get('code', '')} {error.get('message', 'no message')}", 300)


def _result(line: bytes) -> JobResult | None:
    """One line's result; None for an empty line, or one that Packshot did not request."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    key = found.get("key") or _metadata(found).get("key")
    if not isinstance(key, str):
        return None
    response = found.get("response")
    if not isinstance(response, dict):
        error = found.get("error") or found.get("status")
        return JobResult(key, error=_words(error) or "it has neither an answer nor an error")
    answer = json.dumps(_without_signatures(response), ensure_ascii=False)
    return JobResult(key, answer=answer.encode(errors="replace").decode())  # half a character


def _without_signatures(value: Any) -> Any:
    """The answer without what only a continued conversation needs: 1 to 2 MB for each picture."""
    if isinstance(value, list):
        return [_without_signatures(each) for each in value]
    if isinstance(value, dict):
        return {
            name: _without_signatures(each)
            for name, each in value.items()
            if name not in {"thoughtSignature", "thought_signature"}
        }
    return value
