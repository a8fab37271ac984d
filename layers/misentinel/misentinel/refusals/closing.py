"""Closing minutes: what was counted in them becomes records."""

import contextvars
from concurrent.futures import ThreadPoolExecutor

from misentinel import clock
from misentinel.audit import Action, Happening, Outcome, Unit
from misentinel.errors import Conflict
from misentinel.observability import MetricUnit, metrics
from misentinel.refusals import counters
from misentinel.refusals.counters import Counter
from misentinel.refusals.model import Refused, minute_of
from misentinel.tenancy import PLATFORM, acting_as

SETTLED_SECONDS = 120
"""A minute is closed this long after its end; what comes later still is recorded apart."""

WORKERS = 8
"""Counters closed at a time."""

RUN_COUNTERS = 5_000
"""Counters that one run closes; the next one goes on."""

OK = "ok"
"""How an attempt ends that was not refused."""


def close_minutes() -> None:
    """Record what was counted in minutes that are over, each counter once, in the platform's log.

    Raises
    ------
    ExceptionGroup
        Some counters could not be closed; the next run finds them again.
    """
    with acting_as(PLATFORM), ThreadPoolExecutor(WORKERS) as workers:
        until = minute_of(clock.epoch() - SETTLED_SECONDS)
        runs = [
            workers.submit(contextvars.copy_context().run, _close, refused, attempts)
            for refused, attempts in counters.before(until, RUN_COUNTERS)
        ]
    errors = [error for run in runs if (error := run.exception()) is not None]
    recorded = sum(run.result() for run in runs if run.exception() is None)
    metrics.add_metric("RefusalsRecorded", MetricUnit.Count, recorded)
    if errors:
        message = f"{len(errors)} counters could not be closed"
        raise BaseExceptionGroup(message, errors)


def _close(refused: Refused, attempts: int) -> int:
    """Delete a counter and put its record, in one transaction; one that moved or is gone is left alone.

    Returns
    -------
    int
        Of how many attempts the record speaks.
    """
    happening = Happening(
        tenant=PLATFORM,
        action=Action(refused.operation),
        request_id=clock.uuid7(),
        address_hash=refused.address,
        outcome=Outcome.SUCCESS if refused.code == OK else Outcome.FAILURE,
        status_code=refused.code,
        count=attempts,
        time_ms=refused.started_ms,
    )
    unit = Unit(happening)
    unit.delete(counters.counter_of(refused), condition=Counter.attempts == attempts)
    try:
        unit.commit()
    except Conflict:
        return 0
    return attempts
