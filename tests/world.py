"""A workspace in which every route has something to work on, and a member of every role to ask."""

import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import pyotp
import urllib3
from deployed import PLATFORM, PREFIX, Visitor, forget_addresses, items, settle, table
from doors import API_FUNCTIONS, module

from local.client import Answer, Client
from local.stack import Stack, eventually
from misentinel.access import Role
from misentinel.api import Route
from misentinel.tenancy import Status

PASSWORD = "gravel lantern orbit 44"
CONTACT = "qx9contact"
"""Is in each contact detail of a world's people, and nowhere else."""

PHONE = "+447700900417"

ATTRIBUTES: dict[str, dict[str, object]] = {
    "plan": {"type": "string", "description": "What they pay for.", "indexed": True},
    "seats": {"type": "number", "description": "How many sit."},
    "score": {"type": "number", "description": "How well it goes."},
    "beta": {"type": "boolean", "description": "Whether they see what is new."},
    "since": {"type": "time", "description": "When they came."},
    "nickname": {"type": "string", "description": "What friends say.", "personal": True},
}
"""What a world declares of its people: each type, one indexed, one personal."""

TOKENS_SECONDS = 600
"""How long an access token is good."""

_MOVING = ("rate#", "job#", "change#")
"""Partitions that change with nobody asking: they count requests, work on, and tell listeners."""


def routes() -> list[Route]:
    """Every declared route of every function."""
    return [route for function in API_FUNCTIONS for route in module(function).api.routes]


def name_of(route: Route) -> str:
    """A route as people say it."""
    return f"{route.method} {route.path}"


