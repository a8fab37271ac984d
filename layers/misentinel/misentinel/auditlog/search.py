"""Finding records again: by actor or resource from the indexes, by time from the marks, by the rest over a bounded page."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from pydantic import Field

from misentinel import clock
from misentinel.api import Cursor, Page
from misentinel.audit import EventClass, Outcome, unit
from misentinel.auditlog.model import Entry, Mark, actor_of, epoch_ms_of, index_of, mark_keys, moment_of
from misentinel.auditlog.store import Log
from misentinel.errors import Invalid, NotFound
from misentinel.schema import JsonObject, Resource
from misentinel.tenancy import Registry, current_tenant

EXAMINED = 1_000
"""Records that one request looks at; what is left is behind the cursor, even if the page is not full."""

QUERIES = 32
"""Queries that one request makes: of days, of months, of more of them where a day has many records."""

PAGE_BYTES = 4_000_000
"""Bytes of records in one answer; Lambda sends 6 MB at most."""

SPAN = timedelta(days=31)
"""How far back a search goes that does not say from when; never before the workspace was made."""

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
"""No record is older."""

_FAR = datetime(9999, 12, 31, tzinfo=UTC)

FIND_AT_ONCE = 100
"""Keys read from an index at a time where filters leave some out."""

AT_ONE_MOMENT = 1_000
"""Records of one millisecond that a uid is looked for among."""


class OutcomeFilter(StrEnum):
    """How an action ended."""

    SUCCESS = "success"
    FAILURE = "failure"

    @property
    def status_id(self) -> int:
        """OCSF ``status_id``."""
        return Outcome.SUCCESS if self is OutcomeFilter.SUCCESS else Outcome.FAILURE


class RecordNotFound(NotFound):
    """No record of this uid has a place in the log."""

    def __init__(self) -> None:
        super().__init__("record")
        self.detail = "No such record in this log. A new one gets its place within moments: if it is new, try again."


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: from ``start`` up to, not including, ``end``; ``None`` filters nothing."""

    start: datetime | None = None
    end: datetime | None = None
    actor: str | None = None
    resource: str | None = None
    action: str | None = None
    outcome: OutcomeFilter | None = None
    event_class: EventClass | None = None

    @property
    def index(self) -> str:
        """The index that answers it; none where the marks do."""
        if self.resource:
            return "by_resource"
        return "by_actor" if self.actor else ""

    @property
    def is_filtered(self) -> bool:
        """Whether the index alone does not answer it."""
        return bool(self.action or self.outcome or self.event_class or (self.actor and self.resource))

    def matches(self, event: JsonObject) -> bool:
        """Whether a record that the index named is searched for."""
        return (
            self.action in (None, event.get("api", {}).get("operation"))
            and (self.outcome is None or event.get("status_id") == self.outcome.status_id)
            and self.event_class in (None, event["class_uid"])
            and (not self.resource or self.actor in (None, actor_of(event)))
        )

    def partitions(self, first: date, last: date) -> Iterator[date]:
        """The days that the partitions between two days begin with, the newest first: of months, of days by time."""
        while last >= first:
            begin = last.replace(day=1) if self.index else last
            yield begin
            last = begin - timedelta(days=1)


class Found(Resource):
    """A record as a search finds it; what is personal about it is told with the single record only."""

    sequence: int = Field(description="The record's place in the log, from 0.", examples=[4711])
    record: JsonObject = Field(
        description="The record, an event of OCSF 1.8.",
        examples=[{"class_uid": 6003, "metadata": {"sequence": 4711}, "api": {"operation": "people.update"}}],
    )


class FoundWithContext(Found):
    """A record and, for 90 days, its context: what is personal about it."""

    context: JsonObject | None = Field(
        description="What is personal about it: kept for 90 days, then null.",
        examples=[{"address": "192.0.2.7", "user_agent": "Mozilla/5.0 (X11; Linux x86_64)"}],
    )


