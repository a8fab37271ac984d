"""The shapes at the doors: what a body may hold, and what an answer is."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints

from misentinel.cards import holds_card_number

CARD_NUMBER = "looks like a payment card number; never send one"
"""What is said of a field that holds one."""

_NEVER_KEPT = {"password"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|[\ud800-\udfff]")


def refuse_card_numbers(text: str) -> str:
    """Refuse free text that holds a payment card number: MiSentinel is not subject to PCI and stays so."""
    if holds_card_number(text):
        raise ValueError(CARD_NUMBER)
    return text


def card_numbers_in(value: Any, path: str = "") -> list[str]:
    """Where in a JSON value there is a payment card number: the paths of texts, numbers and names that hold one.

    A name that holds one is told by its parent's path. Passwords are never kept as they are, and passed over.
    """
    match value:
        case str() | int() | float():
            return [path] if holds_card_number(str(value)) else []
        case dict():
            found = []
            for name, each in value.items():
                if holds_card_number(str(name)):
                    found.append(path)
                elif name not in _NEVER_KEPT:
                    found += card_numbers_in(each, f"{path}.{name}" if path else str(name))
            return found
        case list():
            return [at for number, each in enumerate(value) for at in card_numbers_in(each, f"{path}.{number}")]
        case _:
            return []


def refuse_control_characters(text: str) -> str:
    """Refuse NUL, other control characters and lone surrogates."""
    if _CONTROL.search(text):
        message = "has control characters or broken Unicode"
        raise ValueError(message)
    return text


FreeText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=2_000),
    AfterValidator(refuse_control_characters),
    AfterValidator(refuse_card_numbers),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F]*$"}),
]
"""Text that people write."""

Name = Annotated[FreeText, Field(min_length=1, max_length=200, description="A name.", examples=["Ada Lovelace"])]
"""What something or somebody is called."""

Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+$"),
    AfterValidator(refuse_control_characters),
    Field(description="An e-mail address.", examples=["ada@example.com"]),
]
"""An e-mail address: RFC 5321 lengths, and no more syntax than tells it from a slip."""

Slug = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{1,38})[a-z0-9]$", max_length=40),
    Field(description="What the workspace is called in addresses.", examples=["harbour"]),
]
"""What a workspace is called in addresses: 3 to 40 of a-z, 0-9 and hyphens inside."""


class Body(BaseModel):
    """What a client sends; unknown fields are refused, and nothing is coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Resource(BaseModel):
    """What a client gets. ``etag`` becomes the answer's ETag when it is set."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    _etag: str = PrivateAttr("")

    @property
    def etag(self) -> str:
        """The entity tag (RFC 9110, section 8.8.3), or nothing."""
        return self._etag

    def tagged(self, etag: str) -> "Resource":
        """Set the entity tag."""
        self._etag = etag
        return self


Identity = Annotated[
    str, Field(description="An id; opaque.", examples=["01935c8e-7f3a-7c21-9b42-0d6c5f1e2a3b"], max_length=128)
]
"""The id of something of ours in an answer."""

Moment = Annotated[str, Field(examples=["2026-11-23T09:30:00.000Z"], json_schema_extra={"format": "date-time"})]
"""A time in an answer: RFC 3339, in UTC."""


class Page[T](BaseModel):
    """A page of a listing; ``next_cursor`` fetches the next one and is null on the last."""

    model_config = ConfigDict(defer_build=True)

    items: list[T] = Field(
        description="What the page holds; it may hold less than the limit, and still not be the last."
    )
    next_cursor: str | None = Field(
        default=None,
        description="The `cursor` of the next page; null on the last.",
        examples=["q7nXJ0nq0n3T1mVdJp1d0nq0n3T1mVdJp1c"],
    )


JsonObject = dict[str, Any]
