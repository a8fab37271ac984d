"""Idempotency-Key: one effect and one answer for a request that is sent more than once, for 24 hours."""

import json
from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist, PynamoDBException

from misentinel import clock
from misentinel.api.request import Request
from misentinel.audit import Unit
from misentinel.errors import Conflict, IdempotencyKeyReused
from misentinel.tenancy import DataModel, acting_as, bind, keyed_hash

KEPT_SECONDS = 24 * 3600
"""How long an answer is kept."""


class _Entry(DataModel):
    request_hash = UnicodeAttribute()
    status = NumberAttribute()
    headers = UnicodeAttribute()
    body = UnicodeAttribute()
    record = UnicodeAttribute()
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
        self._key = "idempotency#" + keyed_hash("idempotency", "\n".join((*parts, request.idempotency_key)), tenant)
        self._request_hash = keyed_hash("idempotency-request", "\n".join((*parts, request.body)), tenant)

    def keep(self, unit: Unit, answer: Answer) -> None:
        """Add the answer to the unit of work: whoever commits first, decides."""
        entry = bind(_Entry, self._tenant)(
            self._key,
            "idempotency",
            request_hash=self._request_hash,
            status=answer.status,
            headers=json.dumps(answer.headers),
            body=answer.body,
            record=unit.uid,
            expires_at=clock.epoch() + KEPT_SECONDS,
        )
        free = _Entry.pk.does_not_exist() | (_Entry.expires_at < clock.epoch())
        unit.put(entry, condition=free, otherwise=Conflict("The same request is being answered; send it again."))

    def find(self) -> Answer | None:
        """The answer that the first of these requests got, or ``None``.

        Raises
        ------
        IdempotencyKeyReused
            The key came before with another request.
        """
        entry = self._entry()
        if entry is None or entry.expires_at < clock.epoch():
            return None
        if entry.request_hash != self._request_hash:
            raise IdempotencyKeyReused
        return Answer(int(entry.status), json.loads(entry.headers), entry.body)

    def is_of(self, unit: Unit) -> bool:
        """Whether it is this unit of work that kept the answer: its commit was made, whatever was heard of it."""
        try:
            entry = self._entry()
        except PynamoDBException:
            return False
        return entry is not None and entry.record == unit.uid

    def _entry(self) -> _Entry | None:
        with acting_as(self._tenant):
            try:
                entry: _Entry = bind(_Entry, self._tenant).get(self._key, "idempotency", consistent_read=True)
            except DoesNotExist:
                return None
        return entry
