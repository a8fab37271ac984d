"""Finding records again: by time, actor or resource from the indexes, by the rest over a bounded page."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from pydantic import Field

from misentinel import clock
from misentinel.api import Cursor, Page
from misentinel.audit import EventClass, Outcome, unit
from misentinel.auditlog.model import Entry, actor_of, index_of, moment_of
from misentinel.auditlog.store import Log
from misentinel.errors import Invalid, NotFound
from misentinel.schema import JsonObject, Resource
from misentinel.tenancy import Registry, current_tenant

EXAMINED = 1_000
"""Records that one request looks at; what is left is behind the cursor, even if the page is not full."""

QUERIES = 32
"""Index partitions (days, months) that one request looks into."""

PAGE_BYTES = 4_000_000
"""Bytes of records in one answer; Lambda sends 6 MB at most."""

SPAN = timedelta(days=31)
"""How far back a search goes that does not say from when; never before the workspace was made."""

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
"""No record is older."""

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
        """The index that answers it."""
        if self.resource:
            return "by_resource"
        return "by_actor" if self.actor else "by_time"

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

    def partitions(self, first: date, last: date) -> Iterator[tuple[str, date]]:
        """The index's partitions between two days, the newest first, and the day that each begins with."""
        owner = self.resource or self.actor
        while last >= first:
            begin = last.replace(day=1) if owner else last
            yield (f"{owner}#{begin:%Y-%m}" if owner else f"{begin:%Y-%m-%d}"), begin
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
    """A search under way: between ``first`` and ``below`` (keys; the latter not included), newest first."""

    first: str
    below: str
    examined: int = 0
    queries: int = 0

    @property
    def last(self) -> str:
        """The greatest key before ``below``: `between` of DynamoDB includes both ends."""
        moment, _, index = self.below.partition("#")
        if not index:
            return moment
        return f"{moment}#{int(index) - 1:012d}" if int(index) else moment

    @property
    def last_day(self) -> date:
        """The day of the last millisecond before ``below``."""
        moment, _, index = self.below.partition("#")
        return (datetime.fromisoformat(moment) - timedelta(milliseconds=0 if index else 1)).date()

    @property
    def is_over(self) -> bool:
        """Whether this request has looked at enough."""
        return self.examined >= EXAMINED or self.queries >= QUERIES


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
        instant = clock.rfc3339(moment)
        keys = self._log.find("by_time", instant[:10], instant, f"{instant}#~", AT_ONE_MOMENT)
        if not keys:
            raise RecordNotFound
        entries, contexts = self._log.read((index_of(key) for key in keys), [uid])
        for entry in entries.values():
            if entry.uid == uid:
                context = contexts.get(uid)
                return FoundWithContext(
                    sequence=entry.index,
                    record=json.loads(entry.record),
                    context=json.loads(context) if context else None,
                )
        raise RecordNotFound

    def _collect(self, query: Query, walk: _Walk, limit: int, found: list[Found]) -> bool:
        """Walk the partitions until the page is full or enough was looked at; whether nothing is left."""
        room = PAGE_BYTES
        for partition, begin in query.partitions(date.fromisoformat(walk.first[:10]), walk.last_day):
            for entry in self._entries(query, partition, walk, limit - len(found)):
                room -= len(entry.record)
                if room < 0 and found:
                    return False
                walk.below = entry.time_key
                event = json.loads(entry.record)
                if query.matches(event):
                    found.append(Found(sequence=entry.index, record=event))
                if len(found) == limit:
                    return False
            if walk.examined >= EXAMINED:
                return False
            walk.below = f"{begin:%Y-%m-%d}T00:00:00.000Z"
            if walk.is_over and walk.below > walk.first:
                return False
        return True

    def _entries(self, query: Query, partition: str, walk: _Walk, wanted: int) -> Iterator[Entry]:
        """The records that one partition of the index names, newest first, while enough is not looked at."""
        while walk.examined < EXAMINED:
            portion = min(FIND_AT_ONCE if query.is_filtered else wanted, EXAMINED - walk.examined)
            keys = self._log.find(query.index, partition, walk.first, walk.last, portion)
            walk.queries += 1
            walk.examined += len(keys)
            entries = self._log.at(index_of(key) for key in keys) if keys else {}
            for key in keys:
                yield entries[index_of(key)]
            if len(keys) < portion:
                return


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


def _identity(query: Query) -> str:
    """What a cursor is bound to: the route and all that is asked for."""
    return "audit.search?" + json.dumps(asdict(query), default=str, sort_keys=True)


def _made(tenant: str) -> datetime:
    """The beginning of the day that a workspace was made on: days before it need no query."""
    return datetime.fromisoformat(Registry().since(tenant)).replace(tzinfo=UTC)
