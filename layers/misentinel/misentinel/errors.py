"""Refusals: the ways in which a request can end without what it asked for."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class Refusal(Exception):  # noqa: N818 - the field's word is refusal: most of these are answers, not errors
    """A request that ends without what it asked for.

    Each kind has an HTTP status and a stable ``code``: the last part of the problem's ``type``
    (RFC 9457) and the record's ``status_code``. ``detail`` says what to do; it holds no personal data.
    The page of all kinds is made of ``when`` and ``advice``.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong here"
    when: ClassVar[str] = "A fault of ours. It is logged under the request's id; nothing was changed."
    advice: ClassVar[str] = "Try again; if it stays, tell us the request's id."

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
    when = (
        "The body is not JSON as RFC 8259 has it, in UTF-8: broken, a name twice, NaN, or nested deeper than 32 levels."
    )
    advice = "Correct the body."


class Unauthenticated(Refusal):
    """Nobody known is asking."""

    status, code, title = 401, "unauthenticated", "Sign in first"
    when = "There is no access token, it is not one of ours, it is over, or its session was ended."
    advice = "Get a new access token with POST /v1/sessions/refresh, or sign in."

    def __init__(self, detail: str = "Send a valid access token: Authorization: Bearer <token>.") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class InvalidCredentials(Refusal):
    """Workspace, e-mail, password or code do not fit together; it is not said which."""

    status, code, title = 401, "invalid-credentials", "These credentials do not fit"
    when = "Workspace, e-mail, password, code or refresh token do not fit together; it is not said which."
    advice = "Check them all, and start again with POST /v1/sessions."

    def __init__(self) -> None:
        super().__init__("Check workspace, e-mail, password and code, and start again with POST /v1/sessions.")


class Forbidden(Refusal):
    """The caller is known and may not do this."""

    status, code, title = 403, "forbidden", "Your role does not allow this"
    when = "The caller is known and lacks the permission that `permission` names."
    advice = "Ask an owner or admin of the workspace."

    def __init__(self, permission: str = "", detail: str = "") -> None:
        needed = f"This needs the permission {permission}; ask an owner or admin of your workspace."
        super().__init__(detail or needed, extra={"permission": permission} if permission else None)


class OriginNotAllowed(Refusal):
    """A browser asks for a site that the workspace does not list."""

    status, code, title = 403, "origin-not-allowed", "This website may not use this workspace"
    when = "The request's `Origin` is not one of the workspace's allowed origins."
    advice = "Add it to `allowed_origins` with PATCH /v1/settings. A server or an app sends no Origin."

    def __init__(self) -> None:
        super().__init__("Add this origin to allowed_origins with PATCH /v1/settings; it holds within a minute.")


class NotFound(Refusal):
    """There is no such thing in this workspace."""

    status, code, title = 404, "not-found", "There is no such thing here"
    when = "There is no such path, or nothing with this id in the caller's workspace."
    advice = "Check the path and the id."

    def __init__(self, what: str = "resource") -> None:
        super().__init__(f"No such {what} in this workspace; check the id.")


class MethodNotAllowed(Refusal):
    """The path exists, with other methods."""

    status, code, title = 405, "method-not-allowed", "This method is not allowed here"
    when = "The path exists, with other methods; `Allow` lists them."
    advice = "Use one of them."

    def __init__(self, allowed: Sequence[str]) -> None:
        methods = ", ".join(sorted(allowed))
        super().__init__(f"Use one of: {methods}.", headers={"Allow": methods})


class Conflict(Refusal):
    """The request does not fit the present state."""

    status, code, title = 409, "conflict", "This does not fit the present state"
    when = "It does not fit the present state, or others changed the same thing at the same time."
    advice = "Read it again, then decide; `detail` says more."


class IdempotencyKeyReused(Refusal):
    """An Idempotency-Key came again with another request."""

    status, code, title = 409, "idempotency-key-reused", "This Idempotency-Key belongs to another request"
    when = "An Idempotency-Key came again within 24 hours with another body."
    advice = "Send the same request again, or take a new key."

    def __init__(self) -> None:
        super().__init__("Send the same request again, or take a new Idempotency-Key.")


