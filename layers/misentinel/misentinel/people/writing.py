"""Writing people: whatever changed, with what says whose a value is and by what people are found, in one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pynamodb.expressions.update import Action

from misentinel.audit import unit
from misentinel.errors import Conflict, Refusal
from misentinel.people.attributes import Declarations
from misentinel.people.fields import FIELDS
from misentinel.people.items import PERSON, PersonItem, PostingItem, UniqueItem, item_of, person_key, unique_key
from misentinel.people.profile import Profile, as_text, postings, unique_values
from misentinel.tenancy import bind

_CALLED = {"email": "e-mail address", "external_id": "external id"}


class Taken(Conflict):
    """A value that has to be unique is another person's."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"Another person here has this {_CALLED[field]}.", extra={"field": field})


@dataclass(frozen=True, slots=True)
class Change:
    """A person before and after; ``None`` where there is none. ``otherwise`` is raised if it was changed meanwhile."""

    before: Profile | None
    after: Profile | None
    otherwise: Refusal | None = None


type _Key = tuple[str, str]


class _Difference:
    """What a number of changes together do to the table, beside the people themselves."""

    def __init__(self, tenant: str, changes: Sequence[Change], declared: Declarations) -> None:
        self._tenant = tenant
        self.lost: dict[str, str] = {}
        self.won: dict[str, tuple[str, str]] = {}
        gone: set[_Key] = set()
        come: set[_Key] = set()
        for change in changes:
            if change.before:
                self.lost.update({key: change.before.id for key, _ in self._uniques(change.before)})
                gone |= postings(change.before, declared)
            if change.after:
                self.won.update({key: (name, change.after.id) for key, name in self._uniques(change.after)})
                come |= postings(change.after, declared)
        self.gone = sorted(gone - come)
        self.come = sorted(come - gone)

    def _uniques(self, profile: Profile) -> Iterator[tuple[str, str]]:
        for name, form in unique_values(profile):
            yield unique_key(self._tenant, name, form), name

    @property
    def left(self) -> list[str]:
        """Unique values that nobody has any more."""
        return sorted(self.lost.keys() - self.won.keys())

    @property
    def taken(self) -> list[tuple[str, str, str, str | None]]:
        """Unique values that get another owner: key, field, whose it is then, whose it was."""
        return [
            (key, name, person, self.lost.get(key))
            for key, (name, person) in sorted(self.won.items())
            if self.lost.get(key) != person
        ]

    def __len__(self) -> int:
        return len(self.left) + len(self.taken) + len(self.gone) + len(self.come)


def cost(tenant: str, changes: Sequence[Change], declared: Declarations) -> int:
    """How many writes these changes are together."""
    return len(changes) + len(_Difference(tenant, changes, declared))


def write(
    tenant: str, changes: Sequence[Change], declared: Declarations, *, spare: int = 2, race: Refusal | None = None
) -> None:
    """Add changes to the unit of work.

    Parameters
    ----------
    spare
        Writes to leave for others: by default for the answer that an Idempotency-Key keeps.
    race
        What is raised at the commit if a value became another person's; `Taken` without it.

    Raises
    ------
    Conflict
        They are more writes than the unit has room for.
    """
    difference = _Difference(tenant, changes, declared)
    if len(changes) + len(difference) > unit().room - spare:
        raise Conflict("This changes more tags and indexed attributes at once than fit; do it in two steps.")
    for change in changes:
        _write_person(tenant, change)
    uniques, entries = bind(UniqueItem, tenant), bind(PostingItem, tenant)
    for key in difference.left:
        unit().delete(uniques(key, PERSON))
    for key, name, person, owner in difference.taken:
        otherwise = race or Taken(name)
        if owner is None:
            texts = {"pk": key, "sk": PERSON, "person": person}
            unit().put_texts(uniques, texts, new=True, otherwise=otherwise)
        else:
            item = uniques(key, PERSON, person=person)
            unit().put(item, condition=UniqueItem.person == owner, otherwise=otherwise)
    for pk, sk in difference.gone:
        unit().delete(entries(pk, sk))
    for pk, sk in difference.come:
        unit().put_texts(entries, {"pk": pk, "sk": sk})


def _write_person(tenant: str, change: Change) -> None:
    before, after = change.before, change.after
    otherwise = change.otherwise or Conflict("Somebody changed this person meanwhile; read it again.")
    if before is None and after is not None:
        unit().put(item_of(tenant, after), condition=PersonItem.pk.does_not_exist(), otherwise=Conflict())
    elif before is not None:
        item = bind(PersonItem, tenant)(person_key(before.id), PERSON)
        as_read = PersonItem.version == before.version
        if after is None:
            # Whatever was put into the partition since it was read would be left behind.
            as_read &= PersonItem.additions == before.additions
            unit().delete(item, condition=as_read, otherwise=otherwise)
            return
        if before.last_seen_at != after.last_seen_at:
            as_read &= (
                PersonItem.last_seen_at == before.last_seen_at
                if before.last_seen_at
                else PersonItem.last_seen_at.does_not_exist()
            )
        unit().update(item, list(_actions(before, after)), condition=as_read, otherwise=otherwise)


def _actions(before: Profile, after: Profile) -> Iterator[Action]:
    """Only what changed: the rest may be changing just now, as ``last_seen_at`` does with each event."""
    columns = {name: getattr(PersonItem, name) for name in (*FIELDS, "last_seen_at")}
    for name, column in columns.items():
        value = getattr(after, name)
        if value != getattr(before, name):
            yield column.remove() if value is None else column.set(value)
    for name in ("tags", "partitions"):
        if getattr(after, name) != getattr(before, name):
            value, column = list(getattr(after, name)), getattr(PersonItem, name)
            yield column.set(value) if value else column.remove()
    text = as_text(after.attributes) if after.attributes else None
    if text != (as_text(before.attributes) if before.attributes else None):
        yield PersonItem.fields.remove() if text is None else PersonItem.fields.set(text)
    yield PersonItem.updated_at.set(after.updated_at)
    yield PersonItem.version.set(after.version)
