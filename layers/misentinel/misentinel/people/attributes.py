"""Attributes: what a workspace declares that it keeps of a person, beside the fields that everybody has."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from misentinel.errors import Invalid
from misentinel.people.forms import composed, time_form

MAX_ATTRIBUTES = 250
"""Names that a workspace may declare, archived ones included."""

MAX_INDEXED = 8
"""Names that may be indexed: each is a posting more to write with a person that has a value."""

MAX_TEXT = 500
"""Characters of a string value."""

LARGEST = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 8259, section 6)."""

NAME = r"^[a-z][a-z0-9_]{0,49}$"
"""What an attribute may be called."""

type Value = bool | int | float | str
"""What an attribute holds; times are text in UTC."""


class AttributeType(StrEnum):
    """What kind of value an attribute holds."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One attribute. Type and index are fixed when it is declared; archived, it takes no new values."""

    name: str
    type: AttributeType
    description: str
    indexed: bool = False
    personal: bool = False
    archived: bool = False
    version: int = 1

    def value(self, given: Value) -> Value:
        """A value in the form it is kept in.

        Raises
        ------
        ValueError
            Not of the declared type; the message never holds the value.
        """
        if self.archived:
            message = "is archived and takes no new values"
            raise ValueError(message)
        return checked(self.type, given)

    def read(self, text: str) -> Value:
        """A value from the text of a file.

        Raises
        ------
        ValueError
            Not of the declared type.
        """
        match self.type:
            case AttributeType.NUMBER:
                return self.value(_number_of(text))
            case AttributeType.BOOLEAN:
                return self.value(_boolean_of(text))
            case _:
                return self.value(text)

    def as_stored(self) -> dict[str, Any]:
        """Its row in the item of declarations."""
        return {name: value for name, value in asdict(self).items() if name != "name"}


def checked(kind: AttributeType, given: Value) -> Value:
    """A value of this type in the form it is kept in.

    Raises
    ------
    ValueError
        It is of another type, or out of bounds.
    """
    match kind:
        case AttributeType.STRING if isinstance(given, str):
            if len(given) > MAX_TEXT:
                message = f"has more than {MAX_TEXT} characters"
                raise ValueError(message)
            return composed(given)
        case AttributeType.NUMBER if isinstance(given, int | float) and not isinstance(given, bool):
            return _number(given)
        case AttributeType.BOOLEAN if isinstance(given, bool):
            return given
        case AttributeType.TIME if isinstance(given, str):
            return time_form(given)
        case _:
            message = f"must be a {kind}"
            raise ValueError(message)


def _number(given: float) -> int | float:
    if not -LARGEST <= given <= LARGEST:  # neither is NaN, and an integer of 400 digits is no float
        message = f"must be a number between -{LARGEST} and {LARGEST}"
        raise ValueError(message)
    return int(given) if float(given).is_integer() else given


def _number_of(text: str) -> int | float:
    try:
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,16}", text) else float(text)
    except ValueError:
        message = "must be a number"
        raise ValueError(message) from None


def _boolean_of(text: str) -> bool:
    folded = text.strip().lower()
    if folded in {"true", "yes", "1", "y", "t"}:
        return True
    if folded in {"false", "no", "0", "n", "f"}:
        return False
    message = "must be a boolean: true or false"
    raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Declarations:
    """All attributes that a workspace declared, by name; ``version`` is 0 before the first."""

    by_name: Mapping[str, Declaration] = field(default_factory=dict)
    version: int = 0

    @property
    def personal(self) -> frozenset[str]:
        """Names whose values tell who somebody is."""
        return frozenset(name for name, each in self.by_name.items() if each.personal)

    @property
    def indexed(self) -> Mapping[str, AttributeType]:
        """Names that a search finds people by, archived ones included: their values are still there."""
        return {name: each.type for name, each in self.by_name.items() if each.indexed}

    def knows(self, names: Mapping[str, Any] | frozenset[str] | set[str]) -> bool:
        """Whether all these names are declared."""
        return all(name in self.by_name for name in names)

    def values(self, given: Mapping[str, Value | None]) -> dict[str, Value | None]:
        """Values in the form they are kept in; ``None`` takes one away.

        Raises
        ------
        Invalid
            A name is not declared, or a value is not of its type.
        """
        found: dict[str, Value | None] = {}
        errors: list[dict[str, str]] = []
        for name, value in given.items():
            declared = self.by_name.get(name)
            if declared is None:
                errors.append(problem(name, "is not declared; declare it first with PUT /v1/attributes/<name>"))
            elif value is None:
                found[name] = None
            else:
                try:
                    found[name] = declared.value(value)
                except ValueError as error:
                    errors.append(problem(name, str(error)))
        if errors:
            raise Invalid(errors=errors[:20])
        return found


def problem(name: str, message: str) -> dict[str, str]:
    """What is wrong with an attribute, by its name if that has the form of one."""
    known = re.fullmatch(NAME, name)
    return {"field": f"attributes.{name}" if known else "attributes", "message": message}
