"""Uploads: one picture in, cleaned in a child process, stored under a name nobody can guess."""

from __future__ import annotations

import io
import uuid
from typing import Any, Final

from apiflask import APIBlueprint
from flask import Response, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser

from packshot.database.models import preview_key
from packshot.errors import PackshotError
from packshot.pictures import imaging
from packshot.web.api import examples
from packshot.web.api.schemas import UploadAnswer, UploadData
from packshot.web.requests.context import services
from packshot.web.requests.endpoints import answer, blueprint, needs, refuses
from packshot.web.requests.limits import charge_bytes
from packshot.web.requests.reading import read_limited
from packshot.web.requests.refusals import Fault, InvalidRequest, Refused, malformed

#: Boundaries, part headers and a few small fields around the picture.
MULTIPART_BYTES: Final = 64 * 1024
MAX_BODY: Final = imaging.MAX_BYTES + MULTIPART_BYTES

bp: APIBlueprint = blueprint("uploads", "Uploads")


@bp.post("/api/uploads")
@bp.output(UploadAnswer, status_code=201, example=examples.UPLOADED)
@bp.doc(operation_id="uploadPicture", extensions={"x-multipart": True})
@needs("submit")
@refuses("bad_picture")
def upload_picture() -> Response:
    """Upload one picture

    A multipart body with the picture in `file`. The answer's `raw_image` goes into a product.
    What is kept is a clean copy: upright, sRGB, without metadata, at most 4,096 px.
    """
    data = _file().read()
    give_back = charge_bytes(len(data))
    try:
        raw_image = _store(services().pixels.run(imaging.normalise, data))
    except PackshotError:
        give_back()
        raise
    body = UploadAnswer(message="Picture uploaded", data=UploadData(raw_image=raw_image))
    return answer(body, 201, {"Location": raw_image})


def _store(picture: imaging.Encoded) -> str:
    key = f"uploads/{uuid.uuid4()}"
    storage = services().storage
    for side, preview in picture.previews.items():
        storage.put(preview_key(key, side), preview, "image/jpeg")
    storage.put(key, picture.data, picture.mime_type)
    return f"/media/{key}"


def _file() -> FileStorage:
    """The part named `file`. The body is read whole first, so that its limit is a limit."""
    if request.mimetype != "multipart/form-data":
        raise Refused("unsupported_media_type", "send the picture as multipart/form-data")
    raw = read_limited(request, MAX_BODY)
    parser = FormDataParser(
        stream_factory=_in_memory,
        max_form_memory_size=MAX_BODY,  # it bounds the parser's buffer too: no less than a chunk
        max_form_parts=10,
        silent=False,
    )
    try:
        _, _, files = parser.parse(
            io.BytesIO(raw), request.mimetype, len(raw), request.mimetype_params
        )
    except HTTPException:
        raise Refused("too_large", "the multipart body has too many or too long parts") from None
    except ValueError:
        raise malformed("the multipart body can't be read") from None
    if "file" not in files:
        raise InvalidRequest([Fault("/file", "required", "is required: the picture's bytes")])
    return files["file"]


def _in_memory(*_: Any, **__: Any) -> io.BytesIO:
    return io.BytesIO()
