"""Declaring attributes: what a workspace will keep of people beside the fields that everybody has."""

import json
from dataclasses import replace

from misentinel.api import Page, etag_of, if_match
from misentinel.audit import unit
from misentinel.errors import Conflict, PreconditionFailed
from misentinel.people.attributes import (
    MAX_ATTRIBUTES,
    MAX_INDEXED,
    Declaration,
    Declarations,
)
from misentinel.people.declarations import DECLARATIONS, DeclarationsItem, declarations_of, forget
from misentinel.people.model import Attribute, AttributeBody
from misentinel.tenancy import bind, current_tenant


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
            *DECLARATIONS,
            declarations=json.dumps(rows, separators=(",", ":"), ensure_ascii=False),
            version=declared.version + 1,
        )
        as_read = (
            DeclarationsItem.version == declared.version if declared.version else DeclarationsItem.pk.does_not_exist()
        )
        otherwise = PreconditionFailed() if asked else Conflict("Somebody declared an attribute just now; try again.")
        unit().put(item, condition=as_read, otherwise=otherwise)
        unit().touch("attribute", name, sorted(_different(before, after)))
        forget(self._tenant)
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
