"""Events: added once each, read the newest first, gone with the person."""

from typing import Any

import ocsf
from desk import Desk, between

from misentinel import clock
from misentinel.access import Role


def add(desk: Desk, person: str, body: Any, **more: Any) -> dict[str, Any]:
    answer = desk.ask("POST", f"/v1/people/{person}/events", body, **more)
    assert answer.status == 200, answer.text
    said: dict[str, Any] = answer.json
    return said


def read(desk: Desk, person: str, limit: int = 100) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    for _ in range(200):
        query = {"limit": [str(limit)]} | ({"cursor": [cursor]} if cursor else {})
        page = desk.ask("GET", f"/v1/people/{person}/events", query=query).json
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return found


def test_events_are_added_once_each_and_read_newest_first(desk: Desk) -> None:
    ada = desk.add(name="Ada")["id"]
    first = {
        "id": "o-1",
        "name": "order",
        "time": "2026-11-01T12:00:00+01:00",
        "properties": {"total": 42.5, "x": None},
    }
    assert add(desk, ada, first) == {"added": ["o-1"], "known": []}
    assert add(desk, ada, {**first, "name": "other"}) == {"added": [], "known": ["o-1"]}
    batch = [{"id": "o-2", "name": "order", "time": "2026-11-02T00:00:00Z"}, first, {"id": "o-2", "name": "twice"}]
    assert add(desk, ada, {"events": batch}) == {"added": ["o-2"], "known": ["o-1"]}
    assert read(desk, ada) == [
        {"id": "o-2", "name": "order", "time": "2026-11-02T00:00:00.000Z", "properties": {}},
        {**first, "time": "2026-11-01T11:00:00.000Z"},
    ]
    assert read(desk, ada, limit=1) == read(desk, ada)
    assert desk.ask("GET", f"/v1/people/{ada}/events", query={"limit": ["2"]}).json["next_cursor"] is None


def test_last_seen_moves_forward_only_and_leaves_the_etag(desk: Desk) -> None:
    made = desk.ask("POST", "/v1/people", {"name": "Ada"})
    path = f"/v1/people/{made.json['id']}"
    for time, expected in (
        ("2026-11-02T00:00:00Z", "02"),
        ("2026-11-01T00:00:00Z", "02"),
        ("2026-11-03T00:00:00Z", "03"),
    ):
        add(desk, made.json["id"], {"name": "seen", "time": time})
        seen = desk.ask("GET", path)
        assert seen.json["last_seen_at"] == f"2026-11-{expected}T00:00:00.000Z"
        assert seen.headers["ETag"] == made.headers["ETag"]
    changed = desk.ask("PATCH", path, {"name": "Ada L."}, headers={"If-Match": made.headers["ETag"]})
    assert (changed.status, changed.json["last_seen_at"]) == (200, "2026-11-03T00:00:00.000Z")


def test_a_hundred_events_are_two_transactions_with_a_record_each(desk: Desk) -> None:
    ada = desk.add(name="Ada")["id"]
    before = len(desk.home.records(desk.tenant))
    events = [{"id": f"e-{n}", "name": "seen"} for n in range(100)]
    with desk.home.counted() as calls:
        said = add(desk, ada, {"events": events}, headers={"Idempotency-Key": "k"})
    assert said["added"] == [each["id"] for each in events]
    assert calls.count("dynamodb:TransactWriteItems") == 2
    assert calls.count("dynamodb:BatchGetItem") == 2
    records = desk.home.records(desk.tenant)[before:]
    assert [each["api"]["operation"] for each in records] == ["events.create"] * 2
    assert len({each["api"]["request"]["uid"] for each in records}) == 1
    for each in records:
        ocsf.validate(each)
    assert len(read(desk, ada)) == 100
    again = add(desk, ada, {"events": events})
    assert (again["added"], len(again["known"])) == ([], 100)


def test_what_an_event_costs(desk: Desk) -> None:
    ada = desk.add(name="Ada")["id"]
    with desk.home.counted() as calls:
        add(desk, ada, {"name": "seen"})
    assert calls == ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:TransactWriteItems"]
    with desk.home.counted() as calls:
        read(desk, ada)
    assert calls == ["dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"]


def test_events_without_ids_are_added_once_with_an_idempotency_key(desk: Desk) -> None:
    ada = desk.add(name="Ada")["id"]
    for _ in range(2):
        add(desk, ada, {"events": [{"name": "a"}, {"name": "b"}]}, headers={"Idempotency-Key": "k"})
    assert len(read(desk, ada)) == 2
    add(desk, ada, {"name": "c"})
    add(desk, ada, {"name": "c"})
    assert len(read(desk, ada)) == 4


