"""The books of a workspace: every change against its record, every record against its place, every answer."""

import gzip
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import ocsf
from deployed import head, items, table, text_of

from local.client import Answer
from local.stack import Stack, eventually

PLACE = 4096
"""Records in one partition of a log."""

_objects: dict[tuple[str, str], str] = {}


@dataclass
class Books:
    """What is kept of a workspace, when nothing is under way any more."""

    records: list[dict[str, Any]]
    data: list[dict[str, dict[str, Any]]]
    by_request: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for record in self.records:
            self.by_request[record["api"]["request"]["uid"]].append(record)

    def of(self, answer: Answer) -> list[str]:
        """How the records of a request end: their status codes, in order."""
        return [record["status_code"] for record in self.by_request[answer.headers["x-request-id"]]]

    def people(self, name: str) -> list[dict[str, Any]]:
        """The people of this name."""
        return [item for item in self.data if is_person(item) and item.get("name") == {"S": name}]

    def done(self, operation: str, kind: str = "", uid: str = "") -> int:
        """How often an action succeeded; with a kind and an id, on that resource."""
        return sum(
            1
            for record in self.records
            if record["api"]["operation"] == operation
            and record["status_id"] == 1
            and record["status_code"] == "ok"
            and (not uid or {"type": kind, "uid": uid} in _named(record))
        )


def is_person(item: dict[str, dict[str, Any]]) -> bool:
    """Whether an item of a workspace's data is a person, and not an entry that leads to one."""
    return str(item["pk"]["S"]).startswith("person#") and bool(item["sk"]["S"] == "person")


def sweep(stack: Stack) -> None:
    """Have the sweeper run now; a run that dies is the next one's work."""
    stack.aws("lambda").invoke(FunctionName="ms-local-sweeper:live", Payload=b"{}")


def settle(stack: Stack, tenant: str, *, seconds: float = 60) -> None:
    """Sweep until everything has its place and is on the bus."""
    last = time.monotonic()

    def settled() -> bool:
        nonlocal last
        # The inbox first: what leaves it after a look at the head would be placed and not yet published.
        if not items(stack, table(tenant, "inbox")):
            now = head(stack, tenant)
            if now and now["published"] == now["size"]:
                return True
        if time.monotonic() - last > 1:
            sweep(stack)
            last = time.monotonic()
        return False

    eventually(settled, seconds=seconds, what=f"an empty inbox and a published log of {tenant}")


def check(stack: Stack, tenant: str, answers: Iterable[Answer] = ()) -> Books:
    """No record, no answer: what is there after a sweep is whole, and is all that was told.

    - Every record has one place, places are dense, no uid has two, the head is right, all are in the archive.
    - Every person, member and session has its records, one for each version; none was done twice.
    - Every answer has the records that it must have.
    """
    settle(stack, tenant)
    books = _read(stack, tenant)
    _check_people(books)
    _check_accounts(books)
    for answer in answers:
        _check_answer(books, answer)
    return books


def _read(stack: Stack, tenant: str) -> Books:
    """The log, checked for itself and against the archive."""
    rows = sorted(
        (row for row in items(stack, table(tenant, "log")) if "record" in row), key=lambda row: row["sk"]["S"]
    )
    records = [json.loads(text_of(row)) for row in rows]
    now = head(stack, tenant)
    assert [int(row["sk"]["S"]) for row in rows] == list(range(now["size"])), "a place is missing or twice"
    assert now["published"] == now["size"]
    for index, (row, record) in enumerate(zip(rows, records, strict=True)):
        assert row["pk"]["S"] == f"records#{index // PLACE:010d}"
        assert record["metadata"]["sequence"] == index
        assert record["metadata"]["uid"] == row["uid"]["S"]
        assert record["metadata"]["tenant_uid"] == tenant
        ocsf.validate(record)
    twice = [uid for uid, count in Counter(row["uid"]["S"] for row in rows).items() if count > 1]
    assert not twice, f"records with two places: {twice}"
    archive = archived(stack, tenant, {row["uid"]["S"] for row in rows})
    assert all(record in archive[record["metadata"]["uid"]] for record in records), "the archive says something else"
    return Books(records, items(stack, table(tenant, "data")))


