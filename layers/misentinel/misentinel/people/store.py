"""People in ``-data``: reads by key, writes through the unit of work."""

from datetime import UTC, datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from misentinel import clock
from misentinel.api import Cursor, Page, etag_of, if_match
from misentinel.audit import unit
from misentinel.errors import Conflict, NotFound, PreconditionFailed
from misentinel.people.model import NewPerson, Person, PersonChange
from misentinel.tenancy import DataModel, Registry, bind, current_tenant

MONTHS_A_PAGE = 12
"""A page looks at so many months at most before it hands the rest to the next one."""

FIELDS = ("email", "name", "external_id")


class _Item(DataModel):
    gsi1pk = UnicodeAttribute()
    gsi1sk = UnicodeAttribute()
    id = UnicodeAttribute()
    email = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    external_id = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    version = NumberAttribute()


def _key(person_id: str) -> str:
    return f"person#{person_id}"


def _month_key(month: str) -> str:
    """People are listed by the month they were created in, so that no index partition grows for ever."""
    return f"people#{month}"


class People:
    """The people of one tenant."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._items = bind(_Item, tenant)

    def get(self, person_id: str) -> Person:
        """One person: one consistent read.

        Raises
        ------
        NotFound
            No such person here.
        """
        return self._person(self._read(person_id))

    def create(self, new: NewPerson) -> Person:
        """Add a person."""
        person_id, now = clock.uuid7(), clock.rfc3339(clock.now())
        fields = new.model_dump(exclude_none=True)
        item = self._items(
            _key(person_id),
            "person",
            gsi1pk=_month_key(now[:7]),
            gsi1sk=person_id,
            id=person_id,
            created_at=now,
            updated_at=now,
            version=1,
            **fields,
        )
        unit().touch("person", person_id, sorted(fields))
        unit().put(item, condition=_Item.pk.does_not_exist(), otherwise=Conflict())
        return self._person(item)

    def update(self, person_id: str, change: PersonChange) -> Person:
        """Change some fields, if nobody else changed the person meanwhile.

        Raises
        ------
        NotFound
            No such person here.
        PreconditionFailed
            If-Match names another version, or another change came first.
        """
        item = self._read(person_id)
        otherwise = self._otherwise(item)
        read = item.version
        for name in change.model_fields_set:
            setattr(item, name, getattr(change, name))
        item.updated_at = clock.rfc3339(clock.now())
        item.version = read + 1
        unit().touch("person", person_id, sorted(change.model_fields_set))
        unit().put(item, condition=_Item.version == read, otherwise=otherwise)
        return self._person(item)

    def delete(self, person_id: str) -> None:
        """Delete a person.

        Raises
        ------
        NotFound
            No such person here.
        PreconditionFailed
            If-Match names another version, or another change came first.
        """
        item = self._read(person_id)
        otherwise = self._otherwise(item)
        unit().delete(item, condition=_Item.version == item.version, otherwise=otherwise)

    def list(self, limit: int, cursor: str | None) -> Page[Person]:
        """A page of people, the newest first; an empty month costs a query without units."""
        seal = Cursor(self._tenant, "people.list")
        place = seal.open(cursor)
        month = place["month"] if place else clock.rfc3339(clock.now())[:7]
        key = place.get("key") if place else None
        found: list[_Item] = []
        first = Registry().since(self._tenant)[:7]
        for _ in range(MONTHS_A_PAGE):
            query = self._items.by_list.query(
                _month_key(month),
                limit=limit - len(found),
                scan_index_forward=False,
                last_evaluated_key=key,
            )
            found.extend(query)
            key = query.last_evaluated_key
            if key is None:
                month = _before(month)
            if len(found) == limit or month < first:
                break
        for each in found:
            unit().touch("person", each.id)
        onward = {"month": month, "key": key} if month >= first else None
        return Page(items=[self._person(each) for each in found], next_cursor=seal.seal(onward))

    def _read(self, person_id: str) -> _Item:
        try:
            item: _Item = self._items.get(_key(person_id), "person", consistent_read=True)
        except DoesNotExist:
            raise NotFound("person") from None
        unit().touch("person", item.id)
        return item

    def _otherwise(self, item: _Item) -> Conflict | PreconditionFailed:
        asked = if_match(self._tenant, item.id, int(item.version))
        return PreconditionFailed() if asked else Conflict("Somebody changed this person meanwhile; read it again.")

    def _person(self, item: _Item) -> Person:
        person = Person(
            id=item.id,
            email=item.email,
            name=item.name,
            external_id=item.external_id,
            created_at=item.created_at,
            updated_at=item.updated_at,
        )
        person.tagged(etag_of(self._tenant, item.id, int(item.version)))
        return person


def _before(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return datetime(year - (number == 1), 12 if number == 1 else number - 1, 1, tzinfo=UTC).strftime("%Y-%m")


def people_of_tenant() -> People:
    """The people of the tenant that is calling."""
    return People(current_tenant())
