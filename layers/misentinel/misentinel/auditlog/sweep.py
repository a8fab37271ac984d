"""The sweep: what the stream did not bring, or a run left half done, is sequenced and published."""

import contextvars
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched

from pynamodb.exceptions import PynamoDBException

from misentinel import clock
from misentinel.auditlog.metrics import count_published, count_sequenced, count_unreadable, count_waiting
from misentinel.auditlog.model import Placed, UnreadableRecordError, epoch_ms_of
from misentinel.auditlog.publisher import publish
from misentinel.auditlog.sequencer import sequence
from misentinel.auditlog.store import Log, Waiting
from misentinel.auditlog.stream import read
from misentinel.observability import error_name, frames, logger
from misentinel.tenancy import PLATFORM, Authority, Registry, Status, Tenant, acting_as

SETTLED_MS = 5_000
"""Records younger than this are the stream's; the sweep leaves them alone."""

WORKERS = 16
"""Tenants swept at a time."""

PORTION = 330
"""Records of one inbox sorted and sequenced together: ten transactions."""

RUN_RECORDS = 3_300
"""Records that one sweep takes from one inbox, and publishes of one log; the next sweep goes on."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found and did."""

    waiting: int = 0
    sequenced: int = 0
    lag_ms: int = 0
    published: int = 0
    unreadable: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(
            self.waiting + other.waiting,
            self.sequenced + other.sequenced,
            max(self.lag_ms, other.lag_ms),
            self.published + other.published,
            self.unreadable + other.unreadable,
        )


def sweep() -> Swept:
    """Sweep every workspace and the platform, several at a time; one that fails does not stop the others.

    Raises
    ------
    ExceptionGroup
        What failed, by workspace, after all were swept.
    """
    with ThreadPoolExecutor(WORKERS) as workers:
        runs = {
            tenant: workers.submit(contextvars.copy_context().run, _sweep_if_there, tenant, ready)
            for tenant, ready in _tenants()
        }
    total, errors = Swept(), list[BaseException]()
    for tenant, run in runs.items():
        error = run.exception()
        if error is None:
            total += run.result()
        else:
            logger.error(
                "a log could not be swept",
                tenant=tenant,
                error=error_name(error),
                frames=frames(error.__traceback__),
            )
            errors.append(error)
    _count(total)
    if errors:
        message = f"{len(errors)} logs could not be swept"
        raise BaseExceptionGroup(message, errors)
    return total


def sweep_tenant(tenant: str) -> Swept:
    """Sequence what waits in one inbox and publish what is unpublished in its log; what is no record stays."""
    settled = clock.epoch_ms() - SETTLED_MS
    with acting_as(tenant, Authority.LOG):
        log = Log(tenant)
        total, placed = Swept(), list[Placed]()
        for portion in batched(_settled(log.waiting(), settled), PORTION, strict=False):
            arrivals, unreadable = read(tenant, portion)
            _report(tenant, unreadable)
            done = sequence(log, arrivals)
            placed += done.placed
            if done.count:
                logger.info("records placed", tenant=tenant, **done.told())
            total += Swept(len(portion), done.count, done.lag_ms, unreadable=len(unreadable))
            if total.waiting >= RUN_RECORDS:
                break
        return total + Swept(published=publish(log, placed, limit=RUN_RECORDS, until_ms=settled))


def _tenants() -> Iterable[tuple[str, bool]]:
    """The platform and every workspace, and whether its tables must be there."""
    yield PLATFORM, True
    tenant: Tenant
    for tenant in Registry().all():
        yield tenant.id, tenant.status is Status.ACTIVE


def _sweep_if_there(tenant: str, ready: bool) -> Swept:  # noqa: FBT001 - submitted with positional arguments
    """Sweep a workspace; one that is still being made may have no tables yet."""
    try:
        return sweep_tenant(tenant)
    except PynamoDBException as error:
        if not ready and error.cause_response_code == "ResourceNotFoundException":
            return Swept()
        raise


def _settled(waiting: Iterable[Waiting], until_ms: int) -> Iterable[Waiting]:
    for each in waiting:
        try:
            fresh = epoch_ms_of(each.uid) > until_ms
        except ValueError:
            fresh = False
        if not fresh:
            yield each


def _report(tenant: str, unreadable: Iterable[UnreadableRecordError]) -> None:
    for error in unreadable:
        logger.error("not a record", tenant=tenant, record=error.uid, reason=error.reason)


def _count(total: Swept) -> None:
    count_waiting(total.waiting)
    count_sequenced(total.sequenced, total.lag_ms)
    count_published(total.published)
    if total.unreadable:
        count_unreadable(total.unreadable)
