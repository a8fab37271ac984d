"""The first member of a workspace: its owner, made by provisioning."""

from misentinel import clock
from misentinel.access import Member, Role, find_member
from misentinel.audit import Actor, unit_of_work
from misentinel.members.model import MemberStatus
from misentinel.members.store import EmailClaim, Owners, email_claim, new_member, owners
from misentinel.tenancy import acting_as


def found(tenant: str, uid: str, email: str, request_id: str = "") -> None:
    """Make the owner with the record of it, in one transaction; once, however often it is asked for."""
    with acting_as(tenant):
        if find_member(tenant, uid) is not None:
            return
    member = new_member(
        tenant,
        uid=uid,
        email=email,
        role=Role.OWNER.value,
        status=MemberStatus.ACTIVE.value,
        created_at=clock.rfc3339(clock.now()),
    )
    with unit_of_work(tenant, "workspaces.create", actor=Actor(app="provisioner"), request_id=request_id) as work:
        work.put(member, condition=Member.pk.does_not_exist())
        work.put(email_claim(tenant, email, uid), condition=EmailClaim.pk.does_not_exist())
        work.put(owners(tenant, 1), condition=Owners.pk.does_not_exist())
        work.touch("workspace", tenant, ("name", "slug"))
        work.touch("member", uid, ("email", "role", "status"))
