"""The unit of work: what changed and what happened, in one transaction. No record, no answer."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PutError, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.models import Model

from misentinel import clock
from misentinel.audit.inbox import InboxItem
from misentinel.audit.model import (
    MAX_RECORD_BYTES,
    SEQUENCE_BYTES,
    Actor,
    Happening,
    Outcome,
    canonical,
    record,
)
from misentinel.audit.packing import packed
from misentinel.errors import Conflict, OutcomeUnknown, Refusal, Unavailable
from misentinel.tenancy import CALL_MS, OutsideTenantError, acting_as, bind, connection, sent_once

MAX_WRITES = 40
"""More writes than this are a job: accepted, and run in transactions of its own."""

JOB_WRITES = 98
"""A job's transaction holds so many: DynamoDB takes 100 actions, of which the record is one."""

ATTEMPTS = 6
"""How often a commit is tried when it conflicts, or when its answer does not come."""

FIRST_WAIT = 0.02
"""Seconds; each further wait is up to twice the last, with full jitter."""

SAFETY_MS = 2_000
"""The failure is recorded this long before the function's time is up."""


class TooManyWritesError(RuntimeError):
    """One request wrote more than `MAX_WRITES` items."""


class TwoActionsOnOneItemError(RuntimeError):
    """One unit of work wrote an item twice: DynamoDB would refuse the transaction."""


class _State(Enum):
    OPEN = auto()
    COMMITTING = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class _Write:
    kind: str
    kwargs: dict[str, Any]
    otherwise: Refusal | None
    instead: dict[str, Any] | None = None


_KINDS = ("check", "delete", "put", "update")
"""The order in which PynamoDB sends a transaction's actions, and DynamoDB its reasons."""


