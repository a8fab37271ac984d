"""Queries: an expression as clients send it, made into one that people can be held against."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from misentinel.errors import Invalid
from misentinel.people.attributes import AttributeType, Declarations, checked
from misentinel.people.expression import AllOf, AnyOf, Comparison, Expression, Not, Op
from misentinel.people.forms import composed, email_form, locale_form, phone_form, time_form
from misentinel.people.model import CONTACT, AttributeText
from misentinel.schema import Body

MAX_DEPTH = 8
"""How deep conditions may nest."""

MAX_CONDITIONS = 50
"""Comparisons of one search."""

_TIMES = frozenset({"created_at", "last_seen_at"})
_TEXTS = frozenset({*CONTACT, "locale", "time_zone"})
_ORDERED = frozenset({Op.EQ, Op.NE, Op.LT, Op.LTE, Op.GT, Op.GTE, Op.EXISTS})
_EQUAL = frozenset({Op.EQ, Op.NE, Op.EXISTS})
_ATTRIBUTE = "attributes."


class Condition(Body):
    """One field compared with one value."""

    field: Annotated[str, Field(pattern=r"^[a-z_]{1,20}(\.[a-z][a-z0-9_]{0,49})?$")] = Field(
        description=(
            "email, external_id, phone, name, locale, time_zone, tag, created_at, last_seen_at "
            "or attributes.<a declared name>."
        ),
        examples=["attributes.plan"],
    )
    op: Op = Field(
        strict=False,
        description="Who has no value matches ne and exists: false alone; prefix is for texts.",
        examples=["eq"],
    )
    value: bool | int | Annotated[float, Field(allow_inf_nan=False)] | AttributeText = Field(
        default=True, description="Of the field's type; for exists true or false.", examples=["pro"]
    )


class WhereAll(Body):
    """All of these hold."""

    and_: Annotated[list["Where"], Field(min_length=1, max_length=MAX_CONDITIONS)] = Field(
        alias="and",
        description="Conditions that all hold.",
        examples=[[{"field": "tag", "op": "eq", "value": "vip"}, {"field": "locale", "op": "prefix", "value": "en"}]],
    )


class WhereAny(Body):
    """At least one of these holds."""

    or_: Annotated[list["Where"], Field(min_length=1, max_length=MAX_CONDITIONS)] = Field(
        alias="or",
        description="Conditions of which one holds at least.",
        examples=[[{"field": "tag", "op": "eq", "value": "vip"}, {"field": "tag", "op": "eq", "value": "trial"}]],
    )


class WhereNot(Body):
    """The condition does not hold."""

    not_: "Where" = Field(
        alias="not",
        description="A condition that does not hold.",
        examples=[{"field": "tag", "op": "eq", "value": "vip"}],
    )


def _which(value: Any) -> str:
    names = value.keys() if isinstance(value, dict) else {each.removesuffix("_") for each in _set(value)}
    return next((name for name in ("and", "or", "not") if name in names), "field")


def _set(value: Any) -> set[str]:
    return value.model_fields_set if isinstance(value, Body) else set()


type Where = Annotated[
    Annotated[Condition, Tag("field")]
    | Annotated[WhereAll, Tag("and")]
    | Annotated[WhereAny, Tag("or")]
    | Annotated[WhereNot, Tag("not")],
    Discriminator(_which),
]
"""A condition, or several with ``and`` or ``or``, or one with ``not``."""


class Search(Body):
    """Who is searched for."""

    where: Where = Field(
        description="A condition, or several with and or or, or one with not; 8 levels and 50 conditions at most.",
        examples=[{"and": [{"field": "tag", "op": "eq", "value": "vip"}]}],
    )
    limit: int = Field(default=20, ge=1, le=100, description="People on a page at most.", examples=[20])
    cursor: str | None = Field(
        default=None, max_length=4096, description="Where the page before ended.", examples=[None]
    )

    @model_validator(mode="after")
    def _bounded(self) -> "Search":
        require_bounds(self.where)
        return self


def require_bounds(where: Where) -> None:
    """Refuse what is too deep or too long to be planned.

    Raises
    ------
    ValueError
        It is.
    """
    depths = list(_depths(where, 1))
    if max(depths) > MAX_DEPTH:
        message = f"where nests deeper than {MAX_DEPTH} levels"
        raise ValueError(message)
    if len(depths) > MAX_CONDITIONS:
        message = f"where has more than {MAX_CONDITIONS} conditions"
        raise ValueError(message)


def _depths(where: Any, depth: int) -> Iterator[int]:
    """How deep each condition lies."""
    match where:
        case WhereAll():
            for each in where.and_:
                yield from _depths(each, depth + 1)
        case WhereAny():
            for each in where.or_:
                yield from _depths(each, depth + 1)
        case WhereNot():
            yield from _depths(where.not_, depth + 1)
        case _:
            yield depth


def fields_of(where: Any) -> set[str]:
    """The fields that an expression names."""
    match where:
        case WhereAll():
            return {name for each in where.and_ for name in fields_of(each)}
        case WhereAny():
            return {name for each in where.or_ for name in fields_of(each)}
        case WhereNot():
            return fields_of(where.not_)
        case _:
            return {where.field}


def attributes_of(where: Any) -> set[str]:
    """The attributes that an expression names."""
    return {name.removeprefix(_ATTRIBUTE) for name in fields_of(where) if name.startswith(_ATTRIBUTE)}


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
