"""Expressions: who is searched for, and whether a person is one of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from misentinel.errors import Invalid
from misentinel.people.attributes import AttributeType, Declarations, Value, checked
from misentinel.people.fields import CONTACT
from misentinel.people.forms import composed, email_form, locale_form, phone_form, time_form
from misentinel.people.profile import Profile
from misentinel.people.query import Condition, Op, WhereAll, WhereAny, WhereNot

_TIMES = frozenset({"created_at", "last_seen_at"})
_TEXTS = frozenset({*CONTACT, "locale", "time_zone"})
_ORDERED = frozenset({Op.EQ, Op.NE, Op.LT, Op.LTE, Op.GT, Op.GTE, Op.EXISTS})
_EQUAL = frozenset({Op.EQ, Op.NE, Op.EXISTS})
_ATTRIBUTE = "attributes."


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


def expression_of(where: Any, declared: Declarations) -> Expression:
    """An expression that people can be held against.

    Raises
    ------
    Invalid
        A field is unknown, or its operator or value does not suit it.
    """
    match where:
        case WhereAll():
            return AllOf(tuple(expression_of(each, declared) for each in where.and_))
        case WhereAny():
            return AnyOf(tuple(expression_of(each, declared) for each in where.or_))
        case WhereNot():
            return Not(expression_of(where.not_, declared))
        case _:
            return _comparison(where, declared)


def _comparison(condition: Condition, declared: Declarations) -> Comparison:
    name = condition.field
    try:
        if name.startswith(_ATTRIBUTE):
            return _of_attribute(condition, declared)
        if name == "tag":
            return Comparison(name, *_typed(condition, _EQUAL, str, lambda text: text))
        if name in _TIMES:
            return Comparison(name, *_typed(condition, _ORDERED, str, time_form))
        if name in _TEXTS:
            return Comparison(name, *_typed(condition, frozenset(Op), str, _form(name, condition.op)))
    except ValueError as error:
        raise _wrong(name, str(error)) from None
    raise _wrong(name, "is no field that people are searched by")


def _of_attribute(condition: Condition, declared: Declarations) -> Comparison:
    name = condition.field.removeprefix(_ATTRIBUTE)
    known = declared.by_name.get(name)
    if known is None:
        raise _wrong(condition.field, "is not declared")
    allowed = {AttributeType.STRING: frozenset(Op), AttributeType.BOOLEAN: _EQUAL}.get(known.type, _ORDERED)
    op, value = _typed(condition, allowed, object, lambda given: checked(known.type, given))
    return Comparison(name, op, value, known.type, known.indexed)


def _typed(condition: Condition, allowed: frozenset[Op], kind: type, form: Any) -> tuple[Op, Any]:
    """The operator and the value, in the form that values of the field are compared in.

    Raises
    ------
    ValueError
        They do not suit the field.
    """
    op, value = condition.op, condition.value
    if op not in allowed:
        message = f"cannot be compared with {op}; use one of {', '.join(sorted(allowed))}"
        raise ValueError(message)
    if op is Op.EXISTS:
        if not isinstance(value, bool):
            message = "exists takes true or false"
            raise ValueError(message)
        return op, value
    if "value" not in condition.model_fields_set or not isinstance(value, kind):
        message = "must be compared with a text" if kind is str else "must be compared with a value"
        raise ValueError(message)
    return op, form(value)


def _form(name: str, op: Op) -> Any:
    if name == "email":
        return _email_prefix if op is Op.PREFIX else email_form
    if name == "phone":
        return phone_form
    return locale_form if name == "locale" and op in _EQUAL else composed


def _email_prefix(text: str) -> str:
    """The beginning of an address in the form compared: what comes after the last @ may be half a domain."""
    return email_form(text) if "@" in text else email_form(f"{text}@").removesuffix("@")


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(errors=[{"field": "where", "message": f"{name}: {message}"}])
