"""Requests: the handler against the bare calls that it makes, through the gateway, and by their AWS calls."""

import json
import statistics
import time
from typing import TYPE_CHECKING, Any

from deployed import PLATFORM, forget_addresses, items, root, table

from benchmarks.inside import Clock, acting, ask, function, in_turns, percentile
from local.client import Answer, Client
from local.stack import Stack
from misentinel.audit import Action, Happening, canonical, record
from misentinel.audit.packing import packed
from misentinel.clock import uuid7

if TYPE_CHECKING:
    from collections.abc import Callable


def handler_and_bare(stack: Stack, owner: Client, rounds: int) -> dict[str, Any]:
    """GET /v1/people/{id}: the handler, and a bare read of the session, of the person and a put of a record."""
    person = owner.post("/v1/people", {"name": "Ada"}).json["id"]
    dynamodb = acting(stack, owner.tenant).aws("dynamodb")
    member, session = owner.tokens["member"], owner.tokens["session"]
    keys = [(f"member#{member}", f"session#{session}"), (f"person#{person}", "person")]

    def bare() -> None:
        for pk, sk in keys:
            key = {"pk": {"S": pk}, "sk": {"S": sk}}
            assert dynamodb.get_item(TableName=table(owner.tenant, "data"), Key=key, ConsistentRead=True)["Item"]
        uid = uuid7()
        event = canonical(record(Happening(owner.tenant, Action("people.read"), uuid7()), uid))
        item = {"uid": {"S": uid}, "record": {"B": packed(event)}, "context": {"B": packed("{}")}}
        dynamodb.put_item(TableName=table(owner.tenant, "inbox"), Item=item)

    def handled() -> None:
        assert ask("people", "GET", f"/v1/people/{person}", token=owner.tokens["access_token"])["statusCode"] == 200

    with function(stack, "people"):
        took = in_turns({"handler": handled, "bare calls": bare}, rounds)
    return {**took, "ratio": took["handler"] / took["bare calls"]}


def through_the_gateway(owner: Client, rounds: int) -> dict[str, list[float]]:
    """p50 and p95 of a read and of a create, in seconds, one after the other."""
    person = owner.post("/v1/people", {"name": "Ada"}).json["id"]
    found: dict[str, list[float]] = {}
    calls: dict[str, Callable[[], Answer]] = {
        "GET /v1/people/{id}": lambda: owner.get(f"/v1/people/{person}"),
        "POST /v1/people": lambda: owner.post("/v1/people", {"name": "Ada"}),
    }
    for name, call in calls.items():
        took = []
        for number in range(rounds + 10):
            started = time.perf_counter()
            assert call().status < 300
            if number >= 10:
                took.append(time.perf_counter() - started)
        found[name] = [statistics.median(took), percentile(took, 0.95)]
    return found


def aws_calls(stack: Stack, owner: Client) -> dict[str, list[str]]:
    """The AWS calls of warm requests."""
    found: dict[str, list[str]] = {}
    token = owner.tokens["access_token"]
    with function(stack, "people") as calls:
        person = owner.post("/v1/people", {"name": "Ada"}).json["id"]
        requests: dict[str, tuple[str, str, object]] = {
            "read": ("GET", f"/v1/people/{person}", None),
            "create": ("POST", "/v1/people", {"name": "Ada"}),
            "change": ("PATCH", f"/v1/people/{person}", {"name": "Ada L."}),
            "list": ("GET", "/v1/people", None),
            "delete": ("DELETE", f"/v1/people/{person}", None),
        }
        ask("people", "GET", f"/v1/people/{person}", token=token)
        for name, (method, path, body) in requests.items():
            calls.clear()
            assert ask("people", method, path, token=token, body=body)["statusCode"] < 300
            found[name] = list(calls)
    return found | _sign_in_calls(stack, owner)


def _sign_in_calls(stack: Stack, owner: Client) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    body = {"workspace": owner.workspace, "email": owner.email, "password": owner.password}
    failing = {"wrong password": {"password": "none"}, "unknown account": {"email": "nobody@acme.example"}}
    with function(stack, "sessions") as calls:
        ask("sessions", "POST", "/v1/sessions", body={**body, "password": "wrong"})
        ask("sessions", "GET", "/.well-known/jwks.json")
        ask("sessions", "DELETE", "/v1/sessions/none", token=owner.tokens["access_token"])
        for name, changed in failing.items():
            forget(stack, owner)
            calls.clear()
            assert ask("sessions", "POST", "/v1/sessions", body={**body, **changed})["statusCode"] == 401
            found[name] = list(calls)
        forget(stack, owner)
        calls.clear()
        first = ask("sessions", "POST", "/v1/sessions", body=body)
        found["sign-in, password"] = list(calls)
        assert owner.codes is not None
        challenge, code = json.loads(first["body"])["challenge"], owner.codes.next()
        calls.clear()
        assert (
            ask("sessions", "POST", "/v1/sessions/verify", body={"challenge": challenge, "code": code})["statusCode"]
            == 201
        )
        found["sign-in, code"] = list(calls)
    return found


def forget(stack: Stack, owner: Client) -> None:
    """Let the windows of all limits on sign-in pass."""
    forget_addresses(stack)
    dynamodb = root(stack).aws("dynamodb")
    for tenant in (owner.tenant, PLATFORM):
        for item in items(stack, table(tenant, "secrets")):
            if item["pk"]["S"].startswith("login#") and "password_hash" in item:
                dynamodb.update_item(
                    TableName=table(tenant, "secrets"),
                    Key={key: item[key] for key in ("pk", "sk")},
                    UpdateExpression="REMOVE guesses, guesses_until, code_guesses, code_guesses_until",
                )


def wrong_and_unknown(stack: Stack, owner: Client, rounds: int, clock: Clock) -> dict[str, float]:
    """The first factor with a wrong password, an unknown account and an unknown workspace, in turns."""
    number = iter(range(10**9))

    def attempt(**changed: str) -> None:
        asked = {"workspace": owner.workspace, "email": owner.email, "password": "gravel lantern orbit 45", **changed}
        assert ask("sessions", "POST", "/v1/sessions", body=asked)["statusCode"] == 401

    with function(stack, "sessions"):
        return in_turns(
            {
                "wrong password": attempt,
                "unknown account": lambda: attempt(email=f"nobody-{next(number)}@acme.example"),
                "unknown workspace": lambda: attempt(workspace=f"nowhere-{next(number)}"),
            },
            rounds,
            # The address may try 50 times and the account ten: each round starts where the one before did.
            before=lambda: forget(stack, owner),
            clock=clock,
        )
