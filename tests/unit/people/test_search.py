"""Searching people: all who match, each once, and nothing that tells what the caller may not read."""

from typing import Any

import pytest
from desk import Desk

from misentinel.access import Role


def where(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "op": op} | ({} if value is None else {"value": value})


def found(desk: Desk, expression: dict[str, Any], limit: int = 100) -> list[str]:
    """Names of all who are found, page by page."""
    names: list[str] = []
    cursor = None
    for _ in range(20):
        body = {"where": expression, "limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = desk.ask("POST", "/v1/people/search", body)
        assert answer.status == 200, answer.text
        assert len(answer.json["items"]) <= limit
        names += [each["name"] for each in answer.json["items"]]
        cursor = answer.json["next_cursor"]
        if cursor is None:
            return names
    pytest.fail("the search goes on for ever")


@pytest.fixture
def crowd(desk: Desk) -> Desk:
    desk.declare("plan", "string", indexed=True)
    desk.declare("seats", "number", indexed=True)
    desk.declare("paying", "boolean", indexed=True)
    desk.declare("renews", "time", indexed=True)
    desk.declare("note", "string")
    people: list[dict[str, Any]] = [
        {"name": "Ada", "email": "Ada@x.example", "tags": ["vip"], "attributes": {"plan": "pro", "seats": 10}},
        {"name": "Bo", "external_id": "b", "tags": ["vip", "beta"], "attributes": {"plan": "pro#1", "seats": -2.5}},
        {"name": "Cy", "locale": "en-GB", "attributes": {"plan": "free", "paying": False, "note": "hello"}},
        {"name": "Di", "time_zone": "Europe/London", "attributes": {"seats": 0, "paying": True}},
        {"name": "Ed", "tags": ["beta"], "attributes": {"renews": "2026-12-01T00:00:00Z", "seats": 9}},
    ]
    for each in people:
        desk.add(**each)
    return desk


CASES: list[tuple[dict[str, Any], str]] = [
    (where("email", "eq", "ADA@X.example"), "Ada"),
    (where("email", "prefix", "ada@"), "Ada"),
    (where("email", "prefix", "AD"), "Ada"),
    (where("external_id", "eq", "b"), "Bo"),
    (where("external_id", "eq", "B"), ""),
    (where("name", "prefix", "A"), "Ada"),
    (where("name", "gte", "Cy"), "Cy Di Ed"),
    (where("locale", "eq", "EN-gb"), "Cy"),
    (where("time_zone", "eq", "Europe/London"), "Di"),
    (where("tag", "eq", "vip"), "Ada Bo"),
    (where("tag", "ne", "vip"), "Cy Di Ed"),
    (where("tag", "exists", False), "Cy Di"),
    (where("tag", "exists"), "Ada Bo Ed"),
    (where("attributes.plan", "eq", "pro"), "Ada"),
    (where("attributes.plan", "prefix", "pro"), "Ada Bo"),
    (where("attributes.plan", "ne", "pro"), "Bo Cy Di Ed"),
    (where("attributes.plan", "exists"), "Ada Bo Cy"),
    (where("attributes.plan", "lt", "pro"), "Cy"),
    (where("attributes.seats", "gt", 0), "Ada Ed"),
    (where("attributes.seats", "gte", 0), "Ada Di Ed"),
    (where("attributes.seats", "lt", 0), "Bo"),
    (where("attributes.seats", "lte", 9.0), "Bo Di Ed"),
    (where("attributes.seats", "eq", 10), "Ada"),
    (where("attributes.paying", "eq", False), "Cy"),
    (where("attributes.paying", "eq", True), "Di"),
    (where("attributes.renews", "gt", "2026-11-30T23:30:00-01:00"), ""),
    (where("attributes.renews", "gte", "2026-12-01T01:00:00+01:00"), "Ed"),
    (where("attributes.note", "eq", "hello"), "Cy"),
    (where("created_at", "gt", "2020-01-01T00:00:00Z"), "Ada Bo Cy Di Ed"),
    (where("created_at", "lt", "2020-01-01T00:00:00Z"), ""),
    (where("created_at", "gt", "9999-01-01T00:00:00Z"), ""),
    (where("last_seen_at", "exists"), ""),
    ({"and": [where("tag", "eq", "vip"), where("attributes.plan", "eq", "pro")]}, "Ada"),
    ({"and": [where("attributes.seats", "gte", 0), where("attributes.seats", "lt", 10)]}, "Di Ed"),
    ({"and": [where("attributes.seats", "gt", 5), where("attributes.seats", "lt", 1)]}, ""),
    ({"and": [where("tag", "eq", "vip"), where("created_at", "lt", "2020-01-01T00:00:00Z")]}, ""),
    ({"and": [where("tag", "eq", "beta"), where("created_at", "gt", "2020-01-01T00:00:00Z")]}, "Bo Ed"),
    ({"or": [where("tag", "eq", "vip"), where("tag", "eq", "beta")]}, "Ada Bo Ed"),
    (
        {"or": [where("email", "eq", "ada@x.example"), where("tag", "eq", "vip"), where("name", "eq", "Di")]},
        "Ada Bo Di",
    ),
    ({"or": [where("attributes.seats", "lt", 5), where("attributes.seats", "gt", -1)]}, "Ada Bo Di Ed"),
    ({"not": where("tag", "eq", "vip")}, "Cy Di Ed"),
    ({"and": [{"not": where("tag", "eq", "vip")}, where("attributes.paying", "exists")]}, "Cy Di"),
    (
        {"and": [{"or": [where("tag", "eq", "vip"), where("tag", "eq", "beta")]}, where("name", "ne", "Bo")]},
        "Ada Ed",
    ),
]


def test_a_search_finds_all_who_match_and_each_once(crowd: Desk) -> None:
    for expression, expected in CASES:
        assert sorted(found(crowd, expression)) == expected.split(), expression
        assert sorted(found(crowd, expression, limit=1)) == expected.split(), expression


WRONG: list[Any] = [
    {},
    {"field": "password", "op": "eq", "value": "x"},
    {"field": "attributes.undeclared", "op": "eq", "value": "x"},
    where("tag", "lt", "a"),
    where("tag", "eq", 5),
    where("attributes.seats", "eq", "ten"),
    where("attributes.seats", "prefix", 1),
    where("attributes.paying", "lt", True),
    where("attributes.plan", "eq", 1),
    where("attributes.renews", "gt", "yesterday"),
    where("created_at", "prefix", "2026"),
    where("email", "eq"),
    where("email", "exists", "yes"),
    where("email", "like", "x"),
    {"and": []},
    {"and": [where("tag", "exists")], "or": [where("tag", "exists")]},
    {"or": [where("tag", "exists")] * 51},
    {"not": [where("tag", "exists")]},
    {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": where("tag", "exists")}}}}}}}},
    [],
    "tag eq vip",
]


def test_what_cannot_be_searched_for_is_refused(crowd: Desk) -> None:
    for wrong in WRONG:
        answer = crowd.ask("POST", "/v1/people/search", {"where": wrong})
        assert answer.status == 422, wrong
        assert answer.json["errors"]


HIDDEN: list[dict[str, Any]] = [
    where("email", "eq", "ada@x.example"),
    where("email", "exists"),
    where("name", "prefix", "A"),
    where("phone", "exists"),
    where("external_id", "ne", "b"),
    where("attributes.salary", "gt", 1),
    {"not": {"or": [where("tag", "exists"), {"and": [where("attributes.salary", "exists")]}]}},
]


def test_a_hidden_field_is_not_searched_by(crowd: Desk) -> None:
    crowd.declare("salary", "number", personal=True, indexed=True)
    analyst = crowd.as_role(Role.ANALYST)
    for asked in HIDDEN:
        refused = analyst.ask("POST", "/v1/people/search", {"where": asked})
        assert (refused.status, refused.json["permission"]) == (403, "people:contact")
        assert crowd.ask("POST", "/v1/people/search", {"where": asked}).status == 200


def test_what_an_analyst_finds_has_no_hidden_field(crowd: Desk) -> None:
    crowd.declare("salary", "number", personal=True)
    crowd.add(name="Fay", tags=["paid"], attributes={"salary": 5, "plan": "pro"})
    analyst = crowd.as_role(Role.ANALYST)
    (fay,) = analyst.ask("POST", "/v1/people/search", {"where": where("tag", "eq", "paid")}).json["items"]
    assert fay["attributes"] == {"plan": "pro"}
    assert not fay.keys() & {"name", "email", "phone", "external_id"}


def test_a_cursor_is_of_one_search_and_one_workspace(crowd: Desk) -> None:
    body = {"where": where("tag", "exists"), "limit": 1}
    cursor = crowd.ask("POST", "/v1/people/search", body).json["next_cursor"]
    other = {"where": where("tag", "exists", False), "limit": 1, "cursor": cursor}
    assert crowd.ask("POST", "/v1/people/search", other).status == 422
    tenant = crowd.home.tenant("other")
    stranger = Desk(crowd.home, tenant, crowd.home.signed_in(tenant))
    assert stranger.ask("POST", "/v1/people/search", {**body, "cursor": cursor}).status == 422
    assert stranger.ask("POST", "/v1/people/search", body).json["items"] == []


def test_who_is_changed_is_found_by_what_is_so_now(crowd: Desk) -> None:
    (ada,) = crowd.ask("POST", "/v1/people/search", {"where": where("email", "eq", "ada@x.example")}).json["items"]
    change = {"email": "new@x.example", "tags": ["new"], "attributes": {"plan": None, "seats": 99}}
    assert crowd.ask("PATCH", f"/v1/people/{ada['id']}", change).status == 200
    assert found(crowd, where("email", "eq", "ada@x.example")) == []
    assert found(crowd, where("tag", "eq", "vip")) == ["Bo"]
    assert found(crowd, where("attributes.plan", "eq", "pro")) == []
    assert found(crowd, where("attributes.seats", "gte", 99)) == ["Ada"]
    assert found(crowd, where("tag", "eq", "new")) == ["Ada"]


def test_what_an_indexed_search_costs_does_not_grow_with_the_workspace(crowd: Desk) -> None:
    def calls_of(expression: dict[str, Any]) -> list[str]:
        with crowd.home.counted() as calls:
            crowd.ask("POST", "/v1/people/search", {"where": expression, "limit": 2})
        return calls

    indexed = where("tag", "eq", "vip")
    calls_of(indexed)
    before = calls_of(indexed)
    for _ in range(30):
        crowd.add(name="Nobody")
    assert calls_of(indexed) == before
    assert before == ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:PutItem"]
    unique = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem"]
    assert calls_of(where("email", "eq", "ada@x.example")) == unique
