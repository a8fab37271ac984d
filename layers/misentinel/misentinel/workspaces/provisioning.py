"""Provisioning: the steps that make a workspace ready, each safe to repeat."""

from collections.abc import Callable
from datetime import datetime, timedelta

from misentinel import clock
from misentinel.members.founding import found
from misentinel.observability import logger
from misentinel.signin.accounts import open_login
from misentinel.tenancy import Registry, Status, Tenant
from misentinel.workspaces.store import PENDING_SECONDS, PendingOwners, ask_for_provisioning, make_tables, map_stream

FORGOTTEN_AFTER = timedelta(minutes=1)
"""A workspace that is provisioned for longer than this is put on the queue again."""


class OwnerLostError(RuntimeError):
    """A workspace has no owner and nobody waits to be it."""


def provision(tenant_id: str) -> Tenant:
    """Do the steps that are not done, in their order; what fails is tried again from the queue.

    Raises
    ------
    NotFound
        No such workspace.
    """
    registry = Registry()
    tenant = registry.by_id(tenant_id)
    for name, step in _STEPS.items():
        if tenant.status is Status.PROVISIONING and tenant.steps.get(name) != "done":
            step(tenant)
            tenant = registry.set_step(tenant.id, name)
            logger.info("provisioning step done", tenant=tenant.id, step=name)
    return tenant


def _tables(tenant: Tenant) -> None:
    make_tables(tenant.id)


def _stream(tenant: Tenant) -> None:
    map_stream(tenant.id)


def _owner(tenant: Tenant) -> None:
    """The first owner: the member with the record of it in one transaction, then the login.

    Raises
    ------
    OwnerLostError
        The credentials waited longer than they are kept.
    """
    waiting = PendingOwners().get(tenant.id)
    if waiting is None:
        message = "the pending owner is gone"
        raise OwnerLostError(message)
    found(tenant.id, waiting.member, waiting.email)
    open_login(
        tenant.id,
        email=waiting.email,
        member=waiting.member,
        password_hash=waiting.password_hash,
        proof=f"sign-up#{tenant.id}",
    )


def _active(tenant: Tenant) -> None:
    """Nothing waits any more; the registry makes the workspace active with this step."""
    PendingOwners().delete(tenant.id)


_STEPS: dict[str, Callable[[Tenant], None]] = {
    "tables": _tables,
    "stream": _stream,
    "owner": _owner,
    "active": _active,
}


def sweep() -> None:
    """Ask again for workspaces whose message was lost; give up on those whose owner is not kept any more."""
    registry, now = Registry(), clock.now()
    for tenant in registry.all():
        age = now - datetime.fromisoformat(tenant.created_at)
        if tenant.status is not Status.PROVISIONING or age < FORGOTTEN_AFTER:
            continue
        if age.total_seconds() > PENDING_SECONDS:
            registry.set_status(tenant.id, Status.FAILED)
            logger.error("provisioning failed for good", tenant=tenant.id)
        else:
            ask_for_provisioning(tenant.id)
            logger.warning("provisioning is asked for again", tenant=tenant.id)
