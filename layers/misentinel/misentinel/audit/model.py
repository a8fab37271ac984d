"""Audit records: OCSF 1.8 events without personal data, and their canonical form."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from misentinel import clock

MAX_RECORD_BYTES = 64 * 1024
"""A record in canonical form is at most this long."""

SEQUENCE_BYTES = 64
"""What the sequencer adds to a record stays within so many bytes."""

MAX_RESOURCES = 100
"""A record names at most so many resources; a job leaves a record per transaction."""

OCSF_VERSION = "1.8.0"
UNKNOWN = "unknown"
"""How an account that nobody knows appears: an attempted name is personal data too."""

_NAME = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+")


class EventClass(IntEnum):
    """The OCSF classes in use; the category is the thousands."""

    EVENT_LOG_ACTIVITY = 1008
    AUTHENTICATION = 3002
    API_ACTIVITY = 6003


class Outcome(IntEnum):
    """OCSF ``status_id``."""

    SUCCESS = 1
    FAILURE = 2


class Severity(IntEnum):
    """OCSF ``severity_id``."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3


@dataclass(frozen=True, slots=True)
class Action:
    """What was done, by its dotted name (``people.update``): the record's class and activity follow."""

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            message = f"{self.name!r} is not an action: write it like people.update"
            raise ValueError(message)

    @property
    def event_class(self) -> EventClass:
        """Sign-in is Authentication, the log's own use is Event Log Activity, all else API Activity."""
        if self.name in _AUTHENTICATION:
            return EventClass.AUTHENTICATION
        if self.name.startswith("audit."):
            return EventClass.EVENT_LOG_ACTIVITY
        return EventClass.API_ACTIVITY

    @property
    def activity_id(self) -> int:
        """The class's ``activity_id``; 99 (other) where OCSF has no name for it."""
        if self.event_class is EventClass.AUTHENTICATION:
            return _AUTHENTICATION[self.name]
        verb = self.name.rpartition(".")[2]
        if self.event_class is EventClass.EVENT_LOG_ACTIVITY:
            return _LOG_VERBS.get(verb, 99)
        return _VERBS.get(verb, 99)


_VERBS = {"create": 1, "read": 2, "list": 2, "search": 2, "update": 3, "delete": 4}
_LOG_VERBS = {"export": 3}
_AUTHENTICATION = {
    "sessions.begin": 99,
    "sessions.create": 1,
    "sessions.refresh": 4,
    "sessions.delete": 2,
}
"""OCSF 3002: 1 Logon, 2 Logoff, 4 Service Ticket Renew, 99 Other (the first of two factors)."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something an action touched: its type, its id and the names of the fields that changed."""

    type: str
    uid: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, by id: a member with a session, or a part of the system by its name."""

    member: str = ""
    session: str = ""
    is_mfa: bool = False
    app: str = ""

    def as_ocsf(self) -> dict[str, Any]:
        """The record's ``actor``."""
        if self.app:
            return {"app_name": self.app}
        actor: dict[str, Any] = {"user": {"uid": self.member or UNKNOWN}}
        if self.session:
            actor["session"] = {"uid": self.session, "is_mfa": self.is_mfa}
        return actor


@dataclass(slots=True)
class Happening:
    """What is known of an action while it runs; `record` makes the record of it.

    ``correlation`` is the id of the client's own trace, if it sent one.
    """

    tenant: str
    action: Action
    request_id: str
    actor: Actor = field(default_factory=Actor)
    address_hash: str = ""
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)
    outcome: Outcome = Outcome.SUCCESS
    status_code: str = "ok"
    count: int = 0
    time_ms: int = field(default_factory=clock.epoch_ms)
    context: dict[str, str] = field(default_factory=dict)
    correlation: str = ""

    def touch(self, kind: str, uid: str, fields: Iterable[str] = ()) -> None:
        """Note a resource and the names of its changed fields; again for the same one adds names."""
        known = self.resources.get((kind, uid))
        names = (*(known.fields if known else ()), *fields)
        self.resources[kind, uid] = Resource(kind, uid, tuple(dict.fromkeys(names)))


def record(what: Happening, uid: str) -> dict[str, Any]:
    """The OCSF event of what happened, without its place in the log.

    Times are integers of milliseconds since the epoch (OCSF ``timestamp_t``). It holds integers,
    booleans and strings only, so that its canonical form is the same everywhere.
    """
    action = what.action
    success = what.outcome is Outcome.SUCCESS
    event: dict[str, Any] = {
        "activity_id": action.activity_id,
        "actor": what.actor.as_ocsf(),
        "api": {"operation": action.name, "request": {"uid": what.request_id}},
        "category_uid": action.event_class // 1000,
        "class_uid": int(action.event_class),
        "metadata": {
            "product": {"name": "MiSentinel", "vendor_name": "MiSentinel"},
            "tenant_uid": what.tenant,
            "uid": uid,
            "version": OCSF_VERSION,
        },
        "severity_id": int(Severity.INFORMATIONAL if success else Severity.LOW),
        "src_endpoint": {"uid": what.address_hash} if what.address_hash else {"svc_name": what.actor.app or "api"},
        "status": "Success" if success else "Failure",
        "status_code": what.status_code,
        "status_id": int(what.outcome),
        "time": what.time_ms,
        "type_uid": action.event_class * 100 + action.activity_id,
    }
    if what.correlation:
        event["metadata"]["correlation_uid"] = what.correlation
    if what.count:
        event["count"] = what.count
    resources = [_resource(each) for each in list(what.resources.values())[:MAX_RESOURCES]]
    match action.event_class:
        case EventClass.AUTHENTICATION:
            _authentication(event, what)
        case EventClass.EVENT_LOG_ACTIVITY:
            event["log_name"] = "audit"
            if resources:
                event["unmapped"] = {"resources": resources}
        case EventClass.API_ACTIVITY if resources:
            event["resources"] = resources
        case _:
            pass
    return event


def _resource(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": resource.type, "uid": resource.uid}
    if resource.fields:
        entry["data"] = {"fields": list(resource.fields)}
    return entry


def _authentication(event: dict[str, Any], what: Happening) -> None:
    """OCSF 3002 names the user that signs in, the session and the factors."""
    event["user"] = {"uid": what.actor.member or UNKNOWN}
    event["is_mfa"] = what.actor.is_mfa
    event["service"] = {"name": "MiSentinel"}
    if what.actor.session:
        event["session"] = {"uid": what.actor.session, "is_mfa": what.actor.is_mfa}


def canonical(value: Mapping[str, Any], limit: int = MAX_RECORD_BYTES) -> str:
    """The canonical form: sorted keys, no spaces, UTF-8 text as it is; the same bytes everywhere.

    Raises
    ------
    ValueError
        There is a float in it, or it is over ``limit`` bytes.
    """
    _refuse_floats(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > limit:
        message = f"a record of more than {limit} bytes"
        raise ValueError(message)
    return text


def _refuse_floats(value: object) -> None:
    match value:
        case float():
            message = "a float in a record: its text differs between languages"
            raise ValueError(message)
        case dict():
            for each in value.values():
                _refuse_floats(each)
        case list() | tuple():
            for each in value:
                _refuse_floats(each)
        case _:
            pass
