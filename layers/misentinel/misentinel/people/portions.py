"""Portions: many people at once, as much as fits one transaction or one page; for imports and exports."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from misentinel import clock
from misentinel.audit import unit
from misentinel.errors import Invalid
from misentinel.people.attributes import Declarations
from misentinel.people.declaring import declarations_of
from misentinel.people.items import unique_key, unique_keys
from misentinel.people.profile import Profile, changed, unique_values
from misentinel.people.rows import Match, PersonRow, RowInvalidError, targets
from misentinel.people.store import People, new_profile
from misentinel.people.writing import Change, Taken, cost, write

__all__ = ["Match", "PersonRow", "Portion", "RowInvalidError", "RowRefusal", "targets", "upsert_rows"]

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
        self._tenant = people.tenant
        self._match = match
        keys = [unique_keys(people.tenant, dict(row.given)) for row in rows]
        self._owners = people.owners(key for each in keys for key in each.values())
        wanted = (self._owners.get(each[match]) for each in keys if match in each)
        self.read = people.many(each for each in wanted if each)
        self._now = dict(self.read)
        self._fields: dict[str, tuple[str, ...]] = {}
        self._writes: dict[str, int] = {}
        names = {name for row in rows for name in row.given.get("attributes") or ()}
        names |= {name for each in self.read.values() for name in each.attributes}
        self.declared = declarations_of(people.tenant, names) if names else Declarations()

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
        if sum(self._writes.values()) - self._writes.get(after.id, 0) + writes > room:
            return ""
        self._now[after.id], self._writes[after.id] = after, writes
        self._note(before, after, names)
        return "updated" if before else "created"

    def _note(self, before: Profile | None, after: Profile, names: tuple[str, ...]) -> None:
        for name, form in unique_values(before) if before else ():
            self._owners.pop(unique_key(self._tenant, name, form), None)
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
    sheet = _Sheet(people, [row for _, row in rows], match)
    room = unit().room - spare
    portion = Portion()
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
            break
        portion.taken += 1
        portion.created += outcome == "created"
        portion.updated += outcome == "updated"
        portion.unchanged += outcome == "unchanged"
    if not dry:
        write(people.tenant, sheet.changes, sheet.declared, spare)
        sheet.touch()
    return portion


def _refuse(portion: Portion, number: int, field: str, message: str) -> str:
    portion.refused.append(RowRefusal(number, field, message))
    return "refused"
