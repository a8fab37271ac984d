"""A record's place in its tenant's log, and the keys by which it is found there; pure."""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import RFC_4122, UUID

from misentinel.audit.model import MAX_RECORD_BYTES, canonical
from misentinel.audit.packing import UnreadablePackError, unpacked
from misentinel.clock import rfc3339

PARTITION_RECORDS = 4096
"""Records in one partition of the log: no partition grows without bound."""

TRANSACTION_ACTIONS = 100
"""DynamoDB's limit: a put and a delete for each record, a mark for each minute, the contexts and the head."""

TRANSACTION_RECORDS = 48
"""Records in one transaction, where they are of two minutes at most."""

TRANSACTION_BYTES = 3_500_000
"""Bytes in one transaction, under DynamoDB's 4 MB for all items that it touches."""

CONTEXT_KEPT = timedelta(days=90)
"""How long a record's context is kept."""

MAX_CONTEXT_BYTES = 4096
"""A longer context is not kept: those of one transaction share an item, which holds 400 KB."""

CONTEXTS = "contexts"
"""The sort key of contexts that lie together."""

KEY_LENGTH = 512
"""Ids longer than this are not indexed; DynamoDB takes 2,048 bytes in a partition key."""

MINUTE_MS = 60_000

_ITEM_OVERHEAD = 1024
_HEAD_AND_CONTEXTS = 2
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

    ``contexts_at`` is the place of the first record that got its place together with this one: their contexts lie
    together. ``actor_month`` and ``resource_month`` are ``None`` where the record names nobody or nothing.
    """

    index: int
    uid: str
    record: str
    contexts_at: int
    time_key: str
    actor_month: str | None
    resource_month: str | None


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the records of one minute lie that got their places together: by it they are found by their time.

    ``moments`` are their times in milliseconds since the epoch, in the order of their places, which follow each other
    from ``first`` on.
    """

    first: int
    moments: tuple[int, ...]
    contexts_at: int

    @property
    def keys(self) -> tuple[str, str]:
        """Its partition, a day, and its sort key: the minute, then the place."""
        return mark_keys(_at(self.moments[0]), self.first)

    @property
    def packed_moments(self) -> bytes:
        """The milliseconds of each record into the minute, in two bytes each."""
        return struct.pack(f">{len(self.moments)}H", *(each % MINUTE_MS for each in self.moments))


def mark_of(pk: str, sk: str, moments: bytes, contexts_at: int) -> Mark:
    """The mark that an item holds."""
    minute, _, first = sk.partition("#")
    begin = datetime.fromisoformat(f"{pk.removeprefix('marks#')}T{minute}:00Z")
    epoch = int(begin.timestamp()) * 1000
    offsets = struct.unpack(f">{len(moments) // 2}H", moments)
    return Mark(int(first), tuple(epoch + each for each in offsets), contexts_at)


