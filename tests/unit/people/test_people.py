"""People: what is kept of them, by what they are found, what is unique."""

from datetime import UTC, datetime
from typing import Any

import ocsf
import pytest
from desk import Desk
from house import House

from misentinel import clock
from misentinel.access import Permission, Role

ADA = {
    "external_id": "customer-1",
    "email": "Ada@Example.com",
    "phone": "+44 (0)20 7946 0018".replace("(0)", ""),
    "name": "Ada",
    "locale": "en_gb",
    "time_zone": "Europe/London",
    "tags": ["vip", "beta", "vip"],
}


def test_a_person_has_every_field_in_its_own_form(desk: Desk) -> None:
    desk.declare("plan", "string")
    desk.declare("seats", "number")
    desk.declare("paying", "boolean")
    desk.declare("renews", "time")
    values = {"plan": "pro", "seats": 1.5, "paying": True, "renews": "2026-12-01T00:00:00+01:00"}
    made = desk.add(**ADA, attributes=values)
    read = desk.ask("GET", f"/v1/people/{made['id']}")
    assert read.json == made
    assert made["phone"] == "+442079460018"
    assert made["locale"] == "en-GB"
    assert made["tags"] == ["vip", "beta"]
    assert made["email"] == "Ada@Example.com"
    assert made["attributes"] == {**values, "renews": "2026-11-30T23:00:00.000Z"}
    assert made["last_seen_at"] is None
    assert desk.ask("GET", "/v1/people").json["items"] == [made]


@pytest.mark.parametrize(
    ("field", "same"),
    [
        ("email", "ADA@EXAMPLE.COM"),
        ("email", "ａda@example.com"),  # noqa: RUF001 - a full-width letter is the point
        ("email", " ada@example.com "),
        ("external_id", "customer-1"),
    ],
)
def test_what_is_unique_is_so_in_every_writing(desk: Desk, field: str, same: str) -> None:
    first, second = desk.add(**ADA), desk.add(name="Bo")
    for answer in (
        desk.ask("POST", "/v1/people", {field: same}),
        desk.ask("PATCH", f"/v1/people/{second['id']}", {field: same}),
    ):
        assert (answer.status, answer.json["type"]) == (409, "urn:misentinel:problem:conflict")
        assert answer.json["field"] == field
        assert not any(value in answer.text.lower() for value in ("@example.com", "customer-1"))
    changed = desk.ask("PATCH", f"/v1/people/{first['id']}", {field: same})
    assert changed.status == 200


def test_an_internationalised_domain_is_the_same_in_both_writings(desk: Desk) -> None:
    desk.add(email="jo@bücher.example")
    assert desk.ask("POST", "/v1/people", {"email": "jo@xn--bcher-kva.example"}).status == 409


def test_the_case_of_an_external_id_counts_and_its_composition_does_not(desk: Desk) -> None:
    desk.add(external_id="Zoë")
    assert desk.ask("POST", "/v1/people", {"external_id": "zoë"}).status == 201
    assert desk.ask("POST", "/v1/people", {"external_id": "Zoe\u0308"}).status == 409


def test_a_value_given_up_is_free_again(desk: Desk) -> None:
    ada = desk.add(email="ada@example.com", external_id="a")
    desk.ask("PATCH", f"/v1/people/{ada['id']}", {"email": None, "external_id": "b"})
    bo = desk.add(email="ada@example.com", external_id="a")
    desk.ask("DELETE", f"/v1/people/{bo['id']}")
    assert desk.ask("PATCH", f"/v1/people/{ada['id']}", {"email": "ada@example.com", "external_id": "a"}).status == 200
    assert len(desk.items("unique#")) == 2


