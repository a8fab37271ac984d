"""People: the user data a workspace keeps."""

from misentinel.people.declaring import Attributes, attributes_of_tenant
from misentinel.people.event import AddedEvents, Event, NewEvent, NewEvents, OneOrMany
from misentinel.people.events import Events, events_of_tenant
from misentinel.people.model import (
    Attribute,
    AttributeBody,
    MergeRequest,
    NewPerson,
    Person,
    PersonChange,
    PersonUpsert,
)
from misentinel.people.query import Search
from misentinel.people.removal import Deletion, delete
from misentinel.people.search import search
from misentinel.people.store import People, people_of_tenant

__all__ = [
    "AddedEvents",
    "Attribute",
    "AttributeBody",
    "Attributes",
    "Deletion",
    "Event",
    "Events",
    "MergeRequest",
    "NewEvent",
    "NewEvents",
    "NewPerson",
    "OneOrMany",
    "People",
    "Person",
    "PersonChange",
    "PersonUpsert",
    "Search",
    "attributes_of_tenant",
    "delete",
    "events_of_tenant",
    "people_of_tenant",
    "search",
]
