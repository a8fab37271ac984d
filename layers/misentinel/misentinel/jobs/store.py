"""Jobs in ``-data``: begun, moved on and cancelled through the unit of work."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from misentinel import clock
from misentinel.access import Caller
from misentinel.api import Cursor, Page
from misentinel.audit import unit
from misentinel.errors import Conflict, NotFound
from misentinel.jobs.model import NEEDS, Counts, Job, JobView, Kind, Status, Step
from misentinel.schema import JsonObject
from misentinel.tenancy import DataModel, bind, current_tenant

KEPT_DAYS = 90
"""A job is forgotten so long after it was last moved."""

LISTED_MONTHS = 5
"""Months that a listing looks into: no job is kept for longer."""


class _Item(DataModel):
    gsi1pk = UnicodeAttribute()
    gsi1sk = UnicodeAttribute()
    id = UnicodeAttribute()
    kind = UnicodeAttribute()
    status = UnicodeAttribute()
    created_by = UnicodeAttribute()
    asked_by = UnicodeAttribute()
    session = UnicodeAttribute(null=True)
    request_id = UnicodeAttribute()
    created_at = UnicodeAttribute()
    finished_at = UnicodeAttribute(null=True)
    error = UnicodeAttribute(null=True)
    about = UnicodeAttribute(null=True)
    plan = UnicodeAttribute(null=True)
    place = UnicodeAttribute(null=True)
    counts = UnicodeAttribute(null=True)
    step = NumberAttribute()
    moved_by = UnicodeAttribute()
    expires_at = NumberAttribute()


def _text(value: Any) -> str | None:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) if value else None


def _job(item: _Item) -> Job:
    return Job(
        id=item.id,
        kind=Kind(item.kind),
        status=Status(item.status),
        created_by=item.created_by,
        created_at=item.created_at,
        asked_by=item.asked_by,
        session=item.session or "",
        request_id=item.request_id,
        about=json.loads(item.about or "{}"),
        plan=json.loads(item.plan or "{}"),
        place=json.loads(item.place or "{}"),
        counts=json.loads(item.counts or "{}"),
        step=int(item.step),
        moved_by=item.moved_by,
        finished_at=item.finished_at or "",
        error=item.error or "",
    )


class JobMoved(Conflict):
    """Somebody else moved, finished or cancelled the job."""

    def __init__(self) -> None:
        super().__init__("The job moved meanwhile; read it again.")


class Jobs:
    """The jobs of one tenant."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._items = bind(_Item, tenant)

    def add(self, job: Job) -> None:
        """Add a new job to the unit of work."""
        unit().touch("job", job.id, ("status",))
        unit().put(self._item(job), condition=_Item.pk.does_not_exist(), otherwise=Conflict())

    def find(self, job_id: str) -> Job:
        """One job: one consistent read.

        Raises
        ------
        NotFound
            No such job here.
        """
        try:
            item: _Item = self._items.get(f"job#{job_id}", "job", consistent_read=True)
        except DoesNotExist:
            raise NotFound("job") from None
        return _job(item)

    def get(self, job_id: str, caller: Caller, *kinds: Kind) -> Job:
        """One job of these kinds, or of any, that the caller may see.

        Raises
        ------
        NotFound
            No such job here, or not for this caller.
        """
        job = self.find(job_id)
        unit().touch("job", job.id)
        if not caller.may(NEEDS[job.kind]) or (kinds and job.kind not in kinds):
            raise NotFound("job")
        return job

    def page(self, caller: Caller, limit: int, cursor: str | None) -> Page[JobView]:
        """A page of the jobs that the caller may see, the newest first.

        It may hold fewer than ``limit``, even none, while ``next_cursor`` is there: other kinds are left out.
        """
        seal = Cursor(self._tenant, "jobs.list")
        place = seal.open(cursor) or {}
        now = clock.now()
        month, last = place.get("month", f"{now:%Y-%m}"), _before(now, LISTED_MONTHS)
        found: list[_Item] = []
        key = place.get("key")
        while len(found) < limit and month >= last:
            query = self._items.by_list.query(
                f"jobs#{month}", limit=limit - len(found), scan_index_forward=False, last_evaluated_key=key
            )
            found.extend(query)
            key = query.last_evaluated_key
            if key is None:
                month = _before(datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC), 1)
        seen = [_job(item) for item in found if caller.may(NEEDS[Kind(item.kind)])]
        for job in seen:
            unit().touch("job", job.id)
        onward = {"month": month, "key": key} if month >= last else None
        return Page(items=[job.view() for job in seen], next_cursor=seal.seal(onward))

    def move(self, job: Job, **changes: Any) -> Job:
        """Change a job in the unit of work, on condition that it is still what was read.

        Returns
        -------
        Job
            As it will be once the unit is committed.

        Raises
        ------
        JobMoved
            At the commit: it is not.
        """
        moved = replace(job, step=job.step + 1, moved_by=unit().uid, **changes)
        unit().put(
            self._item(moved),
            condition=(_Item.step == job.step) & (_Item.status == job.status.value),
            otherwise=JobMoved(),
        )
        return moved

    def advance(self, job: Job, step: Step) -> Job:
        """Move a job by what a portion did: `move`."""
        changes: JsonObject = {
            "status": Status.RUNNING,
            "place": step.place,
            "counts": _sum(job.counts, step.counts),
        }
        if step.done or step.error:
            changes |= _over(Status.FAILED if step.error else Status.DONE, step.error)
        return self.move(job, **changes)

    def start(self, job: Job, plan: JsonObject, counts: Counts) -> Job:
        """Hand a waiting job to the worker: the unit's record will say so to the bus.

        Raises
        ------
        Conflict
            It does not wait.
        """
        if job.status is not Status.WAITING:
            raise Conflict("It was started before; see how far it is with GET " + job.path + ".")
        unit().happening.status_code = "accepted"
        unit().touch("job", job.id, ("status",))
        return self.move(job, status=Status.QUEUED, plan=plan, counts=counts, **_asking())

    def cancel(self, job: Job) -> Job:
        """End a job where it is; what its portions did so far stays. A cancelled one stays cancelled.

        It does not matter that a portion is committed meanwhile: what that did is counted when the job is read again.

        Raises
        ------
        Conflict
            It is over, or of a kind that is always done in full.
        """
        if job.status is Status.CANCELLED:
            return job
        over = Conflict("The job is over; there is nothing to cancel.")
        if job.status.is_over:
            raise over
        if job.kind is Kind.DELETION:
            raise Conflict("A deletion cannot be cancelled: it would leave half of a person.")
        unit().touch("job", job.id, ("status",))
        ended = replace(job, **_over(Status.CANCELLED), moved_by=unit().uid)
        unit().update(
            self._items(f"job#{job.id}", "job"),
            actions=[
                _Item.status.set(ended.status.value),
                _Item.finished_at.set(_Item.finished_at | ended.finished_at),
                _Item.moved_by.set(ended.moved_by),
                _Item.step.set(_Item.step + 1),
                _Item.expires_at.set(_forgotten()),
                _Item.plan.remove(),
                _Item.place.remove(),
            ],
            condition=_Item.status.is_in(*(each.value for each in Status if not each.is_over), Status.CANCELLED.value),
            otherwise=over,
        )
        return ended

    def _item(self, job: Job) -> _Item:
        item: _Item = self._items(
            f"job#{job.id}",
            "job",
            gsi1pk=f"jobs#{job.created_at[:7]}",
            gsi1sk=job.id,
            id=job.id,
            kind=job.kind.value,
            status=job.status.value,
            created_by=job.created_by,
            asked_by=job.asked_by,
            session=job.session or None,
            request_id=job.request_id,
            created_at=job.created_at,
            finished_at=job.finished_at or None,
            error=job.error or None,
            about=_text(job.about),
            plan=_text(job.plan),
            place=_text(job.place),
            counts=_text(job.counts),
            step=job.step,
            moved_by=job.moved_by,
            expires_at=_forgotten(),
        )
        return item


