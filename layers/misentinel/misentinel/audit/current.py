"""The unit of work that runs now: where stores find it, and how it is opened outside the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from misentinel import clock
from misentinel.audit.model import Action, Actor, Happening
from misentinel.audit.unit import MAX_WRITES, Unit
from misentinel.errors import Refusal
from misentinel.tenancy import acting_as

_current: ContextVar[Unit | None] = ContextVar("unit", default=None)


def unit() -> Unit:
    """The unit of work that runs now; stores add their writes to it.

    Raises
    ------
    RuntimeError
        There is none.
    """
    current = _current.get()
    if current is None:
        message = "there is no unit of work here"
        raise RuntimeError(message)
    return current


@contextmanager
def working(on: Unit) -> Iterator[Unit]:
    """Make a unit of work the current one; the caller commits or refuses it."""
    token = _current.set(on)
    try:
        yield on
    finally:
        _current.reset(token)


@contextmanager
def unit_of_work(
    tenant: str,
    action: str,
    *,
    actor: Actor,
    request_id: str = "",
    count: int = 0,
    deadline_ms: int | None = None,
    max_writes: int = MAX_WRITES,
) -> Iterator[Unit]:
    """A unit of work outside the API's wrapper: commits at the end, records the failure of what raised.

    Parameters
    ----------
    tenant
        In whose log the record belongs.
    action
        The dotted name of what is done, e.g. ``workspaces.provision``.
    actor
        Who does it: a part of the system (``Actor(app="provisioner")``), or the member on whose behalf a job runs.
    request_id
        The request that led to it; a new id without one.
    count
        OCSF ``count``: of how many alike this one record speaks.
    deadline_ms
        When the function's time is up, in milliseconds since the epoch.
    max_writes
        `JOB_WRITES` for a job's transactions.
    """
    happening = Happening(
        tenant=tenant,
        action=Action(action),
        request_id=request_id or clock.uuid7(),
        actor=actor,
        count=count,
    )
    current = Unit(happening, deadline_ms=deadline_ms, max_writes=max_writes)
    with acting_as(tenant), working(current), current.watched():
        try:
            yield current
            current.commit()
        except Refusal as refusal:
            current.refuse(refusal.code)
            raise
        except Exception:
            current.refuse("internal")
            raise
