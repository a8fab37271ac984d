"""Headers that many requests and answers have."""

from typing import Any

_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_ETAG = '"7f9c2ba4e88f827d616045507605853e"'


def _header(description: str, example: Any, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind, "examples": [example], **more}}


def _parameter(name: str, description: str, example: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, **_header(description, example, **more)}


PARAMETERS = {
    "IdempotencyKey": _parameter(
        "Idempotency-Key",
        "Makes it safe to send the request again: for 24 hours the same key with the same body gets the first answer, "
        "and with another body 409.",
        "8e03978e-40d5-43dd-bc93-6894a57f9324",
        minLength=1,
        maxLength=128,
        pattern="^[!-~]+$",
    ),
    "IfMatch": _parameter(
        "If-Match",
        "The ETag that the thing had when it was read: if it changed since, the answer is 412 and nothing happens.",
        _ETAG,
    ),
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "description": "`return=minimal` leaves the body of the answer out (RFC 7240).",
        "schema": {"$ref": "#/components/schemas/Preference"},
    },
    "Traceparent": _parameter(
        "traceparent",
        "The trace that the request belongs to (W3C Trace Context).",
        _TRACE,
        pattern="^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
    ),
}
"""Request headers, by the name of the component."""

PREFERENCE = {
    "type": "string",
    "description": "What the client prefers: no body, or one.",
    "enum": ["return=minimal", "return=representation"],
}

HEADERS = {
    "X-Request-Id": _header(
        "The request's id: its record and its log lines have it.", "4f0c2a1e-8f6d-4b5e-9c37-2d1b7a6e5f40"
    ),
    "traceparent": _header("The trace that the request belonged to (W3C Trace Context).", _TRACE),
    "Vary": _header("The answer differs by the asking page's origin.", "Origin"),
    "Access-Control-Allow-Origin": _header(
        "The asking page's origin, if it asked and may read the answer.", "https://app.example.com"
    ),
    "RateLimit-Policy": _header(
        "The workspace's limit: requests (`q`) in a window of seconds (`w`).", '"workspace";q=6000;w=60'
    ),
    "RateLimit": _header(
        "What is left of it (`r`), and the seconds until the window ends (`t`).", '"workspace";r=5990;t=42'
    ),
    "ETag": _header("The version of the thing, for `If-Match`.", _ETAG),
    "Location": _header("Where the thing is that was made.", "/v1/people/01935c8e-7f3a-7c21-9b42-0d6c5f1e2a3b"),
    "Idempotency-Replayed": _header("The answer is that of an earlier request with the same Idempotency-Key.", "true"),
    "Preference-Applied": _header("The preference that was followed.", "return=minimal"),
    "Retry-After": _header("Seconds until another try makes sense.", 30, "integer", minimum=0),
    "WWW-Authenticate": _header("How to sign in (RFC 6750).", "Bearer"),
    "Allow": _header("The methods that the path has.", "GET, POST"),
    "Deprecation": _header("Since when the operation should not be used any more (RFC 9745).", "@1767225600"),
    "Sunset": _header("From when on it may not answer any more (RFC 8594).", "Wed, 01 Jul 2026 00:00:00 GMT"),
    "Link": _header("The page that says what to use instead.", '<https://example.com/>; rel="deprecation"'),
}
"""Response headers."""

ALWAYS = ("X-Request-Id", "traceparent", "Vary", "Access-Control-Allow-Origin")
"""What every answer of a function has."""

LIMITS = ("RateLimit-Policy", "RateLimit")
"""What every answer of a known workspace has."""

OF_PROBLEM = {401: ["WWW-Authenticate"], 405: ["Allow"], 429: ["Retry-After"], 503: ["Retry-After"]}
"""What refusals of a status have besides."""
