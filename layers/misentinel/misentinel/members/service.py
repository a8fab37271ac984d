"""Members: who is there, who joins, what each may do, who leaves."""

import hashlib
from datetime import timedelta
from typing import Any

from misentinel import clock
from misentinel.access import Caller, Member, Role, find_member
from misentinel.access.sessions import Household, end_sessions, household, regrant_sessions
from misentinel.api import Cursor, Page, caller, etag_of, if_match
from misentinel.audit import unit
from misentinel.errors import Conflict, NotFound, PreconditionFailed, Refusal
from misentinel.members.model import (
    Invited,
    MemberChange,
    MemberStatus,
    MemberView,
    NewMember,
    require_may_appoint,
)
from misentinel.members.store import (
    EmailClaim,
    Owners,
    departure,
    email_claim,
    invitation,
    new_member,
    owners,
    page_of_members,
)
from misentinel.signin.email import login_key, normalised

INVITATION_LIFETIME = timedelta(days=7)


def token_hash(token: str) -> str:
    """What is stored of an invitation's token: SHA-256 of its 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


class Members:
    """The members of the caller's workspace, as far as the caller may touch them."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._tenant = caller.tenant

    def get(self, uid: str) -> MemberView:
        """One member, removed ones too: records name them.

        Raises
        ------
        NotFound
            No such member.
        """
        member = find_member(self._tenant, uid)
        if member is None:
            raise NotFound("member")
        unit().touch("member", member.id)
        return self._view(member)

    def page(self, limit: int, cursor: str | None) -> Page[MemberView]:
        """A page of the members who are invited or active, the oldest first."""
        cursors = Cursor(self._tenant, "members.list")
        found, onward = page_of_members(self._tenant, limit, cursors.open(cursor))
        for member in found:
            unit().touch("member", member.id)
        return Page(items=[self._view(member) for member in found], next_cursor=cursors.seal(onward))

    def invite(self, new: NewMember) -> Invited:
        """Add a member who becomes active by accepting the invitation.

        Raises
        ------
        Forbidden
            The role allows more than the caller may.
        Conflict
            Somebody has this address here.
        """
        require_may_appoint(self._caller, new.role)
        email, uid = normalised(new.email), clock.uuid7()
        member = new_member(
            self._tenant,
            uid=uid,
            email=email,
            role=new.role.value,
            status=MemberStatus.INVITED.value,
            created_at=clock.rfc3339(clock.now()),
        )
        token = clock.token()
        member.invitation = token_hash(token)
        unit().put(
            email_claim(self._tenant, email, uid),
            condition=EmailClaim.pk.does_not_exist(),
            otherwise=Conflict("A member with this e-mail address is here already."),
        )
        unit().put(member, condition=Member.pk.does_not_exist())
        unit().touch("member", uid, ("email", "role"))
        return self._hand_out(member, token)

    def invite_again(self, uid: str) -> Invited:
        """Hand out a new invitation; the one before is worth nothing any more.

        Raises
        ------
        Conflict
            The member has accepted already.
        """
        member = self._present(uid).member
        require_may_appoint(self._caller, Role(member.role))
        if member.status != MemberStatus.INVITED:
            raise Conflict("This member has accepted the invitation already.")
        token = clock.token()
        if member.invitation:
            unit().delete(invitation(self._tenant, member.invitation))
        changed = self._changed(member, [Member.invitation.set(token_hash(token))])
        unit().touch("member", uid, ("invitation",))
        return self._hand_out(changed, token)

    def change(self, uid: str, change: MemberChange) -> MemberView:
        """Give a member another role; it holds in all sessions from the next request on.

        Raises
        ------
        Forbidden
            The old or the new role allows more than the caller may.
        Conflict
            The last owner stays.
        """
        house = self._present(uid)
        member = house.member
        before = Role(member.role)
        require_may_appoint(self._caller, before, change.role)
        if before is change.role:
            unit().touch("member", uid)
            return self._view(member)
        if member.status == MemberStatus.ACTIVE:
            self._count_owners((change.role is Role.OWNER) - (before is Role.OWNER))
        changed = self._changed(member, [Member.role.set(change.role.value)])
        regrant_sessions(house, change.role)
        changed.role = change.role.value
        unit().touch("member", uid, ("role",))
        return self._view(changed)

    def remove(self, uid: str) -> None:
        """Remove a member: sessions end, personal data goes, the id stays for the records' sake.

        Raises
        ------
        Forbidden
            The member's role allows more than the caller may.
        Conflict
            The last owner stays.
        """
        house = self._present(uid)
        member = house.member
        role = Role(member.role)
        require_may_appoint(self._caller, role)
        if member.status == MemberStatus.ACTIVE:
            self._count_owners(-(role is Role.OWNER))
        if member.invitation:
            unit().delete(invitation(self._tenant, member.invitation))
        if member.email:
            unit().delete(email_claim(self._tenant, member.email, uid))
            login = login_key(member.email, self._tenant)
            unit().put(departure(self._tenant, unit().uid, login=login, member=uid))
        self._changed(
            member,
            [
                Member.status.set(MemberStatus.REMOVED.value),
                Member.email.remove(),
                Member.invitation.remove(),
                Member.gsi1pk.remove(),
                Member.gsi1sk.remove(),
            ],
        )
        end_sessions(house)
        unit().touch("member", uid, ("email", "status"))

    def end_sessions(self, uid: str) -> None:
        """End all of a member's sessions."""
        house = self._present(uid)
        require_may_appoint(self._caller, Role(house.member.role))
        end_sessions(house)
        unit().touch("member", uid, ("sessions",))

    def _present(self, uid: str) -> Household:
        house = household(self._tenant, uid)
        if house is None or house.member.status == MemberStatus.REMOVED:
            raise NotFound("member")
        return house

    def _changed(self, member: Member, actions: list[Any]) -> Member:
        """Change a member who is as it was read: no other change, and no session opened since."""
        otherwise: Refusal = Conflict("The member changed or signed in meanwhile; read again, then try again.")
        if if_match(self._tenant, member.id, int(member.version)):
            otherwise = PreconditionFailed()
        as_read = (Member.version == member.version) & (Member.sign_ins == member.sign_ins)
        unit().update(member, [*actions, Member.version.add(1)], condition=as_read, otherwise=otherwise)
        member.version += 1
        return member

    def _count_owners(self, change: int) -> None:
        if change:
            unit().update(
                owners(self._tenant),
                [Owners.active.add(change)],
                condition=Owners.active > -change,
                otherwise=Conflict("The last owner stays: make somebody else an owner first."),
            )

    def _hand_out(self, member: Member, token: str) -> Invited:
        expires = clock.now() + INVITATION_LIFETIME
        item = invitation(self._tenant, token_hash(token), member=member.id, expires_at=int(expires.timestamp()))
        unit().put(item)
        return Invited(member=self._view(member), invitation=token, expires_at=clock.rfc3339(expires))

    def _view(self, member: Member) -> MemberView:
        view = MemberView(
            id=member.id,
            email=member.email,
            role=Role(member.role),
            status=MemberStatus(member.status),
            created_at=member.created_at,
        )
        view.tagged(etag_of(self._tenant, member.id, int(member.version)))
        return view


def members_of_caller() -> Members:
    """The members of the workspace that is calling, as the caller may touch them."""
    return Members(caller())
