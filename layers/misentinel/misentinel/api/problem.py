"""Problems: every refusal as problem+json (RFC 9457), in one place."""

import json
from typing import Any

from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from misentinel.api.idempotency import Answer
from misentinel.cards import holds_card_number
from misentinel.errors import Invalid, Refusal, Unavailable, UnsupportedMediaType

MAX_NAME = 100
"""Characters of a field's name that a problem tells."""

TYPE = "urn:misentinel:problem:"
"""The stable prefix of a problem's type."""

SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains; preload",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""What every answer carries."""


def problem(refusal: Refusal, request_id: str) -> Answer:
    """The answer that tells a refusal: what it is, and what to do."""
    body: dict[str, Any] = {
        "type": TYPE + refusal.code,
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "request_id": request_id,
        **refusal.extra,
    }
    headers = {"Content-Type": "application/problem+json", **refusal.headers}
    return Answer(refusal.status, headers, json.dumps(body, separators=(",", ":"), ensure_ascii=False))


def refusal_of(error: Exception) -> Refusal:
    """What to tell the client of an error that a route ended with."""
    match error:
        case Refusal():
            return error
        case RequestUnsupportedContentType():
            return UnsupportedMediaType()
        case RequestValidationError():
            return Invalid(errors=[_field(each) for each in error.errors()])
        case BotoCoreError() | ClientError() | PynamoDBException():
            return Unavailable()
        case _:
            return Refusal("It is logged under the request id; nothing was changed. Try again, or tell us the id.")


def _field(error: dict[str, Any]) -> dict[str, str]:
    """One field's mistake, in pydantic's words; never the value, which may be personal or a password."""
    path = ".".join(_name(str(part)) for part in error.get("loc", ()))
    return {"field": path.removeprefix("body.").removeprefix("query."), "message": str(error.get("msg", "not valid"))}


def _name(part: str) -> str:
    """A field's name to be told again; what a client made up as one may be anything, of any length."""
    is_plain = len(part) <= MAX_NAME and part.isprintable() and not holds_card_number(part)
    return part if is_plain else "…"
