"""People: the user data a workspace keeps."""

from misentinel.people.declaring import Attributes, attributes_of_tenant
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
    "Attribute",
    "AttributeBody",
    "Attributes",
    "Deletion",
    "MergeRequest",
    "NewPerson",
    "People",
    "Person",
    "PersonChange",
    "PersonUpsert",
    "Search",
    "attributes_of_tenant",
    "delete",
    "people_of_tenant",
    "search",
]