class PreconditionFailed(Refusal):
    """The thing changed since the caller read it."""

    status, code, title = 412, "precondition-failed", "It changed since you read it"
    when = "`If-Match` names a version that is not the present one."
    advice = "Read it again and send its new ETag."

    def __init__(self) -> None:
        super().__init__("Read it again and send its new ETag in If-Match.")


class PayloadTooLarge(Refusal):
    """The body is larger than a request may be."""

    status, code, title = 413, "payload-too-large", "The body is too large"
    when = "The body has more than 1,000,000 bytes."
    advice = "Send less at a time; whole files go by an import."

    def __init__(self, limit: int) -> None:
        super().__init__(f"Send at most {limit} bytes.")


class UnsupportedMediaType(Refusal):
    """The body is not JSON."""

    status, code, title = 415, "unsupported-media-type", "The body is not JSON"
    when = "The body's Content-Type is not application/json in UTF-8, or it is compressed."
    advice = "Send Content-Type: application/json, and no Content-Encoding."

    def __init__(self) -> None:
        super().__init__("Send Content-Type: application/json.")


class Invalid(Refusal):
    """The request was read and breaks a rule of its schema."""

    status, code, title = 422, "invalid", "Some fields are not valid"
    when = "The request was read and breaks a rule; `errors` lists each field with its mistake."
    advice = "Correct these fields."

    def __init__(self, detail: str = "", errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail or "Correct the fields listed in errors.", extra={"errors": [dict(e) for e in errors]})


class TooManyAttempts(Refusal):
    """A limit is reached; ``retry_after`` seconds until the next try makes sense."""

    status, code, title = 429, "too-many-attempts", "Too many attempts"
    when = "An account or a network address has had its attempts at signing in, signing up or accepting an invitation."
    advice = "Wait as many seconds as `Retry-After` says."

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"Wait {retry_after} seconds, then try again.", headers={"Retry-After": str(retry_after)})


class TooManyRequests(Refusal):
    """The workspace's requests of this minute are used up; ``retry_after`` seconds until the next ones."""

    status, code, title = 429, "too-many-requests", "This workspace has used up its requests of this minute"
    when = "The workspace's limit of requests a minute, which `RateLimit-Policy` tells, is reached."
    advice = "Wait as many seconds as `Retry-After` says, and watch `RateLimit` on every answer."

    def __init__(self, retry_after: int, headers: Mapping[str, str] | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"Wait {retry_after} seconds, then try again.",
            headers={"Retry-After": str(retry_after), **(headers or {})},
        )


class Unavailable(Refusal):
    """Something that this request needs does not answer; nothing was changed."""

    status, code, title = 503, "unavailable", "Not available right now"
    when = "Something that the request needs does not answer. Nothing was changed."
    advice = "Try again after `Retry-After` seconds."

    def __init__(self, detail: str = "Nothing was changed. Try again in a moment.") -> None:
        super().__init__(detail, headers={"Retry-After": "2"})


class OutcomeUnknown(Refusal):
    """The commit was sent and its answer never came: it may or may not have happened."""

    status, code, title = 503, "outcome-unknown", "It is not known whether this happened"
    when = "A change was sent to the store, and whether it was made was never heard."
    advice = "Look, or send the request again with the same Idempotency-Key."

    def __init__(self) -> None:
        super().__init__(
            "Read the resource to see, or send the request again with the same Idempotency-Key. "
            "The audit log tells by the request id.",
        )


class RefusedByGateway(Refusal):
    """The gateway in front of the functions refused the request by itself; the template says so."""

    status, code, title = 403, "refused", "The request was refused"
    when = "The gateway refused the request before any function saw it; the answer's status tells more."
    advice = "Check the request against the documentation."


class Throttled(Refusal):
    """The gateway has more requests than it takes from everybody together; the template says so."""

    status, code, title = 429, "throttled", "Too many requests"
    when = "The gateway has more requests just now, from everybody together, than it takes."
    advice = "Wait a second, then try again."


def kinds(of: type[Refusal] = Refusal) -> list[type[Refusal]]:
    """Every kind of refusal, by status and code."""
    found = {of}.union(*(kinds(each) for each in of.__subclasses__()))
    return sorted(found, key=lambda kind: (kind.status, kind.code))
