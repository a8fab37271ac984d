"""Queries: an expression as clients send it."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from misentinel.people.fields import AttributeText
from misentinel.schema import Body

MAX_DEPTH = 8
"""How deep conditions may nest."""

MAX_CONDITIONS = 50
"""Comparisons of one search."""

_ATTRIBUTE = "attributes."


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
