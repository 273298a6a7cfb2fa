"""Pictures are put into a request to Gemini while it is sent, and the SDK never has them."""

from __future__ import annotations

import base64
import json

import pytest

from packshot.enhancers.gemini.filling import PIECE, fill_in, with_placeholders

HEADERS = [(b"Content-Type", b"application/json"), (b"content-length", b"12")]


def body_of(placeholders: list[bytes]) -> bytes:
    """As the SDK writes it."""
    data = [base64.urlsafe_b64encode(each).decode() for each in placeholders]
    return json.dumps({"parts": [{"data": each} for each in data], "words": "é"}).encode()


@pytest.mark.parametrize("size", [0, 1, 2, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 2])
def test_every_picture_arrives_whole(size: int) -> None:
    pictures = [bytes(n % 251 for n in range(size)), b"another one"]
    with with_placeholders(*pictures) as placeholders:
        headers, content = fill_in(HEADERS, [body_of(list(placeholders))])
    for _ in range(2):  # a connection that was closed meanwhile: the body is read again
        body = b"".join(content)
        sent = json.loads(body)
        assert [base64.b64decode(part["data"]) for part in sent["parts"]] == pictures
        assert sent["words"] == "é"
    assert headers == [HEADERS[0], (b"Content-Length", str(len(body)).encode())]


def test_a_request_without_pictures_is_sent_as_it_is() -> None:
    assert fill_in(HEADERS, [b"{}"]) == (HEADERS, [b"{}"])


def test_a_request_is_not_sent_without_its_picture() -> None:
    """A later SDK may write bytes in another way."""
    with with_placeholders(b"a photo"), pytest.raises(ValueError, match="another form"):
        fill_in(HEADERS, [b'{"data": "6869"}'])
