"""Google's SDK behind one class: one client per process, one deadline per call, own errors."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packshot.enhancers.gemini import failures
from packshot.enhancers.gemini.filling import with_placeholders
from packshot.enhancers.gemini.per_process import PerProcess
from packshot.enhancers.gemini.transport import (
    STALL_SECONDS,
    DeadlineTransport,
    proxy_for,
    system_tls,
    within,
)
from packshot.errors import SettingsError
from packshot.lanes import Lane

if TYPE_CHECKING:
    from google import genai
    from google.genai import types
    from google.genai.errors import APIError

API_VERSION = "v1beta"  # what Google's REST samples and all recorded traffic use; the SDK's is v1
DEFAULT_BASE_URL = "https://generativelanguage.googleapis.com/"
CHECK_SECONDS = 15.0
#: A picture or a signature in an answer's JSON, perhaps with line breaks.
DATA = r'"[A-Za-z0-9+/_=\\-]{1000,}"'
CALL_HEADER = "x-packshot-call"  # product/round/variant, for the logs of a proxy


@dataclass(frozen=True)
class Request:
    """One generateContent request. `schema` asks for JSON, `aspect` and `size` for a picture."""

    model: str
    photo: bytes  # JPEG
    words: str
    call: str  # product/round/variant
    system: str | None = None
    references: tuple[bytes, ...] = ()  # JPEG, after the photo
    schema: Mapping[str, Any] | None = None
    aspect: str | None = None
    size: str | None = None
    lane: Lane = "standard"


class GeminiClient:
    """Sends requests. The SDK is imported, and its client made, at the first one in a process."""

    def __init__(
        self,
        api_key: str,
        base_url: str | None,
        *,
        timeout: float,
        connections: int,
        flex_timeout: float | None = None,
        deadline: float | None = None,
        stall: float = STALL_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Times are in seconds. Google gets `timeout` with each call, or `flex_timeout` in the flex
        lane (None: the same). Here a call ends after `deadline` (None: the time that Google got),
        or when an answer pauses for `stall`. `tls` has the trusted certificates (None: the
        machine's). Raises SettingsError for a malformed key or address.
        """
        self._api_key = check_key(api_key)
        self._base_url = check_url(base_url or DEFAULT_BASE_URL)
        self._timeout, self._deadline = timeout, deadline
        self._flex_timeout = timeout if flex_timeout is None else flex_timeout
        self._stall = stall
        self._connections, self._tls = connections, tls
        self._clients = PerProcess(self._new)

    def generate(self, request: Request) -> str:
        """Send one request, once; return the answer's body.

        Raises Unavailable, RateLimited, NotConfigured or EnhancerError; Stopping once closed.
        """
        flex = request.lane == "flex"
        timeout = self._flex_timeout if flex else self._timeout
        setting = "GEMINI_FLEX_TIMEOUT" if flex else "GEMINI_TIMEOUT"
        with (
            self._clients.use() as client,
            self._own_errors(request.model, setting),
            within(self._deadline or timeout, self._stall),
            with_placeholders(request.photo, *request.references) as pictures,
        ):
            contents = _contents(request, pictures)
            answer = client.models.generate_content(
                model=request.model, contents=contents, config=_config(request, timeout)
            )
        raw = answer.sdk_http_response
        return without_key((raw.body if raw else None) or "", self._api_key)

    def check(self, model: str) -> None:
        """Ask Google whether it knows `model` (free); raise what is wrong."""
        seconds = min(CHECK_SECONDS, self._deadline or CHECK_SECONDS)
        with self._clients.use() as client, self._own_errors(model), within(seconds):
            client.models.get(model=model)

    def close(self) -> None:
        """Close the connections this process opened, once the calls under way end."""
        self._clients.close()

    @contextmanager
    def _own_errors(self, model: str, setting: str = "GEMINI_TIMEOUT") -> Iterator[None]:
        """Turn what the SDK and its transport raise into Packshot's errors.

        The originals are dropped: they contain the request, and that contains the key.
        """
        try:
            yield
        except Exception as error:
            raise self._translate(error, model, setting) from None

    def _translate(self, error: Exception, model: str, setting: str) -> Exception:
        from google.genai import errors

        if isinstance(error, errors.APIError):
            return self._of_status(error, model)
        if isinstance(error, (errors.UnknownApiResponseError, UnicodeError)):
            return failures.not_json(model)
        return failures.of_transport(error, model, setting, self._stall) or error

    def _of_status(self, error: APIError, model: str) -> Exception:
        retry_after = getattr(error.response, "headers", {}).get("retry-after")
        details = json.loads(without_key(json.dumps(error.details), self._api_key))
        return failures.of_status(error.code, details, model, retry_after)

    def _new(self) -> genai.Client:
        from google import genai  # half a second and 41 MB: only when Gemini is really used
        from google.genai import types

        tls = self._tls or system_tls()
        transport = DeadlineTransport(self._base_url, self._connections, tls)
        options = types.HttpOptions(
            base_url=self._base_url,
            api_version=API_VERSION,
            timeout=int(self._timeout * 1000),  # milliseconds; also sent as X-Server-Timeout
            # A redirect would carry the key to whatever host it names.
            client_args={
                "transport": transport,
                "follow_redirects": False,
                "trust_env": False,
                "verify": tls,  # unused beside our transport; else the SDK loads its own
            },
            async_client_args={"verify": tls, "ssl": tls, "trust_env": False},  # unused as well
        )
        return genai.Client(vertexai=False, api_key=self._api_key, http_options=options)


def check_key(key: str) -> str:
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError("GEMINI_API_KEY=(not shown): it has characters that no key has.")
    return key


def without_key(text: str, key: str) -> str:
    """Remove the key from an answer, as a proxy may echo it; do so before cutting, or half a key
    would stay. A picture stays as it is: its base64 may contain a short key by chance."""
    if key not in text:
        return text
    return re.sub(
        f"{DATA}|{re.escape(key)}", lambda found: "(key)" if found[0] == key else found[0], text
    )


def check_url(url: str) -> str:
    """Raises SettingsError for an address that can't be read, and for such a proxy."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # its words have a part of the address
        good = False
    if not good:
        raise SettingsError("GOOGLE_GEMINI_BASE_URL is not an address like https://host/path.")
    proxy_for(url)
    return url


def _contents(request: Request, pictures: Sequence[bytes]) -> list[Any]:
    """The request's parts. `pictures` are placeholders for the pictures, see `filling`."""
    from google.genai import types

    parts = [types.Part.from_bytes(data=data, mime_type="image/jpeg") for data in pictures]
    return [*parts, request.words]


def _config(request: Request, timeout: float) -> types.GenerateContentConfig:
    from google.genai import types

    config = types.GenerateContentConfig(
        http_options=types.HttpOptions(
            headers={CALL_HEADER: request.call},
            timeout=int(timeout * 1000),  # milliseconds; also sent as X-Server-Timeout
        ),
        should_return_http_response=True,  # the SDK's own parsing drops finishMessage
        automatic_continuation=False,  # else it sends follow-ups without a cap
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        system_instruction=request.system,
    )
    if request.schema is not None:
        config.response_mime_type = "application/json"
        config.response_json_schema = request.schema
    if request.lane == "flex":
        config.service_tier = types.ServiceTier.FLEX
    if request.size is not None:
        config.response_modalities = ["IMAGE"]
        config.image_config = types.ImageConfig(
            aspect_ratio=request.aspect, image_size=request.size
        )
    return config