@dataclass(slots=True)
class _Walk:
    """A search under way: between ``first`` and ``below`` (keys; the latter not included), newest first.

    A key is a time, or that of a record which the search came by: its time and place in an index, by time its minute
    and place. ``is_through`` tells whether the partition looked at last has no more.
    """

    first: str
    below: str
    examined: int = 0
    queries: int = 0
    is_through: bool = False

    @property
    def last(self) -> str:
        """The greatest key of an index before ``below``: `between` of DynamoDB includes both ends."""
        moment, _, index = self.below.partition("#")
        if not index:
            return moment
        return f"{moment}#{int(index) - 1:012d}" if int(index) else moment

    @property
    def last_day(self) -> date:
        """The day of the last millisecond before ``below``."""
        return self._last_moment.date()

    @property
    def _last_moment(self) -> datetime:
        moment, _, index = self.below.partition("#")
        return _time(moment) - timedelta(milliseconds=0 if index else 1)

    def marks_of(self, day: date) -> tuple[str, str]:
        """The sort keys between which a day's marks lie that may be of records before ``below``."""
        begin = _time(self.first)
        first = f"{begin:%H:%M}#" if begin.date() == day else "0"
        if self.last_day != day:
            return first, "~"
        _, _, index = self.below.partition("#")
        minute = f"{self._last_moment:%H:%M}"
        if not index:
            return first, f"{minute}#~"
        return first, f"{minute}#{int(index) - 1:012d}" if int(index) else f"{minute}#"

    @property
    def is_over(self) -> bool:
        """Whether there is no time left between the two keys."""
        return "#" not in self.below and self.below <= self.first

    @property
    def may_go_on(self) -> bool:
        """Whether this request may look at more."""
        return self.examined < EXAMINED and self.queries < QUERIES


@dataclass(frozen=True, slots=True)
class _Steps:
    """Where a walk goes next: places with their keys; the key that all of it ends at; whether the partition does."""

    places: list[tuple[int, str]]
    below: str
    is_end: bool


