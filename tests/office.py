"""A workspace that imports and exports under moto, and a worker whenever the test wants one."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from doors import door
from house import House, LambdaContext, Reply

from misentinel import clock
from misentinel.access import Role

TURN_MS = 120_000


class Killed(BaseException):
    """What the process dies of: nothing in it can catch that."""


@dataclass
class Office:
    """One workspace, its owner, and the worker."""

    home: House
    tenant: str
    token: str
    bucket: str = "ms-local-files"
    queue: str = "ms-local-jobs"

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        function: str = "jobs",
        token: str = "",
        query: dict[str, list[str]] | None = None,
    ) -> Reply:
        return self.home.ask(door(function), method, path, token=token or self.token, body=body, query=query)

    def colleague(self, role: Role) -> tuple[str, "Office"]:
        """Somebody else of the workspace: the member's id, and what the office is for that member."""
        member = clock.uuid7()
        return member, replace(self, token=self.home.signed_in(self.tenant, role, member))

    def attribute(self, name: str, kind: str, **more: Any) -> None:
        body = {"type": kind, "description": name, **more}
        declared = self.ask("PUT", f"/v1/attributes/{name}", body, function="people")
        assert declared.status in {200, 201}, declared.text

    def upload(self, content: bytes, **asked: Any) -> str:
        """An import that waits, with its file where the link leads."""
        made = self.ask("POST", "/v1/imports", {"format": "csv", "bytes": len(content), **asked})
        assert made.status == 201, made.text
        job = str(made.json["id"])
        self.put(job, content)
        return job

    def put(self, job: str, content: bytes) -> None:
        self.home.aws("s3").put_object(Bucket=self.bucket, Key=f"{self.tenant}/{job}/source", Body=content)

    def start(self, job: str) -> None:
        """Start an import; its record goes to the queue, as the bus would bring it."""
        started = self.ask("POST", f"/v1/imports/{job}/start")
        assert started.status == 202, started.text
        self.deliver()

    def deliver(self) -> None:
        """Bring the last record to the queue if it accepted a job."""
        record = self.home.records(self.tenant)[-1]
        if record["status_code"] == "accepted":
            self.home.aws("sqs").send_message(QueueUrl=self._url, MessageBody=json.dumps(record))

    def send(self, job: str) -> None:
        """Bring a job to the queue as a worker does that goes on with it."""
        body = json.dumps({"tenant": self.tenant, "job": job})
        self.home.aws("sqs").send_message(QueueUrl=self._url, MessageBody=body)

    def turn(self, *, remaining_ms: int = TURN_MS) -> bool:
        """One message of the queue to a worker; whether there was one. Of a worker that dies, it comes again."""
        sqs = self.home.aws("sqs")
        found = sqs.receive_message(QueueUrl=self._url, AttributeNames=["All"], VisibilityTimeout=0).get("Messages")
        if not found:
            return False
        message = {
            "messageId": found[0]["MessageId"],
            "receiptHandle": found[0]["ReceiptHandle"],
            "body": found[0]["Body"],
            "attributes": found[0]["Attributes"],
        }
        try:
            answer = door("worker")({"Records": [message]}, LambdaContext(remaining_ms=remaining_ms))
        finally:
            # As long as the message is hidden passes here at once; another worker may have had it meanwhile.
            with suppress(sqs.exceptions.ReceiptHandleIsInvalid):
                sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=found[0]["ReceiptHandle"], VisibilityTimeout=0
                )
        if not answer["batchItemFailures"]:
            with suppress(sqs.exceptions.ReceiptHandleIsInvalid):
                sqs.delete_message(QueueUrl=self._url, ReceiptHandle=found[0]["ReceiptHandle"])
        return True

    def work(self) -> None:
        """Turn after turn until the queue is empty."""
        for _ in range(100):
            if not self.turn():
                return
        message = "the worker does not come to an end"
        raise AssertionError(message)

    def imported(self, content: bytes, **asked: Any) -> dict[str, Any]:
        """A whole import; how it ended."""
        job = self.upload(content, **asked)
        self.start(job)
        self.work()
        return self.seen(job)

    def seen(self, job: str, kind: str = "imports") -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/v1/{kind}/{job}").json
        return found

    def exported(self, **asked: Any) -> bytes:
        """The file of a whole export."""
        made = self.ask("POST", "/v1/exports", {"format": "csv", **asked})
        assert made.status == 202, made.text
        self.deliver()
        self.work()
        return self.file(made.json["id"], "export")

    def file(self, job: str, name: str) -> bytes:
        found = self.home.aws("s3").get_object(Bucket=self.bucket, Key=f"{self.tenant}/{job}/{name}")
        content: bytes = found["Body"].read()
        return content

    def files(self, job: str) -> set[str]:
        """What lies in a job's folder."""
        found = self.home.aws("s3").list_objects_v2(Bucket=self.bucket, Prefix=f"{self.tenant}/{job}/")
        return {each["Key"].rpartition("/")[2] for each in found.get("Contents", [])}

    def refused(self, job: str) -> list[tuple[int, str]]:
        """Rows and fields that a report in NDJSON tells of."""
        lines = [json.loads(line) for line in self.file(job, "report").decode().splitlines()]
        return [(line["row"], line["field"]) for line in lines]

    def people(self) -> list[dict[str, Any]]:
        """Everybody by external id, without what differs from run to run."""
        found, cursor = list[dict[str, Any]](), None
        while True:
            query = {"limit": ["100"], **({"cursor": [cursor]} if cursor else {})}
            page = self.ask("GET", "/v1/people", function="people", query=query).json
            found += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                break
        moving = {"id", "created_at", "updated_at"}
        shown = [{name: value for name, value in each.items() if name not in moving} for each in found]
        return sorted(shown, key=lambda each: str(each["external_id"]))

    def items(self, *kinds: str) -> dict[tuple[str, str], Any]:
        """Items of the workspace's data whose keys begin with these words."""
        pages = self.home.aws("dynamodb").get_paginator("scan").paginate(TableName=f"ms-local-{self.tenant}-data")
        found = {(item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]}
        return {key: item for key, item in found.items() if key[0].partition("#")[0] in kinds}

    def records(self, action: str) -> list[dict[str, Any]]:
        return [each for each in self.home.records(self.tenant) if each["api"]["operation"] == action]

    @property
    def _url(self) -> str:
        url: str = self.home.aws("sqs").get_queue_url(QueueName=self.queue)["QueueUrl"]
        return url


class _Watched(list[str]):
    """AWS calls as they are about to be made; at one of them something is done first."""

    def __init__(self, number: int, do: Callable[[], object]) -> None:
        super().__init__()
        self._number = number
        self._do = do
        self._busy = False

    def append(self, call: str) -> None:
        if self._busy:
            return
        super().append(call)
        if len(self) == self._number:
            self._busy = True
            self._do()
            self._busy = False


@contextmanager
def at_call(home: House, number: int, do: Callable[[], object]) -> Iterator[list[str]]:
    """Do something right before the so-manieth AWS call of what runs inside; yields the calls so far."""
    before, home.calls = home.calls, _Watched(number, do)
    try:
        yield home.calls
    finally:
        home.calls = before


def die() -> None:
    """End the process, as far as a test can."""
    raise Killed
