"""People: the user data a workspace keeps."""

from misentinel.people.model import NewPerson, Person, PersonChange
from misentinel.people.store import People, people_of_tenant

__all__ = ["NewPerson", "People", "Person", "PersonChange", "people_of_tenant"]