def archived(stack: Stack, tenant: str, uids: set[str]) -> dict[str, list[dict[str, Any]]]:
    """A tenant's records in the archive by uid, once all these are there."""

    def look() -> dict[str, list[dict[str, Any]]] | None:
        found = defaultdict(list)
        for text in _archive(stack, tenant):
            decoder, place = json.JSONDecoder(), 0
            while place < len(text):
                record, place = decoder.raw_decode(text, place)
                place += len(text[place:]) - len(text[place:].lstrip())
                if record["metadata"]["tenant_uid"] == tenant:
                    found[record["metadata"]["uid"]].append(record)
        return found if uids <= found.keys() else None

    found = eventually(lambda: look() or None, seconds=20, what="every record in the archive")
    assert found is not None
    return found


def _archive(stack: Stack, tenant: str) -> list[str]:
    """The texts of the archive's objects that may hold a tenant's records; each object is read once."""
    s3, bucket = stack.aws("s3"), stack.resource("ArchiveBucket")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="records/")
    keys = [
        each["Key"] for page in pages for each in page.get("Contents", []) if f"/tenant={tenant[0]}/" in each["Key"]
    ]

    def read(key: str) -> None:
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        _objects[stack.api, key] = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, [key for key in keys if (stack.api, key) not in _objects]))
    return [_objects[stack.api, key] for key in keys]


def _named(record: dict[str, Any]) -> list[dict[str, str]]:
    return [{"type": each["type"], "uid": each["uid"]} for each in record.get("resources", [])]


def _check_people(books: Books) -> None:
    """A person's version counts its changes, and each change has one record."""
    there = {item["id"]["S"]: item for item in books.data if is_person(item)}
    for uid, item in there.items():
        assert books.done("people.create", "person", uid) == 1, f"person {uid} without its one creation on record"
        changes = books.done("people.update", "person", uid)
        assert changes == int(item["version"]["N"]) - 1, f"person {uid}: {changes} changes on record"
        assert books.done("people.delete", "person", uid) == 0, f"person {uid} is on record as deleted"
    created = {
        each["uid"]
        for record in books.records
        if record["api"]["operation"] == "people.create" and record["status_code"] == "ok"
        for each in _named(record)
    }
    for uid in created - there.keys():
        assert books.done("people.delete", "person", uid) == 1, f"person {uid} is gone without a record"


def _check_accounts(books: Books) -> None:
    """Members and sessions have the record that they began with."""
    began = Counter(
        record["session"]["uid"]
        for record in books.records
        if record["api"]["operation"] == "sessions.create" and record["status_id"] == 1
    )
    for item in books.data:
        kind = item["sk"]["S"].partition("#")[0]
        if kind == "session":
            assert began[item["id"]["S"]] == 1, "a session without its one record"
        if kind == "member":
            uid = item["id"]["S"]
            made = books.done("workspaces.create", "member", uid) + books.done("members.create", "member", uid)
            assert made == 1, "a member without its one record"


def _check_answer(books: Books, answer: Answer) -> None:
    """A success has exactly one record of it, a refusal one of its own; nothing was done that was told undone."""
    uid = answer.headers.get("x-request-id", "")
    outcomes = Counter(record["status_id"] for record in books.by_request.get(uid, []))
    said = f"{answer.status} {answer.text[:200]}: records {outcomes}"
    if answer.status < 300:
        assert outcomes == {1: 1}, said
        return
    code = answer.json["type"].rpartition(":")[2] if answer.text.startswith("{") and "type" in answer.json else ""
    match code:
        case "outcome-unknown":
            assert outcomes[1] <= 1, said
            assert outcomes[2] <= 1, said
        case "unavailable":
            assert not outcomes[1] or _only_read(books, uid), said
        case _ if answer.status < 500:
            assert outcomes == {2: 1}, said
        case _:
            assert outcomes[1] <= 1, said


def _only_read(books: Books, request: str) -> bool:
    return all(record["activity_id"] == 2 for record in books.by_request[request])
