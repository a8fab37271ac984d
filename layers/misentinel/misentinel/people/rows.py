"""Rows of a file: what each says of a person, checked as a request's body is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from misentinel.errors import Invalid
from misentinel.people.attributes import Declaration, Declarations
from misentinel.people.fields import ATTRIBUTE, FIELDS, AttributeText
from misentinel.people.model import PersonFields
from misentinel.schema import CARD_NUMBER, card_numbers_in

_TEXT: TypeAdapter[str] = TypeAdapter(AttributeText)


class RowInvalidError(ValueError):
    """A row breaks a rule: ``field`` and what is wrong with it, never the value."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One valid row: fields in the form they are kept in. ``None`` takes one away."""

    given: Mapping[str, Any]

    @classmethod
    def of(cls, mapping: Mapping[str, Any], declared: Declarations) -> "PersonRow":
        """Check one row.

        Parameters
        ----------
        mapping
            Values by target: a field of a person, ``tags`` (a list, or a text of tags between commas, semicolons or
            bars) or ``attributes.<name>``. Texts are read as the attribute's type. An empty text says nothing: what
            there was stays. ``None`` takes away.
        declared
            What the workspace declared.

        Raises
        ------
        RowInvalidError
            The first rule it breaks.
        """
        said = {name: value for name, value in mapping.items() if not (isinstance(value, str) and not value.strip())}
        attributes = dict(_attributes(said, declared))
        fields = {name: value for name, value in said.items() if not name.startswith(ATTRIBUTE)}
        if isinstance(fields.get("tags"), str):
            fields["tags"] = _tags(fields["tags"])
        unknown = sorted(fields.keys() - {*FIELDS, "tags"})
        if unknown:
            raise RowInvalidError(unknown[0][:80], "is no field of a person")
        if fields.get("tags", ()) is None:
            fields["tags"] = []
        if cards := card_numbers_in({**fields, "attributes": attributes}):
            raise RowInvalidError(cards[0], CARD_NUMBER)
        try:
            checked = PersonFields.model_validate({**fields, "attributes": attributes} if attributes else fields).given
            if attributes:
                checked["attributes"] = declared.values(checked["attributes"])
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(str(each) for each in first["loc"][: 2 if first["loc"][:1] == ("attributes",) else 1])
            raise RowInvalidError(place, str(first["msg"])) from None
        except Invalid as error:
            told = error.extra["errors"][0]
            raise RowInvalidError(told["field"], told["message"]) from None
        return cls(checked)


def _attributes(said: Mapping[str, Any], declared: Declarations) -> Iterator[tuple[str, Any]]:
    for target, value in said.items():
        if not target.startswith(ATTRIBUTE):
            continue
        name = target.removeprefix(ATTRIBUTE)
        declaration = declared.by_name.get(name)
        if declaration is None:
            raise RowInvalidError(target[:80], "is not declared")
        yield name, _value(target, declaration, value)


def _value(target: str, declaration: Declaration, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return declaration.read(_TEXT.validate_python(value))
    except ValidationError as error:
        raise RowInvalidError(target, str(error.errors(include_input=False)[0]["msg"])) from None
    except ValueError as error:
        raise RowInvalidError(target, str(error)) from None


def _tags(text: str) -> list[str]:
    for mark in ";|":
        text = text.replace(mark, ",")
    return [each.strip() for each in text.split(",") if each.strip()]
