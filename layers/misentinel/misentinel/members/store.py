"""Members in ``-data``: reads by key, writes through the unit of work."""

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from misentinel import clock
from misentinel.access import Member
from misentinel.access.store import MEMBER, member_key
from misentinel.tenancy import DataModel, bind, keyed_hash

CHANGE_KEPT_SECONDS = 90 * 24 * 3600
"""How long a change item waits for those who listen."""

_LISTED = "members"


class EmailClaim(DataModel):
    """That an address belongs to one member of the workspace; its key is a keyed hash."""

    member = UnicodeAttribute()


class Invitation(DataModel):
    """An invitation that was handed out, found by the hash of its token."""

    member = UnicodeAttribute()
    expires_at = NumberAttribute()


class Departure(DataModel):
    """The change item of a removal: which login is still to be forgotten, and whose it was."""

    login = UnicodeAttribute()
    member = UnicodeAttribute()
    expires_at = NumberAttribute()


class Owners(DataModel):
    """How many active owners there are: what keeps two of them from leaving at the same time."""

    active = NumberAttribute()


def new_member(tenant: str, *, uid: str, email: str, role: str, status: str, created_at: str) -> Member:
    """A member's item at its first version."""
    member: Member = bind(Member, tenant)(
        member_key(uid),
        MEMBER,
        gsi1pk=_LISTED,
        gsi1sk=f"{created_at}#{uid}",
        id=uid,
        email=email,
        role=role,
        status=status,
        created_at=created_at,
        version=1,
        sign_ins=0,
    )
    return member


def email_claim(tenant: str, email: str, member: str) -> EmailClaim:
    """The item that makes an address unique in its workspace."""
    key = keyed_hash("member-email", email, tenant)
    item: EmailClaim = bind(EmailClaim, tenant)(f"member-email#{key}", "email", member=member)
    return item


def invitation(tenant: str, token_hash: str, *, member: str = "", expires_at: int = 0) -> Invitation:
    """The item of an invitation."""
    found = bind(Invitation, tenant)
    item: Invitation = found(f"invitation#{token_hash}", "invitation", member=member, expires_at=expires_at)
    return item


def find_invitation(tenant: str, token_hash: str) -> Invitation | None:
    """The invitation with this token's hash."""
    try:
        item: Invitation = bind(Invitation, tenant).get(f"invitation#{token_hash}", "invitation", consistent_read=True)
    except DoesNotExist:
        return None
    return item


def departure(tenant: str, record: str, *, login: str, member: str) -> Departure:
    """The change item of the removal that this record tells of."""
    found = bind(Departure, tenant)
    expires_at = clock.epoch() + CHANGE_KEPT_SECONDS
    item: Departure = found(f"change#{record}", "departure", login=login, member=member, expires_at=expires_at)
    return item


def find_departure(tenant: str, record: str) -> Departure | None:
    """The change item of a removal whose login is not forgotten yet."""
    try:
        item: Departure = bind(Departure, tenant).get(f"change#{record}", "departure", consistent_read=True)
    except DoesNotExist:
        return None
    return item


def owners(tenant: str, active: int = 0) -> Owners:
    """The item that counts the active owners."""
    item: Owners = bind(Owners, tenant)("workspace", "owners", active=active)
    return item


def page_of_members(
    tenant: str, limit: int, start: dict[str, Any] | None
) -> tuple[list[Member], dict[str, Any] | None]:
    """Up to so many members, oldest first, and where the next page starts.

    One partition of the index holds them all: employees of one workspace are thousands at most.
    """
    query = bind(Member, tenant).by_list.query(_LISTED, limit=limit, last_evaluated_key=start)
    return list(query), query.last_evaluated_key
