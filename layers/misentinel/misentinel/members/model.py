"""What is asked and answered about members, and who may appoint whom."""

from enum import StrEnum

from pydantic import Field

from misentinel.access import Caller, Role, permissions_of
from misentinel.errors import Forbidden
from misentinel.schema import Body, Email, Identity, Moment, Resource
from misentinel.signin.model import Password


class MemberStatus(StrEnum):
    """Invited until the invitation is accepted; removed for good, so that old records keep their actor."""

    INVITED = "invited"
    ACTIVE = "active"
    REMOVED = "removed"


class NewMember(Body):
    """Who is invited, to do what."""

    email: Email
    role: Role = Field(strict=False, description="What the member may do.", examples=["marketer"])


class MemberChange(Body):
    """A member's new role."""

    role: Role = Field(strict=False, description="What the member may do from now on.", examples=["analyst"])


class MemberView(Resource):
    """A member as members see one another."""

    id: Identity
    email: str | None = Field(
        description="The member's e-mail address; null once the member is removed.", examples=["ada@example.com"]
    )
    role: Role = Field(description="What the member may do.", examples=["marketer"])
    status: MemberStatus = Field(description="Whether the member may sign in.", examples=["active"])
    created_at: Moment = Field(description="When the member was invited.")


class Invited(Resource):
    """A member with the invitation to hand over; it is shown this once."""

    member: MemberView = Field(description="Who is invited.")
    invitation: str = Field(
        description="What the invited member accepts it with; hand it over by a way that nobody else reads.",
        examples=["vJ8dYk2mQ0bN7xW4rT1zLs6cHp3aGf9e"],
    )
    expires_at: Moment = Field(description="Until when it can be accepted.")


class Acceptance(Body):
    """An invitation, and the password that the invited member chose."""

    workspace: str = Field(max_length=64, description="The workspace's slug.", examples=["harbour"])
    invitation: str = Field(
        min_length=1, max_length=128, description="The invitation.", examples=["vJ8dYk2mQ0bN7xW4rT1zLs6cHp3aGf9e"]
    )
    password: Password


class Accepted(Resource):
    """The member may sign in now."""

    member: Identity = Field(description="The member's id.")
    status: MemberStatus = Field(description="`active`: the member may sign in.", examples=["active"])


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
