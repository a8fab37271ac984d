"""The request as the gateway hands it over."""

import base64
import binascii
import json
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

from misentinel.access import Caller
from misentinel.errors import BadRequest, Invalid, PayloadTooLarge, Unauthenticated, UnsupportedMediaType
from misentinel.schema import CARD_NUMBER, card_numbers_in

MAX_BODY = 1_000_000
"""Bytes of a body at most; Lambda itself would take 6 MB."""

MAX_DEPTH = 32
"""How deep a JSON body may nest."""

_REPLACED = "\ufffd"
"""What a gateway puts in place of bytes that are not UTF-8: it hands over text, and what was sent is lost."""


@dataclass
class Request:
    """One HTTP request: headers in lower case, the body as text; and what its answer will have.

    ``reply_headers`` are those of a success, ``every_answer`` those that a refusal has too.
    """

    method: str
    path: str
    request_id: str
    address: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    host: str = ""
    body: str = ""
    caller: Caller | None = None
    reply_status: int = 0
    reply_headers: dict[str, str] = field(default_factory=dict)
    every_answer: dict[str, str] = field(default_factory=dict)
    failure: Exception | None = None
    answer_is_needed: bool = False
    answer_place: str = ""

    def answer_belongs_to(self, place: str) -> None:
        """Keep this request's answer with the thing it is about, so that it goes when that goes.

        An answer kept for an Idempotency-Key may hold personal data. It takes one more of the unit's writes.

        Parameters
        ----------
        place
            The partition of ``-data`` that holds all of the thing, such as ``person#<id>``.
        """
        self.answer_place = place

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> "Request":
        """Read an API Gateway REST proxy event (payload format 1.0)."""
        context = event.get("requestContext") or {}
        headers = {str(k).lower(): str(v) for k, v in (event.get("headers") or {}).items()}
        for name, values in (event.get("multiValueHeaders") or {}).items():
            if len(values) > 1:  # the gateway's `headers` has the last of them: nobody hides the others behind it
                headers[str(name).lower()] = ", ".join(str(value) for value in values)
        return cls(
            method=str(event.get("httpMethod", "")).upper(),
            path=str(event.get("path", "")),
            request_id=str(context.get("requestId", "")),
            address=str((context.get("identity") or {}).get("sourceIp", "")),
            headers=headers,
            query={k: list(v) for k, v in (event.get("multiValueQueryStringParameters") or {}).items()},
            host=str(context.get("domainName", "")),
        )

    def read_body(self, event: Mapping[str, Any]) -> None:
        """Take the body, unless it is too large or not JSON's media type.

        Raises
        ------
        BadRequest
            Not UTF-8.
        PayloadTooLarge
            Over `MAX_BODY`.
        UnsupportedMediaType
            Not ``application/json`` in UTF-8, or compressed.
        """
        self.body = _body(event)
        if not self.body:
            return
        if len(self.body) > MAX_BODY or len(self.body.encode(errors="replace")) > MAX_BODY:
            raise PayloadTooLarge(MAX_BODY)
        if not _is_json(self.headers.get("content-type", "application/json")):
            raise UnsupportedMediaType
        if self.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise UnsupportedMediaType

    @cached_property
    def bearer(self) -> str:
        """The access token.

        Raises
        ------
        Unauthenticated
            There is none.
        """
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated
        return token.strip()

    @property
    def idempotency_key(self) -> str:
        """The client's Idempotency-Key, or nothing."""
        return self.headers.get("idempotency-key", "")

    def check_idempotency_key(self) -> None:
        """Refuse a key that cannot be kept, before anything is done.

        Raises
        ------
        Invalid
            It is empty, too long or not printable ASCII.
        """
        if self.method != "POST" or "idempotency-key" not in self.headers:
            return
        key = self.idempotency_key
        if not 0 < len(key) <= 128 or not (key.isascii() and key.isprintable()):  # noqa: PLR2004 - said below
            raise Invalid("Send an Idempotency-Key of 1 to 128 printable ASCII characters, such as a UUID.")


def _is_json(content_type: str) -> bool:
    """Whether a Content-Type is JSON's (RFC 8259, section 11), in UTF-8 if it says in what."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {
        value.strip().strip('"')
        for name, _, value in (each.partition("=") for each in parameters)
        if name.strip() == "charset"
    }
    return media_type == "application/json" and charsets <= {"utf-8", "utf8"}


def _body(event: Mapping[str, Any]) -> str:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        if _REPLACED in body:
            raise BadRequest("Send the body as JSON in UTF-8; if you mean the character U+FFFD, write it \\ufffd.")
        return str(body)
    if len(body) > MAX_BODY // 3 * 4 + 4:
        raise PayloadTooLarge(MAX_BODY)
    try:
        raw = base64.b64decode(body, validate=True)
        if len(raw) > MAX_BODY:
            raise PayloadTooLarge(MAX_BODY)
        return raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        raise BadRequest("Send the body as JSON in UTF-8.") from None


def strict_json(text: str) -> Any:
    """Read JSON as RFC 8259 has it, without the liberties of Python's reader.

    Raises
    ------
    BadRequest
        Not JSON, NaN or Infinity, a name twice, broken Unicode, or nested deeper than `MAX_DEPTH`.
    Invalid
        There is a payment card number in it, wherever: no route can forget to look.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_names)
        text.encode()
    except RecursionError:
        raise BadRequest("The JSON nests too deeply.") from None
    except ValueError:
        raise BadRequest("Send the body as JSON (RFC 8259) in UTF-8.") from None
    if _depth(value) > MAX_DEPTH:
        raise BadRequest(f"The JSON nests deeper than {MAX_DEPTH} levels.")
    if found := card_numbers_in(value):
        raise Invalid(errors=[{"field": path[:80], "message": CARD_NUMBER} for path in found[:10]])
    return value


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a name twice in one object"
        raise ValueError(message)
    return found


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if deepest > MAX_DEPTH + 1:
            break
    return deepest - 1


_current: ContextVar[Request | None] = ContextVar("request", default=None)


def set_current(request: Request | None) -> Any:
    """Make a request the current one; returns the token that resets it."""
    return _current.set(request)


def reset_current(token: Any) -> None:
    """Undo `set_current`."""
    _current.reset(token)


def current_request() -> Request:
    """The request that is answered now."""
    request = _current.get()
    if request is None:
        message = "there is no request here"
        raise RuntimeError(message)
    return request


def caller() -> Caller:
    """Who sent the current request.

    Raises
    ------
    Unauthenticated
        Nobody known: the route is public.
    """
    found = current_request().caller
    if found is None:
        raise Unauthenticated
    return found
