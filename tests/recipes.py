"""For each route a request that succeeds: its path, its body, and what must be there for it.

A route without a recipe fails the access matrix and the tests of bad input: that is how a new one cannot escape them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deployed import Visitor
from world import ATTRIBUTES, PASSWORD, World, name_of

from local.client import Client
from misentinel.access import Permission
from misentinel.api import Route


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: where, with what, and how."""

    path: str
    json: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to ask a route so that it succeeds.

    Attributes
    ----------
    ask
        Makes the request, in a world, for one of its members.
    success
        The status of its success, where it is not the declared one.
    names_a_thing
        Whether its path names a thing of the workspace, which for another workspace is not there.
    open_fields
        Dotted names of fields that take any text or number.
    may_be_empty
        Dotted names of fields whose text may be empty.
    left_out
        Fields of the body that this request cannot have beside the others.
    also
        The permission without which the thing that the path names is not there.
    """

    ask: Callable[[World, Client], Ask]
    success: int = 0
    names_a_thing: bool = True
    open_fields: tuple[str, ...] = ()
    may_be_empty: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    also: Permission | None = None

    def status(self, route: Route) -> int:
        """The status of success."""
        return self.success or route.status


def _sign_in(world: World, member: Client) -> Ask:
    del world
    return Ask("/v1/sessions", {"workspace": member.workspace, "email": member.email, "password": PASSWORD})


def _accept(world: World, _: Client) -> Ask:
    invitation = world.invited()["invitation"]
    body = {"workspace": world.owner.workspace, "invitation": invitation, "password": PASSWORD}
    return Ask("/v1/invitations/accept", body)


def _sign_up(world: World, _: Client) -> Ask:
    """A slug that is taken: a workspace for every case would take minutes, and nobody is stopped before this."""
    body = {"slug": world.owner.workspace, "name": "Acme", "email": "o@acme.example", "password": PASSWORD}
    return Ask("/v1/workspaces", body)


def _new_member(world: World, _: Client) -> Ask:
    return Ask("/v1/members", {"email": f"m{world.unique()}@{world.owner.workspace}.example", "role": "auditor"})


def _member(world: World, _: Client) -> str:
    return f"/v1/members/{world.invited()['member']['id']}"


def _person(world: World, _: Client) -> str:
    return f"/v1/people/{world.person['id']}"


def _new_person(world: World, _: Client) -> str:
    return f"/v1/people/{world.new_person()['id']}"


def _at(path: str, json: Any = None) -> Callable[[World, Client], Ask]:
    return lambda *_: Ask(path, json)


def _of(where: Callable[[World, Client], str], tail: str = "", json: Any = None) -> Callable[[World, Client], Ask]:
    return lambda world, member: Ask(where(world, member) + tail, json)


def _merge(world: World, _: Client) -> Ask:
    one, other = world.new_person(), world.new_person()
    return Ask(f"/v1/people/{one['id']}/merge", {"from": other["id"]})


def _search(*_: object) -> Ask:
    where = {"and": [{"field": "tag", "op": "eq", "value": "vip"}, {"not": {"field": "locale", "op": "exists"}}]}
    return Ask(
        "/v1/people/search", {"where": {"or": [where, {"field": "tag", "op": "eq", "value": "vip"}]}, "limit": 9}
    )


def _import(world: World, _: Client) -> str:
    return f"/v1/imports/{world.sent_import()}"


def _job(world: World, _: Client) -> str:
    return f"/v1/jobs/{world.sent_import()}"


def _asset(world: World, _: Client) -> Ask:
    page = Visitor(world.stack).ask("GET", "/docs").text
    found = re.search(r"docs/assets/[A-Za-z0-9_.-]+", page)
    assert found is not None
    return Ask(f"/{found.group()}")


_TAGGED = {"field": "tag", "op": "eq", "value": "vip"}
_EVENT = {
    "name": "order placed",
    "time": "2026-01-02T03:04:05Z",
    "properties": {"total": 42.5, "items": 3, "note": "by hand", "gift": True},
}
_NEW_IMPORT = {
    "bytes": 1_000,
    "format": "csv",
    "match": "external_id",
    "columns": {"Customer": "external_id", "E-mail": "email"},
    "dry_run": True,
    "encoding": "utf-8",
    "delimiter": ";",
    "report": "ndjson",
}
_OWN = {
    "GET /.well-known/jwks.json": Recipe(_at("/.well-known/jwks.json")),
    "POST /v1/sessions": Recipe(_sign_in, open_fields=("password",)),
    "POST /v1/sessions/verify": Recipe(lambda world, _: Ask("/v1/sessions/verify", world.challenge())),
    "POST /v1/sessions/refresh": Recipe(
        lambda world, _: Ask("/v1/sessions/refresh", {"refresh_token": world.session()["refresh_token"]})
    ),
    "GET /v1/sessions": Recipe(_at("/v1/sessions")),
    "DELETE /v1/sessions/<session_id>": Recipe(lambda world, member: Ask(f"/v1/sessions/{world.session_of(member)}")),
    "POST /v1/invitations/accept": Recipe(_accept, open_fields=("password",)),
    "POST /v1/workspaces": Recipe(_sign_up, 409, open_fields=("password",)),
    "GET /v1/workspaces/<workspace_id>": Recipe(lambda world, _: Ask(f"/v1/workspaces/{world.tenant}")),
    "GET /v1/members": Recipe(_at("/v1/members")),
    "POST /v1/members": Recipe(_new_member),
    "GET /v1/members/<member_id>": Recipe(lambda world, _: Ask(f"/v1/members/{world.owner.tokens['member']}")),
    "PATCH /v1/members/<member_id>": Recipe(_of(_member, json={"role": "auditor"})),
    "DELETE /v1/members/<member_id>": Recipe(_of(_member)),
    "POST /v1/members/<member_id>/invitation": Recipe(_of(_member, "/invitation")),
    "DELETE /v1/members/<member_id>/sessions": Recipe(_of(_member, "/sessions")),
    "GET /v1/settings": Recipe(_at("/v1/settings")),
    "PATCH /v1/settings": Recipe(_at("/v1/settings", {"allowed_origins": ["https://app.example.com"]})),
}
_PEOPLE = {
    "GET /v1/people": Recipe(_at("/v1/people")),
    "POST /v1/people": Recipe(lambda world, _: Ask("/v1/people", world.person_body()), may_be_empty=("attributes",)),
    "PUT /v1/people": Recipe(
        lambda world, _: Ask("/v1/people", world.person_body()), 201, may_be_empty=("attributes",)
    ),
    "POST /v1/people/search": Recipe(_search, may_be_empty=("where",), left_out=("cursor",)),
    "GET /v1/people/<person_id>": Recipe(_of(_person)),
    "PATCH /v1/people/<person_id>": Recipe(
        lambda world, member: Ask(_new_person(world, member), world.person_body()), may_be_empty=("attributes",)
    ),
    "DELETE /v1/people/<person_id>": Recipe(_of(_new_person)),
    "POST /v1/people/<person_id>/merge": Recipe(_merge),
    "POST /v1/people/<person_id>/events": Recipe(
        lambda world, member: Ask(f"{_new_person(world, member)}/events", {**_EVENT, "id": world.unique()}),
        may_be_empty=("properties",),
    ),
    "GET /v1/people/<person_id>/events": Recipe(_of(_person, "/events")),
    "GET /v1/attributes": Recipe(_at("/v1/attributes")),
    "PUT /v1/attributes/<name>": Recipe(
        _at("/v1/attributes/seats", {**ATTRIBUTES["seats"], "indexed": False, "personal": False, "archived": False}),
        names_a_thing=False,
    ),
    "POST /v1/exports": Recipe(_at("/v1/exports", {"format": "csv", "where": _TAGGED}), may_be_empty=("where",)),
    "GET /v1/exports/<export_id>": Recipe(lambda world, member: Ask(f"/v1/exports/{world.export(member)}")),
    "GET /v1/exports/<export_id>/file": Recipe(lambda world, member: Ask(f"/v1/exports/{world.export(member)}/file")),
    "GET /v1/jobs": Recipe(_at("/v1/jobs")),
    "GET /v1/jobs/<job_id>": Recipe(_of(_job), also=Permission.PEOPLE_IMPORT),
    "POST /v1/jobs/<job_id>/cancel": Recipe(_of(_job, "/cancel"), also=Permission.PEOPLE_IMPORT),
    "POST /v1/imports": Recipe(_at("/v1/imports", _NEW_IMPORT), may_be_empty=("columns",)),
    "GET /v1/imports/<import_id>": Recipe(_of(_import)),
    "POST /v1/imports/<import_id>/upload": Recipe(_of(_import, "/upload", {"bytes": 1_000})),
    "POST /v1/imports/<import_id>/start": Recipe(_of(_import, "/start")),
    "GET /v1/imports/<import_id>/report": Recipe(_of(_import, "/report"), 409),
}
_SEEN = {
    "GET /v1/audit/records": Recipe(_at("/v1/audit/records")),
    "GET /v1/audit/records/<uid>": Recipe(lambda world, _: Ask(f"/v1/audit/records/{world.record}")),
    "GET /v1/openapi.json": Recipe(_at("/v1/openapi.json")),
    "GET /docs": Recipe(_at("/docs")),
    "GET /docs/problems": Recipe(_at("/docs/problems")),
    "GET /docs/assets/<name>": Recipe(_asset),
}
RECIPES: dict[str, Recipe] = {**_OWN, **_PEOPLE, **_SEEN}


def recipe_of(route: Route) -> Recipe:
    """How to ask a route.

    Raises
    ------
    AssertionError
        Nobody has said it yet.
    """
    name = name_of(route)
    assert name in RECIPES, f"{name} is new: say in tests/recipes.py how it is asked"
    return RECIPES[name]
