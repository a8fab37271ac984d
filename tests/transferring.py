"""Imports and exports through the public door and the links that it gives."""

import json
from dataclasses import dataclass
from typing import Any

import urllib3
from deployed import root

from local.client import Answer, Client
from local.stack import Stack, eventually

_http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=10, read=60))


def fetch(url: str) -> tuple[int, bytes]:
    """What a link leads to."""
    got = _http.request("GET", url)
    return got.status, got.data


def send(link: dict[str, Any], content: bytes, **headers: str) -> int:
    """Send a file to a link for it; the status that is answered."""
    return int(_http.request(link["method"], link["url"], body=content, headers={**link["headers"], **headers}).status)


@dataclass
class Transfers:
    """One member's imports and exports on the deployed stack."""

    stack: Stack
    client: Client

    def post(self, path: str, body: object = None) -> Answer:
        return self.client.request("POST", path, body)

    def uploaded(self, content: bytes, **asked: Any) -> str:
        """An import whose file was sent; it waits."""
        made = self.post("/v1/imports", {"format": "csv", "bytes": len(content), **asked})
        assert made.status == 201, made.text
        assert send(made.json["upload"], content) == 200
        return str(made.json["id"])

    def started(self, content: bytes, **asked: Any) -> str:
        job = self.uploaded(content, **asked)
        begun = self.post(f"/v1/imports/{job}/start")
        assert begun.status == 202, begun.text
        return job

    def seen(self, job: str, kind: str = "imports") -> dict[str, Any]:
        """How far it is; the access token is renewed when it is over."""
        answer = self.client.get(f"/v1/{kind}/{job}")
        if answer.status == 401:
            self.client.refresh()
            answer = self.client.get(f"/v1/{kind}/{job}")
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json
        return found

    def over(self, job: str, kind: str = "imports", *, seconds: float = 120) -> dict[str, Any]:
        """How it ended."""

        def look() -> dict[str, Any] | None:
            found = self.seen(job, kind)
            return found if found["finished_at"] else None

        found = eventually(look, seconds=seconds, what=f"the end of {job}")
        assert found is not None
        return found

    def imported(self, content: bytes, **asked: Any) -> dict[str, Any]:
        """A whole import."""
        return self.over(self.started(content, **asked))

    def reached(self, job: str, rows: int) -> None:
        """Wait until so many rows are done, or all."""

        def look() -> bool:
            found = self.seen(job)
            return bool(found["progress"]["rows"] >= rows or found["finished_at"])

        eventually(look, seconds=120, what=f"row {rows} of {job}")

    def exported(self, **asked: Any) -> bytes:
        """The file of a whole export."""
        made = self.post("/v1/exports", {"format": "csv", **asked})
        assert made.status == 202, made.text
        assert self.over(made.json["id"], "exports")["status"] == "done"
        status, content = fetch(self.client.get(f"/v1/exports/{made.json['id']}/file").json["url"])
        assert status == 200
        return content

    def report(self, job: str) -> str:
        status, content = fetch(self.client.get(f"/v1/imports/{job}/report").json["url"])
        assert status == 200
        return content.decode()

    def send_on(self, job: str) -> None:
        """Bring a job to the queue as a worker does that goes on with it: the message of a dead one comes later."""
        body = json.dumps({"tenant": self.client.tenant, "job": job})
        root(self.stack).aws("sqs").send_message(QueueUrl=self.stack.resource("JobsQueue"), MessageBody=body)
