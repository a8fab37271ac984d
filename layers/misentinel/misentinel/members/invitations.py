"""Accepting an invitation: the invited member chooses a password and becomes active."""

from misentinel import clock
from misentinel.access import Member, Role, find_member
from misentinel.audit import Actor, unit
from misentinel.errors import Conflict, NotFound
from misentinel.members.model import Acceptance, Accepted, MemberStatus
from misentinel.members.service import token_hash
from misentinel.members.store import Invitation, Owners, find_invitation, owners
from misentinel.signin import passwords
from misentinel.signin.accounts import open_login
from misentinel.signin.limits import ADDRESS_INVITATIONS
from misentinel.signin.service import active_workspace
from misentinel.signin.strength import require_strong
from misentinel.signin.throttle import spend_address
from misentinel.tenancy import PLATFORM, acting_as


def accept(asked: Acceptance, address: str) -> Accepted:
    """Accept an invitation.

    The password is kept before the commit, by the role that may; until the commit its member is not
    active, so that nobody can sign in with it. Each invitation sets a password once: a late second
    request cannot replace the password, or the seed, of the member who came first.

    Raises
    ------
    NotFound
        No such invitation, or it is over.
    Invalid
        The password is too weak.
    """
    tenant = active_workspace(asked.workspace)
    unit().direct(tenant or PLATFORM)
    spend_address(address, ADDRESS_INVITATIONS)
    if tenant is None:
        raise NotFound("invitation")
    with acting_as(tenant):
        found, member = _find(tenant, asked.invitation)
    unit().actor = Actor(member=member.id)
    email, proof = member.email or "", member.invitation or ""
    require_strong(asked.password, context=(asked.workspace, email))
    hashed = passwords.hashed(asked.password)
    before = open_login(tenant, email=email, member=member.id, password_hash=hashed, proof=proof)
    if before is not None and not passwords.verify(before, asked.password):
        raise Conflict("This invitation was accepted with another password; ask for a new one.")
    unit().delete(found, condition=Invitation.pk.exists(), otherwise=NotFound("invitation"))
    unit().update(
        member,
        [Member.status.set(MemberStatus.ACTIVE.value), Member.version.add(1), Member.invitation.remove()],
        condition=(Member.version == member.version) & (Member.status == MemberStatus.INVITED.value),
        otherwise=Conflict("The member changed meanwhile; send the request again."),
    )
    if member.role == Role.OWNER:
        unit().update(owners(tenant), [Owners.active.add(1)], condition=Owners.pk.exists())
    unit().touch("member", member.id, ("status",))
    return Accepted(member=member.id, status=MemberStatus.ACTIVE)


def _find(tenant: str, token: str) -> tuple[Invitation, Member]:
    found = find_invitation(tenant, token_hash(token))
    if found is None or found.expires_at <= clock.epoch():
        raise NotFound("invitation")
    member = find_member(tenant, found.member)
    if member is None or member.status != MemberStatus.INVITED or member.invitation != token_hash(token):
        raise NotFound("invitation")
    return found, member