def test_an_upsert_adds_then_changes_then_writes_nothing(desk: Desk) -> None:
    first = desk.ask("PUT", "/v1/people", {"external_id": "a", "name": "Ada"})
    assert (first.status, first.headers["Location"]) == (201, f"/v1/people/{first.json['id']}")
    second = desk.ask("PUT", "/v1/people", {"external_id": "a", "email": "ada@example.com"})
    assert (second.status, second.json["id"], second.json["name"]) == (200, first.json["id"], "Ada")
    third = desk.ask("PUT", "/v1/people", {"email": "ADA@example.com", "name": "Ada"})
    assert (third.status, third.json["email"]) == (200, "ADA@example.com")
    with desk.home.counted() as calls:
        again = desk.ask("PUT", "/v1/people", {"email": "ADA@example.com", "name": "Ada"})
    assert (again.status, again.headers["ETag"], again.json) == (200, third.headers["ETag"], third.json)
    assert calls == ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem"]
    assert len(desk.items("person#")) == 1
    for record in desk.home.records(desk.tenant):
        ocsf.validate(record)


def test_an_upsert_never_gives_one_persons_values_to_another(desk: Desk) -> None:
    desk.add(external_id="a", email="ada@example.com")
    desk.add(external_id="b", email="bo@example.com")
    two = desk.ask("PUT", "/v1/people", {"external_id": "a", "email": "bo@example.com"})
    assert (two.status, two.json["field"]) == (409, "email")
    third = desk.ask("PUT", "/v1/people", {"external_id": "c", "email": "bo@example.com"})
    assert (third.status, third.json["field"]) == (409, "email")
    adopted = desk.add(email="cy@example.com")
    found = desk.ask("PUT", "/v1/people", {"external_id": "c", "email": "cy@example.com"})
    assert (found.status, found.json["id"], found.json["external_id"]) == (200, adopted["id"], "c")
    assert desk.ask("PUT", "/v1/people", {"name": "Nobody"}).status == 422
    assert desk.ask("PUT", "/v1/people", {"external_id": "new"}, headers={"If-Match": "*"}).status == 412


def test_a_change_that_changes_nothing_writes_nothing(desk: Desk) -> None:
    desk.declare("seats", "number")
    made = desk.add(**ADA, attributes={"seats": 1})
    etag = desk.ask("GET", f"/v1/people/{made['id']}").headers["ETag"]
    answer = desk.ask("PATCH", f"/v1/people/{made['id']}", {"name": "Ada", "attributes": {"seats": 1.0}})
    assert (answer.json, answer.headers["ETag"]) == (made, etag)


WRONG: list[dict[str, Any]] = [
    {"phone": "020 7946 0018"},
    {"phone": "+0123456789"},
    {"phone": "+44"},
    {"locale": "english"},
    {"locale": ""},
    {"time_zone": "Mars/Olympus"},
    {"time_zone": "../../etc/passwd"},
    {"tags": ["Not A Tag"]},
    {"tags": ["a"] * 11},
    {"tags": None},
    {"external_id": ""},
    {"external_id": 5},
    {"email": "nobody"},
    {"attributes": {"undeclared": 1}},
    {"attributes": None},
    {"attributes": {"seats": "five"}},
    {"attributes": {"seats": True}},
    {"attributes": {"seats": 2**53}},
    {"attributes": {"seats": 1e300}},
    {"attributes": {"plan": 5}},
    {"attributes": {"plan": "x" * 501}},
    {"attributes": {"plan": "4111 1111 1111 1111"}},
    {"attributes": {"plan": ["a"]}},
    {"attributes": {"paying": 1}},
    {"attributes": {"renews": "2026-12-01"}},
    {"attributes": {"renews": "2026-02-30T00:00:00Z"}},
    {"attributes": {"renews": "0001-01-01T00:00:00+23:59"}},
    {"created_at": "2020-01-01T00:00:00Z"},
    {"id": "x"},
]


