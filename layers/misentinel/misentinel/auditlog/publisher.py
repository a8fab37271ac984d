"""The publisher: puts what is sequenced on the bus, in order, at least once."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from misentinel import clock
from misentinel.auditlog.model import Placed, epoch_ms_of
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


def publish(
    log: Log,
    placed: Iterable[Placed] = (),
    *,
    limit: int = RUN_RECORDS,
    until_ms: int | None = None,
) -> int:
    """Put a log's unpublished records on the bus and note how far it came; returns how many.

    A run that dies in between leaves records published and not noted: they are put again, so listeners know a
    record by its uid. What the caller has just ``placed`` is not read again. ``until_ms`` leaves out records made since then (milliseconds since the epoch), so that a
    sweep does not repeat what the sequencer is about to publish.

    Raises
    ------
    NotPublishedError
        Some entry failed at every attempt; what came before it is noted.
    """
    at_hand = {each.entry.index: each for each in placed}
    published = 0
    while published < limit:
        head = log.head()
        stop = min(head.size, head.published + min(PAGE, limit - published))
        page = _settled(_between(log, head.published, stop, at_hand), until_ms)
        done = _put([detail(each) for each in page])
        if done:
            log.move_published(head.published + done)
            published += done
        if done < len(page):
            message = f"{len(page) - done} records not published"
            raise NotPublishedError(message)
        if stop == head.size or head.published + done < stop:
            break
    return published


def detail(placed: Placed) -> str:
    """What a listener gets of a record: ``record`` and, if it is kept, ``context``; both are JSON already."""
    return f'{{"context":{placed.context or "null"},"record":{placed.entry.record}}}'


def _between(log: Log, start: int, stop: int, at_hand: Mapping[int, Placed]) -> list[Placed]:
    """The records from ``start`` up to ``stop``: those at hand, or read from the log if one of them is not."""
    if all(index in at_hand for index in range(start, stop)):
        return [at_hand[index] for index in range(start, stop)]
    entries = log.between(start, stop)
    contexts = log.contexts(entries)
    return [Placed(entry, contexts.get(entry.index, "")) for entry in entries]


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


def _settled(page: Sequence[Placed], until_ms: int | None) -> Sequence[Placed]:
    if until_ms is None:
        return page
    fresh = (place for place, each in enumerate(page) if epoch_ms_of(each.entry.uid) > until_ms)
    return page[: next(fresh, len(page))]


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
