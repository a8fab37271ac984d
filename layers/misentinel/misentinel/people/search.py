"""Searching people: the plan's ways walked one after the other, everybody met held against the whole expression."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from misentinel import clock
from misentinel.access import Permission
from misentinel.api import Cursor, Page
from misentinel.audit import unit
from misentinel.errors import Forbidden, Invalid
from misentinel.people.attributes import Declarations
from misentinel.people.declarations import declarations_of
from misentinel.people.expression import EVERYBODY, AllOf, Expression, expression_of
from misentinel.people.items import PostingItem, month_key, profile_of, unique_key
from misentinel.people.model import Person
from misentinel.people.plan import Rank, Way, plan
from misentinel.people.profile import Profile, contact_fields
from misentinel.people.query import Search, Where, attributes_of, fields_of
from misentinel.people.store import People, month_before
from misentinel.tenancy import Registry, bind

EXAMINED = 500
"""People that one request looks at; the rest is behind the cursor, even if the page is not full."""

LOOKS = 24
"""Queries of one request."""

AT_ONCE = 100
"""People looked at at a time where not everybody who is met is wanted."""

_ID, _YEAR, _MONTH = 36, 4, 7
"""Characters of an id, and of what partitions are told apart by."""


@dataclass(slots=True)
class _Place:
    """Where a search is: on which way, in which of its partitions (a year or a month), below which key."""

    way: int = 0
    partition: str = ""
    below: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a walk: who was met and wanted, and where to go on; nothing where it ends."""

    people: Sequence[Person]
    resume: dict[str, Any] | None


def search(people: People, wanted: Search) -> Page[Person]:
    """A page of the people that an expression holds for.

    A page may hold fewer than ``limit``, even none, while ``next_cursor`` is there. Who is found by an index is found
    as soon as the change is committed; the listing by creation follows within moments.

    Raises
    ------
    Forbidden
        It names a field that the caller may not read: whether somebody is found would tell its value.
    Invalid
        A field is not known, a value not of its type, or the cursor of another search.
    """
    expression = _expression(people, wanted.where)
    seal = Cursor(people.tenant, "people.search?" + wanted.where.model_dump_json(by_alias=True))
    place = seal.open(wanted.cursor)
    walk = _Walk(people, expression, _Place(**place) if place else _Place())
    found = list(walk.go(wanted.limit))
    for each in found:
        unit().touch("person", each.id)
    return Page[Person](items=[people.view(each) for each in found], next_cursor=seal.seal(walk.resume))


def walk(people: People, where: Where | None, resume: dict[str, Any] | None = None) -> Iterator[Stretch]:
    """All people that an expression holds for, or all there are, stretch by stretch.

    Parameters
    ----------
    resume
        What a stretch said where to go on; from the start without it.

    Raises
    ------
    Forbidden, Invalid
        As `search`, at once.
    """
    expression = EVERYBODY if where is None else _expression(people, where)
    return _stretches(people, _Walk(people, expression, _Place(**resume) if resume else _Place()))


def _stretches(people: People, here: "_Walk") -> Iterator[Stretch]:
    while here.resume is not None:
        here.rest()
        yield Stretch([people.view(each) for each in here.go(EXAMINED)], here.resume)


def _expression(people: People, where: Any) -> Expression:
    names = attributes_of(where)
    declared = declarations_of(people.tenant, names) if names else Declarations()
    if not people.contact and contact_fields(fields_of(where), names, declared):
        raise Forbidden(Permission.PEOPLE_CONTACT)
    return expression_of(where, declared)


