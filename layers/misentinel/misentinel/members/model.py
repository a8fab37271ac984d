"""What is asked and answered about members, and who may appoint whom."""

from enum import StrEnum

from pydantic import Field

from misentinel.access import Caller, Role, permissions_of
from misentinel.errors import Forbidden
from misentinel.schema import Body, Email, Resource
from misentinel.signin.model import Password


class MemberStatus(StrEnum):
    """Invited until the invitation is accepted; removed for good, so that old records keep their actor."""

    INVITED = "invited"
    ACTIVE = "active"
    REMOVED = "removed"


class NewMember(Body):
    """Who is invited, to do what."""

    email: Email
    role: Role = Field(strict=False)


class MemberChange(Body):
    """A member's new role."""

    role: Role = Field(strict=False)


class MemberView(Resource):
    """A member as members see one another."""

    id: str
    email: str | None
    role: Role
    status: MemberStatus
    created_at: str


class Invited(Resource):
    """A member with the invitation to hand over; it is shown this once."""

    member: MemberView
    invitation: str
    expires_at: str


class Acceptance(Body):
    """An invitation, and the password that the invited member chose."""

    workspace: str = Field(max_length=64)
    invitation: str = Field(min_length=1, max_length=128)
    password: Password


class Accepted(Resource):
    """The member may sign in now."""

    member: str
    status: MemberStatus


def require_may_appoint(caller: Caller, *roles: Role) -> None:
    """Refuse to give or take a role that allows more than the caller may, or an owner's by anybody else.

    Raises
    ------
    Forbidden
        The caller may not.
    """
    for role in roles:
        if role is Role.OWNER and caller.role is not Role.OWNER:
            raise Forbidden(detail="Only an owner can make or unmake an owner.")
        if not permissions_of(role) <= caller.permissions:
            raise Forbidden(detail=f"Your role does not allow all that the role {role} does.")
