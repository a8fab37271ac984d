"""Signing up and signing in as a client does, through the doors of the functions."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pyotp
from doors import door
from house import House, LambdaContext, Reply

from misentinel import clock
from misentinel.tenancy import aws

EVENTS = Path(__file__).parent.parent / "events"
PASSWORD = "umbrella cactus violin 9"


@dataclass
class Person:
    """Somebody with an account, as far as the client's side knows it."""

    workspace: str
    email: str
    password: str
    tenant: str = ""
    seed: str = ""
    member: str = ""
    session: str = ""
    access: str = ""
    refresh: str = ""

    def code(self, steps: int = 0) -> str:
        """The code that the authenticator app shows now, or so many steps later."""
        return pyotp.TOTP(self.seed).at(clock.now(), counter_offset=steps)


@dataclass
class FrontDoor:
    """The public doors of a house."""

    home: House

    mappings: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Answer for AWS Lambda when an inbox is mapped: moto would start the sequencer in Docker."""
        aws("lambda").meta.events.register("before-call.lambda.CreateEventSourceMapping", self._map)

    def _map(self, params: dict[str, Any], **_: Any) -> tuple[SimpleNamespace, dict[str, Any]]:
        asked = json.loads(params["body"])
        if any(known["EventSourceArn"] == asked["EventSourceArn"] for known in self.mappings):
            return SimpleNamespace(status_code=409), {"Error": {"Code": "ResourceConflictException"}}
        self.mappings.append(asked)
        return SimpleNamespace(status_code=202), {"UUID": clock.uuid7()}

    def knock(self, function: str, method: str, path: str, **more: Any) -> Reply:
        """Send a request to a function."""
        return self.home.ask(door(function), method, path, **more)

    def provision(self) -> list[dict[str, Any]]:
        """Hand the provisioner all messages that wait for it, one at a time; returns its answers."""
        sqs, queue = (
            self.home.aws("sqs"),
            self.home.aws("sqs").get_queue_url(QueueName="ms-local-provisioning")["QueueUrl"],
        )
        answers = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages", []):
            (message,) = messages
            answers.append(door("provisioner")(sqs_event(message["Body"]), LambdaContext()))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return answers

    def tick(self) -> None:
        """Let the provisioner's schedule tick."""
        event = json.loads((EVENTS / "schedule-provisioner.json").read_text())
        door("provisioner")(event, LambdaContext())

    def workspace(self, slug: str = "acme", email: str = "owner@acme.example", password: str = PASSWORD) -> Person:
        """Sign a workspace up and make it ready."""
        body = {"slug": slug, "name": slug.title(), "email": email, "password": password}
        reply = self.knock("workspaces", "POST", "/v1/workspaces", body=body)
        assert reply.status == 202, reply.text
        self.provision()
        return Person(slug, email, password, tenant=reply.json["id"])

    def begin(self, who: Person, **changed: Any) -> Reply:
        """The first factor."""
        body = {"workspace": who.workspace, "email": who.email, "password": who.password}
        address = changed.pop("address", "192.0.2.7")
        return self.knock("sessions", "POST", "/v1/sessions", body={**body, **changed}, address=address)

    def verify(self, challenge: str, code: str, **more: Any) -> Reply:
        """The second factor."""
        return self.knock(
            "sessions", "POST", "/v1/sessions/verify", body={"challenge": challenge, "code": code}, **more
        )

    def sign_in(self, who: Person, steps: int = 0) -> Person:
        """Both factors, enrolling the first time."""
        first = self.begin(who)
        assert first.status == 200, first.text
        if first.json["enrolment"]:
            who.seed = first.json["enrolment"]["secret"]
        second = self.verify(first.json["challenge"], who.code(steps))
        assert second.status == 201, second.text
        answer = second.json
        who.access, who.refresh = answer["access_token"], answer["refresh_token"]
        who.session, who.member = answer["session"], answer["member"]
        return who

    def refresh(self, token: str) -> Reply:
        """New tokens for old."""
        return self.knock("sessions", "POST", "/v1/sessions/refresh", body={"refresh_token": token})

    def invite(self, by: Person, email: str, role: str) -> Reply:
        """Invite a member."""
        body = {"email": email, "role": role}
        return self.knock("members", "POST", "/v1/members", token=by.access, body=body)

    def accept(self, workspace: str, invitation: str, password: str = PASSWORD) -> Reply:
        """Accept an invitation."""
        body = {"workspace": workspace, "invitation": invitation, "password": password}
        return self.knock("sessions", "POST", "/v1/invitations/accept", body=body)

    def member(self, by: Person, role: str, email: str = "") -> Person:
        """A member with a role, invited, accepted and signed in."""
        email = email or f"{role}@{by.workspace}.example"
        invited = self.invite(by, email, role)
        assert invited.status == 201, invited.text
        accepted = self.accept(by.workspace, invited.json["invitation"])
        assert accepted.status == 200, accepted.text
        return self.sign_in(Person(by.workspace, email, PASSWORD, tenant=by.tenant))


def sqs_event(*bodies: str) -> dict[str, Any]:
    """What Lambda hands a function for messages of the provisioning queue: the sample, with these bodies."""
    event: dict[str, Any] = json.loads((EVENTS / "sqs-provisioning.json").read_text())
    (sample,) = event["Records"]
    return {"Records": [{**sample, "messageId": f"message-{n}", "body": body} for n, body in enumerate(bodies)]}


def at_once(times: int, call: Callable[[int], Any]) -> list[Any]:
    """Make so many calls at the same time, each in a thread of its own."""
    start = Barrier(times)

    def wait_and_call(number: int) -> Any:
        start.wait(timeout=30)
        return call(number)

    with ThreadPoolExecutor(max_workers=times) as pool:
        return list(pool.map(wait_and_call, range(times)))
