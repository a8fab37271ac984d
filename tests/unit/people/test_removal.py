"""Removal and merging: nothing is left of who is gone, nothing is lost of who stays."""

from typing import Any

from desk import Desk

from misentinel import clock
from misentinel.access import Role
from misentinel.jobs import Jobs, Kind, Status
from misentinel.jobs.running import run
from misentinel.people.removal import deletion_portion
from misentinel.tenancy import acting_as

BOTH = {"Ada Lovelace", "ada@x.example", "Bo Diddley"}


def work_off(desk: Desk, job: str) -> Status:
    """Do a deletion as the worker would."""
    assert run(
        desk.tenant,
        job,
        {Kind.DELETION: lambda _: deletion_portion},
        until_ms=clock.epoch_ms() + 60_000,
        rows_a_second=0,
    )
    with acting_as(desk.tenant):
        return Jobs(desk.tenant).find(job).status


def merge(desk: Desk, survivor: str, other: str, status: int = 200, **more: Any) -> dict[str, Any]:
    answer = desk.ask("POST", f"/v1/people/{survivor}/merge", {"from": other}, **more)
    assert answer.status == status, answer.text
    said: dict[str, Any] = answer.json
    return said


def test_of_a_person_with_many_events_nothing_is_left(desk: Desk) -> None:
    ada = desk.add(email="ada@x.example", tags=["vip"])["id"]
    others = [desk.add(name="Bo")["id"] for _ in range(2)]
    for person in (ada, *others):
        body = {"events": [{"name": "seen"} for _ in range(36)]}
        desk.ask("POST", f"/v1/people/{person}/events", body, headers={"Idempotency-Key": clock.uuid7()})
    for other in others:
        merge(desk, ada, other)
    answer = desk.ask("DELETE", f"/v1/people/{ada}")
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['job']}"
    assert desk.home.records(desk.tenant)[-1]["status_code"] == "accepted"
    assert desk.ask("GET", f"/v1/people/{ada}").status == 404
    assert desk.ask("POST", f"/v1/people/{ada}/events", {"name": "late"}).status == 404
    assert desk.items("unique#") == desk.items("tag#") == []
    assert len(desk.items("person#")) == 111
    assert work_off(desk, answer.json["job"]) is Status.DONE
    left = repr(desk.items())
    assert not any(each in left for each in (ada, *others, "ada@x.example"))


def test_what_was_kept_of_the_answers_goes_too(desk: Desk) -> None:
    body = {"email": "ada@x.example", "name": "Ada Lovelace"}
    ada = desk.ask("POST", "/v1/people", body, headers={"Idempotency-Key": "k"}).json["id"]
    bo = desk.add(name="Bo Diddley")["id"]
    desk.ask("POST", f"/v1/people/{bo}/merge", {"from": ada}, headers={"Idempotency-Key": "k"})
    assert desk.ask("DELETE", f"/v1/people/{bo}").json["status"] == "done"
    left = repr(desk.items())
    assert not any(each in left for each in (ada, bo, *BOTH))
    assert desk.ask("POST", "/v1/people", body, headers={"Idempotency-Key": "k"}).status == 409


def test_a_merge_keeps_what_the_survivor_has_and_takes_what_it_lacks(desk: Desk) -> None:
    desk.declare("plan", "string", indexed=True)
    desk.declare("seats", "number", indexed=True)
    ada = desk.add(name="Ada", email="ada@x.example", tags=["vip"], attributes={"plan": "pro"})["id"]
    bo = desk.add(
        name="Bo", email="bo@x.example", external_id="b", tags=["beta", "vip"], attributes={"plan": "free", "seats": 2}
    )["id"]
    with desk.home.counted() as calls:
        merged = merge(desk, ada, bo)
    assert calls == ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:TransactWriteItems"]
    assert {name: merged[name] for name in ("id", "name", "email", "external_id", "tags", "attributes")} == {
        "id": ada,
        "name": "Ada",
        "email": "ada@x.example",
        "external_id": "b",
        "tags": ["vip", "beta"],
        "attributes": {"plan": "pro", "seats": 2},
    }
    assert desk.ask("GET", f"/v1/people/{bo}").status == 404
    assert desk.ask("PUT", "/v1/people", {"external_id": "b", "name": "Ada"}).json["id"] == ada
    assert desk.ask("POST", "/v1/people", {"email": "BO@x.example"}).status == 201
    for where in (("tag", "beta"), ("attributes.seats", 2)):
        body = {"where": {"field": where[0], "op": "eq", "value": where[1]}}
        assert [each["id"] for each in desk.ask("POST", "/v1/people/search", body).json["items"]] == [ada]


def test_a_merge_is_on_record_with_both_and_what_became_of_whom(desk: Desk) -> None:
    ada, bo = desk.add(name="Ada")["id"], desk.add(name="Bo", email="bo@x.example", tags=["vip"])["id"]
    merge(desk, ada, bo)
    assert desk.home.records(desk.tenant)[-1]["resources"] == [
        {"type": "person", "uid": ada, "data": {"fields": ["email", "tags", "partitions"]}},
        {"type": "person", "uid": bo},
    ]


def test_what_cannot_be_merged_is_refused_and_nothing_changes(desk: Desk) -> None:
    ada = desk.add(name="Ada", tags=[f"a{n}" for n in range(6)])["id"]
    bo = desk.add(name="Bo", tags=[f"b{n}" for n in range(6)])["id"]
    other = desk.home.tenant("other")
    stranger = Desk(desk.home, other, desk.home.signed_in(other))
    theirs = stranger.add(name="Cy")["id"]
    before = sorted(repr(item) for item in desk.items("person#"))
    merge(desk, ada, bo, 409)
    merge(desk, ada, ada, 409)
    merge(desk, ada, theirs, 404)
    merge(stranger, theirs, ada, 404)
    merge(desk, ada, "00000000-0000-7000-8000-000000000000", 404)
    merge(desk, ada, bo, 412, headers={"If-Match": '"other"'})
    merge(desk, ada, "../people", 422)
    merge(desk.as_role(Role.ANALYST), ada, bo, 403)
    assert sorted(repr(item) for item in desk.items("person#")) == before


def test_at_most_25_people_become_one(desk: Desk) -> None:
    ada = desk.add(name="Ada")["id"]
    for _ in range(25):
        merge(desk, ada, desk.add(name="Bo")["id"])
    merge(desk, ada, desk.add(name="Bo")["id"], 409)
    assert desk.ask("DELETE", f"/v1/people/{ada}").status == 200
    assert len(desk.items("person#")) == 1
