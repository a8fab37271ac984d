"""People: the user data a workspace keeps, and which attributes it declares."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from misentinel.access import Permission
from misentinel.api import Api, Depends, Page, Reply
from misentinel.people.attributes import NAME
from misentinel.people.declaring import Attributes, attributes_of_tenant
from misentinel.people.event import AddedEvents, Event, OneOrMany
from misentinel.people.events import Events, events_of_tenant
from misentinel.people.model import (
    Attribute,
    AttributeBody,
    Deletion,
    MergeRequest,
    NewPerson,
    Person,
    PersonChange,
    PersonUpsert,
)
from misentinel.people.query import Search
from misentinel.people.store import People, people_of_tenant

api = Api()
Store = Annotated[People, Depends(people_of_tenant)]
Declared = Annotated[Attributes, Depends(attributes_of_tenant)]
Happenings = Annotated[Events, Depends(events_of_tenant)]
Limit = Annotated[int, Query(ge=1, le=100)]
AttributeName = Annotated[str, Path(pattern=NAME)]


@api.get("/v1/people", needs=Permission.PEOPLE_READ, action="people.list")
def list_people(people: Store, limit: Limit = 20, cursor: str | None = None) -> Page[Person]:
    """The people of the workspace, the newest first."""
    return people.list(limit, cursor)


@api.post("/v1/people", needs=Permission.PEOPLE_WRITE, action="people.create", status=201)
def create_person(new: NewPerson, people: Store) -> Reply[Person]:
    """Add a person."""
    person = people.create(new)
    return Reply(person, headers={"Location": f"/v1/people/{person.id}"})


@api.put("/v1/people", needs=Permission.PEOPLE_WRITE, action="people.upsert", also=(201,))
def upsert_person(wanted: PersonUpsert, people: Store) -> Reply[Person]:
    """Change the person who has this external id or e-mail address; add one (201) if nobody has."""
    person, added = people.upsert(wanted)
    if not added:
        return Reply(person)
    return Reply(person, status=201, headers={"Location": f"/v1/people/{person.id}"})


@api.post("/v1/people/search", needs=Permission.PEOPLE_READ, action="people.search")
def search_people(wanted: Search, people: Store) -> Page[Person]:
    """Find people by their fields, tags and attributes; a page may be short while there is a next one."""
    from misentinel.people.search import search  # noqa: PLC0415 - only who searches waits for the planner

    return search(people, wanted)


@api.get("/v1/people/<person_id>", needs=Permission.PEOPLE_READ, action="people.read")
def read_person(person_id: str, people: Store) -> Person:
    """One person, by id."""
    return people.get(person_id)


@api.patch("/v1/people/<person_id>", needs=Permission.PEOPLE_WRITE, action="people.update")
def update_person(person_id: str, change: PersonChange, people: Store) -> Person:
    """Change some of a person's fields; the rest stay."""
    return people.update(person_id, change)


@api.post("/v1/people/<person_id>/merge", needs=Permission.PEOPLE_WRITE, action="people.merge")
def merge_people(person_id: str, request: MergeRequest, people: Store) -> Person:
    """Make one person of two: this one keeps its values and takes what it lacks from the other, who is no more."""
    return people.merge(person_id, request.from_)


@api.post("/v1/people/<person_id>/events", needs=Permission.PEOPLE_WRITE, action="events.create")
def add_events(person_id: str, sent: Annotated[OneOrMany, Body()], events: Happenings) -> AddedEvents:
    """Add one event of a person, or up to 100; those whose ids are known already are skipped and said so."""
    return events.add(person_id, sent)


@api.get("/v1/people/<person_id>/events", needs=Permission.PEOPLE_READ, action="events.list")
def list_events(person_id: str, events: Happenings, limit: Limit = 20, cursor: str | None = None) -> Page[Event]:
    """A person's events, the newest first."""
    return events.page(person_id, limit, cursor)


@api.delete("/v1/people/<person_id>", needs=Permission.PEOPLE_WRITE, action="people.delete", also=(202,))
def delete_person(person_id: str, people: Store) -> Reply[Deletion]:
    """Delete a person and all that is kept of it: at once (200), or the rest by a job that says when it is done (202)."""
    from misentinel.people.removal import delete  # noqa: PLC0415 - only who deletes waits for jobs

    deletion = delete(people, person_id)
    return Reply(deletion, status=202 if deletion.job else 200, headers=deletion.headers)


@api.get("/v1/attributes", needs=Permission.SETTINGS_READ, action="attributes.list")
def list_attributes(attributes: Declared) -> Page[Attribute]:
    """The attributes that the workspace declared, by name."""
    return attributes.page()


@api.put("/v1/attributes/<name>", needs=Permission.SETTINGS_WRITE, action="attributes.declare")
def declare_attribute(name: AttributeName, body: AttributeBody, attributes: Declared) -> Attribute:
    """Declare an attribute of people, or change what may change of it; archive it when it is no longer wanted."""
    return attributes.declare(name, body)


handler = api.handler
