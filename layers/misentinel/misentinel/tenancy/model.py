"""Tenants: their ids, their status and the names of their tables."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from misentinel import clock
from misentinel.settings import settings

PLATFORM = "platformplatform"
"""The vendor's own tenant: reserved, made by the template, always there."""

_TENANT_ID = re.compile(r"[a-z2-7]{16}")
_TABLE = re.compile(r"ms-[a-z]+-(?P<tenant>[a-z2-7]{16})-(?P<suffix>data|secrets|inbox|log)")


class Suffix(StrEnum):
    """What a table holds; who may use it follows from this."""

    DATA = "data"
    SECRETS = "secrets"
    INBOX = "inbox"
    LOG = "log"


class Authority(StrEnum):
    """The roles that reach a tenant's tables; each is assumed with the tenant's tag."""

    TENANT = "tenant"
    SIGN_IN = "sign-in"
    LOG = "log"


class Status(StrEnum):
    """How far a workspace is."""

    PROVISIONING = "provisioning"
    ACTIVE = "active"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A row of the registry. ``steps`` maps each step of provisioning to ``pending`` or ``done``.

    ``requests_a_minute`` is what was agreed with this workspace; without it, its plan says.
    """

    id: str
    slug: str
    name: str
    status: Status
    created_at: str
    plan: str = "trial"
    cell: str = "1"
    requests_a_minute: int | None = None
    steps: dict[str, str] = field(default_factory=dict)


def is_tenant_id(text: str) -> bool:
    """Whether a text has the form of a tenant id: 16 characters of ``a-z2-7``."""
    return _TENANT_ID.fullmatch(text) is not None


def new_tenant_id() -> str:
    """A new random tenant id, 80 bits: never reused, and never a prefix of another's names."""
    return clock.base32(16)


def table_name(tenant: str, suffix: Suffix) -> str:
    """The name of a tenant's table; the prefix says whose, the suffix says who may."""
    if not is_tenant_id(tenant):
        message = "not a tenant id"
        raise ValueError(message)
    return f"ms-{settings().stage}-{tenant}-{suffix}"


def tenant_of_table(name: str) -> tuple[str, Suffix] | None:
    """Whose table this is and what it holds; ``None`` for tables that no tenant owns."""
    match = _TABLE.fullmatch(name)
    return (match["tenant"], Suffix(match["suffix"])) if match else None
