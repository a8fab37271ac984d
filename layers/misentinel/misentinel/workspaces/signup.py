"""Signing up: a slug is reserved, an owner waits, and the provisioner is asked to make the rest."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from misentinel import clock
from misentinel.audit import Actor, unit
from misentinel.errors import Conflict, NotFound
from misentinel.observability import error_name, logger
from misentinel.signin import passwords
from misentinel.signin.email import normalised
from misentinel.signin.limits import ADDRESS_SIGN_UPS
from misentinel.signin.strength import require_strong
from misentinel.signin.throttle import spend_address
from misentinel.tenancy import PLATFORM, Registry, Status, Tenant, new_tenant_id
from misentinel.workspaces.model import SignUp, require_free_for_all
from misentinel.workspaces.store import PendingOwner, PendingOwners, ask_for_provisioning, ticket


@dataclass(frozen=True, slots=True)
class _Reserved:
    tenant: Tenant
    owner: PendingOwner


def sign_up(asked: SignUp, address: str) -> Tenant:
    """Sign up a workspace; it is ready when its status says so.

    The owner's credentials are kept before the slug is reserved, so that no workspace is without an
    owner; if the queue does not take the message, the provisioner's schedule finds the row.

    Raises
    ------
    TooManyAttempts
        The address has had its sign-ups.
    Invalid
        The slug is reserved, or the password is too weak.
    Conflict
        The slug is taken.
    """
    unit().direct(PLATFORM)
    spend_address(address, ADDRESS_SIGN_UPS)
    require_free_for_all(asked.slug)
    require_strong(asked.password, context=(asked.slug, asked.name, asked.email))
    try:
        reserved = _reserve(asked)
    except Conflict:
        reserved = _resumed(asked)
    tenant = reserved.tenant
    try:
        ask_for_provisioning(tenant.id, unit().happening.request_id)
    except (BotoCoreError, ClientError) as error:
        logger.warning("the provisioner was not asked; its schedule will find it", error=error_name(error))
    unit().actor = Actor(member=reserved.owner.member)
    unit().touch("workspace", tenant.id, ("name", "slug"))
    unit().put(ticket(tenant.id))
    return tenant


def _reserve(asked: SignUp) -> _Reserved:
    owner = PendingOwner(
        tenant=new_tenant_id(),
        member=clock.uuid7(),
        email=normalised(asked.email),
        password_hash=passwords.hashed(asked.password),
    )
    PendingOwners().put(owner)
    try:
        return _Reserved(Registry().create(owner.tenant, asked.slug, asked.name), owner)
    except Conflict:
        PendingOwners().delete(owner.tenant)
        raise


def _resumed(asked: SignUp) -> _Reserved:
    """The same person's earlier sign-up that is not done: e-mail and password prove who it is.

    Raises
    ------
    Conflict
        It is somebody else's, or it is done.
    """
    taken = Conflict(f"The slug {asked.slug} is taken; choose another one.")
    try:
        tenant = Registry().by_slug(asked.slug)
    except NotFound:
        raise taken from None
    owner = PendingOwners().get(tenant.id) if tenant.status is Status.PROVISIONING else None
    fits = passwords.verify(owner.password_hash if owner else None, asked.password)
    if owner is None or not fits or owner.email != normalised(asked.email):
        raise taken
    return _Reserved(tenant, owner)
