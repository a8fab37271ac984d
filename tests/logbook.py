"""Records made, carried and watched: what tests of the log share."""

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from house import House

from misentinel.audit import Actor, InboxItem, unit_of_work
from misentinel.audit.packing import packed, unpacked
from misentinel.auditlog.store import Log
from misentinel.tenancy import Authority, Suffix, acting_as, aws, bind, table_name

EVENTS = Path(__file__).parent.parent / "events"


def sample(name: str) -> dict[str, Any]:
    """One of the sample events."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return found


def happen(tenant: str, times: int = 1, action: str = "people.update") -> list[str]:
    """Let something happen in a workspace, so often; the uids of its records."""
    uids = []
    for _ in range(times):
        with unit_of_work(tenant, action, actor=Actor(app="tests")) as unit:
            unit.touch("person", "p-1", ["name"])
            unit.happening.context = {"address": "192.0.2.7"}
        uids.append(unit.uid)
    return uids


def leave(tenant: str, uid: str, record: str, context: str = "{}") -> None:
    """Put something into an inbox by hand."""
    with acting_as(tenant):
        bind(InboxItem, tenant)(uid, record=packed(record), context=packed(context)).save()


def told(image: dict[str, Any], name: str) -> str:
    """What an image of an inbox's stream holds packed."""
    return unpacked(b64decode(image[name]["B"]), 1_000_000)


def inserts(home: House, tenant: str) -> dict[str, Any]:
    """The stream's event of all that is in an inbox now, in the form of the sample."""
    form = sample("dynamodb-inbox-inserts")["Records"][0]
    arn = f"arn:aws:dynamodb:eu-west-2:123456789012:table/{table_name(tenant, Suffix.INBOX)}/stream/2026-11-23T13:00"
    records = []
    for item in home.aws("dynamodb").scan(TableName=table_name(tenant, Suffix.INBOX))["Items"]:
        record = {**deepcopy(form), "eventSourceARN": arn}
        record["dynamodb"]["Keys"], record["dynamodb"]["NewImage"] = {"uid": item["uid"]}, as_streamed(item)
        records.append(record)
    return {"Records": records}


def as_streamed(item: dict[str, Any]) -> dict[str, Any]:
    """An item in the form in which a stream's event has it: bytes in base64."""
    return {
        name: {"B": b64encode(bytes(value["B"])).decode()} if "B" in value else value for name, value in item.items()
    }


@dataclass
class Bus:
    """Watches the bus at botocore's own events: what it took, and what it was told to refuse."""

    taken: list[dict[str, Any]] = field(default_factory=list)
    refuses: Callable[[dict[str, Any]], bool] = lambda _: False
    requests: list[int] = field(default_factory=list)
    _of_thread: threading.local = field(default_factory=threading.local)

    def __post_init__(self) -> None:
        events = aws("events").meta.events
        events.register("before-call.eventbridge.PutEvents", self._before)
        events.register("after-call.eventbridge.PutEvents", self._after)

    def _before(self, params: dict[str, Any], **_: Any) -> None:
        entries = [json.loads(entry["Detail"]) for entry in json.loads(params["body"])["Entries"]]
        self.requests.append(len(params["body"]))
        assert 1 <= len(entries) <= 10
        refused = [place for place, entry in enumerate(entries) if self.refuses(entry)]
        self._of_thread.refused = refused
        self.taken += [entry for place, entry in enumerate(entries) if place not in refused]

    def _after(self, parsed: dict[str, Any], **_: Any) -> None:
        for place in self._of_thread.refused:
            parsed["Entries"][place] = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}
        parsed["FailedEntryCount"] = len(self._of_thread.refused)

    @property
    def uids(self) -> list[str]:
        """The uids of the records taken, in the order of the bus."""
        return [entry["record"]["metadata"]["uid"] for entry in self.taken]


def check_log(tenant: str, uids: Iterable[str], published: Iterable[str]) -> None:
    """Every record has one place, the places are dense, all are published in their canonical form."""
    with acting_as(tenant, Authority.LOG):
        log = Log(tenant)
        head = log.head()
        entries = log.between(0, head.size)
        contexts = log.contexts(entries)
        assert not list(log.waiting())
    assert [json.loads(entry.record)["metadata"]["sequence"] for entry in entries] == list(range(head.size))
    assert sorted(entry.uid for entry in entries) == sorted(uids)
    assert all(json.loads(entry.record)["metadata"]["uid"] == entry.uid for entry in entries)
    assert set(contexts) == {entry.index for entry in entries}
    assert set(published) == {entry.uid for entry in entries}
    assert head.published == head.size
