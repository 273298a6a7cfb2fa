"""Uploads: one picture, cleaned in a child process and stored under an unguessable name."""

from __future__ import annotations

import uuid
from typing import Final

from apiflask import APIBlueprint
from flask import Response, request

from packshot.pictures import imaging
from packshot.pictures.limits import MAX_BYTES
from packshot.pictures.provenance import check_not_made_here
from packshot.products.intake.duplicates import note_upload
from packshot.products.object_keys import preview_key, upload_key
from packshot.storage.digests import sha256_of
from packshot.web.api import examples
from packshot.web.api.answer_models import UploadAnswer, UploadData
from packshot.web.requests.context import services
from packshot.web.requests.endpoints import answer, blueprint, needs, refuses
from packshot.web.requests.limits import charge_bytes
from packshot.web.requests.multipart import read_file
from packshot.web.requests.prefix import under_prefix
from packshot.web.requests.thread_shares import thread_shares

#: Boundaries, part headers and a few small fields around the picture.
MULTIPART_BYTES: Final = 64 * 1024
#: Seconds to wait for a pixel process, which the worker in this process uses, too.
WAIT_SECONDS: Final = 20.0
MAX_BODY: Final = MAX_BYTES + MULTIPART_BYTES

bp: APIBlueprint = blueprint("uploads", "Uploads")


@bp.post("/api/uploads")
@bp.output(UploadAnswer, status_code=201, example=examples.UPLOADED)
@bp.doc(operation_id="uploadPicture", extensions={"x-multipart": "upload"})
@needs("submit")
@refuses("bad_picture")
def upload_picture() -> Response:
    """Upload one picture

    A multipart body with the picture in `file`. The answer's `raw_image` goes into a product.
    Packshot stores a clean copy: sRGB, at most 4,096 px, without metadata; only a large JPEG that
    is turned by its metadata keeps this orientation.
    """
    with thread_shares().uploads.occupy("uploading"):
        raw_image = _upload()
    body = UploadAnswer(message="Picture uploaded", data=UploadData(raw_image=raw_image))
    return answer(body, 201, {"Location": raw_image})


def _upload() -> str:
    data = read_file(request, "file", MAX_BODY)
    with charge_bytes(len(data)):
        check_not_made_here(data)
        picture = services().pixels.run(imaging.normalise, data, wait=WAIT_SECONDS)
        return _store(picture, sha256_of(data))


def _store(picture: imaging.Encoded, sha256: str) -> str:
    name = str(uuid.uuid4())
    key = upload_key(name)
    storage = services().storage
    for side, preview in picture.previews.items():
        storage.put(preview_key(key, side), preview, "image/jpeg")
    storage.put(key, picture.data, picture.mime_type)
    note_upload(services().database, name, sha256)
    return under_prefix(f"/media/{key}")
