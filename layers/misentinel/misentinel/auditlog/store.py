"""A tenant's log and inbox in DynamoDB."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import TransactWriteError, UpdateError
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.transactions import TransactWrite

from misentinel import clock
from misentinel.audit import InboxItem
from misentinel.audit.model import MAX_RECORD_BYTES
from misentinel.audit.packing import packed, unpacked
from misentinel.auditlog.model import (
    CONTEXTS,
    MAX_CONTEXT_BYTES,
    TRANSACTION_RECORDS,
    Entry,
    Head,
    Mark,
    context_expiry,
    contexts_keys,
    index_of,
    mark_of,
    marks_of,
    record_keys,
)
from misentinel.tenancy import Suffix, TenantModel, bind, connection, key_of, raw_together

_HEAD_KEYS = ("head", "head")


class LogModel(TenantModel):
    """An item of ``-log``."""

    class Meta(TenantModel.Meta):
        """The tenant's log."""

        suffix = Suffix.LOG

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class ByActor(GlobalSecondaryIndex["LogRecord"]):
    """Records by who did it and month."""

    class Meta:
        """Keys only, sparse."""

        index_name = "by_actor"
        projection = KeysOnlyProjection()

    actor_month = UnicodeAttribute(hash_key=True)
    time_key = UnicodeAttribute(range_key=True)


class ByResource(GlobalSecondaryIndex["LogRecord"]):
    """Records by what was touched first and month."""

    class Meta:
        """Keys only, sparse."""

        index_name = "by_resource"
        projection = KeysOnlyProjection()

    resource_month = UnicodeAttribute(hash_key=True)
    time_key = UnicodeAttribute(range_key=True)


class LogRecord(LogModel):
    """A record in its place."""

    uid = UnicodeAttribute()
    record = BinaryAttribute(legacy_encoding=False)
    contexts_at = NumberAttribute()
    time_key = UnicodeAttribute()
    actor_month = UnicodeAttribute(null=True)
    resource_month = UnicodeAttribute(null=True)

    by_actor = ByActor()
    by_resource = ByResource()


class LogHead(LogModel):
    """How far the log is."""

    size = NumberAttribute()
    published = NumberAttribute(default=0)
    sealed = NumberAttribute(default=0)


class LogMark(LogModel):
    """Where the records of one minute lie that got their places together."""

    moments = BinaryAttribute(legacy_encoding=False)
    contexts_at = NumberAttribute()


class LogContexts(LogModel):
    """What is personal about the records that got their places together: a list, packed; it expires."""

    contexts = BinaryAttribute(legacy_encoding=False)
    expires_at = NumberAttribute()


