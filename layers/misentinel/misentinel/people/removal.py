"""Removal: a person goes, with everything that is theirs; in the request if it fits, else by a job."""

from collections.abc import Sequence
from itertools import chain, islice

from misentinel.audit import unit
from misentinel.errors import NotFound
from misentinel.jobs import Job, Kind, Step, begin
from misentinel.people.items import PERSON, PersonItem, person_key, profile_of
from misentinel.people.model import Deletion
from misentinel.people.store import People
from misentinel.people.writing import Change, cost, write
from misentinel.tenancy import bind

INLINE = 38
"""Writes that a deletion makes in its request at most; beyond that the rest is a job."""

_READ = 40
"""Things of a person that are read at a time."""


def delete(people: People, person_id: str) -> Deletion:
    """Delete a person, and all that is kept of it.

    The person itself, what says whose its e-mail address is and what it is found by go at once, so that nobody sees it
    any more and nothing can be added. So does the rest, if all is at most `INLINE` writes.

    Raises
    ------
    NotFound
        No such person here.
    PreconditionFailed
        If-Match names another version, or another change came first.
    """
    first = _things(people.tenant, person_id, _READ)
    if not first or first[0].sk != PERSON:
        raise NotFound("person")
    profile = profile_of(first[0])
    unit().touch("person", profile.id)
    change = Change(profile, None, people.otherwise(profile))
    declared = people.declared(profile)
    room = INLINE - cost(people.tenant, [change], declared)
    rest = chain(first[1:], *(_things(people.tenant, each, room + 1) for each in profile.partitions))
    things = list(islice(rest, max(room + 1, 0)))
    write(people.tenant, [change], declared)
    if len(things) <= room:
        _remove(things)
        return Deletion(status="done", job=None)
    job = begin(Kind.DELETION, plan={"partitions": list(profile.owned)})
    return Deletion(status="accepted", job=job.id)


def deletion_portion(job: Job) -> Step:
    """Remove as much of a deleted person as the current unit has room for: a portion of a job.

    Nothing can be added to the partitions any more: who adds does so on condition that the person is there.
    """
    partitions: list[str] = job.place.get("partitions") or job.plan["partitions"]
    room = unit().room
    things: list[PersonItem] = []
    while partitions and len(things) < room:
        found = _things(unit().tenant, partitions[0], room - len(things))
        things += found
        if len(things) < room:
            partitions = partitions[1:]
    _remove(things)
    number = len(things)
    return Step(place={"partitions": partitions}, counts={"items": number}, done=not partitions, paced=number)


def _things(tenant: str, person: str, limit: int) -> list[PersonItem]:
    """The first so many things in a person's partition, the person itself before all; read consistently."""
    query = bind(PersonItem, tenant).query(
        person_key(person), consistent_read=True, scan_index_forward=False, limit=max(limit, 1)
    )
    return list(query)


def _remove(things: Sequence[PersonItem]) -> None:
    for each in things:
        unit().delete(each)