class _Walk:
    """One walk along the ways of an expression's plan."""

    def __init__(self, people: People, wanted: Expression, place: _Place) -> None:
        self._people = people
        self._wanted = wanted
        self._ways = plan(wanted)
        self._place = place
        self._first = Registry().since(people.tenant)
        if place.way >= len(self._ways):
            raise Invalid(errors=[{"field": "cursor", "message": "not a cursor of this search; start without one"}])
        self.rest()

    def rest(self) -> None:
        """Be ready to look at as many as a request may."""
        self._left, self._looks = EXAMINED, LOOKS

    @property
    def resume(self) -> dict[str, Any] | None:
        """Where to go on, or nothing at the end."""
        return asdict(self._place) if self._place.way < len(self._ways) else None

    def go(self, limit: int) -> Iterator[Profile]:
        """Up to so many people that the expression holds for; fewer if enough was looked at."""
        found = 0
        while self._place.way < len(self._ways) and self._left > 0 and self._looks > 0:
            way = self._ways[self._place.way]
            size = self._portion(way, limit - found)
            met = self._meet(way, size)
            for number, (key, person) in enumerate(met, 1):
                self._left -= 1
                self._place.below = key
                if person is not None and self._is_given_here(person):
                    found += 1
                    yield person
                if found == limit and number < len(met):
                    return
            if len(met) < size or way.rank is Rank.ONE:
                self._turn(way)
            if found == limit:
                return

    def _is_given_here(self, person: Profile) -> bool:
        """Whether the expression holds, and no earlier way led here: each is given by the first whose condition holds."""
        here = self._place.way
        first = next((n for n, way in enumerate(self._ways[: here + 1]) if way.condition.holds(person)), None)
        return first == here and self._wanted.holds(person)

    def _portion(self, way: Way, wanted: int) -> int:
        met, wanted_of = (set(AllOf((each,)).flat) for each in (way.condition, self._wanted))
        alone = len(self._ways) == 1 and met == wanted_of  # whoever is met is wanted: meet no more than are wanted
        return min(max(wanted, 1) if alone else AT_ONCE, self._left)

    def _meet(self, way: Way, size: int) -> list[tuple[str, Profile | None]]:
        """The next people on a way with their keys, in the walk's order; ``None`` for who is no more."""
        self._looks -= 1
        match way.rank:
            case Rank.ONE:
                key = unique_key(self._people.tenant, way.name, way.low)
                owner = self._people.owners([key]).get(key, "")
                return [(key, self._people.many([owner]).get(owner))] if owner else []
            case Rank.SPAN | Rank.ALL:
                return self._listed(way, size)
            case _:
                return self._posted(way, size)

    def _listed(self, way: Way, size: int) -> list[tuple[str, Profile | None]]:
        partition = self._place.partition = self._place.partition or self._latest(way, _MONTH)
        low, high = way.low or " ", self._highest(way)
        if low > high or partition < self._earliest(way, _MONTH):
            return []
        column = self._people.items.gsi1sk
        query = self._people.items.by_list.query(
            month_key(partition), column.between(low, high), limit=size, scan_index_forward=False
        )
        return [(item.id, profile_of(item)) for item in query]

    def _posted(self, way: Way, size: int) -> list[tuple[str, Profile | None]]:
        partition = self._place.partition = self._place.partition or self._latest(way, _YEAR)
        low, high = way.low or " ", self._highest(way)
        if low > high or partition < self._earliest(way, _YEAR):
            return []
        entries = bind(PostingItem, self._people.tenant)
        query = entries.query(
            f"{way.name}#{partition}",
            entries.sk.between(low, high),
            limit=size,
            scan_index_forward=False,
            consistent_read=True,
        )
        keys = [entry.sk for entry in query]
        known = self._people.many(key[-_ID:] for key in keys)
        return [(key, known.get(key[-_ID:])) for key in keys]

    def _highest(self, way: Way) -> str:
        """The last key that was not met yet."""
        below = self._place.below
        return min(way.high, f"{below[:-1]}{chr(ord(below[-1]) - 1)}~") if below else way.high

    def _turn(self, way: Way) -> None:
        """Go on to the partition before, or to the next way."""
        self._place.below = ""
        if way.rank is not Rank.ONE:
            length = _MONTH if way.rank in {Rank.SPAN, Rank.ALL} else _YEAR
            partition = self._place.partition
            before = month_before(partition) if length == _MONTH else str(int(partition) - 1)
            if before >= self._earliest(way, length):
                self._place.partition = before
                return
        self._place.partition = ""
        self._place.way += 1

    def _latest(self, way: Way, length: int) -> str:
        now = clock.rfc3339(clock.now())
        return (min(way.until, now) if way.until else now)[:length]

    def _earliest(self, way: Way, length: int) -> str:
        return max(way.since, self._first)[:length]
