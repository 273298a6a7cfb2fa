"""Turns a client's bytes into checked values: size, JSON, text, money."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from packshot.spreadsheets.fields import (
    LONGEST,
    MAX_ATTRIBUTE_BYTES,
    MAX_ATTRIBUTES,
    MAX_MONEY,
)
from packshot.web.requests.refusals import BodyTooLarge, Refused, malformed

if TYPE_CHECKING:
    from flask import Request

#: Bytes of the largest batch of 1,000 products, and of any other body (2,000 escaped characters are
#: 24 KB).
MAX_JSON_BYTES: Final = 2_000_000
MAX_SMALL_JSON_BYTES: Final = 64_000
#: Seconds of CPU for receiving one body: 20 MB take 0.05, and 60 in chunks of one byte.
MAX_READ_SECONDS: Final = 0.5
#: As much as gunicorn receives at once: for every smaller read it copies what is left. 20 MB in
#: reads of 8 KB took 0.8 s of CPU. Chunks are read in smaller pieces, so that their CPU is seen.
READ_BYTES: Final = 1024 * 1024
CHUNKED_READ_BYTES: Final = 64 * 1024
#: Brackets and commas in a body, so about as many values; a full batch has 8,000. Counted before
#: the body is parsed, because each value takes up to 100 bytes of memory.
MAX_JSON_MARKS: Final = 100_000
#: Fields of one object, known or not: each unknown field costs an error.
MAX_FIELDS: Final = 50
#: The largest of PostgreSQL's INTEGER.
MAX_ID: Final = 2**31 - 1
CENT: Final = Decimal("0.01")
#: Code points that one composed character is made of at most (Unicode 15: U+1F82 and the like).
MAX_DECOMPOSED: Final = 4
#: Combining marks in a row: the longest stack in use, in Tibetan, has nine; Zalgo text has dozens.
#: The cost of normalising is quadratic in it.
MAX_MARKS: Final = 10

# Invisible characters that hide or reorder what a reviewer sees, or break a log line: the bidi
# embeddings, overrides and isolates (UAX 9), line and paragraph separators, zero-width space, word
# joiner and BOM. The zero-width joiners U+200C and U+200D stay: Hindi, Persian and emoji need them.
_HIDDEN: Final = frozenset(
    "\u200b\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_SCHEMA_HIDDEN: Final = r"\u007f-\u009f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff"


class StrictModel(BaseModel):
    """An input: unknown fields are refused, and errors never contain the values."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )
    #: The largest body, in bytes.
    max_bytes: ClassVar[int] = MAX_SMALL_JSON_BYTES

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, data: Any) -> Any:
        if isinstance(data, dict) and len(data) > MAX_FIELDS:
            raise PydanticCustomError(
                "too_many_fields", "must have at most {most} fields", {"most": MAX_FIELDS}
            )
        return data


# -- bytes ---------------------------------------------------------------------------------------


def read_limited(request: Request, limit: int) -> bytes:
    """The body, at most `limit` bytes; otherwise 413, whatever Content-Length says.

    Werkzeug's own MAX_CONTENT_LENGTH silently cuts a chunked body off at the limit.
    """
    return b"".join(read_pieces(request, limit))


def read_pieces(request: Request, limit: int) -> Iterator[bytes]:
    """The body in pieces of at most READ_BYTES, with the checks of `read_limited`."""
    if request.content_encoding:
        raise Refused("unsupported_media_type", "send the body as it is, without Content-Encoding")
    expected = request.content_length or 0
    if expected > limit:
        _too_large(limit)
    size = READ_BYTES if expected else CHUNKED_READ_BYTES
    seen, spent = 0, 0.0
    while True:
        began = time.thread_time()
        piece = _read(request, min(size, limit + 1 - seen))
        seen, spent = seen + len(piece), spent + time.thread_time() - began
        if seen > limit:
            _too_large(limit)
        if spent > MAX_READ_SECONDS:
            raise malformed("the body's chunks are too small: send larger ones, or Content-Length")
        if not piece:
            break
        yield piece
    if seen < expected:  # gunicorn raises nothing when a client hangs up
        raise malformed("the body ended too early")


def _read(request: Request, most: int) -> bytes:
    """Some bytes of the body. Each server raises errors of its own types for broken chunks and
    clients that hang up; the client caused all of them."""
    try:
        return request.stream.read(most)
    except Exception:
        raise malformed("the body ended early, or its chunks can't be read") from None


