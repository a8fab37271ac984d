"""Portions: many people at once, as much as fits one transaction or one page; for imports and exports."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from misentinel import clock
from misentinel.audit import unit
from misentinel.errors import Invalid
from misentinel.people.attributes import Declarations
from misentinel.people.declarations import declarations_of
from misentinel.people.fields import Match
from misentinel.people.items import unique_key, unique_keys
from misentinel.people.profile import Profile, changed, unique_values
from misentinel.people.rows import PersonRow, RowInvalidError
from misentinel.people.store import People, new_profile
from misentinel.people.writing import Change, Taken, cost, write

__all__ = ["Match", "PersonRow", "Portion", "RowInvalidError", "RowRefusal", "upsert_rows"]

ROWS_A_PORTION = 100
"""Rows that are looked at together: as many people as a record names, and as many keys as DynamoDB reads at once."""


@dataclass(frozen=True, slots=True)
class RowRefusal:
    """Why a valid row was not taken over: never its value."""

    number: int
    field: str
    message: str


@dataclass(slots=True)
class Portion:
    """What became of the first ``taken`` rows; each is created, updated, unchanged or refused."""

    taken: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[RowRefusal] = field(default_factory=list)


class _Sheet:
    """People and owners of unique values as they are after the rows taken so far."""

    def __init__(self, people: People, rows: Sequence[PersonRow], match: Match) -> None:
        self._people = people
        self._tenant = people.tenant
        self._match = match
        self._seen: set[str] = set()
        self._owners: dict[str, str] = {}
        self._now: dict[str, Profile] = {}
        self._fields: dict[str, tuple[str, ...]] = {}
        self._writes: dict[str, int] = {}
        self.read: dict[str, Profile] = {}
        names = {name for row in rows for name in row.given.get("attributes") or ()}
        self.declared = declarations_of(people.tenant, names) if names else Declarations()

    def look(self, rows: Sequence[PersonRow]) -> None:
        """Read whose the values of these rows are, and the people whom they speak of, unless they are known."""
        keys = [unique_keys(self._tenant, dict(row.given)) for row in rows]
        unseen = {key for each in keys for key in each.values()} - self._seen
        self._seen |= unseen
        self._owners |= self._people.owners(unseen)
        wanted = {self._owners.get(each.get(self._match, "")) for each in keys}
        fresh = self._people.many(each for each in wanted if each and each not in self._now)
        self.read |= fresh
        self._now |= fresh
        names = {name for each in fresh.values() for name in each.attributes}
        if not self.declared.knows(names):
            self.declared = declarations_of(self._tenant, names)

    def fitting(self, rows: Sequence[PersonRow], room: int) -> int:
        """How many of these rows fit if each is a new person's: what is read ahead of more may be read in vain."""
        room -= self.writes
        indexed = self.declared.indexed
        for number, row in enumerate(rows):
            entries = [*unique_keys(self._tenant, dict(row.given)), *(row.given.get("tags") or ())]
            room -= 1 + len(entries) + len(indexed.keys() & (row.given.get("attributes") or {}).keys())
            if room < 0:
                return number
        return len(rows)

    @property
    def writes(self) -> int:
        """How many writes the rows taken so far are, or fewer."""
        return sum(self._writes.values())

    @property
    def changes(self) -> list[Change]:
        """What is to be written: a person that several rows spoke of once."""
        return [
            Change(self.read.get(uid), after) for uid, after in self._now.items() if after is not self.read.get(uid)
        ]

    def touch(self) -> None:
        """Report the people that change, with the names of their fields."""
        for uid, names in self._fields.items():
            unit().touch("person", uid, names)

    def take(self, row: PersonRow, room: int) -> str:
        """Take one row over: ``created``, ``updated``, ``unchanged``, or nothing if there is no room for it.

        Raises
        ------
        RowInvalidError
            It has nothing by which a person is found.
        Taken
            A unique value is another person's.
        Invalid
            The person would hold too much.
        """
        keys = unique_keys(self._tenant, dict(row.given))
        if self._match not in keys:
            raise RowInvalidError(self._match, "is needed: by it the person is found")
        owner = self._owners.get(keys[self._match])
        before = self._now.get(owner) if owner else None
        for name, key in keys.items():
            if self._owners.get(key) not in {None, before.id if before else None}:
                raise Taken(name)
        if before is None:
            after, names = new_profile(row.given)
        else:
            after, names = changed(before, row.given, clock.rfc3339(clock.now()))
        if not names:
            return "unchanged"
        writes = cost(self._tenant, [Change(self.read.get(after.id), after)], self.declared)
        if self.writes - self._writes.get(after.id, 0) + writes > room:
            return ""
        self._now[after.id], self._writes[after.id] = after, writes
        self._note(before, after, names)
        return "updated" if before else "created"

    def _note(self, before: Profile | None, after: Profile, names: tuple[str, ...]) -> None:
        for name, form in unique_values(before) if before else ():
            key = unique_key(self._tenant, name, form)
            self._owners.pop(key, None)
            self._seen.add(key)
        for name, form in unique_values(after):
            self._owners[unique_key(self._tenant, name, form)] = after.id
        self._fields[after.id] = tuple(dict.fromkeys((*self._fields.get(after.id, ()), *names)))


def upsert_rows(
    people: People, rows: Sequence[tuple[int, PersonRow]], match: Match, *, spare: int = 0, dry: bool = False
) -> Portion:
    """Add to the current unit as many rows as fit, in their order; those left wait for the next unit.

    A later row of the same person applies to what the former made of it. At most `ROWS_A_PORTION` are taken.

    Parameters
    ----------
    rows
        Numbers and valid rows.
    match
        By which field a row finds its person. A row without it is refused.
    spare
        Writes to leave in the unit for the caller's own.
    dry
        Find out only, write nothing.
    """
    rows = rows[:ROWS_A_PORTION]
    sheet, portion = _Sheet(people, [row for _, row in rows], match), Portion()
    room = unit().room - spare
    wide = False
    while portion.taken < len(rows):
        left = rows[portion.taken :]
        window = left if wide else left[: sheet.fitting([row for _, row in left], room)]
        if not window and portion.taken:
            break
        window, unchanged = window or left[:1], portion.unchanged
        sheet.look([row for _, row in window])
        if not _take(sheet, window, room, portion):
            break
        wide = portion.unchanged - unchanged == len(window)
    if not dry:
        write(people.tenant, sheet.changes, sheet.declared, spare=spare)
        sheet.touch()
    return portion


def _take(sheet: _Sheet, rows: Sequence[tuple[int, PersonRow]], room: int, portion: Portion) -> bool:
    """Take rows over in their order; whether all were."""
    for number, row in rows:
        try:
            outcome = sheet.take(row, room)
        except RowInvalidError as error:
            outcome = _refuse(portion, number, error.field, error.message)
        except Taken as error:
            outcome = _refuse(portion, number, error.field, "is another person's")
        except Invalid as error:
            outcome = _refuse(portion, number, **error.extra["errors"][0])
        if not outcome:
            return False
        portion.taken += 1
        portion.created += outcome == "created"
        portion.updated += outcome == "updated"
        portion.unchanged += outcome == "unchanged"
    return True


def _refuse(portion: Portion, number: int, field: str, message: str) -> str:
    portion.refused.append(RowRefusal(number, field, message))
    return "refused"
