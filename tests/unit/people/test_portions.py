"""Portions: rows in their order, as many as fit, each told what became of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

import pytest
from desk import Desk

from misentinel.audit import JOB_WRITES, Actor, Unit, unit_of_work
from misentinel.people import search
from misentinel.people.declarations import declarations_of
from misentinel.people.fields import targets
from misentinel.people.portions import (
    ROWS_A_PORTION,
    Match,
    PersonRow,
    Portion,
    RowInvalidError,
    RowRefusal,
    upsert_rows,
)
from misentinel.people.search import walk
from misentinel.people.store import People
from misentinel.tenancy import acting_as


@contextmanager
def job(desk: Desk) -> Iterator[Unit]:
    with acting_as(desk.tenant):
        actor = Actor(member="m")
        with unit_of_work(desk.tenant, "people.import", actor=actor, max_writes=JOB_WRITES) as work:
            yield work


def row(desk: Desk, **said: Any) -> PersonRow:
    with acting_as(desk.tenant):
        return PersonRow.of(said, declarations_of(desk.tenant))


def bring_in(desk: Desk, match: Match, *rows: Mapping[str, Any], dry: bool = False) -> Portion:
    checked = [(n, row(desk, **each)) for n, each in enumerate(rows, 1)]
    with job(desk):
        return upsert_rows(People(desk.tenant), checked, match, dry=dry)


def everybody(desk: Desk) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = desk.ask("GET", "/v1/people", query={"limit": ["100"]}).json["items"]
    return sorted(listed, key=lambda each: str(each["external_id"]))


def test_rows_add_change_and_leave_alone(desk: Desk) -> None:
    desk.add(external_id="a", name="Ada", tags=["vip"])
    desk.add(external_id="b", name="Bo")
    said = bring_in(
        desk,
        Match.EXTERNAL_ID,
        {"external_id": "a", "name": "Ada", "tags": "vip"},
        {"external_id": "b", "name": "Bob"},
        {"external_id": "c", "name": "Cy"},
    )
    assert (said.taken, said.created, said.updated, said.unchanged, said.refused) == (3, 1, 1, 1, [])
    assert [(each["external_id"], each["name"]) for each in everybody(desk)] == [
        ("a", "Ada"),
        ("b", "Bob"),
        ("c", "Cy"),
    ]
    before = len(desk.home.records(desk.tenant))
    again = bring_in(desk, Match.EXTERNAL_ID, {"external_id": "b", "name": "Bob"}, {"external_id": "c"})
    assert again.unchanged == again.taken == 2
    assert all("resources" not in each for each in desk.home.records(desk.tenant)[before:])


def test_later_rows_of_one_person_apply_to_what_the_former_made_of_it(desk: Desk) -> None:
    said = bring_in(
        desk,
        Match.EMAIL,
        {"email": "ada@x.example", "name": "Ada"},
        {"email": "ADA@x.example", "tags": "vip;beta"},
        {"email": "ada@x.example", "name": "Ada L."},
    )
    assert (said.taken, said.created, said.updated) == (3, 1, 2)
    (ada,) = everybody(desk)
    assert (ada["name"], ada["tags"], ada["email"]) == ("Ada L.", ["vip", "beta"], "ada@x.example")


def test_a_portion_is_on_record_with_all_fields_of_all_whom_it_changed(desk: Desk) -> None:
    bring_in(desk, Match.EXTERNAL_ID, {"external_id": "same", "name": "Ada"})
    rows = [{"name": "Ada L."}, {"locale": "en"}, {"locale": "en"}]
    bring_in(
        desk,
        Match.EXTERNAL_ID,
        *({"external_id": "a", **each} for each in rows),
        {"external_id": "same", "name": "Ada"},
    )
    touched = desk.home.records(desk.tenant)[-1]["resources"]
    assert [each["data"]["fields"] for each in touched] == [["external_id", "name", "locale"]]


def test_a_value_moves_from_row_to_row_in_one_portion(desk: Desk) -> None:
    first = desk.add(external_id="a", email="shared@x.example")["id"]
    said = bring_in(
        desk,
        Match.EXTERNAL_ID,
        {"external_id": "b", "email": "shared@x.example"},
        {"external_id": "a", "email": "new@x.example"},
        {"external_id": "c", "email": "shared@x.example"},
    )
    assert said.refused == [RowRefusal(1, "email", "is another person's")]
    assert [(each["external_id"], each["email"]) for each in everybody(desk)] == [
        ("a", "new@x.example"),
        ("c", "shared@x.example"),
    ]
    assert everybody(desk)[0]["id"] == first
    assert len(desk.items("unique#")) == 4


def test_a_row_without_what_people_are_found_by_is_refused(desk: Desk) -> None:
    said = bring_in(desk, Match.EMAIL, {"name": "Nobody"}, {"email": None, "name": "Nobody"})
    assert [(each.number, each.field) for each in said.refused] == [(1, "email"), (2, "email")]
    assert said.taken == 2
    assert everybody(desk) == []


def test_no_more_rows_are_taken_than_fit_and_none_is_lost(desk: Desk) -> None:
    rows = [(n, row(desk, external_id=f"p-{n}", tags="a,b,c")) for n in range(60)]
    taken = 0
    while taken < len(rows):
        with job(desk) as work, work.keeping_room(1):
            portion = upsert_rows(People(desk.tenant), rows[taken:], Match.EXTERNAL_ID)
            assert work.room >= 0
        assert portion.taken == portion.created > 0
        taken += portion.taken
    assert len(everybody(desk)) == 60
    assert portion.taken < ROWS_A_PORTION


def test_rows_that_write_more_than_they_say_are_taken_to_the_last_write_that_fits(desk: Desk) -> None:
    for number in range(12):
        desk.add(external_id=f"p-{number}", tags=list("abcdefg"))
    rows = [{"external_id": f"p-{number}", "tags": "new"} for number in range(12)]  # nine writes each
    assert JOB_WRITES == 10 * 9 + 8
    assert bring_in(desk, Match.EXTERNAL_ID, *rows).taken == 10
    assert [each["tags"] for each in everybody(desk)].count(["new"]) == 10


def test_a_dry_run_finds_out_and_writes_nothing(desk: Desk) -> None:
    desk.add(external_id="a", email="ada@x.example")
    said = bring_in(
        desk, Match.EXTERNAL_ID, {"external_id": "b"}, {"external_id": "c", "email": "ada@x.example"}, dry=True
    )
    assert (said.created, len(said.refused)) == (1, 1)
    assert len(everybody(desk)) == 1


def test_what_a_portion_costs(desk: Desk) -> None:
    rows = [(n, row(desk, external_id=f"p-{n}", email=f"p-{n}@x.example")) for n in range(30)]
    bring_in(desk, Match.EXTERNAL_ID, {"external_id": "warm", "email": "warm@x.example"})
    for expected in (
        ["dynamodb:BatchGetItem", "dynamodb:TransactWriteItems"],
        ["dynamodb:BatchGetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem"],
    ):
        with desk.home.counted() as calls, job(desk):
            upsert_rows(People(desk.tenant), rows, Match.EXTERNAL_ID)
        assert calls == expected


def test_a_row_says_which_field_is_wrong_and_never_its_value(desk: Desk) -> None:
    desk.declare("seats", "number")
    desk.declare("paying", "boolean")
    desk.declare("renews", "time")
    desk.declare("old", "string", archived=True)
    wrong: list[tuple[str, Any]] = [
        ("email", "secret-nobody"),
        ("phone", "secret"),
        ("time_zone", "Secret/Zone"),
        ("tags", "Secret Tag"),
        ("name", "4111 1111 1111 1111"),
        ("external_id", "x" * 201),
        ("attributes.seats", "secret"),
        ("attributes.seats", "1e400"),
        ("attributes.paying", "secret"),
        ("attributes.renews", "secret"),
        ("attributes.old", "secret"),
        ("attributes.unknown", "secret"),
        ("created_at", "2026-01-01T00:00:00Z"),
        ("id", "secret"),
    ]
    for field, value in wrong:
        with pytest.raises(RowInvalidError) as caught:
            row(desk, external_id="a", **{field: value}) if field != "external_id" else row(desk, external_id=value)
        assert caught.value.field.split(".0")[0] == field
        assert str(value).lower() not in str(caught.value).lower()


def test_texts_are_read_as_the_type_declared(desk: Desk) -> None:
    desk.declare("seats", "number")
    desk.declare("paying", "boolean")
    desk.declare("renews", "time")
    desk.declare("old", "string", archived=True)
    given = row(
        desk,
        external_id=" a ",
        name="",
        tags="vip| beta,x",
        **{"attributes.seats": "12", "attributes.paying": "Yes", "attributes.renews": "2026-12-01T00:00:00+01:00"},
    ).given
    assert given == {
        "external_id": "a",
        "tags": ["vip", "beta", "x"],
        "attributes": {"seats": 12, "paying": True, "renews": "2026-11-30T23:00:00.000Z"},
    }
    with acting_as(desk.tenant):
        assert "attributes.old" not in targets(declarations_of(desk.tenant))


def test_a_walk_visits_everybody_and_goes_on_where_it_was(desk: Desk) -> None:
    made = [desk.add(name=f"P {n}", tags=["all"])["id"] for n in range(7)]
    with acting_as(desk.tenant):
        found: list[str] = []
        resume = None
        while True:
            stretch = next(walk(People(desk.tenant, contact=False), None, resume))
            found += [each.id for each in stretch.people]
            assert all("name" not in each.model_dump() for each in stretch.people)
            resume = stretch.resume
            if resume is None:
                break
    assert sorted(found) == sorted(made)


def test_a_walk_looks_at_as_many_with_each_stretch(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "EXAMINED", 3)
    made = [desk.add(name=f"P {n}")["id"] for n in range(7)]
    with acting_as(desk.tenant):
        stretches = [[each.id for each in one.people] for one in islice(walk(People(desk.tenant), None), 10)]
    assert [len(each) for each in stretches] == [3, 3, 1]
    assert list(chain(*stretches)) == made[::-1]


def test_a_value_given_up_is_free_for_a_row_that_is_looked_at_later(desk: Desk) -> None:
    rows: list[dict[str, Any]] = [{"external_id": f"p-{n}", "tags": "a,b,c,d,e,f,g,h"} for n in range(40)]
    bring_in(desk, Match.EXTERNAL_ID, {"external_id": "first", "email": "shared@x.example"})
    taken = 0
    while taken < len(rows):
        taken += bring_in(desk, Match.EXTERNAL_ID, *rows[taken:]).taken
    first = {"external_id": "first", "email": "new@x.example"}
    last = {"external_id": "last", "email": "shared@x.example"}
    said = bring_in(desk, Match.EXTERNAL_ID, first, *rows, last)
    assert (said.taken, said.created, said.updated, said.unchanged, said.refused) == (42, 1, 1, 40, [])