def marks_of(entries: Iterable[Entry]) -> list[Mark]:
    """The marks of records that get their places together, in the order of their uids."""
    return [
        Mark(portion[0].index, tuple(epoch_ms_of(each.uid) for each in portion), portion[0].contexts_at)
        for portion in (list(each) for _, each in groupby(entries, lambda entry: epoch_ms_of(entry.uid) // MINUTE_MS))
    ]


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

    def at(self, index: int, contexts_at: int) -> Entry:
        """The record in this place, beside those that begin at ``contexts_at``."""
        event = {**self.event, "metadata": {**self.event["metadata"], "sequence": index}}
        moment = moment_of(self.uid)
        month = f"{moment:%Y-%m}"
        actor, resource = actor_of(event), resource_of(event)
        return Entry(
            index=index,
            uid=self.uid,
            record=canonical(event),
            contexts_at=contexts_at,
            time_key=time_key(moment, index),
            actor_month=f"{actor}#{month}" if actor else None,
            resource_month=f"{resource}#{month}" if resource else None,
        )


def arrival(tenant: str, uid: str, record: bytes, context: bytes) -> Arrival:
    """Read what stands in a tenant's inbox.

    Raises
    ------
    UnreadableRecordError
        It is not packed JSON, over 64 KiB, not this tenant's, or its uid is no UUIDv7.
    """
    try:
        moment_of(uid)
        text = unpacked(record, MAX_RECORD_BYTES)
        event = json.loads(text)
        named = event["metadata"]["uid"], event["metadata"]["tenant_uid"]
    except UnreadablePackError as error:
        raise UnreadableRecordError(uid, str(error)) from error
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableRecordError(uid, type(error).__name__) from error
    if named != (uid, tenant):
        raise UnreadableRecordError(uid, "its uid or its tenant is not what it should be")
    return Arrival(uid, event, _kept(uid, context), len(text.encode()))


def _kept(uid: str, context: bytes) -> str:
    """The context that is kept: one that is too long is not."""
    try:
        text = unpacked(context, MAX_CONTEXT_BYTES) if context else ""
    except UnreadablePackError:
        return ""
    try:
        kept = json.loads(text or "{}")
    except ValueError as error:
        raise UnreadableRecordError(uid, type(error).__name__) from error
    if not isinstance(kept, dict):
        raise UnreadableRecordError(uid, "its context is not what it should be")
    return text if kept else ""


def in_transactions(arrivals: Iterable[Arrival]) -> Iterator[list[Arrival]]:
    """Arrivals in the order of their uids, each once, in portions that one transaction takes."""
    portion: list[Arrival] = []
    minutes = set[int]()
    nbytes = 0
    unique = {each.uid: each for each in arrivals}
    for _, each in sorted(unique.items()):
        minutes.add(epoch_ms_of(each.uid) // MINUTE_MS)
        nbytes += 2 * (each.nbytes + _ITEM_OVERHEAD) + len(each.context.encode())
        actions = 2 * len(portion) + 2 + len(minutes) + _HEAD_AND_CONTEXTS
        full = len(portion) == TRANSACTION_RECORDS or actions > TRANSACTION_ACTIONS or nbytes > TRANSACTION_BYTES
        if portion and full:
            yield portion
            portion, minutes = [], {epoch_ms_of(each.uid) // MINUTE_MS}
            nbytes = 2 * (each.nbytes + _ITEM_OVERHEAD) + len(each.context.encode())
        portion.append(each)
    if portion:
        yield portion


def moment_of(uid: str) -> datetime:
    """When a record was made: the milliseconds in its UUIDv7 (RFC 9562, section 5.7).

    Raises
    ------
    ValueError
        Not a UUIDv7 in its usual lower-case form, or of a year after 9999.
    """
    value = UUID(uid)
    if value.version != 7 or value.variant != RFC_4122 or str(value) != uid:  # noqa: PLR2004 - the 7 of UUIDv7
        message = "not a UUIDv7"
        raise ValueError(message)
    try:
        return _at(value.int >> 80)
    except OverflowError:
        message = "of a year after 9999"
        raise ValueError(message) from None


def _at(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def epoch_ms_of(uid: str) -> int:
    """When a record was made, in milliseconds since the epoch."""
    return UUID(uid).int >> 80


def time_key(moment: datetime, index: int) -> str:
    """The sort key of the indexes: by time, then by place; unique in a log."""
    return f"{rfc3339(moment)}#{index:012d}"


def index_of(key: str) -> int:
    """The place that a `time_key` names."""
    return int(key.rpartition("#")[2])


def record_keys(index: int) -> tuple[str, str]:
    """The keys of the record in this place."""
    return f"records#{index // PARTITION_RECORDS:010d}", f"{index:012d}"


def contexts_keys(contexts_at: int) -> tuple[str, str]:
    """The keys of the contexts of the records that got their places from this one on."""
    return f"contexts#{contexts_at:012d}", CONTEXTS


def mark_keys(moment: datetime, first: int) -> tuple[str, str]:
    """The keys of the mark of this minute's records from this place on."""
    return f"marks#{moment:%Y-%m-%d}", f"{moment:%H:%M}#{first:012d}"


def context_expiry(uid: str) -> int:
    """When a record's context goes, in seconds since the epoch."""
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
