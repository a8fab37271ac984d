"""A person: what a workspace knows of one of its users, as clients send and see it."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from misentinel.people.attributes import LARGEST, NAME, AttributeType
from misentinel.people.fields import FIELDS, AttributeText
from misentinel.people.forms import (
    LOCALE,
    PHONE,
    TIME_ZONE,
    composed,
    is_time_zone,
    locale_form,
    phone_form,
)
from misentinel.schema import Body, Email, FreeText, Moment, Name, Resource

MAX_TAGS = 10
"""Tags of one person."""

TAG = r"^[a-z0-9][a-z0-9_-]{0,49}$"
"""What a tag may be."""

MAX_PARTITIONS = 25
"""People that may have been merged into one: their events stay where they are, and readers visit them all."""

MAX_ITEM = 32_000
"""Bytes of one person at most."""

_HIDDEN = "\0hidden"


def _known_zone(name: str) -> str:
    if not is_time_zone(name):
        message = "is not a time zone of the IANA database, such as Europe/London"
        raise ValueError(message)
    return name


def _distinct(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


ExternalId = Annotated[FreeText, Field(min_length=1, max_length=200), AfterValidator(composed)]
"""The workspace's own id of a person; its case counts."""

Phone = Annotated[str, StringConstraints(pattern=PHONE, max_length=40), AfterValidator(phone_form)]
Locale = Annotated[str, StringConstraints(pattern=LOCALE, max_length=35), AfterValidator(locale_form)]
TimeZone = Annotated[str, StringConstraints(pattern=TIME_ZONE, max_length=64), AfterValidator(_known_zone)]
Tag = Annotated[str, StringConstraints(pattern=TAG)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_distinct)]
AttributeName = Annotated[str, StringConstraints(pattern=NAME)]
WholeNumber = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Fraction = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
AttributeValue = bool | WholeNumber | Fraction | AttributeText | None
PersonId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]


class PersonFields(Body):
    """What may be said of a person."""

    external_id: ExternalId | None = Field(
        None, description="Your own id of this person; unique in the workspace.", examples=["customer-1042"]
    )
    email: Email | None = Field(
        None,
        description="Unique in the workspace, whatever its case or Unicode form.",
        examples=["ada@example.com"],
    )
    phone: Phone | None = Field(None, description="A number in E.164 form.", examples=["+442079460018"])
    name: Name | None = Field(None, description="What the person is called.", examples=["Ada Lovelace"])
    locale: Locale | None = Field(None, description="A language tag (BCP 47).", examples=["en-GB"])
    time_zone: TimeZone | None = Field(
        None, description="A time zone of the IANA database.", examples=["Europe/London"]
    )
    attributes: dict[AttributeName, AttributeValue] = Field(
        default_factory=dict,
        max_length=250,
        description="Values of declared attributes; null takes one away, those not sent stay.",
        examples=[{"plan": "pro", "seats": 12}],
    )
    tags: Tags = Field(
        default_factory=list, description="At most 10; they replace those there were.", examples=[["vip"]]
    )

    @property
    def given(self) -> dict[str, Any]:
        """What was sent, by field."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class NewPerson(PersonFields):
    """What it takes to create a person; at least one field."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _not_empty(self) -> "NewPerson":
        texts = (getattr(self, name) for name in FIELDS)
        if all(value is None for value in (*texts, *self.attributes.values(), *self.tags)):
            message = "give at least one field, such as email, external_id or name"
            raise ValueError(message)
        return self


class PersonChange(PersonFields):
    """Some of a person's fields; those not sent stay, null takes one away."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _not_empty(self) -> "PersonChange":
        if not self.model_fields_set:
            message = "give at least one field to change"
            raise ValueError(message)
        return self


class PersonUpsert(PersonFields):
    """A person to change if there, to create if not: found by ``external_id``, else by ``email``.

    ``external_id`` goes first. If nobody has it, who has the e-mail is it, unless that person has another external id.
    """

    @model_validator(mode="after")
    def _can_be_found(self) -> "PersonUpsert":
        if not (self.external_id or self.email):
            message = "give external_id or email: by these a person is found"
            raise ValueError(message)
        return self


class MergeRequest(Body):
    """Who is to become part of this person."""

    from_: PersonId = Field(
        alias="from",
        description="The id of the person who is merged and is no more afterwards.",
        examples=["01935a3c-7d2e-7b41-9c55-0a4f6e1d2b3c"],
    )


def _hidden() -> str:
    return _HIDDEN


def _is_hidden(value: object) -> bool:
    return value == _HIDDEN


def _contact(description: str, example: str) -> Any:
    return Field(
        default_factory=_hidden,
        exclude_if=_is_hidden,
        description=f"{description} Absent without the permission people:contact.",
        examples=[example],
    )


class Person(Resource):
    """A person as clients see it; what the caller may not read is absent."""

    id: str = Field(description="The id that MiSentinel gave.", examples=["01935a3c-7d2e-7b41-9c55-0a4f6e1d2b3c"])
    external_id: str | None = _contact("Your own id of this person.", "customer-1042")
    email: str | None = _contact("The e-mail address as it was sent.", "ada@example.com")
    phone: str | None = _contact("E.164.", "+442079460018")
    name: str | None = _contact("What the person is called.", "Ada Lovelace")
    locale: str | None = Field(description="BCP 47.", examples=["en-GB"])
    time_zone: str | None = Field(description="IANA.", examples=["Europe/London"])
    attributes: dict[str, bool | int | float | str] = Field(
        description="Values of declared attributes; personal ones only with the permission people:contact.",
        examples=[{"plan": "pro", "seats": 12}],
    )
    tags: list[str] = Field(description="The person's tags.", examples=[["vip"]])
    created_at: Moment = Field(description="When the person was added.")
    updated_at: Moment = Field(description="When the person last changed.")
    last_seen_at: Moment | None = Field(description="The time of the person's latest event.")


class AttributeBody(Body):
    """What an attribute is. Its type and whether it is indexed are fixed when it is first declared."""

    type: AttributeType = Field(strict=False, description="What kind of value it holds.", examples=["string"])
    description: Annotated[FreeText, Field(min_length=1, max_length=200)] = Field(
        description="What it means, for your colleagues.", examples=["The plan that the customer pays for."]
    )
    indexed: bool = Field(default=False, description="Whether searches by it are answered from an index; at most 8.")
    personal: bool = Field(default=False, description="Whether reading it needs the permission people:contact.")
    archived: bool = Field(default=False, description="Whether it takes no new values; those there are stay.")


class Attribute(Resource):
    """A declared attribute."""

    name: str = Field(description="What it is called.", examples=["plan"])
    type: AttributeType = Field(description="What kind of value it holds.", examples=["string"])
    description: str = Field(description="What it means.", examples=["The plan that the customer pays for."])
    indexed: bool = Field(description="Whether searches by it are answered from an index.", examples=[True])
    personal: bool = Field(description="Whether reading it needs the permission people:contact.", examples=[False])
    archived: bool = Field(description="Whether it takes no new values.", examples=[False])


class Deletion(Resource):
    """How a deletion ended: ``done``, or ``accepted``: the job says when nothing is left."""

    status: str = Field(description="done, or accepted: then a job removes the rest.", examples=["done"])
    job: str | None = Field(
        description="The job that removes the rest: GET /v1/jobs/<id> says when it is done.",
        examples=["01935a3c-7d2e-7b41-9c55-0a4f6e1d2b3c"],
    )

    @property
    def headers(self) -> dict[str, str]:
        """Where to ask for the job."""
        return {"Location": f"/v1/jobs/{self.job}"} if self.job else {}
