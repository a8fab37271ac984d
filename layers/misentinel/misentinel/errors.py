"""Refusals: the ways in which a request can end without what it asked for."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class Refusal(Exception):  # noqa: N818 - the field's word is refusal: most of these are answers, not errors
    """A request that ends without what it asked for.

    Each kind has an HTTP status and a stable ``code``: the last part of the problem's ``type``
    (RFC 9457) and the record's ``status_code``. ``detail`` says what to do; it holds no personal data.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong here"

    def __init__(
        self,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class BadRequest(Refusal):
    """The request could not be read at all: broken JSON, wrong encoding."""

    status, code, title = 400, "bad-request", "The request could not be read"


class Unauthenticated(Refusal):
    """Nobody known is asking."""

    status, code, title = 401, "unauthenticated", "Sign in first"

    def __init__(self, detail: str = "Send a valid access token: Authorization: Bearer <token>.") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class InvalidCredentials(Refusal):
    """Workspace, e-mail, password or code do not fit together; it is not said which."""

    status, code, title = 401, "invalid-credentials", "These credentials do not fit"

    def __init__(self) -> None:
        super().__init__("Check workspace, e-mail, password and code, and start again with POST /v1/sessions.")


class Forbidden(Refusal):
    """The caller is known and may not do this."""

    status, code, title = 403, "forbidden", "Your role does not allow this"

    def __init__(self, permission: str = "", detail: str = "") -> None:
        needed = f"This needs the permission {permission}; ask an owner or admin of your workspace."
        super().__init__(detail or needed, extra={"permission": permission} if permission else None)


class NotFound(Refusal):
    """There is no such thing in this workspace."""

    status, code, title = 404, "not-found", "There is no such thing here"

    def __init__(self, what: str = "resource") -> None:
        super().__init__(f"No such {what} in this workspace; check the id.")


class MethodNotAllowed(Refusal):
    """The path exists, with other methods."""

    status, code, title = 405, "method-not-allowed", "This method is not allowed here"

    def __init__(self, allowed: Sequence[str]) -> None:
        methods = ", ".join(sorted(allowed))
        super().__init__(f"Use one of: {methods}.", headers={"Allow": methods})


class Conflict(Refusal):
    """The request does not fit the present state."""

    status, code, title = 409, "conflict", "This does not fit the present state"


class IdempotencyKeyReused(Refusal):
    """An Idempotency-Key came again with another request."""

    status, code, title = 409, "idempotency-key-reused", "This Idempotency-Key belongs to another request"

    def __init__(self) -> None:
        super().__init__("Send the same request again, or take a new Idempotency-Key.")


class PreconditionFailed(Refusal):
    """The thing changed since the caller read it."""

    status, code, title = 412, "precondition-failed", "It changed since you read it"

    def __init__(self) -> None:
        super().__init__("Read it again and send its new ETag in If-Match.")


class PayloadTooLarge(Refusal):
    """The body is larger than a request may be."""

    status, code, title = 413, "payload-too-large", "The body is too large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"Send at most {limit} bytes.")


class UnsupportedMediaType(Refusal):
    """The body is not JSON."""

    status, code, title = 415, "unsupported-media-type", "The body is not JSON"

    def __init__(self) -> None:
        super().__init__("Send Content-Type: application/json.")


class Invalid(Refusal):
    """The request was read and breaks a rule of its schema."""

    status, code, title = 422, "invalid", "Some fields are not valid"

    def __init__(self, detail: str = "", errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail or "Correct the fields listed in errors.", extra={"errors": [dict(e) for e in errors]})


class TooManyAttempts(Refusal):
    """A limit is reached; ``retry_after`` seconds until the next try makes sense."""

    status, code, title = 429, "too-many-attempts", "Too many attempts"

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"Wait {retry_after} seconds, then try again.", headers={"Retry-After": str(retry_after)})


class Unavailable(Refusal):
    """Something that this request needs does not answer; nothing was changed."""

    status, code, title = 503, "unavailable", "Not available right now"

    def __init__(self, detail: str = "Nothing was changed. Try again in a moment.") -> None:
        super().__init__(detail, headers={"Retry-After": "2"})


class OutcomeUnknown(Refusal):
    """The commit was sent and its answer never came: it may or may not have happened."""

    status, code, title = 503, "outcome-unknown", "It is not known whether this happened"

    def __init__(self) -> None:
        super().__init__(
            "Read the resource to see, or send the request again with the same Idempotency-Key. "
            "The audit log tells by the request id.",
        )
