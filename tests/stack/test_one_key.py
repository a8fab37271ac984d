"""Fifty requests at once with one Idempotency-Key: one thing is made, and all are told the same."""

from typing import Any

import pytest
from deployed import at_once, forget_addresses, settle
from recipes import recipe_of
from world import World, name_of, routes

from local.client import Answer, call
from local.stack import Stack, eventually
from misentinel.access import Permission

TIMES = 50
ROUTES = {name_of(route): route for route in routes() if route.method == "POST" and isinstance(route.needs, Permission)}
CHANGING = {name for name in ROUTES if not name.endswith(("/search", "/upload"))}
"""Those that write: the others are asked again without harm."""


@pytest.fixture(scope="module")
def world(stack: Stack) -> World:
    return World.of(stack, roles=())


def answers_at_once(world: World, name: str) -> list[Answer]:
    """All the answers to one request that is sent so often at once, and again where it is told to."""
    wanted = recipe_of(ROUTES[name]).ask(world, world.owner)
    headers = {
        "Authorization": f"Bearer {world.owner.tokens['access_token']}",
        "Idempotency-Key": world.unique(),
        "Content-Type": "application/json",
    }

    def send(_: int) -> Answer:
        def answered() -> Answer | None:
            found = call(world.stack.api, "POST", wanted.path, json=wanted.json, headers=headers)
            assert found.status < 300 or found.status in {409, 503}, found.text
            return found if found.status < 300 else None

        return eventually(answered, seconds=120, what=f"an answer to {name}")  # type: ignore[return-value] # it is true

    return at_once(TIMES, send)


@pytest.mark.parametrize("name", sorted(CHANGING))
def test_one_key_makes_one_thing_and_one_answer(world: World, name: str) -> None:
    forget_addresses(world.stack)
    world.renew()
    answers = answers_at_once(world, name)
    kept = ROUTES[name].never_kept
    bodies = [{key: value for key, value in each.json.items() if key not in kept} for each in answers]
    assert all(each == bodies[0] for each in bodies)
    assert {each.status for each in answers} == {answers[0].status}
    action = ROUTES[name].action.name
    ids = {each.headers["x-request-id"] for each in answers}
    ends: dict[str, list[str]] = {}
    for record in settle(world.stack, world.tenant):
        is_of_these = record["api"]["request"]["uid"] in ids and record["api"]["operation"] == action
        if is_of_these and record["status"] == "Success":
            ends.setdefault(record["status_code"], []).append(record["api"]["request"]["uid"])
    replayed = ends.pop("replayed", [])
    (done,) = ends.values()
    assert len(done) == 1
    assert len(replayed) == TIMES - 1
    originals: list[Any] = [each for each in answers if "idempotency-replayed" not in each.headers]
    assert [each.headers["x-request-id"] for each in originals] == done
