"""Who may what: every declared route, asked by every role, as a member, from elsewhere, by nobody, after the end.

What is expected follows from what the route declares and nothing else. All is asked once, then looked at case by case.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

import pytest
import urllib3
from deployed import Visitor, forget_addresses, settle
from recipes import Recipe, recipe_of
from world import CONTACT, PHONE, World, counted, name_of, routes

from local.client import Answer
from local.stack import Stack, eventually
from misentinel.access import Permission, Public, Role, permissions_of
from misentinel.api import Route


class Standing(StrEnum):
    """Who somebody with a role is to the workspace that is asked for."""

    OTHER = "of another workspace"
    NOBODY = "without a token"
    ENDED = "in an ended session"
    OWN = "of this workspace"


ROUTES = {name_of(route): route for route in routes()}
CASES = [(name, role, standing) for name in ROUTES for standing in Standing for role in Role]
NOT_A_MEMBER = (Standing.NOBODY, Standing.ENDED)
REFUSALS = {401: "unauthenticated", 403: "forbidden", 404: "not-found"}


@dataclass(slots=True)
class Outcome:
    """What came of one case."""

    answer: Answer
    changed: bool


@dataclass(slots=True)
class Matrix:
    """All that was asked, the routes that could not be, and the records of both workspaces."""

    here: World
    elsewhere: World
    outcomes: dict[tuple[str, Role, Standing], Outcome]
    failures: dict[str, Exception]
    records: dict[str, list[dict[str, Any]]]

    def of(self, name: str, role: Role, standing: Standing) -> Outcome:
        """What came of one case."""
        if name in self.failures:
            raise self.failures[name]
        return self.outcomes[name, role, standing]


def ask_route(here: World, elsewhere: World, route: Route) -> dict[tuple[Role, Standing], Outcome]:
    """All cases of a route: the request that would succeed for whoever may, and whether anything was written.

    One request serves all who are to be refused, who come first, for they change nothing; everybody else has one of
    their own.
    """
    recipe, outcomes, common = recipe_of(route), {}, None

    def is_refused(case: tuple[Role, Standing]) -> bool:
        return expected(route, recipe, *case) in REFUSALS

    for role, standing in sorted(product(Role, Standing), key=is_refused, reverse=True):
        forget_addresses(here.stack)
        common = common or recipe.ask(here, here.members[role])
        refusal = is_refused((role, standing))
        wanted = common if refusal else recipe.ask(here, here.members[role])
        before = here.data() if refusal and route.method != "GET" else {}
        shown = token(here, elsewhere, role, standing)
        answer = Visitor(here.stack).ask(route.method, wanted.path, wanted.json, token=shown, headers=wanted.headers)
        outcomes[role, standing] = Outcome(answer, changed=bool(before) and here.data() != before)
    return outcomes


def token(here: World, elsewhere: World, role: Role, standing: Standing) -> str:
    """What somebody of this standing shows."""
    match standing:
        case Standing.OWN:
            return str(here.members[role].tokens["access_token"])
        case Standing.OTHER:
            return str(elsewhere.members[role].tokens["access_token"])
        case Standing.ENDED:
            return here.ended[role]
        case Standing.NOBODY:
            return ""


@pytest.fixture(scope="module")
def matrix(stack: Stack) -> Matrix:
    """Everything asked, once."""
    here, elsewhere = World.of(stack), World.of(stack)
    matrix = Matrix(here, elsewhere, {}, {}, {})
    for name, route in ROUTES.items():
        here.rest()
        for world in (here, elsewhere):
            world.renew()
        try:
            for (role, standing), outcome in ask_route(here, elsewhere, route).items():
                matrix.outcomes[name, role, standing] = outcome
        except Exception as failure:  # noqa: BLE001 - the route that it belongs to tells it, not all the others
            matrix.failures[name] = failure
    for world in (here, elsewhere):
        for record in settle(stack, world.tenant):
            matrix.records.setdefault(record["api"]["request"]["uid"], []).append(record)
    return matrix


def expected(route: Route, recipe: Recipe, role: Role, standing: Standing) -> int:
    """The status that the declaration demands."""
    if isinstance(route.needs, Public):
        return recipe.status(route)
    if standing in NOT_A_MEMBER:
        return 401
    if route.needs not in permissions_of(role):
        return 403
    if standing is Standing.OTHER and "<" in route.path and recipe.names_a_thing:
        return 404
    return 404 if recipe.also and recipe.also not in permissions_of(role) else recipe.status(route)


@pytest.mark.parametrize(("name", "role", "standing"), CASES)
def test_a_route_lets_in_whom_it_declares_and_nobody_else(
    matrix: Matrix, name: str, role: Role, standing: Standing
) -> None:
    outcome, route, recipe = matrix.of(name, role, standing), ROUTES[name], recipe_of(ROUTES[name])
    answer = outcome.answer
    assert answer.status == expected(route, recipe, role, standing), answer.text
    if answer.status in REFUSALS:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["type"] == f"urn:misentinel:problem:{REFUSALS[answer.status]}"
        assert not outcome.changed
    if answer.status == 403:
        assert answer.json["permission"] == route.needs
    if standing is Standing.OTHER and isinstance(route.needs, Permission):
        assert not matrix.here.traces(answer.text)


@pytest.mark.parametrize(("name", "role", "standing"), CASES)
def test_no_answer_shows_contact_details_to_whom_they_are_not_for(
    matrix: Matrix, name: str, role: Role, standing: Standing
) -> None:
    answer = matrix.of(name, role, standing).answer
    if standing in NOT_A_MEMBER or Permission.PEOPLE_CONTACT not in permissions_of(role):
        assert CONTACT not in answer.text
        assert PHONE not in answer.text


@pytest.mark.parametrize("name", ["GET /v1/people", "GET /v1/people/<person_id>", "POST /v1/people/search"])
def test_contact_details_are_shown_to_whom_they_are_for(matrix: Matrix, name: str) -> None:
    assert CONTACT in matrix.of(name, Role.SUPPORT, Standing.OWN).answer.text


@pytest.mark.parametrize("role", [role for role in Role if Permission.PEOPLE_EXPORT in permissions_of(role)])
def test_a_file_has_contact_details_for_whom_they_are_only(matrix: Matrix, role: Role) -> None:
    link = matrix.of("GET /v1/exports/<export_id>/file", role, Standing.OWN).answer.json["url"]
    text = urllib3.request("GET", link).data.decode()
    assert matrix.here.person["id"] in text
    assert (CONTACT in text) == (Permission.PEOPLE_CONTACT in permissions_of(role))


@pytest.mark.parametrize(("name", "role", "standing"), CASES)
def test_an_answer_to_somebody_known_has_its_record(matrix: Matrix, name: str, role: Role, standing: Standing) -> None:
    answer, route = matrix.of(name, role, standing).answer, ROUTES[name]
    if isinstance(route.needs, Public) or standing is Standing.NOBODY:
        return
    found = matrix.records[answer.headers["x-request-id"]]
    (record,) = [each for each in found if each["api"]["operation"] == route.action.name]
    world = matrix.elsewhere if standing is Standing.OTHER else matrix.here
    assert record["metadata"]["tenant_uid"] == world.tenant
    assert record["actor"]["user"]["uid"] == world.members[role].tokens["member"]
    assert record["status"] == ("Success" if answer.status < 400 else "Failure")
    if answer.status >= 400:
        assert record["status_code"] == answer.json["type"].rpartition(":")[2]


@pytest.mark.parametrize("name", [name for name, each in ROUTES.items() if isinstance(each.needs, Permission)])
def test_a_request_of_nobody_is_counted(matrix: Matrix, name: str) -> None:
    action = ROUTES[name].action.name
    wanted = sum(ROUTES[other].action.name == action for other, _, each in CASES if each is Standing.NOBODY)
    assert wanted >= len(Role)
    eventually(
        lambda: counted(matrix.here.stack, action, "unauthenticated") >= wanted, what=f"{wanted} attempts at {action}"
    )
