"""Reads the parts that are needed from a generateContent answer and ignores the rest."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic.alias_generators import to_camel

from packshot.enhancers.gemini.prompts import clean, whole_characters
from packshot.lanes import Lane

#: The name that a model reports, cut to its column's length.
ModelName = Annotated[str, AfterValidator(lambda name: clean(name, 100))]


#: Counts beyond these are no counts, and no database could keep them.
TokenCount = Annotated[int, Field(ge=0, le=1_000_000_000)]

_LANES: Final[dict[str, Lane]] = {
    "flex": "flex",
    "standard": "standard",
    "on_demand_flex": "flex",
    "on_demand": "standard",
}


class _Lenient(BaseModel):
    """Both spellings are read; what we don't name (thoughtSignature, ...) is never kept.

    A field of an unexpected type counts as missing, and so does such an element of a list: a
    picture is paid for, whatever a proxy writes beside it.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _read_or_leave_out(
        cls, value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        if isinstance(value, list):
            value = [each for each in value if isinstance(each, dict)]
        try:
            return read(value)
        except ValidationError:
            return cls.model_fields[str(info.field_name)].default


_DATA_ADDRESS: Final = re.compile(r"\A\s*data:[^,]{0,100},")


class Blob(_Lenient):
    data: str = ""
    mime_type: str | None = None


class Part(_Lenient):
    text: str | None = None
    inline_data: Blob | None = None
    thought: bool | None = None


class Content(_Lenient):
    parts: list[Part] | None = None


class Candidate(_Lenient):
    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None  # Google's own reason; the SDK drops it

    @property
    def parts(self) -> list[Part]:
        """The parts that are the answer: not thoughts, nor pictures that are thoughts."""
        parts = (self.content.parts if self.content else None) or []
        return [part for part in parts if not part.thought]


class PromptFeedback(_Lenient):
    block_reason: str | None = None
    block_reason_message: str | None = None


class TokenDetail(_Lenient):
    modality: str | None = None
    token_count: TokenCount | None = None


class Usage(_Lenient):
    prompt_token_count: TokenCount | None = None
    candidates_token_count: TokenCount | None = None
    thoughts_token_count: TokenCount | None = None
    candidates_tokens_details: list[TokenDetail] | None = None
    service_tier: str | None = None  # "flex", "standard", ...
    traffic_type: str | None = None  # "ON_DEMAND", "ON_DEMAND_FLEX", ...


class ErrorBody(_Lenient):
    code: int | None = None
    message: str | None = None
    status: str | None = None
    details: list[dict[str, Any]] | None = None


class GeminiAnswer(_Lenient):
    """One answer. Everything may be missing: an empty answer is a success to HTTP."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: Usage | None = None
    model_version: ModelName | None = None
    error: ErrorBody | None = None  # some proxies answer 200 with an error inside

    @property
    def candidate(self) -> Candidate:
        """The first candidate with content, else the first one, or an empty one."""
        candidates = self.candidates or [Candidate()]
        return next((each for each in candidates if each.parts), candidates[0])

    @property
    def lane(self) -> Lane | None:
        """The lane in which Google says it served the call; None if it names no known one."""
        usage = self.usage_metadata or Usage()
        said = (usage.service_tier or usage.traffic_type or "").lower()
        return _LANES.get(said.removeprefix("service_tier_"))

    @property
    def text(self) -> str:
        """All words of the answer, without thoughts."""
        return "".join(part.text or "" for part in self.candidate.parts).strip()

    @property
    def picture(self) -> Blob | None:
        """The last picture that is not a thought; None when there is none."""
        blobs = [part.inline_data for part in self.candidate.parts if part.inline_data]
        return next((blob for blob in reversed(blobs) if blob.data), None)


@dataclass(frozen=True)
class Tokens:
    """The usage that an answer reports."""

    input: int
    output: int  # words and thinking
    image: int


class NotJson(ValueError):
    """The body is not JSON: cut short, or a proxy's page."""


def read_answer(body: str) -> GeminiAnswer:
    """Parse a body. An empty body, a list or a bare string is an answer without content.

    Raises NotJson when it is not JSON at all.
    """
    body = body.removeprefix("\ufeff")
    if not body.strip():
        return GeminiAnswer()
    try:
        return GeminiAnswer.model_validate_json(body)
    except ValidationError as error:
        if all(each["type"] != "json_invalid" for each in error.errors(include_input=False)):
            return GeminiAnswer()
    whole = whole_characters(body)
    if whole == body:
        raise NotJson
    return read_answer(whole)


def picture_bytes(blob: Blob) -> bytes | None:
    """Decode either base64 alphabet, padded or not, in lines or behind `data:image/png;base64,`;
    None when it is neither."""
    bare = "".join(_DATA_ADDRESS.sub("", blob.data, count=1).split())
    standard = bare.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def tokens_of(answer: GeminiAnswer) -> Tokens:
    """Tokens billed: pictures apart from words; without details a picture takes all of them."""
    usage = answer.usage_metadata or Usage()
    made = usage.candidates_token_count or 0
    details = usage.candidates_tokens_details
    if not details:
        image = made if answer.picture else 0
    else:
        image = sum(each.token_count or 0 for each in details if each.modality == "IMAGE")
    words = max(0, made - image) + (usage.thoughts_token_count or 0)
    return Tokens(usage.prompt_token_count or 0, words, image)
