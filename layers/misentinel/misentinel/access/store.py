"""Members and their sessions, as they are kept in ``-data``."""

from typing import Any

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from misentinel import clock
from misentinel.access.model import Caller, Permission, Role
from misentinel.access.tokens import Claims
from misentinel.errors import Unauthenticated
from misentinel.tenancy import DataModel, bind

ACTIVE = "active"
"""A member's status while sessions may be opened, and jobs of the member run."""

MEMBER = "member"
"""The sort key of the member's own item."""


def member_key(member: str) -> str:
    """The partition of a member and of all the member's sessions."""
    return f"member#{member}"


def session_key(session: str) -> str:
    """A session's sort key in its member's partition."""
    return f"session#{session}"


class Member(DataModel):
    """An employee of the workspace; ``version`` grows with each change, ``sign_ins`` with each session.

    ``invitation`` is the hash of the token that is on its way to an invited member.
    """

    gsi1pk = UnicodeAttribute(null=True)
    gsi1sk = UnicodeAttribute(null=True)
    id = UnicodeAttribute()
    email = UnicodeAttribute(null=True)
    role = UnicodeAttribute()
    status = UnicodeAttribute()
    created_at = UnicodeAttribute()
    version = NumberAttribute()
    sign_ins = NumberAttribute(default=0)
    invitation = UnicodeAttribute(null=True)


class Session(DataModel):
    """A signed-in device. It carries the member's permissions, so that one read tells what holds now.

    ``expires_at`` (epoch seconds) is also the table's TTL; TTL deletes late, so readers compare it.
    """

    id = UnicodeAttribute()
    member = UnicodeAttribute()
    role = UnicodeAttribute()
    permissions: Any = ListAttribute(of=UnicodeAttribute)
    refresh_hash = UnicodeAttribute()
    created_at = UnicodeAttribute()
    last_used_at = UnicodeAttribute()
    address_hash = UnicodeAttribute(null=True)
    user_agent = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()


def find_member(tenant: str, uid: str) -> Member | None:
    """One member, by one consistent read."""
    try:
        member: Member = bind(Member, tenant).get(member_key(uid), MEMBER, consistent_read=True)
    except DoesNotExist:
        return None
    return member


def find_caller(claims: Claims) -> Caller:
    """The caller whom a verified token names, by one consistent read of the session.

    Raises
    ------
    Unauthenticated
        The session was revoked or is over.
    """
    try:
        session = bind(Session, claims.tenant).get(
            member_key(claims.member),
            session_key(claims.session),
            consistent_read=True,
        )
    except DoesNotExist:
        raise Unauthenticated("This session was ended; sign in again.") from None
    if session.expires_at <= clock.epoch():
        raise Unauthenticated("This session is over; sign in again.")
    return Caller(
        tenant=claims.tenant,
        member=claims.member,
        session=claims.session,
        role=Role(session.role),
        permissions=frozenset(Permission(name) for name in session.permissions),
    )
