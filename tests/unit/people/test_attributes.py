"""Attributes: declared by whoever may, with what never changes, up to a number."""

from typing import Any

import ocsf
from desk import Desk, between

from misentinel import clock
from misentinel.access import Role
from misentinel.people.attributes import MAX_ATTRIBUTES, MAX_INDEXED
from misentinel.people.declarations import KEPT_SECONDS

PLAN = {"type": "string", "description": "The plan that is paid for."}


def test_an_attribute_is_declared_listed_and_changed(desk: Desk) -> None:
    first = desk.ask("PUT", "/v1/attributes/plan", PLAN)
    assert (first.status, first.json) == (
        200,
        {"name": "plan", **PLAN, "indexed": False, "personal": False, "archived": False},
    )
    again = desk.ask("PUT", "/v1/attributes/plan", PLAN)
    assert again.headers["ETag"] == first.headers["ETag"]
    changed = desk.ask(
        "PUT", "/v1/attributes/plan", {**PLAN, "personal": True}, headers={"If-Match": first.headers["ETag"]}
    )
    assert (changed.status, changed.json["personal"]) == (200, True)
    late = desk.ask("PUT", "/v1/attributes/plan", PLAN, headers={"If-Match": first.headers["ETag"]})
    assert late.status == 412
    desk.declare("age", "number")
    assert [each["name"] for each in desk.ask("GET", "/v1/attributes").json["items"]] == ["age", "plan"]
    for record in desk.home.records(desk.tenant):
        ocsf.validate(record)


def test_type_and_index_never_change(desk: Desk) -> None:
    desk.ask("PUT", "/v1/attributes/plan", PLAN)
    for wrong in ({"type": "number"}, {"indexed": True}):
        assert desk.ask("PUT", "/v1/attributes/plan", {**PLAN, **wrong}).status == 409
    desk.ask("PUT", "/v1/attributes/plan", {**PLAN, "archived": True})
    assert desk.ask("PUT", "/v1/attributes/plan", {**PLAN, "type": "number"}).status == 409


def test_an_archived_attribute_takes_no_new_values_and_keeps_those_it_has(desk: Desk) -> None:
    desk.declare("plan", "string", indexed=True)
    ada = desk.add(attributes={"plan": "pro"})["id"]
    desk.declare("plan", "string", indexed=True, archived=True)
    assert desk.ask("PATCH", f"/v1/people/{ada}", {"attributes": {"plan": "max"}}).status == 422
    assert desk.ask("GET", f"/v1/people/{ada}").json["attributes"] == {"plan": "pro"}
    assert desk.ask("PATCH", f"/v1/people/{ada}", {"attributes": {"plan": None}}).json["attributes"] == {}
    assert desk.items("attribute#") == []


def test_what_is_not_a_declaration_is_refused(desk: Desk) -> None:
    wrong: list[tuple[str, Any]] = [
        ("Plan", PLAN),
        ("1plan", PLAN),
        ("plan-b", PLAN),
        ("a" * 51, PLAN),
        ("plan", {**PLAN, "type": "list"}),
        ("plan", {**PLAN, "description": ""}),
        ("plan", {**PLAN, "description": "4111 1111 1111 1111"}),
        ("plan", {**PLAN, "indexed": "yes"}),
        ("plan", {**PLAN, "default": 1}),
        ("plan", {"type": "string"}),
        ("plan", []),
    ]
    for name, body in wrong:
        assert desk.ask("PUT", f"/v1/attributes/{name}", body).status == 422, (name, body)
    assert desk.items("attributes") == []


def test_only_who_may_change_settings_declares(desk: Desk) -> None:
    for role in (Role.MARKETER, Role.SUPPORT, Role.ANALYST, Role.AUDITOR):
        assert desk.as_role(role).ask("PUT", "/v1/attributes/plan", PLAN).status == 403
    assert desk.as_role(Role.ANALYST).ask("GET", "/v1/attributes").status == 403
    other = desk.home.tenant("other")
    stranger = Desk(desk.home, other, desk.home.signed_in(other))
    desk.declare("plan", "string")
    assert stranger.ask("GET", "/v1/attributes").json["items"] == []
    assert stranger.ask("POST", "/v1/people", {"attributes": {"plan": "pro"}}).status == 422


def test_there_are_at_most_so_many(desk: Desk) -> None:
    for number in range(MAX_INDEXED):
        desk.declare(f"indexed_{number}", "string", indexed=True)
    assert desk.ask("PUT", "/v1/attributes/one_more", {**PLAN, "indexed": True}).status == 409
    for number in range(MAX_ATTRIBUTES - MAX_INDEXED):
        desk.declare(f"name_{number}", "string")
    assert desk.ask("PUT", "/v1/attributes/one_more", PLAN).status == 409
    assert desk.ask("PUT", "/v1/attributes/name_1", {**PLAN, "description": "Another."}).status == 200


def test_a_name_that_is_hidden_later_is_hidden_within_a_minute(desk: Desk) -> None:
    """Each environment remembers declarations for itself: here another one declares behind this one's back."""
    with clock.at(clock.now()) as time:
        desk.declare("plan", "string")
        ada = desk.add(attributes={"plan": "pro"})["id"]
        analyst = desk.as_role(Role.ANALYST)
        (before,) = desk.items("attributes")
        desk.declare("plan", "string", personal=True)
        (after,) = desk.items("attributes")
        table = f"ms-local-{desk.tenant}-data"
        desk.home.aws("dynamodb").put_item(TableName=table, Item=before)
        assert analyst.ask("GET", f"/v1/people/{ada}").json["attributes"] == {"plan": "pro"}
        desk.home.aws("dynamodb").put_item(TableName=table, Item=after)
        time.tick(KEPT_SECONDS + 1)
        assert analyst.ask("GET", f"/v1/people/{ada}").json["attributes"] == {}


def test_of_two_who_declare_at_the_same_moment_neither_is_forgotten(desk: Desk) -> None:
    body = {"type": "string", "description": "made up"}
    with between(lambda: desk.ask("PUT", "/v1/attributes/first", body)):
        assert desk.ask("PUT", "/v1/attributes/second", body).status == 409
    with between(lambda: desk.ask("PUT", "/v1/attributes/third", body)):
        assert (
            desk.ask("PUT", "/v1/attributes/first", {**body, "archived": True}, headers={"If-Match": "*"}).status == 412
        )
    desk.declare("second", "string")
    assert [each["name"] for each in desk.ask("GET", "/v1/attributes").json["items"]] == ["first", "second", "third"]


def test_declarations_are_read_once_a_minute(desk: Desk) -> None:
    desk.declare("plan", "string")
    desk.add(attributes={"plan": "a"})
    with desk.home.counted() as calls:
        desk.add(attributes={"plan": "b"})
    assert calls == ["dynamodb:GetItem", "dynamodb:TransactWriteItems"]
    with desk.home.counted() as calls:
        desk.ask("POST", "/v1/people", {"attributes": {"unknown": 1}})
    assert calls == ["dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:PutItem"]