@dataclass
class World:
    """A workspace, its owner, and two sessions of a member of each role: one that holds, one that was ended."""

    stack: Stack
    owner: Client
    members: dict[Role, Client] = field(default_factory=dict)
    ended: dict[Role, str] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _renewed: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, stack: Stack, roles: tuple[Role, ...] = tuple(Role)) -> "World":
        """Sign a workspace up, and its members in."""
        world = cls(stack, stack.new_workspace())
        for role in roles:
            member = world.new_member(role)
            member.sign_in(earliest=-1)
            world.ended[role] = member.tokens["access_token"]
            assert member.delete("/v1/sessions/current").status == 204
            world.members[role] = member.sign_in()
        for name, body in ATTRIBUTES.items():
            assert world.owner.request("PUT", f"/v1/attributes/{name}", body).status == 200
        assert world.person["id"]
        return world

    def renew(self) -> None:
        """New access tokens once those at hand are half used up: who asks by hand is not helped by the client."""
        if time.monotonic() - self._renewed > TOKENS_SECONDS / 2:
            self._renewed = time.monotonic()
            for member in (self.owner, *self.members.values()):
                member.refresh()

    @property
    def tenant(self) -> str:
        """The workspace's id."""
        return self.owner.tenant

    def unique(self) -> str:
        """Something that nothing else here is called."""
        return f"{next(self._numbers)}-{secrets.token_hex(3)}"

    def made(self, path: str, body: object = None, status: int = 201) -> Answer:
        """What the owner posts, which must succeed."""
        answer = self.owner.request("POST", path, body)
        assert answer.status == status, f"POST {path}: {answer.status} {answer.text}"
        return answer

    def invited(self, role: Role = Role.AUDITOR) -> dict[str, Any]:
        """Somebody invited, with the invitation; unless told otherwise of a role that all may appoint who may any."""
        forget_addresses(self.stack)
        body = {"email": f"m{self.unique()}@{self.owner.workspace}.example", "role": role.value}
        found: dict[str, Any] = self.made("/v1/members", body).json
        return found

    def new_member(self, role: Role = Role.AUDITOR) -> Client:
        """A member who has accepted and not signed in yet."""
        invited = self.invited(role)
        body = {"workspace": self.owner.workspace, "invitation": invited["invitation"], "password": PASSWORD}
        accepted = Visitor(self.stack).ask("POST", "/v1/invitations/accept", body)
        assert accepted.status == 200, accepted.text
        return Client(self.stack.api, self.owner.workspace, invited["member"]["email"], PASSWORD, tenant=self.tenant)

    def challenge(self) -> dict[str, str]:
        """What the second factor of a new member is asked with: its first, as each code works once."""
        member = self.new_member()
        body = {"workspace": member.workspace, "email": member.email, "password": PASSWORD}
        started = Visitor(self.stack).ask("POST", "/v1/sessions", body).json
        code = pyotp.TOTP(started["enrolment"]["secret"]).now()
        return {"challenge": started["challenge"], "code": code}

    def session(self) -> dict[str, Any]:
        """The tokens of a new member's session."""
        answer = Visitor(self.stack).ask("POST", "/v1/sessions/verify", self.challenge())
        assert answer.status == 201, answer.text
        tokens: dict[str, Any] = answer.json
        return tokens

    def session_of(self, member: Client) -> str:
        """A second session of a member's, the same one whoever asks for it."""
        key = f"session of {member.email}"
        if key not in self.shared:
            other = Client(member.api, member.workspace, member.email, member.password)
            other.totp_secret, other.codes = member.totp_secret, member.codes
            self.shared[key] = other.sign_in().tokens["session"]
        session: str = self.shared[key]
        return session

    def person_body(self) -> dict[str, Any]:
        """A person to be made, with every contact detail."""
        uid = self.unique()
        return {
            "email": f"{CONTACT}.{uid}@people.example",
            "name": f"Ada {CONTACT}",
            "external_id": f"{CONTACT}-{uid}",
            "phone": PHONE,
            "locale": "en-GB",
            "time_zone": "Europe/London",
            "attributes": {
                "plan": "pro",
                "seats": 12,
                "score": 0.5,
                "beta": True,
                "since": "2026-01-02T03:04:05Z",
                "nickname": f"Countess {CONTACT}",
            },
            "tags": ["vip"],
        }

    def file(self) -> bytes:
        """A file of people to import."""
        return f"external_id,email,name\n{CONTACT}-{self.unique()},,Ada {CONTACT}\n".encode()

    def sent_import(self) -> str:
        """The id of an import whose file was sent, and which was not started."""
        content = self.file()
        made = self.made("/v1/imports", {"format": "csv", "bytes": len(content)}).json
        link = made["upload"]
        sent = urllib3.request(link["method"], link["url"], body=content, headers=link["headers"])
        assert sent.status == 200, sent.data
        uid: str = made["id"]
        return uid

    def new_person(self) -> dict[str, Any]:
        """A new person."""
        person: dict[str, Any] = self.made("/v1/people", self.person_body()).json
        return person

    @property
    def person(self) -> dict[str, Any]:
        """One person for all who only look or change."""
        if "person" not in self.shared:
            self.shared["person"] = self.new_person()
        person: dict[str, Any] = self.shared["person"]
        return person

    @property
    def record(self) -> str:
        """The id of a record that has its place."""
        if "record" not in self.shared:
            assert self.owner.get("/v1/people").status == 200
            self.shared["record"] = settle(self.stack, self.tenant)[-1]["metadata"]["uid"]
        uid: str = self.shared["record"]
        return uid

    def traces(self, text: str) -> set[str]:
        """What of this workspace, its members and its people is in a text."""
        found = {self.tenant, self.owner.tokens["member"], *(each.tokens["member"] for each in self.members.values())}
        if "person" in self.shared:
            found |= {self.person["id"], self.person["email"], self.person["external_id"]}
        return {each for each in found if each in text}

    def export(self, member: Client) -> str:
        """The id of an export that is done: the member's own, or the owner's for whoever may ask for none."""
        if f"export of {member.email}" not in self.shared:
            body = {"format": "csv", "where": {"field": "tag", "op": "eq", "value": "vip"}}
            asker = member if member.post("/v1/exports", body).status == 202 else self.owner
            made = asker.post("/v1/exports", body)
            assert made.status == 202, made.text
            uid = made.json["id"]
            eventually(lambda: asker.get(f"/v1/exports/{uid}").json["status"] == "done", seconds=120, what="an export")
            self.shared[f"export of {member.email}"] = uid
        uid = self.shared[f"export of {member.email}"]
        return str(uid)

    def rest(self) -> None:
        """Wait until nothing works in the background."""

        def is_quiet() -> bool:
            jobs = [
                each for each in items(self.stack, table(self.tenant, "data")) if each["pk"]["S"].startswith("job#")
            ]
            return not any(each.get("status", {}).get("S") in {"queued", "running"} for each in jobs)

        eventually(is_quiet, seconds=120, what="the end of all jobs")

    def data(self) -> dict[str, Any]:
        """All that the workspace has, by key; what moves by itself is left out."""
        found = {}
        for item in items(self.stack, table(self.tenant, "data")):
            key = f"{item['pk']['S']} {item['sk']['S']}"
            if not key.startswith(_MOVING):
                found[key] = item
        return found


def workspaces(stack: Stack) -> list[str]:
    """The ids of all workspaces that are active, once none is being made any more."""

    def all_made() -> list[str]:
        found = items(stack, f"{PREFIX}-tenants")
        rows = [each for each in found if "status" in each]
        if any(each["status"]["S"] == Status.PROVISIONING for each in rows):
            return []
        return [each["tenant_id"]["S"] for each in rows if each["status"]["S"] == Status.ACTIVE]

    return eventually(all_made, seconds=240, what="workspaces that are made")


def counted(stack: Stack, operation: str, code: str = "") -> int:
    """How many attempts of nobody known, with this end or any, are counted or recorded by now."""
    waiting = sum(
        int(item["attempts"]["N"])
        for item in items(stack, table(PLATFORM, "data"))
        if item["pk"]["S"].startswith("refusals#")
        and item["operation"]["S"] == operation
        and code in ("", item["code"]["S"])
    )
    recorded = sum(
        int(record.get("count", 0))
        for record in settle(stack, PLATFORM)
        if record["api"]["operation"] == operation and code in ("", record["status_code"])
    )
    return waiting + recorded