def begin(
    kind: Kind,
    *,
    plan: JsonObject | None = None,
    about: JsonObject | None = None,
    counts: Counts | None = None,
    job_id: str = "",
    waits: bool = False,
) -> Job:
    """Begin a job in the current unit of work; its record, once on the bus, sends it to the worker.

    Nothing is sent inside the request: the record's ``status_code`` is ``accepted`` and it names the job.

    Parameters
    ----------
    kind
        What is to be done.
    plan
        What the worker needs to know; JSON. It may be personal: it goes when the job is over.
    about
        What else is kept with the job for its clients, and nothing personal.
    counts
        What its progress begins with.
    job_id
        A new UUIDv7 without one.
    waits
        Whether it is not sent yet, but by `Jobs.start`.
    """
    work = unit()
    job = Job(
        id=job_id or clock.uuid7(),
        kind=kind,
        status=Status.WAITING if waits else Status.QUEUED,
        created_by=work.actor.member,
        created_at=clock.rfc3339(clock.now()),
        about=about or {},
        plan=plan or {},
        counts=counts or {},
        moved_by=work.uid,
        **_asking(),
    )
    Jobs(work.tenant).add(job)
    if not waits:
        work.happening.status_code = "accepted"
    return job


def jobs_of_tenant() -> Jobs:
    """The jobs of the tenant that is calling."""
    return Jobs(current_tenant())


def _asking() -> dict[str, Any]:
    """Who acts now, and by which request: the job will run on behalf of that."""
    work = unit()
    return {
        "asked_by": work.actor.member,
        "session": work.actor.session,
        "request_id": work.happening.request_id,
    }


def _over(status: Status, error: str = "") -> JsonObject:
    return {"status": status, "error": error, "finished_at": clock.rfc3339(clock.now()), "plan": {}, "place": {}}


def _forgotten() -> int:
    return clock.epoch() + KEPT_DAYS * 86_400


def _sum(counts: Counts, more: Counts) -> Counts:
    return {name: counts.get(name, 0) + more.get(name, 0) for name in (*counts, *(n for n in more if n not in counts))}


def _before(moment: datetime, months: int) -> str:
    for _ in range(months):
        moment = moment.replace(day=1) - timedelta(days=1)
    return f"{moment:%Y-%m}"
