"""Refuses what Google refuses, in its words; reads both spellings and both base64 alphabets."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

ANALYSIS_MODELS = ("gemini-3.8-flash", "gemini-3.5-flash-lite")
IMAGE_MODELS = ("gemini-nano-banana-2.1", "gemini-3-pro-image", "gemini-3.1-flash-lite-image")
SIZES = {"1K": 1024, "2K": 2048, "4K": 4096}
ASPECTS = [
    "1:1",
    "2:3",
    "3:2",
    "3:4",
    "4:3",
    "4:5",
    "5:4",
    "9:16",
    "16:9",
    "21:9",
    "1:4",
    "4:1",
    "1:8",
    "8:1",
]

#: The most pictures that gemini-nano-banana-2.1 accepts
#: (ai.google.dev/gemini-api/docs/image-generation).
MAX_PICTURES = 14

_TOP = {
    "contents",
    "systemInstruction",
    "generationConfig",
    "safetySettings",
    "tools",
    "toolConfig",
    "cachedContent",
    "serviceTier",
}
#: Google's, in lower case (ai.google.dev/gemini-api/docs/flex-inference).
TIERS = ("unspecified", "standard", "flex", "priority")
_CONFIG = {
    "responseModalities",
    "imageConfig",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "maxOutputTokens",
    "candidateCount",
    "stopSequences",
    "thinkingConfig",
    "seed",
    "mediaResolution",
}
_SCHEMA = {"responseSchema", "responseJsonSchema"}
_FREE = {"responseSchema", "responseJsonSchema", "response_schema", "response_json_schema"}


class ErrorAnswer(Exception):
    """An error answer: HTTP status, Google's status word, message, details."""

    def __init__(
        self, code: int, status: str, message: str, details: list[dict[str, Any]] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        error: dict[str, Any] = {"code": code, "message": message, "status": status}
        self.body = {"error": {**error, "details": details} if details else error}


@dataclass(frozen=True)
class CheckedRequest:
    """A request that passed every check."""

    model: str
    words: str
    photo: bytes | None
    schema: dict[str, Any] | None
    aspect: str | None
    size: str
    references: tuple[bytes, ...] = ()  # the pictures behind the photo
    tier: str = "standard"

    @property
    def wants_picture(self) -> bool:
        return self.model in IMAGE_MODELS

    @property
    def kind(self) -> str:
        """ "picture", "judge" (two pictures are compared) or "analysis"."""
        if self.wants_picture:
            return "picture"
        properties = (self.schema or {}).get("properties", {})
        return "judge" if "same_product" in properties else "analysis"


def check_deadline(header: str | None) -> None:
    """X-Server-Timeout below 10 seconds is refused (livekit/agents #3723)."""
    if header is not None and float(header) < 10:
        raise _invalid(
            f"Manually set deadline {header}s is too short. Minimum allowed deadline is 10s."
        )


def check_key(given: str | None, expected: str | None) -> None:
    """No key is 403, a wrong one 400, as recorded."""
    if not given:
        raise ErrorAnswer(
            403,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API.",
        )
    if expected is not None and given != expected:
        raise bad_key()


def bad_key() -> ErrorAnswer:
    """As recorded in 10_ruby_llm_400_api_key_invalid.json."""
    reason = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
    return ErrorAnswer(
        400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [reason]
    )


def check_model(name: str) -> None:
    """Unknown and retired models are 404."""
    if name not in ANALYSIS_MODELS + IMAGE_MODELS:
        raise unknown_model(name)


def unknown_model(name: str) -> ErrorAnswer:
    """As recorded in 08_crewai_404_gemini-1.5-flash_image.json."""
    return ErrorAnswer(
        404,
        "NOT_FOUND",
        f"models/{name} is not found for API version v1beta, or is not supported for "
        "generateContent. Call ListModels to see the list of available models and their "
        "supported methods.",
    )


def read_request(model: str, body: Any) -> CheckedRequest:
    """Check a generateContent body. Raises ErrorAnswer."""
    check_model(model)
    body = _camel(body)
    if not isinstance(body, dict):
        raise _invalid("Invalid JSON payload received.")
    known(body, _TOP, "")
    config = body.get("generationConfig") or {}
    known(config, _CONFIG, "generation_config")
    parts = _parts(body.get("contents"))
    blobs = [part["inlineData"] for part in parts if "inlineData" in part]
    asked = CheckedRequest(
        model=model,
        words="\n".join(part["text"] for part in parts if "text" in part),
        photo=_bytes(blobs[0]["data"]) if blobs else None,
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        aspect=(config.get("imageConfig") or {}).get("aspectRatio"),
        size=(config.get("imageConfig") or {}).get("imageSize") or "1K",
        references=tuple(_bytes(other["data"]) for other in blobs[1:]),
        tier=_tier(body.get("serviceTier")),
    )
    if len(blobs) > MAX_PICTURES:
        raise _invalid(f"Too many images: at most {MAX_PICTURES} are supported.")
    _check_config(asked, config)
    return asked


def _tier(given: Any) -> str:
    if given is None or given == "unspecified":
        return "standard"
    if given not in TIERS:
        raise _invalid(
            f"Invalid value at 'service_tier' (type.googleapis.com/google.ai.generativelanguage."
            f'v1beta.ServiceTier), "{given}"'
        )
    return str(given)


def check_tier(asked: CheckedRequest, models: Collection[str]) -> None:
    """Only these models are served in the flex tier."""
    if asked.tier == "flex" and asked.model not in models:
        raise _invalid(f"Service tier 'flex' is not supported for models/{asked.model}.")


def _check_config(asked: CheckedRequest, config: dict[str, Any]) -> None:
    if asked.wants_picture:
        if _SCHEMA & config.keys() or config.get("responseMimeType") == "application/json":
            raise _invalid(f"JSON mode is not enabled for models/{asked.model}")
        _check_image_config(asked, config.get("imageConfig") or {})
        return
    if "IMAGE" in (config.get("responseModalities") or []) or "imageConfig" in config:
        raise _invalid(
            f"The requested combination of response modalities (IMAGE) is not supported by "
            f"the model. models/{asked.model} accepts the following: TEXT"
        )
    if _SCHEMA & config.keys() and config.get("responseMimeType") != "application/json":
        raise _invalid("responseSchema needs responseMimeType application/json.")


def _check_image_config(asked: CheckedRequest, config: dict[str, Any]) -> None:
    known(config, {"aspectRatio", "imageSize"}, "generation_config.image_config")
    sizes = ["1K"] if "lite" in asked.model else list(SIZES)
    if asked.size not in sizes:
        raise _invalid(f"imageSize must be one of {', '.join(sizes)}; got {asked.size!r}.")
    if asked.aspect is not None and asked.aspect not in ASPECTS:
        raise _invalid(f"aspectRatio must be one of {', '.join(ASPECTS)}.")


def _parts(contents: Any) -> list[dict[str, Any]]:
    if not isinstance(contents, list) or not contents:
        raise _invalid("* GenerateContentRequest.contents: contents is not specified")
    for content in contents:
        _check_content(content)
    parts = [part for content in contents for part in content.get("parts") or []]
    if not parts:
        raise _invalid(
            "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty"
        )
    return parts


def _check_content(content: Any) -> None:
    known(content, {"role", "parts"}, "contents[0]")
    if content.get("role") not in {None, "user", "model"}:
        raise _invalid("Please use a valid role: user, model.")
    for part in content.get("parts") or []:
        known(part, {"text", "inlineData", "thoughtSignature"}, "contents[0].parts[0]")
        if "inlineData" in part:
            known(part["inlineData"], {"data", "mimeType"}, "contents[0].parts[0].inline_data")


def _bytes(text: str) -> bytes:
    standard = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(
            "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), "
            "Base64 decoding failed"
        ) from None


def known(given: Any, allowed: set[str], where: str) -> None:
    if not isinstance(given, dict):
        raise _invalid(f"Invalid value at '{where}'.")
    for name in given.keys() - allowed:
        at = f" at '{where}'" if where else ""
        raise _invalid(
            f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
        )


def _camel(value: Any) -> Any:
    """snake_case keys as camelCase, except inside schemas, which are the caller's own."""
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_([a-z])", lambda found: found[1].upper(), key): (
            each if key in _FREE else _camel(each)
        )
        for key, each in value.items()
    }


def _invalid(message: str) -> ErrorAnswer:
    return ErrorAnswer(400, "INVALID_ARGUMENT", message)


def unreadable_photo() -> ErrorAnswer:
    """The refusal of a photo that can't be decoded."""
    return _invalid("Unable to process input image. Please retry or report in the issue tracker.")
