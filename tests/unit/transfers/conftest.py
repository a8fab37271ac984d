"""An owner who imports and exports, and a worker whenever the test wants one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from doors import door
from house import House, LambdaContext, Reply

from misentinel.access import Role


@dataclass
class Office:
    """One workspace, its owner, and the worker."""

    home: House
    tenant: str
    token: str
    bucket: str = "ms-local-files"
    sent: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None, *, function: str = "jobs", token: str = "") -> Reply:
        return self.home.ask(door(function), method, path, token=token or self.token, body=body)

    def upload(self, content: bytes, **asked: Any) -> str:
        """An import that waits, with its file where the link leads."""
        made = self.ask("POST", "/v1/imports", {"format": "csv", "bytes": len(content), **asked})
        assert made.status == 201, made.text
        job = made.json["id"]
        self.put(job, content)
        return str(job)

    def put(self, job: str, content: bytes) -> None:
        self.home.aws("s3").put_object(Bucket=self.bucket, Key=f"{self.tenant}/{job}/source", Body=content)

    def start(self, job: str) -> Reply:
        return self.ask("POST", f"/v1/imports/{job}/start")

    def work(self, job: str, *, remaining_ms: int = 120_000, event: dict[str, Any] | None = None) -> Any:
        """One turn of the worker, woken as the bus does it."""
        accepted = {"metadata": {"tenant_uid": self.tenant}, "resources": [{"type": "job", "uid": job}]}
        message = {
            "messageId": "1",
            "receiptHandle": "none",
            "body": json.dumps(event or accepted),
            "attributes": {"ApproximateReceiveCount": "1"},
        }
        return door("worker")({"Records": [message]}, LambdaContext(remaining_ms=remaining_ms))

    def run(self, content: bytes, **asked: Any) -> dict[str, Any]:
        """A whole import; how it ended."""
        job = self.upload(content, **asked)
        started = self.start(job)
        assert started.status == 202, started.text
        assert self.work(job) == {"batchItemFailures": []}
        found: dict[str, Any] = self.ask("GET", f"/v1/imports/{job}").json
        return found

    def file(self, job: str, name: str) -> bytes:
        content: bytes = (
            self.home.aws("s3").get_object(Bucket=self.bucket, Key=f"{self.tenant}/{job}/{name}")["Body"].read()
        )
        return content

    def files(self) -> list[str]:
        found = self.home.aws("s3").list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [each["Key"].partition("/")[2].partition("/")[2] for each in found]

    def refused(self, job: str) -> list[dict[str, Any]]:
        """What the report says, written as NDJSON."""
        return [json.loads(line) for line in self.file(job, "report").decode().splitlines()]

    def people(self) -> list[dict[str, Any]]:
        """Everybody, the oldest first, without what differs from run to run."""
        found = list[dict[str, Any]]()
        cursor = ""
        while True:
            query = {"limit": ["100"], **({"cursor": [cursor]} if cursor else {})}
            page = self.home.ask(door("people"), "GET", "/v1/people", token=self.token, query=query).json
            found += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                break
        moving = {"id", "created_at", "updated_at"}
        return [{name: value for name, value in each.items() if name not in moving} for each in reversed(found)]

    def items(self) -> list[dict[str, Any]]:
        """All of the workspace's data."""
        pages = self.home.aws("dynamodb").get_paginator("scan").paginate(TableName=f"ms-local-{self.tenant}-data")
        return [item for page in pages for item in page["Items"]]


@pytest.fixture
def office(home: House) -> Office:
    tenant = home.tenant()
    return Office(home, tenant, home.signed_in(tenant))


@pytest.fixture
def as_role(office: Office) -> Callable[[Role], str]:
    """A token of a member with this role."""
    return lambda role: office.home.signed_in(office.tenant, role)