class Records:
    """The sequenced records of one tenant."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def search(self, query: Query, limit: int, cursor: str | None) -> Page[Found]:
        """A page of records, the newest first.

        A page may hold fewer than ``limit``, even none, while ``next_cursor`` is there: a request looks at no more
        than `EXAMINED` records and `QUERIES` partitions.

        Raises
        ------
        Invalid
            The span ends before it starts, or the cursor is not of this search.
        """
        seal = Cursor(self._log.tenant, _identity(query))
        place = seal.open(cursor)
        walk = _Walk(place["first"], place["below"]) if place else _begin(query, self._log.tenant)
        found: list[Found] = []
        done = self._collect(query, walk, limit, found)
        return Page[Found](
            items=found,
            next_cursor=seal.seal(None if done else {"first": walk.first, "below": walk.below}),
        )

    def get(self, uid: str) -> FoundWithContext:
        """One record, by its uid, with its context while that is kept.

        The millisecond in the uid leads to the record, so that no index by uid is paid for.

        Raises
        ------
        RecordNotFound
            It is not in the log, or not yet.
        """
        unit().touch("record", uid[:64])
        try:
            moment = moment_of(uid)
        except ValueError:
            raise RecordNotFound from None
        found = _at_moment(self._log.marks(f"{moment:%Y-%m-%d}", *_minute(moment)), epoch_ms_of(uid))
        if not found:
            raise RecordNotFound
        entries, contexts = self._log.read(found, set(found.values()))
        for entry in entries.values():
            if entry.uid == uid:
                context = contexts.get(entry.index)
                return FoundWithContext(
                    sequence=entry.index,
                    record=json.loads(entry.record),
                    context=json.loads(context) if context else None,
                )
        raise RecordNotFound

    def _collect(self, query: Query, walk: _Walk, limit: int, found: list[Found]) -> bool:
        """Walk the partitions until the page is full or enough was looked at; whether nothing is left."""
        room = PAGE_BYTES
        if walk.is_over:
            return True
        for begin in query.partitions(date.fromisoformat(walk.first[:10]), walk.last_day):
            for key, entry in self._entries(query, begin, walk, limit - len(found)):
                room -= len(entry.record)
                if room < 0 and found:
                    return False
                walk.below = key
                event = json.loads(entry.record)
                if query.matches(event):
                    found.append(Found(sequence=entry.index, record=event))
                if len(found) == limit:
                    return False
            if not walk.is_through or not (walk.may_go_on or walk.is_over):
                return False
        return True

    def _entries(self, query: Query, begin: date, walk: _Walk, wanted: int) -> Iterator[tuple[str, Entry]]:
        """The records of one partition with their keys, newest first, while enough is not looked at."""
        walk.is_through = False
        while walk.may_go_on:
            portion = min(FIND_AT_ONCE if query.is_filtered else wanted, EXAMINED - walk.examined)
            steps = (self._by_index if query.index else self._by_time)(query, begin, walk, portion)
            walk.queries += 1
            walk.examined += len(steps.places)
            entries = self._log.at(index for index, _ in steps.places) if steps.places else {}
            for index, key in steps.places:
                yield key, entries[index]
            walk.below = steps.below
            if steps.is_end:
                walk.below, walk.is_through = f"{begin:%Y-%m-%d}T00:00:00.000Z", True
                return

    def _by_index(self, query: Query, begin: date, walk: _Walk, portion: int) -> _Steps:
        """What an index names of one month."""
        partition = f"{query.resource or query.actor}#{begin:%Y-%m}"
        keys = self._log.find(query.index, partition, walk.first, walk.last, portion)
        places = [(index_of(key), key) for key in keys]
        return _Steps(places, keys[-1] if keys else walk.below, is_end=len(keys) < portion)

    def _by_time(self, query: Query, begin: date, walk: _Walk, portion: int) -> _Steps:
        """What the marks of one day name: minute by minute, in a minute the last place first."""
        marks = self._log.marks(f"{begin:%Y-%m-%d}", *walk.marks_of(begin), limit=portion)
        start = _epoch_ms(_time(walk.first))
        end = _epoch_ms(query.end or _FAR)
        minute, _, below = walk.below.partition("#")
        places: list[tuple[int, str]] = []
        last = walk.below
        for mark in marks:
            last = f"{begin:%Y-%m-%d}T{mark.keys[1]}"
            moment = last.partition("#")[0]
            stop = int(below) if below and moment == minute else mark.first + len(mark.moments)
            for place in range(min(len(mark.moments), stop - mark.first) - 1, -1, -1):
                if start <= mark.moments[place] < end:
                    places.append((mark.first + place, f"{moment}#{mark.first + place:012d}"))
                if len(places) == portion:
                    return _Steps(places, places[-1][1], is_end=False)
        return _Steps(places, last, is_end=len(marks) < portion)


def bound(name: str, text: str | None) -> datetime | None:
    """A bound in time as a client gives it.

    Raises
    ------
    Invalid
        There is no such time.
    """
    try:
        return clock.moment(text) if text else None
    except ValueError as error:
        raise Invalid(errors=[{"field": name, "message": str(error)}]) from error


def records_of_tenant() -> Records:
    """The records of the tenant that acts now."""
    return Records(Log(current_tenant()))


def _begin(query: Query, tenant: str) -> _Walk:
    """Where a search starts: what it does not say is up to now, and 31 days back."""
    now = clock.now()
    end = min(max(query.end or now + timedelta(minutes=1), FIRST), now + timedelta(minutes=1))
    start = max(query.start or max(end - SPAN, _made(tenant)), FIRST)
    if query.start and query.end and query.end <= query.start:
        raise Invalid(errors=[{"field": "to", "message": "must be after from"}])
    return _Walk(clock.rfc3339(start), clock.rfc3339(max(start, end)))


def _time(key: str) -> datetime:
    """The time that a key begins with: an instant, or a minute."""
    moment = datetime.fromisoformat(key)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _epoch_ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _minute(moment: datetime) -> tuple[str, str]:
    """The sort keys between which the marks of a moment's minute lie."""
    prefix = mark_keys(moment, 0)[1].partition("#")[0]
    return f"{prefix}#", f"{prefix}#~"


def _at_moment(marks: list[Mark], moment: int) -> dict[int, int]:
    """The places of the records of one millisecond, each with where its context lies."""
    found = {
        mark.first + place: mark.contexts_at
        for mark in marks
        for place, each in enumerate(mark.moments)
        if each == moment
    }
    return dict(list(found.items())[:AT_ONE_MOMENT])


def _identity(query: Query) -> str:
    """What a cursor is bound to: the route and all that is asked for."""
    return "audit.search?" + json.dumps(asdict(query), default=str, sort_keys=True)


def _made(tenant: str) -> datetime:
    """The beginning of the day that a workspace was made on: days before it need no query."""
    return datetime.fromisoformat(Registry().since(tenant)).replace(tzinfo=UTC)
