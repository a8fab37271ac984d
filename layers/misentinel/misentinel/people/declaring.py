"""Declarations of attributes in ``-data``: one item, remembered for a minute by each environment."""

import json
from collections.abc import Iterable
from dataclasses import replace

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from misentinel import clock
from misentinel.api import Page, etag_of, if_match
from misentinel.audit import unit
from misentinel.errors import Conflict, PreconditionFailed
from misentinel.people.attributes import (
    MAX_ATTRIBUTES,
    MAX_INDEXED,
    AttributeType,
    Declaration,
    Declarations,
)
from misentinel.people.model import Attribute, AttributeBody
from misentinel.tenancy import DataModel, bind, current_tenant

KEPT_SECONDS = 60
"""How long an environment remembers a workspace's declarations; a name that it does not know it looks up at once."""

MAX_KEPT = 200
"""Workspaces whose declarations an environment remembers."""

_PK, _SK = "attributes", "declarations"
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
        item = bind(DeclarationsItem, tenant).get(_PK, _SK, consistent_read=True)
    except DoesNotExist:
        return Declarations()
    rows = json.loads(item.declarations)
    return Declarations(
        {name: Declaration(name, **{**row, "type": AttributeType(row["type"])}) for name, row in rows.items()},
        int(item.version),
    )


class Attributes:
    """The attributes that one workspace declares."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant

    def page(self) -> Page[Attribute]:
        """All of them, by name; archived ones too."""
        declared = declarations_of(self._tenant, fresh=True)
        return Page[Attribute](items=[self._view(each) for _, each in sorted(declared.by_name.items())])

    def declare(self, name: str, body: AttributeBody) -> Attribute:
        """Declare an attribute, or change what may change of it.

        Raises
        ------
        Conflict
            Its type or index would change, there are too many, or somebody declared one at the same moment.
        PreconditionFailed
            If-Match names another version.
        """
        declared = declarations_of(self._tenant, fresh=True)
        before = declared.by_name.get(name)
        asked = self._require_as_read(name, before)
        after = self._after(name, before, body)
        unit().touch("attribute", name)
        if after == before:
            return self._view(after)
        self._require_room(declared, after)
        rows = {key: each.as_stored() for key, each in {**declared.by_name, name: after}.items()}
        item = bind(DeclarationsItem, self._tenant)(
            _PK,
            _SK,
            declarations=json.dumps(rows, separators=(",", ":"), ensure_ascii=False),
            version=declared.version + 1,
        )
        as_read = (
            DeclarationsItem.version == declared.version if declared.version else DeclarationsItem.pk.does_not_exist()
        )
        otherwise = PreconditionFailed() if asked else Conflict("Somebody declared an attribute just now; try again.")
        unit().put(item, condition=as_read, otherwise=otherwise)
        unit().touch("attribute", name, sorted(_different(before, after)))
        _kept.pop(self._tenant, None)
        return self._view(after)

    def _require_as_read(self, name: str, before: Declaration | None) -> bool:
        return if_match(self._tenant, f"attribute/{name}", before.version if before else 0)

    @staticmethod
    def _after(name: str, before: Declaration | None, body: AttributeBody) -> Declaration:
        after = Declaration(name, **body.model_dump(), version=before.version if before else 1)
        if before is None or after == before:
            return after
        if (before.type, before.indexed) != (after.type, after.indexed):
            raise Conflict("Type and index of an attribute are fixed when it is declared; declare another name.")
        return replace(after, version=before.version + 1)

    @staticmethod
    def _require_room(declared: Declarations, after: Declaration) -> None:
        if after.name in declared.by_name:
            return
        if len(declared.by_name) >= MAX_ATTRIBUTES:
            raise Conflict(f"A workspace declares at most {MAX_ATTRIBUTES} attributes, archived ones included.")
        if after.indexed and len(declared.indexed) >= MAX_INDEXED:
            raise Conflict(f"At most {MAX_INDEXED} attributes are indexed; declare this one without an index.")

    def _view(self, each: Declaration) -> Attribute:
        view = Attribute(
            name=each.name,
            type=each.type,
            description=each.description,
            indexed=each.indexed,
            personal=each.personal,
            archived=each.archived,
        )
        view.tagged(etag_of(self._tenant, f"attribute/{each.name}", each.version))
        return view


def _different(before: Declaration | None, after: Declaration) -> set[str]:
    row = after.as_stored()
    known = before.as_stored() if before else {}
    return {name for name, value in row.items() if name != "version" and known.get(name) != value}


def attributes_of_tenant() -> Attributes:
    """The attributes of the tenant that is calling."""
    return Attributes(current_tenant())
