"""Successful answers: an analysis that fits the schema, a picture, and their usage."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from packshot.testing.fake_gemini.painting import BgrPixels, Painter, decode, paint
from packshot.testing.fake_gemini.scenes import SCENES, scene_of
from packshot.testing.fake_gemini.strict import SIZES, CheckedRequest, ErrorAnswer, unreadable_photo

ALIKE = 12  # levels of 255, at 64 px
SIGNATURE = "EuiZhQEK45mFAQERTTIP" * 100  # Google's is 1 to 2 MB: it must not be stored


@dataclass(frozen=True)
class PaidCall:
    """One request in the ledger. `paid`: the work was done."""

    began: float  # when it began, in seconds since 1970, like `at`
    at: float  # when it was answered
    call: str  # product/round/variant, from the x-packshot-call header; "" without
    kind: str  # "analysis" or "picture"
    model: str
    status: int
    paid: bool
    fault: str | None
    lane: str = "standard"
    tokens_in: int = 0
    tokens_out: int = 0  # text and thinking
    tokens_image: int = 0


def used(good: dict[str, Any]) -> dict[str, int]:
    """The tokens that an answer reports, for the ledger."""
    usage = good.get("usageMetadata") or {}
    details = usage.get("candidatesTokensDetails") or []
    image = sum(each["tokenCount"] for each in details if each["modality"] == "IMAGE")
    words = usage.get("candidatesTokenCount", 0) - image + usage.get("thoughtsTokenCount", 0)
    return {
        "tokens_in": usage.get("promptTokenCount", 0),
        "tokens_out": words,
        "tokens_image": image,
    }


def answer(
    asked: CheckedRequest, side: int | None = None, painter: Painter = paint
) -> dict[str, Any]:
    """A successful answer; `side` replaces the requested size, to save time."""
    pixels = decode(asked.photo) if asked.photo is not None else None
    if asked.photo is not None and pixels is None:
        raise unreadable_photo()
    if any(decode(other) is None for other in asked.references):
        raise unreadable_photo()
    if asked.wants_picture:
        return _picture(asked, pixels, side or SIZES[asked.size], painter)
    return _envelope(asked, [{"text": _text(asked, pixels)}], words=300)


def _picture(
    asked: CheckedRequest, pixels: BgrPixels | None, side: int, painter: Painter
) -> dict[str, Any]:
    if pixels is None:
        pixels = np.full((64, 64, 3), 200, np.uint8)
    data = painter(pixels, scene_of(asked.words), asked.aspect, side)
    blob = {"mimeType": "image/jpeg", "data": base64.b64encode(data).decode()}
    part = {"inlineData": blob, "thoughtSignature": SIGNATURE}
    return _envelope(asked, [part], words=80, picture=1120)


def _envelope(
    asked: CheckedRequest, parts: list[dict[str, Any]], words: int, picture: int = 0
) -> dict[str, Any]:
    pictures = bool(asked.photo) + len(asked.references)
    prompt = 258 * pictures + len(asked.words) // 4
    usage: dict[str, Any] = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": words + picture,
        "thoughtsTokenCount": 200,
        "totalTokenCount": prompt + words + picture + 200,
        "serviceTier": asked.tier,
    }
    if picture:
        usage["candidatesTokensDetails"] = [{"modality": "IMAGE", "tokenCount": picture}]
    return {
        "candidates": [
            {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": usage,
        "modelVersion": asked.model,
        "responseId": "fake",
    }


def _text(asked: CheckedRequest, pixels: BgrPixels | None) -> str:
    properties = (asked.schema or {}).get("properties", {})
    if "same_product" in properties:
        return json.dumps(_comparison(asked, pixels))
    if "variants" not in properties:
        return "A product, photographed from the front."
    wanted = properties["variants"].get("minItems", 3)
    return json.dumps(_analysis(asked.words, pixels, wanted), ensure_ascii=False)


def _analysis(words: str, pixels: BgrPixels | None, wanted: int) -> dict[str, Any]:
    category = _category(words)
    return {
        "product": f"one item of the category {category}",
        "shape": "as in the photo",
        "colours": [_colour_name(pixels)],
        "material": "not known",
        "parts": ["1 product"],
        "label_text": [],
        "logo": "",
        "faults": ["uneven light", "distracting backdrop"],
        "variants": [
            {"title": scene.title, "prompt": scene.prompt} for scene in SCENES[: max(1, wanted)]
        ],
    }


def _comparison(asked: CheckedRequest, pixels: BgrPixels | None) -> dict[str, Any]:
    """Compare the colour of the two pictures' middles. It reads no text and ignores the close-ups,
    pictures three and four: it says "yes" only of pictures that look alike everywhere."""
    other = decode(asked.references[0]) if len(asked.references) in (1, 3) else None
    if pixels is None or other is None:
        raise ErrorAnswer(400, "INVALID_ARGUMENT", "Two pictures are needed to compare them.")
    differences = _colour_differences(_colour_name(pixels), _colour_name(other))
    sure = "yes" if _looks_alike(pixels, other) else "unsure"
    return {
        "text_a": "",
        "text_b": "",
        "same_view": True,
        "differences": differences,
        "same_product": "no" if differences else sure,
    }


def _looks_alike(a: BgrPixels, b: BgrPixels) -> bool:
    """Whether no place differs. The word "sample" across the fake's own pictures does."""
    small = [cv2.resize(one, (64, 64), interpolation=cv2.INTER_AREA) for one in (a, b)]
    return bool(cv2.absdiff(*small).max() < ALIKE)


def _colour_differences(a: str, b: str) -> list[dict[str, Any]]:
    if a == b:
        return []
    where = {"kind": "colour", "where": "the middle", "sure": True}
    return [where | {"in_a": a, "in_b": b}]


def _category(words: str) -> str:
    """The category from the JSON data in the words."""
    found = re.search(r'\{"category": ("(?:[^"\\]|\\.)*")', words)
    return str(json.loads(found[1])) if found else "goods"


def _colour_name(pixels: BgrPixels | None) -> str:
    """The colour of the photo's middle, in one word."""
    if pixels is None:
        return "grey"
    height, width = pixels.shape[:2]
    middle = pixels[height // 3 : 2 * height // 3 + 1, width // 3 : 2 * width // 3 + 1]
    mean = np.asarray(middle.reshape(-1, 3).mean(axis=0), np.uint8)
    hue, saturation, value = cv2.cvtColor(mean[None, None, :], cv2.COLOR_BGR2HSV)[0, 0]
    if saturation < 50:
        return "black" if value < 70 else "grey" if value < 190 else "white"
    names = ("red", "orange", "yellow", "green", "green", "cyan", "blue", "violet", "pink", "red")
    return names[int(hue) * len(names) // 180]