def test_the_same_key_of_a_colleague_is_another_event(desk: Desk) -> None:
    ada = desk.add(name="Ada")["id"]
    for who in (desk, desk.as_role(Role.OWNER)):
        said = add(who, ada, {"name": "called"}, headers={"Idempotency-Key": "k"})
        assert len(said["added"]) == 1
    assert len(read(desk, ada)) == 2


def test_wrong_events_are_refused_and_none_is_kept(desk: Desk) -> None:
    ada = desk.add(name="Ada")["id"]
    ahead = clock.rfc3339(clock.now().replace(year=clock.now().year + 1))
    wrongs: list[dict[str, Any]] = [
        {},
        {"events": []},
        {"events": [{"name": "a"}] * 101},
        {"events": [{"name": "a"}, {"name": ""}]},
        {"name": "a", "events": []},
        {"name": "a", "time": "yesterday"},
        {"name": "a", "time": ahead},
        {"name": "a", "time": "1999-12-31T23:59:59Z"},
        {"name": "a", "id": "no spaces"},
        {"name": "4111 1111 1111 1111"},
        {"name": "a", "properties": {"card": "4111 1111 1111 1111"}},
        {"name": "a", "properties": {"4111 1111 1111 1111": 1}},
        {"name": "a", "properties": {"deep": {"x": 1}}},
        {"name": "a", "properties": {f"p{n}": "x" * 400 for n in range(30)}},
    ]
    for wrong in wrongs:
        answer = desk.ask("POST", f"/v1/people/{ada}/events", wrong)
        assert answer.status == 422, wrong
    assert read(desk, ada) == []


def test_events_of_nobody_are_not_found(desk: Desk) -> None:
    other = desk.home.tenant("other")
    stranger = Desk(desk.home, other, desk.home.signed_in(other))
    ada = desk.add(name="Ada")["id"]
    for who, person in ((stranger, ada), (desk, "nobody"), (desk, f"{ada}x")):
        assert who.ask("POST", f"/v1/people/{person}/events", {"name": "a"}).status == 404
        assert who.ask("GET", f"/v1/people/{person}/events").status == 404
    assert stranger.items("person#") == []


def test_a_merged_persons_events_are_read_with_the_survivors(desk: Desk) -> None:
    ada, bo = desk.add(name="Ada")["id"], desk.add(name="Bo")["id"]
    for day in range(1, 7):
        add(desk, ada if day % 2 else bo, {"id": f"e-{day}", "name": "seen", "time": f"2026-11-0{day}T00:00:00Z"})
    add(desk, ada, {"id": "e-2", "name": "same id", "time": "2026-11-02T00:00:00Z"})
    assert desk.ask("POST", f"/v1/people/{ada}/merge", {"from": bo}).status == 200
    expected = ["e-6", "e-5", "e-4", "e-3", "e-2", "e-2", "e-1"]
    assert [each["id"] for each in read(desk, ada)] == expected
    assert [each["id"] for each in read(desk, ada, limit=1)] == expected
    assert desk.ask("GET", f"/v1/people/{bo}/events").status == 404
    assert desk.ask("GET", f"/v1/people/{ada}").json["last_seen_at"] == "2026-11-06T00:00:00.000Z"


def test_after_a_merge_an_event_is_still_added_once(desk: Desk) -> None:
    ada, bo, cy = (desk.add(name=name)["id"] for name in ("Ada", "Bo", "Cy"))
    for person in (ada, bo, cy):
        add(desk, person, {"id": f"of-{person}", "name": "seen"})
    for survivor, other in ((bo, cy), (ada, bo)):
        assert desk.ask("POST", f"/v1/people/{survivor}/merge", {"from": other}).status == 200
    again = {"events": [{"id": f"of-{person}", "name": "seen"} for person in (ada, bo, cy)]}
    assert add(desk, ada, again) == {"added": [], "known": [f"of-{person}" for person in (ada, bo, cy)]}
    assert desk.ask("POST", f"/v1/people/{bo}/events", {"id": f"of-{bo}", "name": "seen"}).status == 404
    again["events"].append({"id": "new", "name": "seen"})
    with desk.home.counted() as calls:
        assert add(desk, ada, again)["added"] == ["new"]
    assert calls == ["dynamodb:GetItem", *["dynamodb:BatchGetItem"] * 2, "dynamodb:TransactWriteItems"]
    assert len(read(desk, ada)) == 4


def test_an_event_that_a_merge_brings_at_the_same_moment_is_added_once(desk: Desk) -> None:
    ada, bo = desk.add(name="Ada")["id"], desk.add(name="Bo")["id"]
    event = {"id": "e-1", "name": "seen"}
    add(desk, bo, event)
    with between(lambda: desk.ask("POST", f"/v1/people/{ada}/merge", {"from": bo})):
        assert desk.ask("POST", f"/v1/people/{ada}/events", event).status == 409
    assert add(desk, ada, event) == {"added": [], "known": ["e-1"]}
    assert [each["id"] for each in read(desk, ada)] == ["e-1"]
