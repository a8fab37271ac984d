"""A workspace's own settings in ``-data``, as every function needs them to know whom to let in."""

from typing import Any

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from misentinel import clock
from misentinel.tenancy import DataModel, bind

KEPT_SECONDS = 60
"""How long an environment remembers them: a change holds everywhere within a minute."""

MAX_KEPT = 4096
"""Workspaces whose settings an environment remembers."""

KEYS = ("workspace", "settings")
"""Where they lie."""


class WorkspaceSettings(DataModel):
    """What a workspace has set; there is none before it sets anything."""

    allowed_origins: Any = ListAttribute(of=UnicodeAttribute)
    updated_at = UnicodeAttribute()
    version = NumberAttribute()


_origins: dict[str, tuple[frozenset[str], int]] = {}


def read_settings(tenant: str) -> WorkspaceSettings | None:
    """A workspace's settings, by one consistent read."""
    try:
        found: WorkspaceSettings = bind(WorkspaceSettings, tenant).get(*KEYS, consistent_read=True)
    except DoesNotExist:
        return None
    return found


def allowed_origins(tenant: str) -> frozenset[str]:
    """The websites that may speak for this workspace's members, as of a minute ago at most."""
    kept = _origins.get(tenant)
    if kept and clock.epoch() < kept[1]:
        return kept[0]
    found = read_settings(tenant)
    if len(_origins) >= MAX_KEPT:
        _origins.clear()
    origins = frozenset(found.allowed_origins if found else ())
    _origins[tenant] = (origins, clock.epoch() + KEPT_SECONDS)
    return origins


def forget(tenant: str = "") -> None:
    """Forget what is remembered of a workspace, or of all."""
    if tenant:
        _origins.pop(tenant, None)
    else:
        _origins.clear()