class Unit:
    """One action of one actor: the writes it gathers, the resources it touches, the record it leaves."""

    def __init__(
        self,
        happening: Happening,
        *,
        deadline_ms: int | None = None,
        max_writes: int = MAX_WRITES,
    ) -> None:
        self.happening = happening
        self._max_writes = max_writes
        self.uid = clock.uuid7()
        self._deadline_ms = deadline_ms
        self._writes: list[_Write] = []
        self._keys: set[tuple[str, ...]] = set()
        self._state = _State.OPEN
        self._lock = threading.Lock()

    @property
    def tenant(self) -> str:
        """In whose log the record will be; empty while nobody knows."""
        return self.happening.tenant

    def direct(self, tenant: str) -> None:
        """Say in whose log the record belongs."""
        self.happening.tenant = tenant

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.happening.actor

    @actor.setter
    def actor(self, actor: Actor) -> None:
        self.happening.actor = actor

    def touch(self, kind: str, uid: str, fields: tuple[str, ...] | list[str] = ()) -> None:
        """Report a resource and the names of the fields that changed; never their values."""
        self.happening.touch(kind, uid, fields)

    def put(self, item: Model, condition: Condition | None = None, otherwise: Refusal | None = None) -> None:
        """Write an item; ``otherwise`` is raised when its condition does not hold at the commit."""
        self._add("put", item.get_save_kwargs_from_instance(condition=condition), otherwise)

    def put_texts(
        self, model: type[Model], texts: Mapping[str, str], *, new: bool = False, otherwise: Refusal | None = None
    ) -> None:
        """Write an item that has nothing but texts, keys included: as `put`, without an instance of its model.

        An import writes thousands of such; making and serialising instances would be a tenth of its time.

        Parameters
        ----------
        new
            On condition that it is not there.
        """
        kwargs: dict[str, Any] = {
            "TableName": model.Meta.table_name,
            "Item": {name: {"S": text} for name, text in texts.items()},
        }
        if new:
            kwargs |= {"ConditionExpression": "attribute_not_exists (#0)", "ExpressionAttributeNames": {"#0": "pk"}}
        self._add("put", kwargs, otherwise)

    def update(
        self,
        item: Model,
        actions: list[UpdateAction],
        condition: Condition | None = None,
        otherwise: Refusal | None = None,
        instead: tuple[list[UpdateAction], Condition] | None = None,
    ) -> None:
        """Change an item in place; ``instead`` is what is tried if the condition does not hold at the commit."""
        kwargs = item.get_update_kwargs_from_instance(actions=actions, condition=condition)
        other = instead and item.get_update_kwargs_from_instance(actions=instead[0], condition=instead[1])
        self._add("update", kwargs, otherwise, other)

    def delete(self, item: Model, condition: Condition | None = None, otherwise: Refusal | None = None) -> None:
        """Delete an item."""
        self._add("delete", item.get_delete_kwargs_from_instance(condition=condition), otherwise)

    def check(
        self,
        model: type[Model],
        pk: str,
        sk: str,
        condition: Condition,
        otherwise: Refusal | None = None,
    ) -> None:
        """Commit only if this holds of an item that is not written."""
        kwargs = model.get_operation_kwargs_from_class(pk, range_key=sk, condition=condition)
        self._add("check", kwargs, otherwise)

    def _add(
        self, kind: str, kwargs: dict[str, Any], otherwise: Refusal | None, instead: dict[str, Any] | None = None
    ) -> None:
        found = kwargs.get("Key") or {name: kwargs["Item"][name] for name in ("pk", "sk") if name in kwargs["Item"]}
        key = (kwargs["TableName"], *(text for name in sorted(found) for text in found[name].values()))
        if key in self._keys:
            message = "two actions on one item in one unit of work"
            raise TwoActionsOnOneItemError(message)
        if len(self._writes) >= self._max_writes:
            message = f"more than {self._max_writes} writes in one unit of work: make it a job"
            raise TooManyWritesError(message)
        self._keys.add(key)
        self._writes.append(_Write(kind, kwargs, otherwise, instead))

    @property
    def writes(self) -> int:
        """How many items this unit will write, its record apart."""
        return len(self._writes)

    @property
    def room(self) -> int:
        """How many items more it may write."""
        return self._max_writes - len(self._writes)

    @contextmanager
    def keeping_room(self, writes: int) -> Iterator[None]:
        """Inside, count so many writes as taken: whoever opened the unit adds them at the end."""
        self._max_writes -= writes
        try:
            yield
        finally:
            self._max_writes += writes

    def commit(self, happened: Callable[[], bool] = lambda: False) -> None:
        """Commit all writes and the record at once; a pure read puts its record alone.

        Parameters
        ----------
        happened
            Asked when the commit's answer never came: whether it is seen to have been made all the same.

        Raises
        ------
        Refusal
            What a write named as ``otherwise``; nothing was changed.
        Conflict
            Others wrote the same items all the time.
        Unavailable
            The record could not be written; nothing was changed.
        OutcomeUnknown
            The commit was sent and its answer never came.
        """
        self._enter(_State.COMMITTING)
        try:
            if self._writes:
                self._transact()
            else:
                self._put_record()
        except OutcomeUnknown:
            if not happened():
                self._state = _State.OPEN
                raise
        except Exception:
            self._state = _State.OPEN
            raise
        self._state = _State.CLOSED

    def conclude(self, status_code: str, outcome: Outcome) -> None:
        """Record how the action ended; nothing it gathered is written.

        Raises
        ------
        Unavailable
            Not even that could be recorded.
        """
        self._enter(_State.COMMITTING)
        self.uid = clock.uuid7()  # an unknown commit may have put its own record: this is another one
        self.happening.outcome = outcome
        self.happening.status_code = status_code
        self._put_record()
        self._state = _State.CLOSED

    def refuse(self, status_code: str) -> None:
        """Record that the action failed: `conclude` with that outcome."""
        self.conclude(status_code, Outcome.FAILURE)

    def out_of_time(self) -> None:
        """Record the failure shortly before the function is stopped, unless the commit is under way."""
        try:
            self.refuse("out-of-time")
        except Unavailable:
            return

    def _enter(self, state: _State) -> None:
        with self._lock:
            if self._state is not _State.OPEN:
                raise Unavailable
            self._state = state

    def _inbox_item(self) -> InboxItem:
        if not self.tenant:
            message = "a record needs a tenant's log to go to"
            raise OutsideTenantError(message)
        text = canonical(record(self.happening, self.uid), MAX_RECORD_BYTES - SEQUENCE_BYTES)
        context = json.dumps(self.happening.context, separators=(",", ":"), ensure_ascii=False)
        kept = packed(context) if self.happening.context else None
        item: InboxItem = bind(InboxItem, self.tenant)(self.uid, record=packed(text), context=kept)
        return item

    def _put_record(self) -> None:
        # A record that is sent again may come after the first one got its place and left the inbox: it would get two.
        with acting_as(self.tenant), sent_once():
            try:
                self._inbox_item().save()
            except PutError as error:
                raise Unavailable from error
            except (BotoCoreError, ClientError) as error:
                raise Unavailable from error

    def _transact(self) -> None:
        inbox = _Write("put", self._inbox_item().get_save_kwargs_from_instance(), None)
        ordered = [write for kind in _KINDS for write in (*self._writes, inbox) if write.kind == kind]
        unknown: TransactWriteError | None = None
        token = self.uid
        with acting_as(self.tenant):
            for attempt in range(ATTEMPTS):
                if attempt:
                    if self._late(CALL_MS if unknown else 0):
                        break
                    time.sleep(clock.jitter(FIRST_WAIT * 2**attempt))
                by_kind = {kind: [write.kwargs for write in ordered if write.kind == kind] for kind in _KINDS}
                try:
                    connection().transact_write_items(
                        condition_check_items=by_kind["check"],
                        delete_items=by_kind["delete"],
                        put_items=by_kind["put"],
                        update_items=by_kind["update"],
                        client_request_token=token,
                    )
                except TransactWriteError as error:
                    if self._replaced(error, ordered):
                        token = clock.uuid7()  # another request: the first was definitely not made
                        continue
                    unknown = error if self._judge(error, ordered) else unknown
                except (BotoCoreError, ClientError) as error:
                    raise Unavailable from error
                else:
                    return
        if unknown is not None:
            raise OutcomeUnknown from unknown
        raise Conflict("Others changed the same things at the same time; read them again and retry.")

    @staticmethod
    def _replaced(error: TransactWriteError, ordered: list[_Write]) -> bool:
        """Whether all whose conditions failed have something to be tried instead, which then takes their place."""
        failed = [
            place
            for place, reason in enumerate(error.cancellation_reasons)
            if reason is not None and reason.code == "ConditionalCheckFailed"
        ]
        if not failed or any(ordered[place].instead is None for place in failed):
            return False
        for place in failed:
            ordered[place] = replace(ordered[place], kwargs=ordered[place].instead or {}, instead=None)
        return True

    def _judge(self, error: TransactWriteError, ordered: list[_Write]) -> bool:
        """Raise what can't be mended by trying again; else say whether the outcome is unknown."""
        for write, reason in zip(ordered, error.cancellation_reasons, strict=False):
            if reason is not None and reason.code == "ConditionalCheckFailed":
                raise write.otherwise or Conflict() from error
        code = error.cause_response_code if isinstance(error.cause, ClientError) else None
        if code is None or code in {"TransactionInProgressException", "InternalServerError", "ServiceUnavailable"}:
            return True
        if (
            code == "TransactionCanceledException"
            or "Throttl" in code
            or code == "ProvisionedThroughputExceededException"
        ):
            return False
        raise Unavailable from error

    def _late(self, needed_ms: int) -> bool:
        """Whether too little time is left for something that takes so long, and to tell how it ended."""
        return self._deadline_ms is not None and clock.epoch_ms() + needed_ms > self._deadline_ms - SAFETY_MS

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Record the failure by itself if the function's time runs out inside."""
        if self._deadline_ms is None:
            yield
            return
        seconds = max((self._deadline_ms - SAFETY_MS - clock.epoch_ms()) / 1000, 0.05)
        timer = threading.Timer(seconds, self._out_of_time_if_directed)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _out_of_time_if_directed(self) -> None:
        if self.tenant:
            self.out_of_time()
