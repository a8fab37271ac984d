"""People: the user data a workspace keeps."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from misentinel.access import Permission
from misentinel.api import Api, Depends, Page, Reply
from misentinel.people import NewPerson, People, Person, PersonChange, people_of_tenant

api = Api()
Store = Annotated[People, Depends(people_of_tenant)]
Limit = Annotated[int, Query(ge=1, le=100)]


@api.get("/v1/people", needs=Permission.PEOPLE_READ, action="people.list")
def list_people(people: Store, limit: Limit = 20, cursor: str | None = None) -> Page[Person]:
    """The people of the workspace, the newest first."""
    return people.list(limit, cursor)


@api.post("/v1/people", needs=Permission.PEOPLE_WRITE, action="people.create", status=201)
def create_person(new: NewPerson, people: Store) -> Reply[Person]:
    """Add a person."""
    person = people.create(new)
    return Reply(person, headers={"Location": f"/v1/people/{person.id}"})


@api.get("/v1/people/<person_id>", needs=Permission.PEOPLE_READ, action="people.read")
def read_person(person_id: str, people: Store) -> Person:
    """One person, by id."""
    return people.get(person_id)


@api.patch("/v1/people/<person_id>", needs=Permission.PEOPLE_WRITE, action="people.update")
def update_person(person_id: str, change: PersonChange, people: Store) -> Person:
    """Change some of a person's fields; the rest stay."""
    return people.update(person_id, change)


@api.delete("/v1/people/<person_id>", needs=Permission.PEOPLE_WRITE, action="people.delete", status=204)
def delete_person(person_id: str, people: Store) -> None:
    """Delete a person."""
    people.delete(person_id)


handler = api.handler
