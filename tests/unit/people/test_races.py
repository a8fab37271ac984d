"""Races: of many who want the same at the same moment, one gets it and the others hear of it.

Each thread works as a function's environment does once its request is let in: Powertools keeps the request of a process
in one place, so that threads cannot share a door.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from desk import Desk, between
from house import Reply

from misentinel import clock
from misentinel.api.request import Request, reset_current, set_current
from misentinel.audit import Actor, unit_of_work
from misentinel.errors import Refusal
from misentinel.people.event import NewEvent
from misentinel.people.events import Events
from misentinel.people.model import NewPerson, PersonChange, PersonUpsert
from misentinel.people.removal import delete
from misentinel.people.store import People

MANY = 20


def at_once(desk: Desk, action: Callable[[People, int], object]) -> list[int]:
    """The statuses of so many actions at the same moment, each in a unit of work of its own."""
    start = Barrier(MANY)

    def act(number: int) -> int:
        token = set_current(
            Request(method="POST", path="/", request_id=clock.uuid7(), address="", headers={}, query={})
        )
        try:
            with unit_of_work(desk.tenant, "people.update", actor=Actor(member="m")):
                start.wait(timeout=60)
                action(People(desk.tenant), number)
        except Refusal as refusal:
            return refusal.status
        finally:
            reset_current(token)
        return 200

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(act, range(MANY)))


def test_of_20_who_add_the_same_address_one_does(desk: Desk) -> None:
    writings = ("ada@x.example", "ADA@X.EXAMPLE", "Ada@x.Example")
    statuses = at_once(desk, lambda people, n: people.create(NewPerson(email=writings[n % 3])))
    assert sorted(statuses) == [200] + [409] * (MANY - 1)
    assert len(desk.items("person#")) == len(desk.items("unique#")) == 1


def test_of_20_who_upsert_nobody_doubles(desk: Desk) -> None:
    statuses = at_once(desk, lambda people, n: people.upsert(PersonUpsert(external_id="a", name=f"Ada {n}")))
    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    assert len(desk.items("person#")) == len(desk.items("unique#")) == 1


def test_of_20_who_take_the_same_address_over_one_does(desk: Desk) -> None:
    ids = [desk.add(external_id=f"p-{n}")["id"] for n in range(MANY)]
    statuses = at_once(desk, lambda people, n: people.update(ids[n], PersonChange(email="ada@x.example")))
    assert sorted(statuses) == [200] + [409] * (MANY - 1)
    owners = [item["id"] for item in desk.items("person#") if "email" in item]
    (taken,) = desk.items("unique#email")
    assert owners == [taken["person"]]


def test_of_20_merges_of_one_person_one_happens(desk: Desk) -> None:
    other = desk.add(email="ada@x.example")["id"]
    ids = [desk.add(external_id=f"p-{n}")["id"] for n in range(MANY)]
    statuses = at_once(desk, lambda people, n: people.merge(ids[n], other))
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 404, 409}
    owners = [item["id"]["S"] for item in desk.items("person#") if "email" in item]
    assert owners == [ids[statuses.index(200)]]


def test_what_is_added_while_a_person_is_deleted_is_deleted_or_refused(desk: Desk) -> None:
    ada = desk.add(email="ada@x.example")["id"]

    def act(people: People, number: int) -> None:
        if number % 4 == 0:
            delete(people, ada)
        else:
            Events(desk.tenant, people).add(ada, NewEvent(id=f"e-{number}", name="seen"))

    statuses = at_once(desk, act)
    assert set(statuses) <= {200, 404, 409}
    if any(item["sk"]["S"] == "person" for item in desk.items("person#")):
        assert desk.ask("DELETE", f"/v1/people/{ada}").status == 200
    assert desk.items("person#") == desk.items("unique#") == []


def test_last_seen_is_the_latest_of_events_at_one_moment(desk: Desk) -> None:
    ada = desk.add(name="Ada")["id"]

    def act(people: People, number: int) -> None:
        time = f"2026-11-01T00:00:{number:02}Z"
        Events(desk.tenant, people).add(ada, NewEvent(id=f"e-{number}", name="seen", time=time))

    statuses = at_once(desk, act)
    times = [f"2026-11-01T00:00:{n:02}.000Z" for n, status in enumerate(statuses) if status == 200]
    assert times
    assert desk.ask("GET", f"/v1/people/{ada}").json["last_seen_at"] == max(times)
    assert len(desk.items(f"person#{ada}")) == len(times) + 1


def test_what_was_changed_since_it_was_read_is_not_changed_nor_deleted(desk: Desk) -> None:
    ada, bo = desk.add(name="Ada"), desk.add(name="Bo")["id"]
    path = f"/v1/people/{ada['id']}"
    attempts: list[tuple[str, str, dict[str, str] | None]] = [
        ("PATCH", path, {"email": "ada@x.example"}),
        ("DELETE", path, None),
        ("POST", f"{path}/merge", {"from": bo}),
        ("POST", f"/v1/people/{bo}/merge", {"from": ada["id"]}),
    ]
    names = iter(range(100))

    def rename() -> Reply:
        return desk.ask("PATCH", path, {"name": f"Ada {next(names)}"})

    for method, where, body in attempts:
        with between(rename):
            assert desk.ask(method, where, body).status == 409, method
        etag = desk.ask("GET", where.removesuffix("/merge")).headers["ETag"]
        if path in where:
            with between(rename):
                assert desk.ask(method, where, body, headers={"If-Match": etag}).status == 412, method
    assert desk.ask("GET", path).json["email"] is None
    assert desk.ask("GET", f"/v1/people/{bo}").status == 200


def test_a_merge_does_not_set_back_when_somebody_was_seen(desk: Desk) -> None:
    ada, bo = desk.add(name="Ada")["id"], desk.add(name="Bo")["id"]
    seen = {n: {"name": "seen", "time": f"2026-11-0{n}T00:00:00.000Z"} for n in (1, 2, 3)}
    desk.ask("POST", f"/v1/people/{ada}/events", seen[1])
    desk.ask("POST", f"/v1/people/{bo}/events", seen[2])
    with between(lambda: desk.ask("POST", f"/v1/people/{ada}/events", seen[3])):
        assert desk.ask("POST", f"/v1/people/{ada}/merge", {"from": bo}).status == 409
    assert desk.ask("POST", f"/v1/people/{ada}/merge", {"from": bo}).status == 200
    assert desk.ask("GET", f"/v1/people/{ada}").json["last_seen_at"] == seen[3]["time"]


def test_of_two_who_send_the_same_event_the_first_is_kept(desk: Desk) -> None:
    path = f"/v1/people/{desk.add(name='Ada')['id']}/events"
    with between(lambda: desk.ask("POST", path, {"id": "e-1", "name": "first"})):
        assert desk.ask("POST", path, {"id": "e-1", "name": "second"}).status == 409
    assert desk.ask("POST", path, {"id": "e-1", "name": "second"}).json["known"] == ["e-1"]
    assert [each["name"] for each in desk.ask("GET", path).json["items"]] == ["first"]


def test_nothing_is_added_to_who_is_deleted_at_the_same_moment(desk: Desk) -> None:
    ada = desk.add(name="Ada")["id"]
    with between(lambda: desk.ask("DELETE", f"/v1/people/{ada}")):
        assert desk.ask("POST", f"/v1/people/{ada}/events", {"name": "seen"}).status == 409
    assert desk.ask("POST", f"/v1/people/{ada}/events", {"name": "seen"}).status == 404
    assert desk.items("person#") == []