def test_what_is_not_valid_is_refused_and_nothing_is_kept(desk: Desk) -> None:
    desk.declare("plan", "string")
    desk.declare("seats", "number")
    desk.declare("paying", "boolean")
    desk.declare("renews", "time")
    for wrong in WRONG:
        added = desk.ask("POST", "/v1/people", {"name": "Ada", **wrong})
        upserted = desk.ask("PUT", "/v1/people", {"email": "ada@example.com", **wrong})
        assert (added.status, upserted.status) == (422, 422), wrong
        assert added.json["errors"]
    assert desk.items("person#") == []


def test_a_person_is_at_most_32_kb(desk: Desk) -> None:
    for number in range(70):
        desk.declare(f"text_{number}", "string")
    answer = desk.ask("POST", "/v1/people", {"attributes": {f"text_{number}": "x" * 500 for number in range(70)}})
    assert answer.status == 422
    assert "32000" in answer.json["detail"]


def test_what_a_request_costs(desk: Desk) -> None:
    desk.declare("plan", "string", indexed=True)
    desk.ask("GET", "/v1/people")
    desk.add(attributes={"plan": "x"})
    with desk.home.counted() as calls:
        made = desk.add(**ADA, attributes={"plan": "pro"})
    assert calls == ["dynamodb:GetItem", "dynamodb:TransactWriteItems"]
    path = f"/v1/people/{made['id']}"
    with desk.home.counted() as calls:
        desk.ask("GET", path)
    assert calls == ["dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:PutItem"]
    with desk.home.counted() as calls:
        answer = desk.ask("PATCH", path, {"email": "new@example.com", "tags": ["other"], "attributes": {"plan": "max"}})
    assert answer.status == 200
    assert calls == ["dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:TransactWriteItems"]
    with desk.home.counted() as calls:
        assert desk.ask("DELETE", path).json == {"status": "done", "job": None}
    assert calls == ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:TransactWriteItems"]


def test_nobody_without_the_permission_sees_or_changes_who_people_are(desk: Desk) -> None:
    desk.declare("plan", "string")
    desk.declare("salary", "number", personal=True)
    made = desk.add(**ADA, attributes={"plan": "pro", "salary": 5})
    analyst = desk.as_role(Role.ANALYST)
    seen = analyst.ask("GET", f"/v1/people/{made['id']}").json
    hidden = {"external_id", "email", "phone", "name"}
    assert seen == {**{name: made[name] for name in made.keys() - hidden}, "attributes": {"plan": "pro"}}
    assert analyst.ask("GET", "/v1/people").json["items"] == [seen]


def test_whoever_was_seen_or_changed_is_on_record(desk: Desk) -> None:
    ada, bo = desk.add(name="Ada", tags=["vip"])["id"], desk.add(name="Bo", tags=["vip"])["id"]
    search = {"where": {"field": "tag", "op": "eq", "value": "vip"}}
    for method, path, body, expected in (
        ("GET", f"/v1/people/{ada}", None, {ada: None}),
        ("GET", "/v1/people", None, {ada: None, bo: None}),
        ("POST", "/v1/people/search", search, {ada: None, bo: None}),
        ("PUT", "/v1/people", {"email": "cy@example.com"}, {"": ["email"]}),
        ("PATCH", f"/v1/people/{bo}", {"name": "Bob", "tags": []}, {bo: ["name", "tags"]}),
        ("POST", f"/v1/people/{ada}/events", {"id": "e-1", "name": "seen"}, {ada: ["events"]}),
        ("POST", f"/v1/people/{ada}/events", {"id": "e-1", "name": "seen"}, {ada: None}),
        ("GET", f"/v1/people/{ada}/events", None, {ada: None}),
        ("DELETE", f"/v1/people/{bo}", None, {bo: None}),
    ):
        answer = desk.ask(method, path, body)
        assert answer.status in {200, 201}
        touched = desk.home.records(desk.tenant)[-1]["resources"]
        said = {each["uid"]: each.get("data", {}).get("fields") for each in touched}
        assert said == {uid or answer.json["id"]: fields for uid, fields in expected.items()}, (method, path)


