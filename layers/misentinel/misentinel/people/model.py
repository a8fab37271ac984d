"""A person: what a workspace knows of one of its users."""

from typing import Annotated

from pydantic import Field, model_validator

from misentinel.schema import Body, Email, FreeText, Name, Resource

ExternalId = Annotated[FreeText, Field(min_length=1, max_length=200)]
"""The workspace's own id of a person."""


class NewPerson(Body):
    """What it takes to create a person; at least one field."""

    email: Email | None = None
    name: Name | None = None
    external_id: ExternalId | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> "NewPerson":
        if not self.model_dump(exclude_none=True):
            message = "give at least one of email, name and external_id"
            raise ValueError(message)
        return self


class PersonChange(Body):
    """Some of a person's fields; those not sent stay, null takes one away."""

    email: Email | None = None
    name: Name | None = None
    external_id: ExternalId | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> "PersonChange":
        if not self.model_fields_set:
            message = "give at least one field to change"
            raise ValueError(message)
        return self


class Person(Resource):
    """A person as clients see it."""

    id: str
    email: str | None
    name: str | None
    external_id: str | None
    created_at: str
    updated_at: str
