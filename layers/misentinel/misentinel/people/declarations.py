"""Declarations of attributes in ``-data``: one item, remembered for a minute by each environment."""

import json
from collections.abc import Iterable

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from misentinel import clock
from misentinel.people.attributes import AttributeType, Declaration, Declarations
from misentinel.tenancy import DataModel, bind

KEPT_SECONDS = 60
"""How long an environment remembers a workspace's declarations; a name that it does not know it looks up at once."""

MAX_KEPT = 200
"""Workspaces whose declarations an environment remembers."""

DECLARATIONS = ("attributes", "declarations")
"""The keys of the one item."""

_kept: dict[str, tuple[Declarations, int]] = {}


class DeclarationsItem(DataModel):
    """All declarations of a workspace, as JSON."""

    declarations = UnicodeAttribute()
    version = NumberAttribute()


def declarations_of(tenant: str, names: Iterable[str] = (), *, fresh: bool = False) -> Declarations:
    """What a workspace declared: remembered, unless one of these names is not known yet.

    Type and index of a name never change, so what is remembered can be late only in its description, in whether it is
    personal and whether it is archived.
    """
    found = _kept.get(tenant)
    if found and not fresh and clock.epoch() < found[1] and found[0].knows(set(names)):
        return found[0]
    declared = _read(tenant)
    if len(_kept) >= MAX_KEPT:
        _kept.clear()
    _kept[tenant] = (declared, clock.epoch() + KEPT_SECONDS)
    return declared


def _read(tenant: str) -> Declarations:
    try:
        item = bind(DeclarationsItem, tenant).get(*DECLARATIONS, consistent_read=True)
    except DoesNotExist:
        return Declarations()
    rows = json.loads(item.declarations)
    return Declarations(
        {name: Declaration(name, **{**row, "type": AttributeType(row["type"])}) for name, row in rows.items()},
        int(item.version),
    )


def forget(tenant: str) -> None:
    """Look again when a workspace's declarations are next asked for."""
    _kept.pop(tenant, None)
