"""The registry: which workspaces there are. The only table that all tenants share."""

from collections.abc import Iterator
from typing import Any

from pynamodb.attributes import MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from misentinel import clock
from misentinel.errors import Conflict, NotFound
from misentinel.settings import settings
from misentinel.tenancy.bound import bind_table, connection
from misentinel.tenancy.credentials import as_function
from misentinel.tenancy.model import PLATFORM, Status, Tenant, is_tenant_id

KEPT_SECONDS = 60
"""How long an environment remembers an active workspace's row."""

LIMITS_KEPT_SECONDS = 300
"""How long it remembers what a workspace's limits are."""

MAX_KEPT = 4096
"""How many it remembers at most."""

BEFORE_ALL = "2026-01-01"
"""No workspace is older, the platform's own included."""

_PLATFORM = Tenant(PLATFORM, "platform", "MiSentinel", Status.ACTIVE, BEFORE_ALL, plan="scale")

STEPS = ("tables", "stream", "owner", "active")
"""The steps of provisioning, in their order."""


class _Row(Model):
    class Meta:
        region = "eu-west-2"

    tenant_id = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute(null=True)
    slug = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute(null=True)
    plan = UnicodeAttribute(null=True)
    cell = UnicodeAttribute(null=True)
    requests_a_minute: Any = NumberAttribute(null=True)
    steps: Any = MapAttribute(null=True)


def _slug_key(slug: str) -> str:
    return f"slug#{slug}"


def _tenant(row: _Row) -> Tenant:
    return Tenant(
        id=row.tenant_id,
        slug=row.slug or "",
        name=row.name or "",
        status=Status(row.status),
        created_at=row.created_at or "",
        plan=row.plan or "trial",
        cell=row.cell or "1",
        requests_a_minute=None if row.requests_a_minute is None else int(row.requests_a_minute),
        steps=row.steps.as_dict() if row.steps else {},
    )


_active: dict[str, tuple[Tenant, int]] = {}
_since: dict[str, str] = {}
_limits: dict[str, tuple[Tenant, int]] = {}


class Registry:
    """The workspaces of this stage. Read and written as the function itself, never as a tenant."""

    def __init__(self) -> None:
        self._rows = bind_table(_Row, settings().registry_table)

    def by_id(self, tenant_id: str) -> Tenant:
        """One workspace: one consistent read.

        Raises
        ------
        NotFound
            No such workspace.
        """
        if not is_tenant_id(tenant_id):
            raise NotFound("workspace")
        return _tenant(self._get(tenant_id))

    def since(self, tenant_id: str) -> str:
        """The day a workspace was made, ``2026-11-23``; it never changes, so it is read once an environment.

        Raises
        ------
        NotFound
            No such workspace.
        """
        if tenant_id == PLATFORM:
            return BEFORE_ALL
        if tenant_id not in _since:
            if len(_since) >= MAX_KEPT:
                _since.clear()
            _since[tenant_id] = self.by_id(tenant_id).created_at[:10]
        return _since[tenant_id]

    def limits(self, tenant_id: str) -> Tenant:
        """A workspace, with its plan and limits as they were at most five minutes ago.

        Raises
        ------
        NotFound
            No such workspace.
        """
        kept = _limits.get(tenant_id)
        if kept and clock.epoch() < kept[1]:
            return kept[0]
        tenant = _PLATFORM if tenant_id == PLATFORM else self.by_id(tenant_id)
        if len(_limits) >= MAX_KEPT:
            _limits.clear()
        _limits[tenant_id] = (tenant, clock.epoch() + LIMITS_KEPT_SECONDS)
        return tenant

    def by_slug(self, slug: str) -> Tenant:
        """One workspace by its slug: two reads, none while an active one is remembered.

        Raises
        ------
        NotFound
            No such workspace.
        """
        kept = _active.get(slug)
        if kept and clock.epoch() < kept[1]:
            return kept[0]
        tenant = self.by_id(self._get(_slug_key(slug)).tenant or "")
        if tenant.status is Status.ACTIVE:
            if len(_active) >= MAX_KEPT:
                _active.clear()
            _active[slug] = (tenant, clock.epoch() + KEPT_SECONDS)
        return tenant

    def create(self, tenant_id: str, slug: str, name: str) -> Tenant:
        """Reserve a slug and note a workspace that is being provisioned, in one transaction.

        Raises
        ------
        Conflict
            The slug is taken.
        """
        row = self._rows(
            tenant_id,
            slug=slug,
            name=name,
            status=Status.PROVISIONING.value,
            created_at=clock.rfc3339(clock.now()),
            plan="trial",
            cell="1",
            steps=dict.fromkeys(STEPS, "pending"),
        )
        absent = _Row.tenant_id.does_not_exist()
        try:
            with as_function(), TransactWrite(connection=connection()) as transaction:
                transaction.save(self._rows(_slug_key(slug), tenant=tenant_id), condition=absent)
                transaction.save(row, condition=absent)
        except TransactWriteError as error:
            if any(reason and reason.code == "ConditionalCheckFailed" for reason in error.cancellation_reasons):
                raise Conflict(f"The workspace name {slug} is taken; choose another slug.") from error
            raise
        return _tenant(row)

    def set_step(self, tenant_id: str, step: str) -> Tenant:
        """Note that a step of provisioning is done; the last one makes the workspace active."""
        row = self._get(tenant_id)
        actions = [_Row.steps[step].set("done")]
        if step == STEPS[-1]:
            actions.append(_Row.status.set(Status.ACTIVE.value))
        with as_function():
            row.update(actions=actions, condition=_Row.tenant_id.exists())
        return _tenant(row)

    def set_status(self, tenant_id: str, status: Status) -> None:
        """Change a workspace's status."""
        with as_function():
            self._get(tenant_id).update(actions=[_Row.status.set(status.value)])

    def all(self) -> Iterator[Tenant]:
        """Every workspace of the cell, page by page (at most 2,500 of them)."""
        with as_function():
            rows = self._rows.scan(filter_condition=_Row.status.exists())
            page = list(rows)
        yield from (_tenant(row) for row in page)

    def _get(self, key: str) -> _Row:
        try:
            with as_function():
                row: _Row = self._rows.get(key, consistent_read=True)
        except DoesNotExist:
            raise NotFound("workspace") from None
        return row
