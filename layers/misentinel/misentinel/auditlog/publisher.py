"""The publisher: puts what is sequenced on the bus, in order, at least once."""

import time
from collections.abc import Iterable, Iterator, Sequence

from misentinel import clock
from misentinel.auditlog.model import Entry, epoch_ms_of
from misentinel.auditlog.store import Log
from misentinel.settings import settings
from misentinel.tenancy import as_function, aws

SOURCE, DETAIL_TYPE = "misentinel", "AuditRecord"

REQUEST_ENTRIES = 10
"""Entries in one PutEvents request."""

REQUEST_BYTES = 256 * 1024
"""Bytes in one PutEvents request, all its entries together (Amazon EventBridge User Guide, PutEvents)."""

PAGE = 100
"""Records read, put and then noted as published together."""

RUN_RECORDS = 1000
"""Records that one run publishes; the next sweep goes on."""

ATTEMPTS = 5
"""How often a failed entry is put again in one run."""

WAIT_SECONDS = 0.05
"""The first wait before failed entries are put again; it doubles."""


class NotPublishedError(RuntimeError):
    """The bus refused entries to the end; they stay unpublished, and the sweep comes again."""


def publish(log: Log, *, limit: int = RUN_RECORDS, until_ms: int | None = None) -> int:
    """Put a log's unpublished records on the bus and note how far it came; returns how many.

    A run that dies in between leaves records published and not noted: they are put again, so listeners know a
    record by its uid. ``until_ms`` leaves out records made since then (milliseconds since the epoch), so that a
    sweep does not repeat what the sequencer is about to publish.

    Raises
    ------
    NotPublishedError
        Some entry failed at every attempt; what came before it is noted.
    """
    published = 0
    while published < limit:
        head = log.head()
        stop = min(head.size, head.published + min(PAGE, limit - published))
        entries = _settled(log.between(head.published, stop), until_ms)
        if not entries:
            break
        contexts = log.contexts(entry.uid for entry in entries)
        done = _put([detail(entry, contexts.get(entry.uid)) for entry in entries])
        if done:
            log.move_published(head.published + done)
            published += done
        if done < len(entries):
            message = f"{len(entries) - done} records not published"
            raise NotPublishedError(message)
    return published


def detail(entry: Entry, context: str | None) -> str:
    """What a listener gets of a record: ``record`` and, if it is kept, ``context``; both are JSON already."""
    text = f'{{"context":{context or "null"},"record":{entry.record}}}'
    if _size(text) > REQUEST_BYTES:
        return f'{{"context":null,"record":{entry.record}}}'
    return text


def in_requests(details: Iterable[str]) -> Iterator[list[int]]:
    """The positions of details, in portions that one PutEvents request takes."""
    portion: list[int] = []
    room = REQUEST_BYTES
    for position, text in enumerate(details):
        size = _size(text)
        if portion and (len(portion) == REQUEST_ENTRIES or size > room):
            yield portion
            portion, room = [], REQUEST_BYTES
        portion.append(position)
        room -= size
    if portion:
        yield portion


def _size(text: str) -> int:
    return len(text.encode()) + len(SOURCE) + len(DETAIL_TYPE)


def _settled(entries: Sequence[Entry], until_ms: int | None) -> Sequence[Entry]:
    if until_ms is None:
        return entries
    fresh = (place for place, entry in enumerate(entries) if epoch_ms_of(entry.uid) > until_ms)
    return entries[: next(fresh, len(entries))]


def _put(details: Sequence[str]) -> int:
    """Put details on the bus, failed ones again; how many were taken before the first that was not."""
    left = list(range(len(details)))
    for attempt in range(ATTEMPTS):
        failed: list[int] = []
        for portion in in_requests([details[place] for place in left]):
            failed += _refused([(left[position], details[left[position]]) for position in portion])
        if not failed:
            return len(details)
        left = failed
        time.sleep(clock.jitter(WAIT_SECONDS * 2**attempt))
    return left[0]


def _refused(entries: Sequence[tuple[int, str]]) -> list[int]:
    """Put one request's entries on the bus as the function itself; the places of those it refused."""
    bus = settings().event_bus_name
    request = [
        {"EventBusName": bus, "Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": text} for _, text in entries
    ]
    with as_function():
        answer = aws("events").put_events(Entries=request)
    return [place for (place, _), result in zip(entries, answer["Entries"], strict=True) if result.get("ErrorCode")]
