"""A record's place in its tenant's log, and the keys by which it is found there; pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import RFC_4122, UUID

from misentinel.audit.model import MAX_RECORD_BYTES, canonical
from misentinel.clock import rfc3339

PARTITION_RECORDS = 4096
"""Records in one partition of the log: no partition grows without bound."""

TRANSACTION_RECORDS = 33
"""Records in one transaction: two puts and a delete each, and the head, of DynamoDB's 100 actions."""

TRANSACTION_BYTES = 3_500_000
"""Bytes in one transaction, under DynamoDB's 4 MB for all items that it touches."""

CONTEXT_KEPT = timedelta(days=90)
"""How long a record's context is kept."""

KEY_LENGTH = 512
"""Ids longer than this are not indexed; DynamoDB takes 2,048 bytes in a partition key."""

_ITEM_OVERHEAD = 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnreadableRecordError(ValueError):
    """What stands in an inbox is no record; ``uid`` says which, ``reason`` why. It holds nothing of its content."""

    def __init__(self, uid: str, reason: str) -> None:
        super().__init__(f"{uid}: {reason}")
        self.uid = uid
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Head:
    """How far a log is: records with a place, records on the bus, records under a signed checkpoint."""

    size: int = 0
    published: int = 0
    sealed: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in its place: its canonical text with ``metadata.sequence``, and its index keys.

    ``actor_month`` and ``resource_month`` are ``None`` where the record names nobody or nothing.
    """

    index: int
    uid: str
    record: str
    day: str
    time_key: str
    actor_month: str | None
    resource_month: str | None


@dataclass(frozen=True, slots=True)
class Placed:
    """A record in its place, with its context (JSON text, or nothing)."""

    entry: Entry
    context: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record without a place yet, read and found to be one."""

    uid: str
    event: Mapping[str, Any]
    context: str
    nbytes: int

    def at(self, index: int) -> Entry:
        """The record in this place."""
        event = {**self.event, "metadata": {**self.event["metadata"], "sequence": index}}
        moment = moment_of(self.uid)
        month = f"{moment:%Y-%m}"
        actor, resource = actor_of(event), resource_of(event)
        return Entry(
            index=index,
            uid=self.uid,
            record=canonical(event),
            day=f"{moment:%Y-%m-%d}",
            time_key=time_key(moment, index),
            actor_month=f"{actor}#{month}" if actor else None,
            resource_month=f"{resource}#{month}" if resource else None,
        )


def arrival(tenant: str, uid: str, record: str, context: str) -> Arrival:
    """Read what stands in a tenant's inbox.

    Raises
    ------
    UnreadableRecordError
        It is not JSON, over 64 KiB, not this tenant's, or its uid is no UUIDv7.
    """
    nbytes = len(record.encode())
    if nbytes > MAX_RECORD_BYTES:
        raise UnreadableRecordError(uid, f"{nbytes} bytes, more than {MAX_RECORD_BYTES}")
    try:
        moment_of(uid)
        event, kept = json.loads(record), json.loads(context or "{}")
        named = event["metadata"]["uid"], event["metadata"]["tenant_uid"]
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableRecordError(uid, type(error).__name__) from error
    if named != (uid, tenant) or not isinstance(kept, dict):
        raise UnreadableRecordError(uid, "its uid, its tenant or its context is not what it should be")
    return Arrival(uid, event, context if kept else "", nbytes)


def in_transactions(arrivals: Iterable[Arrival]) -> Iterator[list[Arrival]]:
    """Arrivals in the order of their uids, each once, in portions that one transaction takes."""
    portion: list[Arrival] = []
    room = TRANSACTION_BYTES
    unique = {each.uid: each for each in arrivals}
    for _, each in sorted(unique.items()):
        needed = 2 * (each.nbytes + _ITEM_OVERHEAD) + len(each.context.encode())
        if portion and (len(portion) == TRANSACTION_RECORDS or needed > room):
            yield portion
            portion, room = [], TRANSACTION_BYTES
        portion.append(each)
        room -= needed
    if portion:
        yield portion


def moment_of(uid: str) -> datetime:
    """When a record was made: the milliseconds in its UUIDv7 (RFC 9562, section 5.7).

    Raises
    ------
    ValueError
        Not a UUIDv7 in its usual lower-case form.
    """
    value = UUID(uid)
    if value.version != 7 or value.variant != RFC_4122 or str(value) != uid:  # noqa: PLR2004 - the 7 of UUIDv7
        message = "not a UUIDv7"
        raise ValueError(message)
    return _EPOCH + timedelta(milliseconds=value.int >> 80)


def epoch_ms_of(uid: str) -> int:
    """When a record was made, in milliseconds since the epoch."""
    return UUID(uid).int >> 80


def time_key(moment: datetime, index: int) -> str:
    """The sort key of all indexes: by time, then by place; unique in a log."""
    return f"{rfc3339(moment)}#{index:012d}"


def index_of(key: str) -> int:
    """The place that a `time_key` names."""
    return int(key.rpartition("#")[2])


def record_keys(index: int) -> tuple[str, str]:
    """The keys of the record in this place."""
    return f"records#{index // PARTITION_RECORDS:010d}", f"{index:012d}"


def context_expiry(uid: str) -> int:
    """When a record's context goes, in seconds since the epoch; the same however often it is written."""
    return int((moment_of(uid) + CONTEXT_KEPT).timestamp())


def actor_of(event: Mapping[str, Any]) -> str | None:
    """Who did it, as the index by actor names them: the member's id, or the part of the system."""
    actor = event.get("actor") or {}
    return _indexable((actor.get("user") or {}).get("uid") or actor.get("app_uid") or actor.get("app_name"))


def request_of(event: Mapping[str, Any]) -> str | None:
    """The id of the request that led to it."""
    return ((event.get("api") or {}).get("request") or {}).get("uid")


def resource_of(event: Mapping[str, Any]) -> str | None:
    """What was touched first, as ``type:uid``; the class of the log's own use keeps it among the unmapped."""
    resources = event.get("resources") or (event.get("unmapped") or {}).get("resources") or [{}]
    kind, uid = resources[0].get("type"), resources[0].get("uid")
    return _indexable(f"{kind}:{uid}") if kind and uid else None


def _indexable(key: str | None) -> str | None:
    return key if key and len(key) <= KEY_LENGTH else None
