"""Running jobs: portion after portion, each a transaction with its record, until it is over or time is up."""

import time
from collections.abc import Callable, Mapping

from misentinel import clock
from misentinel.access import Role, find_member, permissions_of
from misentinel.access.store import ACTIVE
from misentinel.audit import JOB_WRITES, Outcome, unit_of_work
from misentinel.errors import Conflict, NotFound, OutcomeUnknown, PreconditionFailed, Refusal
from misentinel.jobs.model import ACTIONS, NO_LONGER_PERMITTED, Job, Kind, Status, Step
from misentinel.jobs.store import Jobs
from misentinel.observability import logger
from misentinel.tenancy import acting_as

ROWS_A_SECOND = 400
"""Rows that one job writes a second at most.

A partition takes 1,000 write units a second (DynamoDB, Designing partition keys), a write inside a transaction is two
for each KB, and a tag that all rows of a file share lies in one partition.
"""

TRIES = 8
"""How often a portion is tried that others got in the way of."""

FIRST_WAIT = 0.05
"""Seconds; each further wait is up to twice the last, with full jitter."""

KNOWN_MS = 10_000
"""A portion goes by what the member may do as it was read at most so long before it began.

A removal or another role stops a job within moments, and costs it one read for some hundred rows' writes.
"""

Portion = Callable[[Job], Step]
"""Adds the writes of a portion to the current unit of work, as many as it has room for."""

Task = Callable[[Job], Portion]
"""Begins or resumes a job where it is; what it returns may keep what it read ahead."""


def run(
    tenant: str,
    job_id: str,
    tasks: Mapping[Kind, Task],
    *,
    until_ms: int,
    deadline_ms: int | None = None,
    rows_a_second: int = ROWS_A_SECOND,
) -> bool:
    """Do a job's portions until it is over.

    Parameters
    ----------
    tasks
        What does each kind's portions.
    until_ms
        No portion begins after this, in milliseconds since the epoch.
    deadline_ms
        When the function's time is up.
    rows_a_second
        Rows that are written a second at most; nothing is no limit.

    Returns
    -------
    bool
        Whether there is nothing left to do here: the job is over, gone, or another worker's.
    """
    with acting_as(tenant):
        try:
            runner = _Runner(tenant, Jobs(tenant).find(job_id), tasks, deadline_ms)
        except NotFound:
            return True
        while runner.is_to_go_on():
            if clock.epoch_ms() >= until_ms:
                runner.tell()
                return False
            began = time.monotonic()
            rows = runner.portion()
            if rows_a_second:
                time.sleep(max(0.0, rows / rows_a_second - (time.monotonic() - began)))
        runner.tell()
        return True


class _Runner:
    """One worker's turn at a job."""

    def __init__(self, tenant: str, job: Job, tasks: Mapping[Kind, Task], deadline_ms: int | None) -> None:
        self._tenant = tenant
        self._jobs = Jobs(tenant)
        self._job = job
        self._task = tasks[job.kind]
        self._deadline_ms = deadline_ms
        self._portion: Portion | None = None
        self._permitted_ms = 0
        self._others = False
        self._unit = ""

    def is_to_go_on(self) -> bool:
        """Whether the job has more for this worker to do."""
        return not self._others and self._job.status in {Status.QUEUED, Status.RUNNING}

    def tell(self) -> None:
        """One line for a worker's turn."""
        logger.info(
            "turn over",
            request_id=self._job.request_id,
            step=self._job.step,
            status=self._job.status.value,
            others=self._others,
        )

    def portion(self) -> int:
        """Do one portion, again if others wrote the same things; returns the rows that it wrote.

        Raises
        ------
        Refusal
            It did not come to pass after all tries; the job is where it was.
        """
        last: Refusal = Conflict()
        for attempt in range(TRIES):
            if attempt:
                time.sleep(clock.jitter(FIRST_WAIT * 2**attempt))
            try:
                return self._commit()
            except (Conflict, PreconditionFailed, OutcomeUnknown) as refusal:
                # What was read ahead may not hold any more.
                self._portion = None
                if self._moved():
                    return 0
                last = refusal
        raise last

    def _commit(self) -> int:
        with unit_of_work(
            self._tenant,
            ACTIONS[self._job.kind],
            actor=self._job.actor,
            request_id=self._job.request_id,
            deadline_ms=self._deadline_ms,
            max_writes=JOB_WRITES,
        ) as work:
            work.touch("job", self._job.id)
            with work.keeping_room(1):
                step = self._step() if self._is_permitted() else Step({}, error=NO_LONGER_PERMITTED)
            work.happening.count = step.counts.get("rows", 0)
            if step.error:
                work.happening.outcome, work.happening.status_code = Outcome.FAILURE, step.error
            self._unit = work.uid
            moved = self._jobs.advance(self._job, step)
        self._job = moved
        if step.afterwards is not None:
            step.afterwards()
        return step.paced

    def _step(self) -> Step:
        if self._portion is None:
            self._portion = self._task(self._job)
        return self._portion(self._job)

    def _is_permitted(self) -> bool:
        """Whether whoever asked for the job may still do so; a deletion is always done in full.

        A session that ended is no reason to stop: a job may take longer than one.
        """
        now = clock.epoch_ms()
        if self._job.kind is Kind.DELETION or now < self._permitted_ms + KNOWN_MS:
            return True
        member = find_member(self._tenant, self._job.asked_by)
        if member is None or member.status != ACTIVE or not self._job.needs <= permissions_of(Role(member.role)):
            return False
        self._permitted_ms = now
        return True

    def _moved(self) -> bool:
        """Whether the job is not where it was read: it is another worker's, cancelled, or by this one's unheard commit."""
        now = self._jobs.find(self._job.id)
        moved = now.step != self._job.step
        self._others = moved and now.moved_by != self._unit
        self._job = now
        return moved
