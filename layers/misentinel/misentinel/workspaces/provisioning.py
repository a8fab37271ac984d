"""Provisioning: the steps that make a workspace ready, each safe to repeat."""

from collections.abc import Callable
from datetime import datetime, timedelta

from misentinel import clock
from misentinel.audit import Actor, unit_of_work
from misentinel.members.founding import found
from misentinel.observability import logger
from misentinel.signin.accounts import open_login
from misentinel.tenancy import PLATFORM, Registry, Status, Tenant
from misentinel.workspaces.store import (
    PENDING_SECONDS,
    PendingOwners,
    ask_for_provisioning,
    has_ticket,
    make_tables,
    map_stream,
    ticket,
)

FORGOTTEN_AFTER = timedelta(minutes=1)
"""A workspace that is provisioned for longer than this is put on the queue again."""


class OwnerLostError(RuntimeError):
    """A workspace has no owner and nobody waits to be it."""


def provision(tenant_id: str, request_id: str = "") -> Tenant:
    """Do the steps that are not done, in their order; what fails is tried again from the queue.

    ``request_id`` is the sign-up's, for logs and records; the schedule has none.

    Raises
    ------
    NotFound
        No such workspace.
    """
    registry = Registry()
    tenant = registry.by_id(tenant_id)
    for name, step in _STEPS.items():
        if tenant.status is Status.PROVISIONING and tenant.steps.get(name) != "done":
            step(tenant, request_id)
            tenant = registry.set_step(tenant.id, name)
            logger.info("provisioning step done", tenant=tenant.id, step=name, request_id=request_id)
    return tenant


def _tables(tenant: Tenant, _: str) -> None:
    make_tables(tenant.id)


def _stream(tenant: Tenant, _: str) -> None:
    map_stream(tenant.id)


def _owner(tenant: Tenant, request_id: str) -> None:
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
    _account_for(tenant, request_id)
    found(tenant.id, waiting.member, waiting.email, request_id)
    open_login(
        tenant.id,
        email=waiting.email,
        member=waiting.member,
        password_hash=waiting.password_hash,
        proof=f"sign-up#{tenant.id}",
    )


def _account_for(tenant: Tenant, request_id: str) -> None:
    """Record a sign-up whose own request ended between the registry's row and its record."""
    if not has_ticket(tenant.id):
        with unit_of_work(PLATFORM, "workspaces.create", actor=Actor(app="provisioner"), request_id=request_id) as work:
            work.put(ticket(tenant.id))
            work.touch("workspace", tenant.id, ("name", "slug"))


def _active(tenant: Tenant, _: str) -> None:
    """Nothing waits any more; the registry makes the workspace active with this step."""
    PendingOwners().delete(tenant.id)


_STEPS: dict[str, Callable[[Tenant, str], None]] = {
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
            with unit_of_work(PLATFORM, "workspaces.fail", actor=Actor(app="provisioner")) as work:
                work.touch("workspace", tenant.id, ("status",))
                registry.set_status(tenant.id, Status.FAILED)
            logger.error("provisioning failed for good", tenant=tenant.id)
        else:
            ask_for_provisioning(tenant.id)
            logger.warning("provisioning is asked for again", tenant=tenant.id)