def test_people_are_listed_the_newest_first_over_months_and_pages(home: House) -> None:
    with clock.at(datetime(2025, 12, 31, tzinfo=UTC)) as now:
        tenant = home.tenant()
        made = []
        for days in (0, 0, 1, 0, 31, 150, 400):
            now.tick(days * 86_400 + 1)
            desk = Desk(home, tenant, home.signed_in(tenant))
            made.append(desk.add(name="Ada", tags=["vip"])["id"])
        search = {"where": {"field": "tag", "op": "eq", "value": "vip"}}
        everybody = {"where": {"field": "name", "op": "exists", "value": True}}
        for limit in (1, 2, 3, 100):
            assert pages(desk, limit) == made[::-1]
            assert pages(desk, limit, search) == pages(desk, limit, everybody) == made[::-1]


def pages(desk: Desk, limit: int, search: dict[str, Any] | None = None) -> list[str]:
    """The ids of all whom a listing or a search shows, page by page."""
    found: list[str] = []
    cursor = None
    for _ in range(50):
        if search:
            answer = desk.ask("POST", "/v1/people/search", {**search, "limit": limit, "cursor": cursor})
        else:
            query = {"limit": [str(limit)]} | ({"cursor": [cursor]} if cursor else {})
            answer = desk.ask("GET", "/v1/people", query=query)
        assert answer.status == 200, answer.text
        assert len(answer.json["items"]) <= limit
        found += [each["id"] for each in answer.json["items"]]
        cursor = answer.json["next_cursor"]
        if cursor is None:
            return found
    pytest.fail("the pages never end")


def test_a_person_is_deleted_with_all_that_is_kept_of_it(desk: Desk) -> None:
    desk.declare("plan", "string", indexed=True)
    body = {**ADA, "name": "Ada Lovelace", "attributes": {"plan": "pro"}}
    made = desk.ask("POST", "/v1/people", body, headers={"Idempotency-Key": "k"}).json
    assert len(desk.items()) > 7
    assert desk.ask("DELETE", f"/v1/people/{made['id']}").status == 200
    assert desk.ask("GET", f"/v1/people/{made['id']}").status == 404
    left = repr(desk.items()).lower()
    assert made["id"] not in left
    assert not any(value in left for value in ("ada lovelace", "@example.com", "customer-1", "442079460018", "beta"))
    kinds = {item["pk"]["S"].partition("#")[0] for item in desk.items()}
    assert kinds - {"rate"} == {"attributes", "idempotency"}


def test_what_cannot_be_read_cannot_be_changed_either(desk: Desk) -> None:
    """No built-in role may write people without seeing who they are; one of the workspace's own may."""
    desk.declare("plan", "string")
    desk.declare("salary", "number", personal=True)
    made = desk.add(**ADA, attributes={"salary": 5})
    other = desk.add(name="Bo")["id"]
    writer = desk.with_permissions(Permission.PEOPLE_READ, Permission.PEOPLE_WRITE)
    path = f"/v1/people/{made['id']}"
    for method, where, body in (
        ("POST", "/v1/people", {"email": "new@example.com"}),
        ("POST", "/v1/people", {"locale": "en", "attributes": {"salary": 1}}),
        ("PUT", "/v1/people", {"external_id": "customer-1"}),
        ("PATCH", path, {"name": None}),
        ("PATCH", path, {"attributes": {"salary": 5}}),
        ("POST", f"/v1/people/{other}/merge", {"from": made["id"]}),
    ):
        refused = writer.ask(method, where, body)
        assert (refused.status, refused.json["permission"]) == (403, "people:contact"), (method, body)
    seen = writer.ask("PATCH", path, {"locale": "de", "attributes": {"plan": "pro"}})
    assert (seen.status, seen.json["attributes"]) == (200, {"plan": "pro"})
    assert not seen.json.keys() & {"external_id", "email", "phone", "name"}
    assert desk.ask("GET", path).json["attributes"] == {"plan": "pro", "salary": 5}
