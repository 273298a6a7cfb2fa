"""Lists what is wrong in a request: each place with a sentence, never with the caller's texts."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from packshot.errors import VALUE_DETAILS
from packshot.web.requests.reading import INSIDE, plain_text
from packshot.web.requests.refusals import FieldError, InvalidRequest, pointer

#: Unknown fields of one object that are named in the answer, and characters of such a name.
MAX_UNKNOWN_NAMED: Final = 5
MAX_NAME_SHOWN: Final = 60


def check(model: type[BaseModel], data: Any, prefix: str = "") -> Any:
    """`data` as a `model`; raises InvalidRequest with every error and its pointer."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidRequest(field_errors_of(error, model, prefix)) from None


def field_errors_of(
    error: ValidationError, model: type[BaseModel], prefix: str = ""
) -> list[FieldError]:
    """Pydantic's errors in Packshot's words, never with the caller's texts in them.

    Each place and kind once, so every bad row has an error; only a few unknown fields of each row
    are named, so that the answer stays small.
    """
    found = error.errors(include_url=False, include_input=False)
    listed: dict[tuple[str, str], list[FieldError]] = {}
    for details in found:
        code = CODES.get(details["type"], details["type"])
        key = prefix + pointer(_place(details, code)), code
        of_place = listed.setdefault(key, [])
        if len(of_place) < (MAX_UNKNOWN_NAMED if code == "unknown_field" else 1):
            of_place.append(FieldError(*key, _detail(details, code, model)))
    return [error for of_place in listed.values() for error in of_place]


def _place(details: ErrorDetails, code: str) -> tuple[int | str, ...]:
    """What the pointer names: of an unknown field, whose name is input, the object around it."""
    location = details["loc"]
    if code == "unknown_field":
        return location[:-1]
    inside = details.get("ctx", {}).get(INSIDE)
    return location if inside is None else (*location, inside)


def _detail(details: ErrorDetails, code: str, model: type[BaseModel]) -> str:
    location = details["loc"]
    if code == "unknown_field":
        return unknown_field(str(location[-1]), _field_names(model, in_row=len(location) > 1))
    if words := DETAILS.get(details["type"]):
        return words.format(**details.get("ctx", {}))
    return details["msg"][:1].lower() + details["msg"][1:]


CODES: Final = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "list_type": "not_a_list",
    "literal_error": "not_allowed",
    "int_type": "not_an_integer",
    "string_type": "not_text",
    "string_too_short": "bad_length",
    "string_too_long": "bad_length",
    "bool_type": "not_a_boolean",
}
#: Packshot's words for pydantic's types of errors in an input, with what is in their context.
DETAILS: Final = VALUE_DETAILS | {
    "missing": "is required",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
    "int_type": "must be a whole number",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
    "bool_type": "must be true or false",
}


def unknown_field(name: str, known: Sequence[str]) -> str:
    """The words for a field of an input that is not among the known ones."""
    close = difflib.get_close_matches(name[:50], known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known) or 'none'}"
    try:
        shown = json.dumps(plain_text(name, MAX_NAME_SHOWN), ensure_ascii=False)
    except PydanticCustomError:
        shown = "with a name that can't be shown"
    return f"has an unknown field {shown}; {hint}"


def _field_names(model: type[BaseModel], in_row: bool) -> list[str]:
    """The fields of the model, or of the rows it has a list of."""
    rows = getattr(model, "row_model", None) if in_row else None
    return [field.alias or name for name, field in (rows or model).model_fields.items()]
