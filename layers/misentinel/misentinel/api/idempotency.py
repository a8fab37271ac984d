"""Idempotency-Key: one effect and one answer for a request that is sent more than once, for 24 hours."""

import json
from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist, PynamoDBException

from misentinel import clock
from misentinel.api.cursor import Cursor
from misentinel.api.request import Request
from misentinel.audit import Unit
from misentinel.errors import Conflict, IdempotencyKeyReused
from misentinel.tenancy import DataModel, acting_as, bind, keyed_hash

KEPT_SECONDS = 24 * 3600
"""How long an answer is kept."""


class _Entry(DataModel):
    """That a key was used, and for what; with the answer, unless that lies elsewhere: then with its sealed place."""

    request_hash = UnicodeAttribute()
    status = NumberAttribute(null=True)
    headers = UnicodeAttribute(null=True)
    body = UnicodeAttribute(null=True)
    place = UnicodeAttribute(null=True)
    record = UnicodeAttribute()
    expires_at = NumberAttribute()


class _Kept(DataModel):
    """An answer that lies with the thing it is about."""

    status = NumberAttribute()
    headers = UnicodeAttribute()
    body = UnicodeAttribute()
    expires_at = NumberAttribute()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, without tokens."""

    status: int
    headers: dict[str, str]
    body: str


class Idempotency:
    """One request's Idempotency-Key in one tenant; the key of another member or route is another key."""

    def __init__(self, request: Request, tenant: str) -> None:
        member = request.caller.member if request.caller else ""
        parts = (member, request.method, request.path)
        self._tenant = tenant
        self._name = keyed_hash("idempotency", "\n".join((*parts, request.idempotency_key)), tenant)
        self._request_hash = keyed_hash("idempotency-request", "\n".join((*parts, request.body)), tenant)
        self._place = request.answer_place

    def keep(self, unit: Unit, answer: Answer) -> None:
        """Add the answer to the unit of work: whoever commits first, decides.

        Where it belongs to a thing, it is put there under ``answer#<hash>``, and the entry holds the place alone,
        sealed: nothing that names the thing stays behind when its partition is deleted.
        """
        expires_at = clock.epoch() + KEPT_SECONDS
        said: dict[str, Any] = {
            "status": answer.status,
            "headers": json.dumps(answer.headers),
            "body": answer.body,
        }
        if self._place:
            unit.put(bind(_Kept, self._tenant)(self._place, self._sort_key, expires_at=expires_at, **said))
            said = {"place": self._seal.seal({"place": self._place})}
        entry = bind(_Entry, self._tenant)(
            f"idempotency#{self._name}",
            "idempotency",
            request_hash=self._request_hash,
            record=unit.uid,
            expires_at=expires_at,
            **said,
        )
        free = _Entry.pk.does_not_exist() | (_Entry.expires_at < clock.epoch())
        unit.put(entry, condition=free, otherwise=Conflict("The same request is being answered; send it again."))

    def find(self) -> Answer | None:
        """The answer that the first of these requests got, or ``None``.

        Raises
        ------
        IdempotencyKeyReused
            The key came before with another request.
        Conflict
            It was answered, and what its answer was about is deleted, and the answer with it.
        """
        entry = self._entry()
        if entry is None or entry.expires_at < clock.epoch():
            return None
        if entry.request_hash != self._request_hash:
            raise IdempotencyKeyReused
        kept = self._kept(entry.place) if entry.place else entry
        return Answer(int(kept.status), json.loads(kept.headers), kept.body)

    def is_of(self, unit: Unit) -> bool:
        """Whether it is this unit of work that kept the answer: its commit was made, whatever was heard of it."""
        try:
            entry = self._entry()
        except PynamoDBException:
            return False
        return entry is not None and entry.record == unit.uid

    @property
    def _sort_key(self) -> str:
        return f"answer#{self._name}"

    @property
    def _seal(self) -> Cursor:
        return Cursor(self._tenant, f"idempotency {self._name}")

    def _kept(self, sealed: str) -> _Kept:
        place = (self._seal.open(sealed) or {})["place"]
        with acting_as(self._tenant):
            try:
                kept: _Kept = bind(_Kept, self._tenant).get(place, self._sort_key, consistent_read=True)
            except DoesNotExist:
                raise Conflict(
                    "This request was answered before, and what it was about is deleted. Take a new Idempotency-Key.",
                ) from None
        return kept

    def _entry(self) -> _Entry | None:
        with acting_as(self._tenant):
            try:
                entry: _Entry = bind(_Entry, self._tenant).get(
                    f"idempotency#{self._name}",
                    "idempotency",
                    consistent_read=True,
                )
            except DoesNotExist:
                return None
        return entry
