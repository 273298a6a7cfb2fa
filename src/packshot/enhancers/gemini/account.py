"""Refusals that concern the whole account (key, project, location, money), never one product.

They are temporary: they depend on the address a request is sent from, on unpaid bills and on
limits. So they count as an outage, at any time and for any model.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class AccountRefusal:
    """The words in which Google refuses, and what to do about it.

    Recognised by `reasons` (ErrorInfo.reason, listed in googleapis' google/api/error_reason.proto),
    else by `words` in the message. The words are exact: a refusal of one product's content must not
    match them.
    """

    code: str
    advice: str
    words: str
    reasons: frozenset[str] = frozenset()


#: The first match counts. Wordings: ai.google.dev/gemini-api/docs/troubleshooting and .../billing,
#: and reports of users (gemini-cli#1993, python-genai#1875), read 2026-11-28.
REFUSALS: Final = (
    AccountRefusal(
        "bad_key",
        "set a valid GEMINI_API_KEY",
        r"api[ _]key (not valid|expired|not found|was reported as leaked)|unregistered callers",
        frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "CREDENTIALS_MISSING"}),
    ),
    AccountRefusal(
        "gemini_key_restricted",
        "lift the key's restriction (API, address or referrer) in the Google Cloud console",
        r"requests (to|from) .{1,200} are blocked|ip address restriction",
        frozenset(
            {
                "API_KEY_SERVICE_BLOCKED",
                "API_KEY_IP_ADDRESS_BLOCKED",
                "API_KEY_HTTP_REFERRER_BLOCKED",
                "API_KEY_ANDROID_APP_BLOCKED",
                "API_KEY_IOS_APP_BLOCKED",
            }
        ),
    ),
    AccountRefusal(
        "gemini_suspended",
        "ask Google's support, or use a key of another project",
        r"(consumer|account|project|key)\b.{0,99}(is|has been) suspended"
        r"|project has been denied access",
        frozenset({"CONSUMER_SUSPENDED", "USER_PROJECT_DENIED", "CONSUMER_INVALID"}),
    ),
    AccountRefusal(
        "gemini_api_disabled",
        "enable the Gemini API (generativelanguage.googleapis.com) in the key's project",
        r"has not been used in project|api is (disabled|not enabled)|it is disabled|is not enabled"
        r" for (this|the|your) project",
        frozenset({"SERVICE_DISABLED", "SERVICE_NOT_VISIBLE"}),
    ),
    AccountRefusal(
        "gemini_spending_cap",
        "raise the spending cap in Google AI Studio, or wait for the next month",
        r"spend(ing)?[ -](cap|limit)|spend-based|\bmonthly (cap|limit|budget)\b",
    ),
    AccountRefusal(
        "gemini_billing",
        "enable billing, or top up the credit, in Google AI Studio",
        r"(enable|requires|without) billing|billing (to be|is|account)|\bbilled users\b"
        r"|\bprepa(y|id)|credits? (are|is|has|have|balance)|(no|out of) credits|payment required"
        r"|\blimit: 0\b",
        frozenset({"BILLING_DISABLED", "BILLING_STATUS_UNSPECIFIED"}),
    ),
    AccountRefusal(
        "gemini_location",
        "send requests from a location that Google serves (HTTPS_PROXY, or another machine)",
        r"location is not supported|(not (available|supported|allowed)|unavailable|unsupported)"
        r" (in|for|from) your (current )?(country|region|location)"
        r"|unsupported (user )?(location|country|region)",
        frozenset({"LOCATION_POLICY_VIOLATED", "LOCATION_ORG_POLICY_VIOLATED"}),
    ),
)  # fmt: skip
PERMISSION: Final = AccountRefusal(
    "gemini_permission",
    "check in Google AI Studio that the key's project may use the Gemini API and this model",
    "",
)
PRECONDITION: Final = AccountRefusal(
    "gemini_account", "check the key's project in Google AI Studio", ""
)
#: Refusals that Packshot's settings do not cause.
MONEY_OR_PLACE: Final = {"gemini_spending_cap", "gemini_billing", "gemini_location"}
CODES: Final = frozenset(each.code for each in (*REFUSALS, PERMISSION, PRECONDITION))

#: The end of every 429 about a quota: it says nothing about billing.
_PLAN_AND_BILLING: Final = re.compile(r"check your plan and billing details", re.IGNORECASE)
_BY_STATUS: Final = {401: "bad_key", 402: "gemini_billing"}
_STATUSES: Final = frozenset({400, 401, 402, 403, 412, 429})


def find(code: int, status: str, message: str, reasons: Collection[str]) -> AccountRefusal | None:
    """The account refusal that an error stands for; None for any other error.

    `code` is the HTTP status, `status` Google's word for it, `message` whole, `reasons` of its
    ErrorInfo details.
    """
    if code not in _STATUSES:
        return None
    for refusal in REFUSALS:
        if refusal.reasons & set(reasons):
            return refusal
    said = _PLAN_AND_BILLING.sub("", message)
    for refusal in REFUSALS:
        if re.search(refusal.words, said, re.IGNORECASE):
            return refusal
    if code == 403:
        return PERMISSION
    if code in _BY_STATUS:
        return next(each for each in REFUSALS if each.code == _BY_STATUS[code])
    # Google's documentation: the account or its location does not meet the API's requirements.
    return PRECONDITION if code == 400 and status == "FAILED_PRECONDITION" else None
