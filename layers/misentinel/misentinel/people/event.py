"""An event of a person, as clients send and see it."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag

from misentinel import clock
from misentinel.people.model import AttributeValue
from misentinel.schema import Body, FreeText, Name, Resource

MAX_EVENTS = 100
"""Events of one request."""

MAX_EVENT = 8_000
"""Bytes of one event's properties at most."""

AHEAD = timedelta(minutes=10)
"""How far a client's clock may be ahead."""

EARLIEST = "2000-01-01T00:00:00.000Z"
"""No event is older."""


def _in_time(text: str) -> str:
    found = clock.moment(text)
    form = clock.rfc3339(found)
    if form < EARLIEST or found > clock.now() + AHEAD:
        message = "must be after 1999 and not in the future"
        raise ValueError(message)
    return form


EventTime = Annotated[str, StringConstraints(pattern=clock.TIME, max_length=40), AfterValidator(_in_time)]
PropertyName = Annotated[FreeText, Field(min_length=1, max_length=100)]


class NewEvent(Body):
    """Something that a person did."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,100}$")] | None = Field(
        default=None,
        description="Your own id of it; an event whose id is known already is not added again.",
        examples=["order-77-placed"],
    )
    name: Name = Field(description="What happened.", examples=["order_placed"])
    time: EventTime | None = Field(
        default=None, description="When (RFC 3339); now, if it is not said.", examples=["2026-11-23T13:30:00Z"]
    )
    properties: dict[PropertyName, AttributeValue] = Field(
        default_factory=dict, max_length=50, description="What else is known of it.", examples=[{"total": 42.5}]
    )


class NewEvents(Body):
    """Several events of one person."""

    events: list[NewEvent] = Field(min_length=1, max_length=MAX_EVENTS, description="At most 100.")


def _which(value: Any) -> str:
    return "many" if isinstance(value, NewEvents) or (isinstance(value, dict) and "events" in value) else "one"


type OneOrMany = Annotated[
    Annotated[NewEvent, Tag("one")] | Annotated[NewEvents, Tag("many")],
    Discriminator(_which),
]
"""One event, or several in ``events``."""


class Event(Resource):
    """An event as clients see it."""

    id: str = Field(description="Your own id of it, or one that MiSentinel gave.", examples=["order-77-placed"])
    name: str = Field(description="What happened.", examples=["order_placed"])
    time: str = Field(description="When it happened.", examples=["2026-11-23T13:30:00.000Z"])
    properties: dict[str, bool | int | float | str | None] = Field(
        description="What else is known of it.", examples=[{"total": 42.5}]
    )


class AddedEvents(Resource):
    """What became of the events that were sent, by id."""

    added: list[str] = Field(description="Ids of those that were added.", examples=[["order-77-placed"]])
    known: list[str] = Field(description="Ids that were known already: nothing changed.", examples=[[]])
