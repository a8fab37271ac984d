"""Events of people in ``-data``: added once each, read the newest first, over all partitions that a person owns."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import batched
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from misentinel import clock
from misentinel.access import Permission
from misentinel.api import Cursor, Page, caller, current_request
from misentinel.audit import JOB_WRITES, unit, unit_of_work
from misentinel.errors import Conflict, Invalid, NotFound
from misentinel.people.event import MAX_EVENT, AddedEvents, Event, NewEvent, NewEvents
from misentinel.people.items import PERSON, PersonItem, person_key, profile_of
from misentinel.people.profile import Profile
from misentinel.people.store import People
from misentinel.tenancy import DataModel, bind, current_tenant, keyed_hash, read_together

IN_REQUEST = 37
"""Events that the request's own transaction holds, beside the person and a kept answer in two items."""

_AT_ONCE = "The same event is being added by another request; send it again."


class EventItem(DataModel):
    """An event of a person; in its index by time."""

    gsi1pk = UnicodeAttribute(null=True)
    gsi1sk = UnicodeAttribute(null=True)
    id = UnicodeAttribute()
    name = UnicodeAttribute()
    time = UnicodeAttribute()
    properties = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class _New:
    id: str
    name: str
    time: str
    properties: str


class Events:
    """The events of one tenant's people."""

    def __init__(self, tenant: str, people: People) -> None:
        self._tenant = tenant
        self._people = people
        self._items = bind(EventItem, tenant)

    def add(self, person_id: str, sent: NewEvent | NewEvents) -> AddedEvents:
        """Add those events whose ids are not known yet; the person's ``last_seen_at`` moves forward with them.

        Ids are known that were sent for the person, or for whoever was merged into it.

        More than one transaction holds are added in transactions of their own, each with its record, before the
        request's: if the request fails after that, sending it again adds the rest.

        Raises
        ------
        NotFound
            No such person here.
        Invalid
            An event's properties are too large.
        Conflict
            The person is merged with somebody, or deleted, at the same moment.
        """
        events = self._new(sent.events if isinstance(sent, NewEvents) else [sent])
        keys = {f"event#{event.id}" for event in events}
        found = self._found([person_id], {PERSON, *keys})
        if PERSON not in found:
            raise NotFound("person")
        person = profile_of(found[PERSON])
        known = found.keys() | self._found(person.partitions, keys).keys()
        fresh = list({each.id: each for each in reversed(events) if f"event#{each.id}" not in known}.values())[::-1]
        added = {each.id for each in fresh}
        unit().touch("person", person_id)
        before, last = fresh[:-IN_REQUEST], fresh[-IN_REQUEST:]
        for portion in batched(before, JOB_WRITES - 1, strict=False):
            work = unit()
            with unit_of_work(
                self._tenant,
                work.happening.action.name,
                actor=work.actor,
                request_id=work.happening.request_id,
                count=len(portion),
                max_writes=JOB_WRITES,
            ):
                person = self._put(person, portion)
        if last:
            self._put(person, last)
            current_request().answer_belongs_to(person_key(person_id))
        return AddedEvents(
            added=[each.id for each in fresh],
            known=list(dict.fromkeys(each.id for each in events if each.id not in added)),
        )

    def _found(self, people: Iterable[str], keys: set[str]) -> dict[str, PersonItem]:
        """What lies in people's partitions under these sort keys; a hundred with each consistent read."""
        wanted = [(person_key(person), key) for person in people for key in keys]
        return {item.sk: item for item in read_together(self._people.items, wanted)}

    def page(self, person_id: str, limit: int, cursor: str | None) -> Page[Event]:
        """A page of a person's events, the newest first.

        Raises
        ------
        NotFound
            No such person here.
        """
        person = self._people.read(person_id)
        seal = Cursor(self._tenant, f"people.events?{person_id}")
        place = seal.open(cursor)
        found: list[EventItem] = []
        for item in merge(*(self._of(each, limit + 1, place) for each in person.owned), key=_order, reverse=True):
            found.append(item)
            if len(found) > limit:
                break
        shown = found[:limit]
        onward = {"time": shown[-1].gsi1sk, "in": shown[-1].pk} if len(found) > limit else None
        return Page[Event](items=[_view(each) for each in shown], next_cursor=seal.seal(onward))

    def _of(self, person: str, limit: int, place: dict[str, Any] | None) -> list[EventItem]:
        """The next events in one partition, the newest first."""
        condition = None
        if place:
            # Of the same moment and id, those in partitions that sort before this one are still to come.
            column = self._items.gsi1sk
            below = person_key(person) < place["in"]
            condition = column <= place["time"] if below else column < place["time"]
        query = self._items.by_list.query(f"events#{person}", condition, limit=limit, scan_index_forward=False)
        return list(query)

    def _new(self, events: Sequence[NewEvent]) -> list[_New]:
        """The events with an id, a time and properties as they are kept."""
        now, errors = clock.rfc3339(clock.now()), []
        found: list[_New] = []
        for number, event in enumerate(events):
            text = json.dumps(event.properties, separators=(",", ":"), ensure_ascii=False)
            if len(text.encode()) > MAX_EVENT:
                message = f"an event's properties hold at most {MAX_EVENT} bytes"
                errors.append({"field": f"events.{number}.properties", "message": message})
            found.append(_New(event.id or self._id(number), event.name, event.time or now, text))
        if errors:
            raise Invalid(errors=errors[:20])
        return found

    def _id(self, number: int) -> str:
        """An id for an event that came without one: the same for a request that is sent again with its key."""
        request = current_request()
        if not request.idempotency_key:
            return clock.uuid7()
        member = request.caller.member if request.caller else ""
        parts = (member, request.path, request.idempotency_key, str(number))
        return keyed_hash("event", "\n".join(parts), self._tenant)

    def _put(self, person: Profile, events: Sequence[_New]) -> Profile:
        """Add events to the current unit of work, on condition that the person is there; the person as it is then."""
        for each in events:
            item = self._items(
                person_key(person.id),
                f"event#{each.id}",
                gsi1pk=f"events#{person.id}",
                gsi1sk=f"{each.time}#{each.id}",
                id=each.id,
                name=each.name,
                time=each.time,
                properties=each.properties if each.properties != "{}" else None,
            )
            unit().put(item, condition=EventItem.pk.does_not_exist(), otherwise=Conflict(_AT_ONCE))
        latest = max(each.time for each in events)
        unit().touch("person", person.id, ("events",))
        self._move(person, latest, len(events))
        return replace(person, last_seen_at=max(latest, person.last_seen_at or ""))

    def _move(self, person: Profile, latest: str, number: int) -> None:
        """Count what was added, and move ``last_seen_at`` forward; where it is later by now, it stays.

        Who was merged into the person since it was read may have brought the same events.
        """
        item = bind(PersonItem, self._tenant)(person_key(person.id), PERSON)
        count = PersonItem.additions.add(number)
        others = PersonItem.partitions
        there = PersonItem.pk.exists() & (
            others == list(person.partitions) if person.partitions else others.does_not_exist()
        )
        otherwise = Conflict("This person was merged or deleted just now; send it again.")
        if latest <= (person.last_seen_at or ""):
            unit().update(item, [count], condition=there, otherwise=otherwise)
            return
        behind = PersonItem.last_seen_at.does_not_exist() | (PersonItem.last_seen_at < latest)
        unit().update(
            item,
            [count, PersonItem.last_seen_at.set(latest)],
            condition=there & behind,
            otherwise=otherwise,
            instead=([count], there),
        )


def _order(item: EventItem) -> tuple[str, str]:
    return str(item.gsi1sk), str(item.pk)


def _view(item: EventItem) -> Event:
    return Event(id=item.id, name=item.name, time=item.time, properties=json.loads(item.properties or "{}"))


def events_of_tenant() -> Events:
    """The events of the people of the tenant that is calling."""
    tenant = current_tenant()
    return Events(tenant, People(tenant, contact=caller().may(Permission.PEOPLE_CONTACT)))
