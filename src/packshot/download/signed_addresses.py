"""Detects that a signed address, valid for a limited time, has expired."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

#: Statuses with which stores refuse an expired address.
REFUSALS = {400, 401, 403, 404, 410}
#: How S3-compatible stores, Google Cloud Storage, Azure and CDNs word it.
_WORDS = re.compile(
    rb"request has expired|token has expired|url has expired|link has expired|signature.{0,20}"
    rb"expired|expired ?token|signature not valid in the specified time frame|"
    rb"signed expiry time",
    re.IGNORECASE,
)
#: Parameters that mark an `Expires` or `e` as the end of a signature, not as the site's own.
_SIGNATURES = {
    "signature",
    "sig",
    "x-amz-signature",
    "x-goog-signature",
    "policy",
    "ossaccesskeyid",
}


def find_expiry(status: int, target: str, body: bytes) -> str | None:
    """A sentence when a signed address has expired, by the host's answer or by the address itself.

    `target` is the path and query that was asked for, `body` the beginning of the answer. None when
    neither shows that.
    """
    if status not in REFUSALS:
        return None
    query = target.partition("?")[2]
    fields = {name.lower(): value for name, value in parse_qsl(query)}
    ended = _end(fields)
    if ended is not None and ended < datetime.now(UTC):
        return f"the signed address expired on {ended:%Y-%m-%d at %H:%M} UTC"
    return "it says that the signed address has expired" if _WORDS.search(body) else None


def _end(fields: Mapping[str, str]) -> datetime | None:
    """The time at which the signature in an address's query expires; None if it does not say."""
    if not _SIGNATURES & fields.keys():
        return None
    try:
        return _read_end(fields)
    except (ValueError, KeyError, OverflowError, OSError, TypeError):
        return None


def _read_end(fields: Mapping[str, str]) -> datetime | None:
    for store in ("amz", "goog"):
        if f"x-{store}-date" in fields:
            began = datetime.strptime(fields[f"x-{store}-date"], "%Y%m%dT%H%M%SZ")
            lasts = timedelta(seconds=int(fields[f"x-{store}-expires"]))
            return began.replace(tzinfo=UTC) + lasts
    if "expires" in fields:  # S3 version 2, Google version 2, CloudFront
        return datetime.fromtimestamp(int(fields["expires"]), UTC)
    if "se" in fields:  # Azure
        ends = datetime.fromisoformat(fields["se"])
        return ends if ends.tzinfo else ends.replace(tzinfo=UTC)
    return _policy_end(fields["policy"]) if "policy" in fields else None


def _policy_end(policy: str) -> datetime:
    """The expiry in CloudFront's custom policy: JSON in base64 with -_~ in place of +=/."""
    text = base64.b64decode(policy.translate(str.maketrans("-_~", "+=/")))
    condition = json.loads(text)["Statement"][0]["Condition"]
    return datetime.fromtimestamp(int(condition["DateLessThan"]["AWS:EpochTime"]), UTC)
