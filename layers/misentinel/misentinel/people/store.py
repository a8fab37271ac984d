"""People in ``-data``: reads by key, writes through the unit of work."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pynamodb.exceptions import DoesNotExist

from misentinel import clock
from misentinel.access import Permission
from misentinel.api import Cursor, Page, caller, current_request, etag_of, if_match
from misentinel.audit import unit
from misentinel.errors import Conflict, Forbidden, NotFound, PreconditionFailed, Refusal
from misentinel.people.attributes import Declarations
from misentinel.people.declarations import declarations_of
from misentinel.people.items import (
    PERSON,
    PersonItem,
    UniqueItem,
    month_key,
    person_key,
    profile_of,
    unique_keys,
)
from misentinel.people.model import NewPerson, Person, PersonChange, PersonUpsert
from misentinel.people.profile import Profile, changed, contact_fields, merged
from misentinel.people.writing import Change, Taken, write
from misentinel.tenancy import Registry, bind, current_tenant, read_together

MONTHS_A_PAGE = 12
"""A page looks at so many months at most before it hands the rest to the next one."""


class People:
    """The people of one tenant, as far as whoever asks may see them.

    Parameters
    ----------
    tenant
        Whose people.
    contact
        Whether who people are may be seen: the permission ``people:contact``.
    """

    def __init__(self, tenant: str, *, contact: bool = True) -> None:
        self.tenant = tenant
        self.contact = contact
        self.items = bind(PersonItem, tenant)

    def get(self, person_id: str) -> Person:
        """One person: one consistent read.

        Raises
        ------
        NotFound
            No such person here.
        """
        return self.view(self.read(person_id))

    def create(self, new: NewPerson) -> Person:
        """Add a person.

        Raises
        ------
        Forbidden
            It has fields that the caller may not read.
        Conflict
            The e-mail address or external id is another person's.
        """
        return self._create(self.valid(new.given))

    def update(self, person_id: str, change: PersonChange) -> Person:
        """Change some fields, if nobody else changed the person meanwhile; nothing is written if none changes.

        Raises
        ------
        NotFound
            No such person here.
        PreconditionFailed
            If-Match names another version, or another change came first.
        Forbidden
            It has fields that the caller may not read.
        Conflict
            The e-mail address or external id is another person's.
        """
        return self._update(self.read(person_id), self.valid(change.given))

    def upsert(self, wanted: PersonUpsert) -> tuple[Person, bool]:
        """Change the person who has this external id or e-mail address, or add one; whether it was added.

        Raises
        ------
        Conflict
            The external id is one person's and the e-mail address another's; or the e-mail address is a person's who
            has another external id.
        PreconditionFailed
            If-Match names another version, or there is nobody yet.
        Forbidden
            It has fields that the caller may not read.
        """
        given = self.valid(wanted.given)
        keys = unique_keys(self.tenant, given)
        owners = self.owners(keys.values())
        by_id, by_email = (owners.get(keys.get(name, "")) for name in ("external_id", "email"))
        if by_id and by_email and by_id != by_email:
            raise Taken("email")
        found = by_id or by_email
        if found is None:
            if current_request().headers.get("if-match"):
                raise PreconditionFailed
            return self._create(given, race=Conflict("Somebody added this person just now; send it again.")), True
        profile = self.many([found]).get(found)
        if profile is None:
            raise Conflict("Somebody changed this person meanwhile; send it again.")
        if not by_id and "external_id" in given and profile.external_id is not None and given["external_id"]:
            raise Taken("email")
        unit().touch("person", profile.id)
        return self._update(profile, given), False

    def merge(self, survivor_id: str, other_id: str) -> Person:
        """Make one person of two: the survivor keeps its values and takes what it lacks; the other is no more.

        Raises
        ------
        NotFound
            One of them is not here.
        Conflict
            They are the same, or together more than one person may hold.
        """
        if not self.contact:
            raise Forbidden(Permission.PEOPLE_CONTACT)
        if survivor_id == other_id:
            raise Conflict("A person cannot be merged into itself.")
        found = self.many([survivor_id, other_id])
        survivor, other = found.get(survivor_id), found.get(other_id)
        if survivor is None or other is None:
            raise NotFound("person")
        otherwise = self.otherwise(survivor)
        after, names = merged(survivor, other, clock.rfc3339(clock.now()))
        changes = [Change(survivor, after, otherwise), Change(other, None)]
        write(self.tenant, changes, self.declared(survivor, other))
        unit().touch("person", survivor_id, names)
        unit().touch("person", other_id)
        current_request().answer_belongs_to(person_key(survivor_id))
        return self.view(after)

    def list(self, limit: int, cursor: str | None) -> Page[Person]:
        """A page of people, the newest first; an empty month costs a query without units."""
        seal = Cursor(self.tenant, "people.list")
        place = seal.open(cursor)
        month = place["month"] if place else clock.rfc3339(clock.now())[:7]
        key = place.get("key") if place else None
        found: list[PersonItem] = []
        first = Registry().since(self.tenant)[:7]
        for _ in range(MONTHS_A_PAGE):
            query = self.items.by_list.query(
                month_key(month),
                limit=limit - len(found),
                scan_index_forward=False,
                last_evaluated_key=key,
            )
            found.extend(query)
            key = query.last_evaluated_key
            if key is None:
                month = month_before(month)
            if len(found) == limit or month < first:
                break
        for each in found:
            unit().touch("person", each.id)
        onward = {"month": month, "key": key} if month >= first else None
        return Page(items=[self.view(profile_of(each)) for each in found], next_cursor=seal.seal(onward))

    def read(self, person_id: str) -> Profile:
        """One person, by one consistent read.

        Raises
        ------
        NotFound
            No such person here.
        """
        try:
            item = self.items.get(person_key(person_id), PERSON, consistent_read=True)
        except DoesNotExist:
            raise NotFound("person") from None
        unit().touch("person", item.id)
        return profile_of(item)

    def many(self, ids: Iterable[str]) -> dict[str, Profile]:
        """People by id, a hundred with each consistent read; who is not there is left out."""
        keys = [(person_key(each), PERSON) for each in set(ids)]
        return {item.id: profile_of(item) for item in read_together(self.items, keys)}

    def owners(self, keys: Iterable[str]) -> dict[str, str]:
        """Whose the values under these keys are, a hundred with each consistent read."""
        wanted = [(key, PERSON) for key in set(keys)]
        return {item.pk: item.person for item in read_together(bind(UniqueItem, self.tenant), wanted)}

    def valid(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Fields with their attributes in the form they are kept in.

        Raises
        ------
        Forbidden
            Some of them the caller may not read, so not change either.
        Invalid
            An attribute is not declared or its value not of its type.
        """
        attributes = given.get("attributes") or {}
        declared = declarations_of(self.tenant, attributes) if attributes else Declarations()
        if not self.contact and contact_fields(given, attributes, declared):
            raise Forbidden(Permission.PEOPLE_CONTACT)
        return {**given, "attributes": declared.values(attributes)} if attributes else dict(given)

    def declared(self, *profiles: Profile) -> Declarations:
        """The declarations that writing these people needs; none are read if they have no attributes."""
        names = {name for profile in profiles for name in profile.attributes}
        return declarations_of(self.tenant, names) if names else Declarations()

    def otherwise(self, profile: Profile) -> Refusal:
        """What to say if the person was changed since it was read; refuses at once if If-Match names another version.

        Raises
        ------
        PreconditionFailed
            It does.
        """
        asked = if_match(self.tenant, profile.id, profile.version)
        return PreconditionFailed() if asked else Conflict("Somebody changed this person meanwhile; read it again.")

    def view(self, profile: Profile) -> Person:
        """A person as whoever asks may see it."""
        attributes = dict(profile.attributes)
        if not self.contact and attributes:
            personal = declarations_of(self.tenant, attributes).personal
            attributes = {name: value for name, value in attributes.items() if name not in personal}
        shown: dict[str, Any] = {}
        if self.contact:
            shown = {
                "external_id": profile.external_id,
                "email": profile.email,
                "phone": profile.phone,
                "name": profile.name,
            }
        person = Person(
            id=profile.id,
            locale=profile.locale,
            time_zone=profile.time_zone,
            attributes=attributes,
            tags=list(profile.tags),
            created_at=profile.created_at,
            updated_at=profile.updated_at,
            last_seen_at=profile.last_seen_at,
            **shown,
        )
        person.tagged(etag_of(self.tenant, profile.id, profile.version))
        return person

    def _create(self, given: Mapping[str, Any], race: Refusal | None = None) -> Person:
        after, names = new_profile(given)
        write(self.tenant, [Change(None, after)], self.declared(after), race=race)
        unit().touch("person", after.id, names)
        current_request().answer_belongs_to(person_key(after.id))
        return self.view(after)

    def _update(self, before: Profile, given: Mapping[str, Any]) -> Person:
        otherwise = self.otherwise(before)
        after, names = changed(before, given, clock.rfc3339(clock.now()))
        if names:
            write(self.tenant, [Change(before, after, otherwise)], self.declared(before, after))
            unit().touch("person", before.id, names)
        return self.view(after)


def new_profile(given: Mapping[str, Any]) -> tuple[Profile, tuple[str, ...]]:
    """A person who was not there before, and the names of the fields it has."""
    uid = clock.uuid7()
    now = clock.rfc3339(clock.made_at(uid))
    blank = Profile(id=uid, created_at=now, updated_at=now, version=0)
    after, names = changed(blank, given, now)
    return after, names


def month_before(month: str) -> str:
    """The month before one: ``2026-01`` after ``2026-02``."""
    year, number = int(month[:4]), int(month[5:])
    return datetime(year - (number == 1), 12 if number == 1 else number - 1, 1, tzinfo=UTC).strftime("%Y-%m")


def people_of_tenant() -> People:
    """The people of the tenant that is calling, as the caller may see them."""
    return People(current_tenant(), contact=caller().may(Permission.PEOPLE_CONTACT))
