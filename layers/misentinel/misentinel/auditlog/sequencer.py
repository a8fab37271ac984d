"""The sequencer: gives each record its place in its tenant's log."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from misentinel import clock
from misentinel.auditlog.model import Arrival, Head, Placed, epoch_ms_of, in_transactions, request_of
from misentinel.auditlog.store import Log, NotAppendedError

ATTEMPTS = 8
"""Fruitless attempts at one transaction before giving up; the stream or the sweep comes again."""

WAIT_SECONDS = 0.02
"""The first wait after a fruitless attempt; it doubles."""


class ContendedError(RuntimeError):
    """Others kept moving the head; nothing is lost, the records stay in the inbox."""


@dataclass(frozen=True, slots=True)
class Sequenced:
    """What a run did: how many records it placed, the oldest one's wait in milliseconds, and what it placed."""

    count: int = 0
    lag_ms: int = 0
    placed: tuple[Placed, ...] = ()

    def told(self) -> dict[str, Any]:
        """What a log line says of it: where records went, and of which requests, so that each is followed so far."""
        requests = sorted({request for each in self.placed if (request := request_of(json.loads(each.entry.record)))})
        return {"first": min((each.entry.index for each in self.placed), default=-1), "request_ids": requests}


def sequence(log: Log, arrivals: Iterable[Arrival]) -> Sequenced:
    """Give records their places, in the order of their uids; those that have one already are left out.

    Raises
    ------
    ContendedError
        The head moved at every attempt.
    """
    placed: list[Placed] = []
    head: Head | None = None
    for portion in in_transactions(arrivals):
        done, head = _place(log, portion, head or log.head())
        placed += done
    now = clock.epoch_ms()
    oldest = min((epoch_ms_of(each.entry.uid) for each in placed), default=now)
    return Sequenced(len(placed), max(0, now - oldest), tuple(placed))


def _place(log: Log, portion: list[Arrival], head: Head) -> tuple[list[Placed], Head]:
    """Place what of a portion is still in the inbox; what was placed and the head after it."""
    attempt = 0
    contexts = {each.uid: each.context for each in portion}
    while portion:
        entries = [each.at(head.size + place, head.size) for place, each in enumerate(portion)]
        try:
            log.append(entries, contexts, head.size)
        except NotAppendedError as error:
            portion = [each for each in portion if each.uid not in error.gone]
            if not error.gone:
                attempt += 1
                if attempt == ATTEMPTS:
                    message = f"{len(portion)} records not placed in {ATTEMPTS} attempts"
                    raise ContendedError(message) from error
                time.sleep(clock.jitter(WAIT_SECONDS * 2**attempt))
            head = log.head()
        else:
            placed = [Placed(entry, contexts[entry.uid]) for entry in entries]
            return placed, Head(head.size + len(portion), head.published, head.sealed)
    return [], head
