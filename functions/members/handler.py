"""Members: who belongs to the workspace, and what each may do."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from misentinel.access import Permission
from misentinel.api import Api, Depends, Page, Reply
from misentinel.members.model import Invited, MemberChange, MemberView, NewMember
from misentinel.members.service import Members, members_of_caller

api = Api()
Store = Annotated[Members, Depends(members_of_caller)]
Limit = Annotated[int, Query(ge=1, le=100)]


@api.get("/v1/members", needs=Permission.MEMBERS_READ, action="members.list")
def list_members(members: Store, limit: Limit = 20, cursor: str | None = None) -> Page[MemberView]:
    """The members who are invited or active, the oldest first."""
    return members.page(limit, cursor)


@api.post(
    "/v1/members",
    needs=Permission.MEMBERS_WRITE,
    action="members.create",
    status=201,
    never_kept=("invitation",),
)
def invite_member(new: NewMember, members: Store) -> Reply[Invited]:
    """Add a member; the answer holds the invitation to hand over, this once."""
    invited = members.invite(new)
    return Reply(invited, headers={"Location": f"/v1/members/{invited.member.id}"})


@api.get("/v1/members/<member_id>", needs=Permission.MEMBERS_READ, action="members.read")
def read_member(member_id: str, members: Store) -> MemberView:
    """One member, by id."""
    return members.get(member_id)


@api.patch("/v1/members/<member_id>", needs=Permission.MEMBERS_WRITE, action="members.update")
def change_member(member_id: str, change: MemberChange, members: Store) -> MemberView:
    """Give a member another role; it holds from the next request on."""
    return members.change(member_id, change)


@api.delete("/v1/members/<member_id>", needs=Permission.MEMBERS_WRITE, action="members.delete", status=204)
def remove_member(member_id: str, members: Store) -> None:
    """Remove a member and end all sessions of the member's."""
    members.remove(member_id)


@api.post(
    "/v1/members/<member_id>/invitation",
    needs=Permission.MEMBERS_WRITE,
    action="members.invite",
    status=201,
    never_kept=("invitation",),
)
def invite_member_again(member_id: str, members: Store) -> Invited:
    """A new invitation for a member who has not accepted; the one before is worth nothing any more."""
    return members.invite_again(member_id)


@api.delete("/v1/members/<member_id>/sessions", needs=Permission.MEMBERS_WRITE, action="members.sign_out", status=204)
def end_member_sessions(member_id: str, members: Store) -> None:
    """End all of a member's sessions."""
    members.end_sessions(member_id)


handler = api.handler