def _too_large(limit: int) -> NoReturn:
    raise BodyTooLarge("too_large", f"the body is larger than {limit:,} bytes")


def read_json(request: Request, limit: int, *, optional: bool = False) -> Any:
    """The body, at most `limit` bytes, as JSON. With `optional`, no body is an empty object."""
    if request.mimetype != "application/json":
        if optional and not request.mimetype and not read_limited(request, 0):
            return {}
        raise Refused("unsupported_media_type", "send the body as application/json")
    raw = read_limited(request, limit)
    if optional and not raw:
        return {}
    return parse_json(raw)


def parse_json(raw: bytes) -> Any:
    """JSON by RFC 8259, UTF-8 only, each name of an object once; fractions become exact Decimals.
    A byte order mark, which editors on Windows write, is ignored. Raises Refused."""
    if sum(raw.count(mark) for mark in (b"[", b"{", b",")) > MAX_JSON_MARKS:
        raise Refused("too_large", f"the JSON has more than {MAX_JSON_MARKS:,} brackets and commas")
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
        return json.loads(
            text,
            parse_float=_fraction,
            parse_constant=_no_constant,
            object_pairs_hook=_each_name_once,
        )
    except RecursionError:
        raise malformed("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise malformed(f"the body is not valid JSON (at {where})") from None
    except ValueError:  # not UTF-8, NaN, or a number of thousands of digits
        raise malformed("the body is not valid JSON in UTF-8") from None


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of `{"price": 5, "price": 50}` one would be ignored silently."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise malformed("an object of the JSON has the same name twice: send each field once")
    return found


def _fraction(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent of twenty digits
        return Decimal("Infinity") if "e-" not in digits.lower() else Decimal("NaN")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# -- values --------------------------------------------------------------------------------------


def text_like(pattern: str, words: str) -> tuple[AfterValidator, WithJsonSchema]:
    """A type for strings that match a pattern; `words` say what they must be."""
    compiled = re.compile(pattern)

    def read(text: str) -> str:
        if not compiled.search(text):
            raise PydanticCustomError("bad_form", "{words}", {"words": words})
        return text

    return AfterValidator(read), WithJsonSchema({"type": "string", "pattern": pattern})


def money(value: Any) -> Decimal:
    """A JSON number or a decimal string in ASCII digits, exact to two decimals."""
    if isinstance(value, str):
        value = _decimal_string(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("not_money", "must be a number such as 45000.50")
    amount = Decimal(value)
    if not amount.is_finite() or not 0 <= amount <= MAX_MONEY:
        raise PydanticCustomError("out_of_range", f"must be from 0 to {MAX_MONEY}")
    if amount != amount.quantize(CENT):
        raise PydanticCustomError("too_precise", "must have at most two decimals")
    return abs(amount.quantize(CENT))  # turns minus zero into zero


def _decimal_string(text: str) -> Decimal | None:
    whole, _, decimals = text.partition(".")
    digits = whole + decimals
    wanted = text.isascii() and digits.isdigit() and whole and (decimals or "." not in text)
    return Decimal(text) if wanted and len(text) <= 40 else None


def percentage(value: Any) -> Decimal:
    """The rules of `money`, from 0 to 100."""
    amount = money(value)
    if amount > 100:
        raise PydanticCustomError("out_of_range", "must be from 0 to 100")
    return amount


def _money_schema(highest: float) -> WithJsonSchema:
    pattern = r"^[0-9]{1,10}(\.[0-9]{1,2})?$"
    number = {"type": "number", "minimum": 0, "maximum": highest}
    return WithJsonSchema(
        {
            "anyOf": [number, {"type": "string", "pattern": pattern}],
            "description": f"0 to {highest}, at most two decimals",
        }
    )


Money = Annotated[Decimal, BeforeValidator(money), _money_schema(float(MAX_MONEY))]
Percentage = Annotated[Decimal, BeforeValidator(percentage), _money_schema(100)]


def plain_text(value: Any, longest: int, allowed_controls: str = "") -> str:
    """Text in NFC, without outer blanks, and without characters that control, hide or reorder.

    At most `longest` characters, so at most 4 * `longest` bytes. Length and marks are checked
    before it is normalised, whose cost is quadratic in the marks in a row.
    """
    if not isinstance(value, str):
        raise PydanticCustomError("not_text", "must be a string")
    if len(value) > MAX_DECOMPOSED * longest:
        raise _bad_length(longest)
    if _most_marks(value) > MAX_MARKS:
        raise PydanticCustomError(
            "too_many_marks",
            "must not have more than {most} combining marks on one letter",
            {"most": MAX_MARKS},
        )
    text = unicodedata.normalize("NFC", value).strip(" \t\n" if allowed_controls else " ")
    if _has_hidden(text, allowed_controls):
        raise PydanticCustomError(
            "hidden_character", "must not have control, invisible or direction-changing characters"
        )
    if not 1 <= len(text) <= longest or text.isspace():
        raise _bad_length(longest)
    return text


def _bad_length(longest: int) -> PydanticCustomError:
    return PydanticCustomError(
        "bad_length", "must have 1 to {longest} characters", {"longest": longest}
    )


def _most_marks(text: str) -> int:
    """The longest row of combining marks; invisible format characters do not end a row."""
    if text.isascii():
        return 0
    most = row = 0
    for character in text:
        category = unicodedata.category(character)
        row = row + 1 if category[0] == "M" else row if category == "Cf" else 0
        most = max(most, row)
    return most


def _has_hidden(text: str, allowed: str) -> bool:
    if text.isascii() and text.isprintable():  # at once: character by character takes 20 times this
        return False
    return any(_is_hidden(character, allowed) for character in text)


def _is_hidden(character: str, allowed: str) -> bool:
    if character in allowed:
        return False
    return character in _HIDDEN or unicodedata.category(character) in {"Cc", "Cs"}


def text_type(longest: int, allowed: str = "") -> tuple[BeforeValidator, WithJsonSchema]:
    """A type for strings of 1 to `longest` characters, in one line or in several."""
    controls = r"\u0000-\u0008\u000b-\u001f" if allowed else r"\u0000-\u001f"
    schema = {"type": "string", "minLength": 1, "maxLength": longest}
    return (
        BeforeValidator(lambda value: plain_text(value, longest, allowed)),
        WithJsonSchema(schema | {"pattern": rf"^[^{controls}{_SCHEMA_HIDDEN}]*$"}),
    )


#: In an error's context: the name, within the value that was checked, of what is wrong.
INSIDE: Final = "inside"


def attributes(value: Any) -> dict[str, str]:
    """Texts by their names; each name has 1 to 100 characters."""
    if not isinstance(value, dict):
        raise PydanticCustomError("not_an_object", "must be an object of strings")
    if len(value) > MAX_ATTRIBUTES:
        raise PydanticCustomError(
            "too_many", "must have at most {most} attributes", {"most": MAX_ATTRIBUTES}
        )
    texts = [text for pair in value.items() for text in pair]
    if sum(len(text) for text in texts if isinstance(text, str)) > MAX_ATTRIBUTE_BYTES:
        raise _attributes_too_large()
    read = dict(_attribute(name, text) for name, text in value.items())
    if sum(len(f"{name}{text}".encode()) for name, text in read.items()) > MAX_ATTRIBUTE_BYTES:
        raise _attributes_too_large()
    return read


def _attribute(name: Any, text: Any) -> tuple[str, str]:
    try:
        name = plain_text(name, 100)
    except PydanticCustomError as error:
        raise PydanticCustomError(
            error.type, "{reason} in each name", {"reason": error.message()}
        ) from None
    try:
        return name, plain_text(text, MAX_ATTRIBUTE_BYTES, "\n\t")
    except PydanticCustomError as error:
        raise PydanticCustomError(
            error.type, "{reason}", {"reason": error.message(), INSIDE: name}
        ) from None


def _attributes_too_large() -> PydanticCustomError:
    return PydanticCustomError(
        "too_large",
        "must have at most {most} bytes in all, names included",
        {"most": MAX_ATTRIBUTE_BYTES},
    )


Category = Annotated[str, *text_type(LONGEST["category"])]
Sku = Annotated[str, *text_type(LONGEST["sku"])]
ProductName = Annotated[str, *text_type(LONGEST["name"])]
ViewName = Annotated[str, *text_type(LONGEST["view"])]
FileName = Annotated[str, *text_type(LONGEST["filename"])]
Words = Annotated[str, *text_type(2000, "\n\t")]
Attributes = Annotated[
    dict[str, str],
    BeforeValidator(attributes),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAX_ATTRIBUTES,
            "additionalProperties": {"type": "string", "minLength": 1},
            "description": f"at most {MAX_ATTRIBUTE_BYTES:,} bytes in all, names included",
        }
    ),
]
