"""Sessions: signing in with two factors, invitations, and the public keys of access tokens."""

from typing import Annotated, Any

from misentinel.access import PUBLIC, Caller, Permission
from misentinel.api import Api, Depends, Page, Reply, caller, current_request
from misentinel.members import invitations
from misentinel.members.model import Acceptance, Accepted
from misentinel.signin import service, tokens
from misentinel.signin.model import FirstFactor, Renewal, SecondFactor, SessionView, Started, Tokens

api = Api()
Me = Annotated[Caller, Depends(caller)]

TOKENS = ("access_token", "refresh_token")
KEYS_KEPT = "public, max-age=300"
"""How long anybody may keep the public keys: a new one is published this long before it signs."""


@api.post("/v1/sessions", needs=PUBLIC, action="sessions.begin", never_kept=("challenge", "enrolment"))
def begin_session(asked: FirstFactor) -> Started:
    """The first factor: a password, answered by a challenge."""
    return service.begin(asked, current_request().address)


@api.post("/v1/sessions/verify", needs=PUBLIC, action="sessions.create", status=201, never_kept=TOKENS)
def create_session(asked: SecondFactor) -> Tokens:
    """The second factor: a code, answered by a session."""
    request = current_request()
    return service.complete(asked, request.address, request.headers.get("user-agent", ""))


@api.post("/v1/sessions/refresh", needs=PUBLIC, action="sessions.refresh", never_kept=TOKENS)
def refresh_session(asked: Renewal) -> Tokens:
    """New tokens for old: each refresh token works once."""
    return service.refresh(asked)


@api.get("/v1/sessions", needs=Permission.SESSIONS_OWN, action="sessions.list")
def list_sessions(me: Me) -> Page[SessionView]:
    """The caller's own sessions, the newest first."""
    return Page(items=service.own_sessions(me))


@api.delete("/v1/sessions/<session_id>", needs=Permission.SESSIONS_OWN, action="sessions.delete", status=204)
def delete_session(session_id: str, me: Me) -> None:
    """End one of the caller's sessions, or the one that asks: ``current``."""
    service.end_own(me, session_id)


@api.post("/v1/invitations/accept", needs=PUBLIC, action="members.accept")
def accept_invitation(asked: Acceptance) -> Accepted:
    """Accept an invitation by choosing a password; then sign in."""
    return invitations.accept(asked, current_request().address)


@api.get("/.well-known/jwks.json", needs=PUBLIC, action="keys.read")
def read_keys() -> Reply[dict[str, Any]]:
    """The public keys that verify access tokens (RFC 7517)."""
    return Reply(tokens.key_set(), headers={"Cache-Control": KEYS_KEPT})


handler = api.handler
