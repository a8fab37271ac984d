"""Expressions: who is searched for, and whether a person is one of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from misentinel.people.attributes import AttributeType, Value
from misentinel.people.forms import email_form
from misentinel.people.profile import Profile


class Op(StrEnum):
    """How a field is compared. Somebody without a value matches ``ne`` and ``exists: false`` alone."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    PREFIX = "prefix"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field compared with one value, which is in the form that values of the field are compared in.

    ``attribute`` is the declared type if the field is an attribute's, whose name then is ``name``.
    """

    name: str
    op: Op
    value: Value
    attribute: AttributeType | None = None
    indexed: bool = False

    def holds(self, person: Profile) -> bool:
        """Whether it is so of this person."""
        if self.name == "tag" and self.attribute is None:
            return self._tag_holds(person)
        has = self._of(person)
        match self.op:
            case Op.EXISTS:
                return (has is not None) == self.value
            case Op.NE:
                return has is None or has != self.value
            case _:
                return has is not None and _compared(self.op, has, self.value)

    def _tag_holds(self, person: Profile) -> bool:
        match self.op:
            case Op.EXISTS:
                return bool(person.tags) == self.value
            case Op.NE:
                return self.value not in person.tags
            case _:
                return self.value in person.tags

    def _of(self, person: Profile) -> Value | None:
        if self.attribute is not None:
            return person.attributes.get(self.name)
        found: str | None = getattr(person, self.name)
        return email_form(found) if found is not None and self.name == "email" else found


def _compared(op: Op, has: Any, wanted: Any) -> bool:
    match op:
        case Op.EQ:
            return bool(has == wanted)
        case Op.LT:
            return bool(has < wanted)
        case Op.LTE:
            return bool(has <= wanted)
        case Op.GT:
            return bool(has > wanted)
        case Op.GTE:
            return bool(has >= wanted)
        case _:
            return bool(has.startswith(wanted))


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these hold; of none, so it does for everybody."""

    parts: tuple["Expression", ...] = ()

    def holds(self, person: Profile) -> bool:
        """Whether it is so of this person."""
        return all(part.holds(person) for part in self.parts)

    @property
    def flat(self) -> Iterator["Expression"]:
        """Its parts, with those of parts of the same kind instead of these."""
        for part in self.parts:
            if isinstance(part, AllOf):
                yield from part.flat
            else:
                yield part


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these holds."""

    parts: tuple["Expression", ...] = field(default_factory=tuple)

    def holds(self, person: Profile) -> bool:
        """Whether it is so of this person."""
        return any(part.holds(person) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    part: "Expression"

    def holds(self, person: Profile) -> bool:
        """Whether it is so of this person."""
        return not self.part.holds(person)


type Expression = Comparison | AllOf | AnyOf | Not

EVERYBODY = AllOf()
"""Holds for all people."""
