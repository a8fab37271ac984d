"""Somebody of a workspace at the people's door."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from doors import door
from house import House, Reply

from misentinel import clock
from misentinel.access import Permission, Role, Session
from misentinel.access.store import member_key, session_key
from misentinel.tenancy import Suffix, acting_as, aws, bind, table_name


@dataclass
class Desk:
    """Somebody of one workspace at the people's door."""

    home: House
    tenant: str
    token: str
    door: Any = field(default_factory=lambda: door("people"))

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """One request."""
        more.setdefault("token", self.token)
        return self.home.ask(self.door, method, path, body=body, **more)

    def add(self, **fields: Any) -> dict[str, Any]:
        """A new person."""
        answer = self.ask("POST", "/v1/people", fields)
        assert answer.status == 201, answer.text
        made: dict[str, Any] = answer.json
        return made

    def declare(self, name: str, kind: str, **more: Any) -> None:
        """A declared attribute."""
        answer = self.ask("PUT", f"/v1/attributes/{name}", {"type": kind, "description": "made up", **more})
        assert answer.status == 200, answer.text

    def items(self, prefix: str = "") -> list[dict[str, Any]]:
        """Items of ``-data`` whose partition begins so; members and their sessions are left out."""
        pages = self.home.aws("dynamodb").get_paginator("scan").paginate(TableName=table_name(self.tenant, Suffix.DATA))
        found = [item for page in pages for item in page["Items"]]
        return [
            item for item in found if item["pk"]["S"].startswith(prefix) and not item["pk"]["S"].startswith("member#")
        ]

    def as_role(self, role: Role) -> "Desk":
        """A colleague with another role."""
        return Desk(self.home, self.tenant, self.home.signed_in(self.tenant, role), self.door)

    def with_permissions(self, *permissions: Permission) -> "Desk":
        """A colleague with a role of the workspace's own."""
        member, session = clock.uuid7(), clock.uuid7()
        token = self.home.signed_in(self.tenant, Role.SUPPORT, member, session)
        with acting_as(self.tenant):
            found = bind(Session, self.tenant).get(member_key(member), session_key(session))
            found.permissions = [each.value for each in permissions]
            found.save()
        return Desk(self.home, self.tenant, token, self.door)


@contextmanager
def between(act: Callable[[], Reply]) -> Iterator[None]:
    """Let something succeed after the next request read and before it commits."""
    events = aws("dynamodb").meta.events
    answers: list[int] = []

    def step_in(params: dict[str, Any], **_: Any) -> None:
        if "-inbox" in str(params["body"]) and not answers:
            answers.append(0)
            answers[0] = act().status

    events.register("before-call.dynamodb.TransactWriteItems", step_in)
    yield
    events.unregister("before-call.dynamodb.TransactWriteItems", step_in)
    assert answers == [200]
