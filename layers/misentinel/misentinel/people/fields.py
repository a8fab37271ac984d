"""Fields of people: those that everybody has, and by which names rows of a file speak of them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from misentinel.people.attributes import Declarations
from misentinel.schema import FreeText

CONTACT = ("external_id", "email", "phone", "name")
"""Fields that tell who somebody is: only who has ``people:contact`` reads, searches or changes them."""

FIELDS = (*CONTACT, "locale", "time_zone")
"""Fields of one text each."""

ATTRIBUTE = "attributes."
"""What stands before an attribute's name."""

AttributeText = Annotated[FreeText, Field(max_length=500)]
"""The value of an attribute that is a text."""


class Match(StrEnum):
    """By which field a row finds its person."""

    EXTERNAL_ID = "external_id"
    EMAIL = "email"


def targets(declared: Declarations) -> list[str]:
    """What a column may be mapped to."""
    return [*FIELDS, "tags", *(f"{ATTRIBUTE}{name}" for name, each in declared.by_name.items() if not each.archived)]