class NotAppendedError(RuntimeError):
    """A transaction of the sequencer was cancelled; ``gone`` are the uids that are no longer in the inbox."""

    def __init__(self, gone: frozenset[str]) -> None:
        super().__init__(f"not appended: {len(gone)} already gone")
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item of the inbox as it stands there, unread."""

    uid: str
    record: bytes
    context: bytes


class Log:
    """One tenant's log and inbox; used while acting as that tenant."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self._inbox = bind(InboxItem, tenant)
        self._records = bind(LogRecord, tenant)
        self._heads = bind(LogHead, tenant)
        self._marks = bind(LogMark, tenant)
        self._contexts = bind(LogContexts, tenant)

    def head(self) -> Head:
        """How far the log is; nothing yet is all zeros. One consistent read."""
        try:
            head = self._heads.get(*_HEAD_KEYS, consistent_read=True)
        except self._heads.DoesNotExist:
            return Head()
        return Head(int(head.size), int(head.published), int(head.sealed))

    def waiting(self, page: int = 100) -> Iterator[Waiting]:
        """What is in the inbox, in no order, page by page."""
        for item in self._inbox.scan(consistent_read=True, page_size=page):
            yield Waiting(item.uid, item.record, item.context or b"")

    def append(self, entries: Sequence[Entry], contexts: Mapping[str, str], size: int) -> None:
        """Put records in their places, take them from the inbox and move the head: one transaction, or nothing.

        Parameters
        ----------
        entries
            What one transaction takes, in the order of their uids, at the indexes that follow ``size``.
        contexts
            The records' contexts by uid.
        size
            The size of the log as it was read.

        Raises
        ------
        NotAppendedError
            The head moved, a place is taken, a record is gone from the inbox, or another transaction is at it.
        """
        unmoved = LogHead.size == size if size else LogHead.pk.does_not_exist()
        try:
            with TransactWrite(connection=connection()) as transaction:
                for entry in entries:
                    transaction.delete(self._inbox(entry.uid), condition=InboxItem.uid.exists())
                    transaction.save(self._record(entry), condition=LogRecord.pk.does_not_exist())
                for item in self._beside(entries, contexts, size):
                    transaction.save(item, condition=LogModel.pk.does_not_exist())
                transaction.update(
                    self._heads(*_HEAD_KEYS),
                    actions=[
                        LogHead.size.set(size + len(entries)),
                        LogHead.published.set(LogHead.published | 0),
                        LogHead.sealed.set(LogHead.sealed | 0),
                    ],
                    condition=unmoved,
                )
        except TransactWriteError as error:
            if error.cause_response_code != "TransactionCanceledException":
                raise
            # The reasons stand in the order of the actions, of which PynamoDB sends deletes first.
            reasons = zip(entries, error.cancellation_reasons, strict=False)
            gone = (entry.uid for entry, why in reasons if why is not None and why.code == "ConditionalCheckFailed")
            raise NotAppendedError(frozenset(gone)) from error

    def _beside(self, entries: Sequence[Entry], contexts: Mapping[str, str], size: int) -> Iterator[LogModel]:
        """What lies beside records that get their places together: marks by the minute, and their contexts."""
        for mark in marks_of(entries):
            yield self._marks(*mark.keys, moments=mark.packed_moments, contexts_at=mark.contexts_at)
        kept = [json.loads(contexts.get(entry.uid) or "null") for entry in entries]
        if any(kept):
            # The oldest decides: nothing personal is kept for longer than its time.
            expires_at = min(context_expiry(entry.uid) for entry in entries)
            text = json.dumps(kept, separators=(",", ":"), ensure_ascii=False)
            yield self._contexts(*contexts_keys(size), contexts=packed(text), expires_at=expires_at)

    def move_published(self, published: int) -> bool:
        """Note that all records before this index are on the bus; never moves back. Whether it moved."""
        further = (LogHead.published < published) & (LogHead.size >= published)
        try:
            self._heads(*_HEAD_KEYS).update(actions=[LogHead.published.set(published)], condition=further)
        except UpdateError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def between(self, start: int, stop: int) -> list[Entry]:
        """The records from ``start`` up to, not including, ``stop``, in order; consistent."""
        entries: list[Entry] = []
        while start + len(entries) < stop:
            at = start + len(entries)
            pk, first = record_keys(at)
            page = [
                _entry(item)
                for item in self._records.query(
                    pk, LogRecord.sk.between(first, record_keys(stop - 1)[1]), consistent_read=True
                )
            ]
            if [each.index for each in page] != list(range(at, at + len(page))) or not page:
                message = f"the log has a gap at or after {at}"
                raise RuntimeError(message)
            entries += page
        return entries

    def contexts(self, entries: Iterable[Entry]) -> dict[int, str]:
        """The contexts that are still kept of these records, by their places."""
        places = {entry.index: entry.contexts_at for entry in entries}
        kept = self.read((), set(places.values()))[1]
        return {index: kept[index] for index in places if index in kept}

    def at(self, indexes: Iterable[int]) -> dict[int, Entry]:
        """The records in these places."""
        return self.read(indexes, ())[0]

    def read(self, indexes: Iterable[int], contexts_at: Iterable[int]) -> tuple[dict[int, Entry], dict[int, str]]:
        """The records in these places and the contexts kept together, by place: a consistent read per 100.

        Raises
        ------
        Unavailable
            Not all of them could be read, however often they were asked for.
        """
        keys = [*map(record_keys, indexes), *map(contexts_keys, contexts_at)]
        entries: dict[int, Entry] = {}
        contexts: dict[int, str] = {}
        # A context may be gone, a record never is.
        for raw in raw_together(self._records, keys, is_there=lambda key: key[1] != CONTEXTS):
            if key_of(raw)[1] != CONTEXTS:
                entry = _entry(self._records.from_raw_data(raw))
                entries[entry.index] = entry
                continue
            item = self._contexts.from_raw_data(raw)
            if item.expires_at > clock.epoch():
                contexts |= _contexts(item)
        return entries, contexts

    def marks(self, day: str, first: str, last: str, limit: int | None = None) -> list[Mark]:
        """The marks of a day (``2026-11-23``) between two sort keys (inclusive), newest first.

        One query, eventually consistent; several where a day's marks exceed 1 MB.
        """
        found = self._marks.query(
            f"marks#{day}", LogMark.sk.between(first, last), scan_index_forward=False, limit=limit
        )
        return [mark_of(item.pk, item.sk, item.moments, int(item.contexts_at)) for item in found]

    def find(self, index: str, partition: str, first: str, last: str, limit: int) -> list[str]:
        """The time keys of an index's partition between two others (inclusive), newest first.

        ``index`` is ``by_actor`` or ``by_resource``. One query, eventually consistent.
        """
        found = self._records.query(
            partition,
            LogRecord.time_key.between(first, last),
            index_name=index,
            scan_index_forward=False,
            limit=limit,
        )
        return [item.time_key for item in found]

    def _record(self, entry: Entry) -> LogRecord:
        item: LogRecord = self._records(
            *record_keys(entry.index),
            uid=entry.uid,
            record=packed(entry.record),
            contexts_at=entry.contexts_at,
            time_key=entry.time_key,
            actor_month=entry.actor_month,
            resource_month=entry.resource_month,
        )
        return item


def _entry(item: LogRecord) -> Entry:
    return Entry(
        index_of(item.time_key),
        item.uid,
        unpacked(item.record, MAX_RECORD_BYTES),
        int(item.contexts_at),
        item.time_key,
        item.actor_month,
        item.resource_month,
    )


def _contexts(item: LogContexts) -> dict[int, str]:
    """The contexts of an item by their records' places."""
    first = int(item.pk.removeprefix("contexts#"))
    kept = json.loads(unpacked(item.contexts, TRANSACTION_RECORDS * (MAX_CONTEXT_BYTES + 8)))
    return {
        first + place: json.dumps(each, separators=(",", ":"), ensure_ascii=False)
        for place, each in enumerate(kept)
        if each
    }
