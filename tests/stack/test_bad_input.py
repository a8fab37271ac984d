"""Bad input at every route: a clear problem, nothing half-written, and a record.

All of it is sent once, then looked at case by case.
"""

import inspect
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from badinput import Bad, bad_requests
from deployed import PLATFORM, Visitor, forget_addresses, settle
from pydantic import BaseModel
from recipes import recipe_of
from world import World, counted, name_of, routes

from local.client import Answer
from local.stack import Stack, eventually
from misentinel.access import Public
from misentinel.api import Route
from misentinel.errors import Refusal

ROUTES = {name_of(route): route for route in routes()}


def codes(kind: type[Refusal] = Refusal) -> set[str]:
    """The last part of every type of problem that there is."""
    return {kind.code}.union(*(codes(each) for each in kind.__subclasses__()))


@dataclass(slots=True)
class Outcome:
    """What came of one bad request."""

    bad: Bad
    answer: Answer
    changed: set[str]


@dataclass(slots=True)
class Sent:
    """All that was sent to one route."""

    outcomes: list[Outcome]
    failure: Exception | None = None


@dataclass(slots=True)
class Story:
    """All that was sent to all routes, and the records of it."""

    world: World
    sent: dict[str, Sent]
    records: dict[str, list[dict[str, Any]]]


def bad_for(world: World, route: Route) -> list[Bad]:
    """What is wrong in turn with the request that this route's recipe makes."""
    recipe = recipe_of(route)
    parameters = inspect.signature(route.function).parameters
    return bad_requests(
        recipe.ask(world, world.owner),
        route.path,
        open_fields=recipe.open_fields,
        may_be_empty=recipe.may_be_empty,
        is_listing={"limit", "cursor"} <= parameters.keys(),
    )


def send(world: World, route: Route) -> Sent:
    """Send all that can be wrong."""
    sent = Sent([])
    try:
        for bad in bad_for(world, route):
            forget_addresses(world.stack)
            before = world.data()
            answer = Visitor(world.stack).ask(
                route.method, bad.path, raw=bad.raw, headers=bad.headers, token=world.owner.tokens["access_token"]
            )
            after = world.data()
            changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
            sent.outcomes.append(Outcome(bad, answer, changed))
    except Exception as failure:  # noqa: BLE001 - the route that it belongs to tells it, not all the others
        sent.failure = failure
    return sent


@pytest.fixture(scope="module")
def story(stack: Stack) -> Story:
    """Everything sent, once."""
    world = World.of(stack, roles=())
    sent = {}
    for name, route in ROUTES.items():
        world.renew()
        sent[name] = send(world, route)
    records: dict[str, list[dict[str, Any]]] = {}
    for tenant in (world.tenant, PLATFORM):
        for record in settle(stack, tenant):
            records.setdefault(record["api"]["request"]["uid"], []).append(record)
    return Story(world, sent, records)


@pytest.mark.parametrize("name", ROUTES)
def test_the_recipe_says_every_field_that_a_body_may_have(story: Story, name: str) -> None:
    route = ROUTES[name]
    body = recipe_of(route).ask(story.world, story.world.owner).json
    for parameter in inspect.signature(route.function).parameters.values():
        kind = parameter.annotation
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            missing = {field.alias or each for each, field in kind.model_fields.items()} - set(body)
            assert not missing - set(recipe_of(route).left_out)


@pytest.mark.parametrize("name", ROUTES)
def test_bad_input_is_answered_by_a_clear_problem(story: Story, name: str) -> None:
    sent = story.sent[name]
    if sent.failure is not None:
        raise sent.failure
    wrong = {}
    for outcome in sent.outcomes:
        answer = outcome.answer
        is_problem = (
            400 <= answer.status < 500
            and answer.headers.get("content-type") == "application/problem+json"
            and answer.json["type"].removeprefix("urn:misentinel:problem:") in codes()
            and answer.json["status"] == answer.status
            and answer.json["detail"]
        )
        if not is_problem:
            wrong[outcome.bad.name] = (answer.status, answer.text[:300])
    assert not wrong, json.dumps(wrong, indent=1)


@pytest.mark.parametrize("name", ROUTES)
def test_bad_input_writes_nothing(story: Story, name: str) -> None:
    wrong = {each.bad.name: sorted(each.changed) for each in story.sent[name].outcomes if each.changed}
    assert not wrong, json.dumps(wrong, indent=1)


@pytest.mark.parametrize("name", ROUTES)
def test_bad_input_is_not_told_again(story: Story, name: str) -> None:
    """A problem names the field, never the value: it may be personal, or a password."""
    for outcome in story.sent[name].outcomes:
        text = outcome.answer.text.replace(outcome.answer.headers["x-request-id"], "")
        for told in ("4111", "x" * 1_000, "\0", "\x1b"):
            assert told not in text, outcome.bad.name


@pytest.mark.parametrize("name", [name for name, each in ROUTES.items() if not isinstance(each.needs, Public)])
def test_bad_input_is_on_record(story: Story, name: str) -> None:
    wrong = {}
    for outcome in story.sent[name].outcomes:
        found = story.records.get(outcome.answer.headers["x-request-id"], [])
        ends = [(each["status"], each["status_code"]) for each in found]
        if ends != [("Failure", outcome.answer.json.get("type", "").rpartition(":")[2])]:
            wrong[outcome.bad.name] = ends
    assert not wrong, json.dumps(wrong, indent=1)


@pytest.mark.parametrize("name", [name for name, each in ROUTES.items() if isinstance(each.needs, Public)])
def test_bad_input_of_nobody_known_is_counted(story: Story, name: str) -> None:
    route, wanted = ROUTES[name], Counter[str]()
    for outcome in story.sent[name].outcomes:
        is_recorded = outcome.answer.headers["x-request-id"] in story.records
        if not is_recorded and route.pattern.fullmatch(outcome.bad.path.partition("?")[0]):
            wanted[outcome.answer.json["type"].rpartition(":")[2]] += 1

    def all_counted() -> bool:
        return all(counted(story.world.stack, route.action.name, code) >= wanted[code] for code in wanted)

    eventually(all_counted, what=f"{wanted} at {route.action.name}")


def test_there_is_much_that_can_be_wrong(story: Story) -> None:
    assert sum(len(each.outcomes) for each in story.sent.values()) > 20 * len(ROUTES)
