"""Cross-origin requests (the Fetch standard's CORS protocol): which pages may read an answer."""

from misentinel.access.origins import is_origin
from misentinel.access.settings import allowed_origins
from misentinel.api.request import Request
from misentinel.errors import OriginNotAllowed
from misentinel.settings import settings

METHODS = "GET, POST, PUT, PATCH, DELETE"
HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, Prefer, traceparent, tracestate"
MAX_AGE = "7200"
"""Seconds that a browser may remember a preflight's answer; Chromium keeps none for longer."""

EXPOSED = (
    "Allow, Deprecation, ETag, Idempotency-Replayed, Link, Location, Preference-Applied, RateLimit, "
    "RateLimit-Policy, Retry-After, Sunset, traceparent, WWW-Authenticate, X-Request-Id"
)
"""What a page may read of an answer's headers."""

ALLOW_ORIGIN = "Access-Control-Allow-Origin"


def is_preflight(request: Request) -> bool:
    """Whether a browser asks if it may ask: it sends no token, and is told nothing about anybody."""
    return (
        request.method == "OPTIONS"
        and "access-control-request-method" in request.headers
        and is_origin(request.headers.get("origin", ""))
    )


def preflight_headers() -> dict[str, str]:
    """What a preflight is told, whatever the path and the origin."""
    return {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": HEADERS,
        "Access-Control-Max-Age": MAX_AGE,
    }


def greet(request: Request) -> None:
    """Let the asking page read the answer, unless `admit` finds that it may not.

    No cookie or other ambient authority is ever taken, so whoever reads an answer had the token for it.

    Raises
    ------
    OriginNotAllowed
        The Origin is no website's: ``null``, several at once, or malformed.
    """
    request.every_answer["Vary"] = "Origin"
    origin = request.headers.get("origin")
    if origin is None:
        return
    if not is_origin(origin):
        raise OriginNotAllowed
    request.every_answer[ALLOW_ORIGIN] = origin
    request.every_answer["Access-Control-Expose-Headers"] = EXPOSED


def admit(request: Request, tenant: str) -> None:
    """Go on only if no page asks, or one of ours, or one that the caller's workspace lists.

    Raises
    ------
    OriginNotAllowed
        The workspace does not list it.
    """
    origin = request.headers.get("origin")
    if origin is None or _is_our_own(origin, request.host) or origin in allowed_origins(tenant):
        return
    request.every_answer.pop(ALLOW_ORIGIN, None)
    request.every_answer.pop("Access-Control-Expose-Headers", None)
    raise OriginNotAllowed


def _is_our_own(origin: str, host: str) -> bool:
    """Whether the page came from this API itself; the host is the gateway's word, not the client's header."""
    if not host:
        return False
    return origin == f"https://{host}" or (settings().stage == "local" and origin == f"http://{host}")
