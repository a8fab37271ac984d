"""Exports through the doors and the worker: promises about what is in the file."""

import codecs
import csv
import importlib
import io
import json
from typing import Any

import moto.s3.models
import pytest
from house import House
from hypothesis import given
from hypothesis import strategies as st
from office import Killed, Office, at_call, die

from misentinel.access import Role
from misentinel.transfers import exporting
from misentinel.transfers.cells import defused, fused

PEOPLE = "external_id,email,phone,name,tags,attributes.plan,attributes.seats,attributes.health\n" + "".join(
    f"id{number},a{number}@x.example,+44207946{number:04},Ann {number},vip|t{number % 3},=1+{number},-{number}.5,good\n"
    for number in range(6)
)
TRICKY = ["=cmd()", "+44", "-1", "@home", "'=quoted", "'plain", "two\nlines", 'a "b"', "a;b,c\td", "Zoë 🎈", "#N/A"]


def rows(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(codecs.BOM_UTF8)
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest.fixture
def full(office: Office) -> Office:
    """Six people with everything that one may have."""
    for name, kind in (("plan", "string"), ("seats", "number")):
        office.attribute(name, kind)
    office.attribute("health", "string", personal=True)
    assert office.imported(PEOPLE.encode())["progress"]["created"] == 6
    return office


def test_everybody_is_in_the_file_once_with_everything(full: Office) -> None:
    found = rows(full.exported())
    assert sorted(row["external_id"] for row in found) == [f"id{number}" for number in range(6)]
    one = next(row for row in found if row["external_id"] == "id3")
    assert (one["phone"], one["attributes.plan"], one["attributes.seats"]) == ("'+442079460003", "'=1+3", "-3.5")
    assert (one["tags"], one["attributes.health"]) == ("vip,t0", "good")
    people = full.ask("GET", "/v1/people", function="people").json["items"]
    assert sorted(row["id"] for row in found) == sorted(each["id"] for each in people)


def test_json_lines_are_people_as_the_api_shows_them(full: Office) -> None:
    found = [json.loads(line) for line in full.exported(format="ndjson").decode().splitlines()]
    people = full.ask("GET", "/v1/people", function="people").json["items"]
    assert sorted(found, key=lambda each: str(each["id"])) == sorted(people, key=lambda each: str(each["id"]))


def test_who_is_asked_for_is_in_the_file_and_nobody_else(full: Office) -> None:
    found = rows(full.exported(where={"field": "tag", "op": "eq", "value": "t1"}))
    assert sorted(row["external_id"] for row in found) == ["id1", "id4"]
    (job,) = [each for each in full.items("job").values() if each["kind"]["S"] == "export"]
    assert "where" not in json.dumps(job), "what was asked for may name somebody: it goes with the job's end"


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_what_is_exported_can_be_imported_again_and_changes_nothing(full: Office, form: str) -> None:
    full.imported(
        "\n".join(json.dumps({"external_id": f"x{n}", "name": text}) for n, text in enumerate(TRICKY)).encode(),
        format="ndjson",
    )
    content = full.exported(format=form)
    before = full.items("person", "unique", "tag")
    again = full.imported(content, format=form)
    assert (again["progress"]["unchanged"], again["progress"]["refused"]) == (6 + len(TRICKY), 0)
    assert full.items("person", "unique", "tag") == before
    other = Office(full.home, tenant := full.home.tenant("other"), full.home.signed_in(tenant))
    for name, kind in (("plan", "string"), ("seats", "number"), ("health", "string")):
        other.attribute(name, kind)
    other.imported(content, format=form)
    assert other.people() == full.people()


@given(st.text(st.sampled_from("'=+-@\t\r ab1"), max_size=6))
def test_no_text_is_taken_for_a_formula_and_every_one_comes_back(text: str) -> None:
    cell = defused(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert fused(cell) == text


def test_fields_that_the_member_may_not_read_are_left_out(full: Office) -> None:
    analyst = Office(full.home, full.tenant, full.home.signed_in(full.tenant, Role.ANALYST))
    found = rows(analyst.exported())
    assert len(found) == 6
    assert not {"external_id", "email", "phone", "name", "attributes.health"} & found[0].keys()
    assert found[0]["attributes.seats"]
    lines = analyst.exported(format="ndjson").decode()
    assert "@x.example" not in lines
    assert "health" not in lines
    by_email = {"format": "csv", "where": {"field": "email", "op": "eq", "value": "a1@x.example"}}
    refused = analyst.ask("POST", "/v1/exports", by_email)
    assert (refused.status, refused.json["permission"]) == (403, "people:contact")
    unknown = {"format": "csv", "where": {"field": "attributes.gone", "op": "eq", "value": 1}}
    assert analyst.ask("POST", "/v1/exports", unknown).status == 422


def test_a_link_is_given_to_whoever_may_read_what_is_in_the_file(full: Office) -> None:
    made = full.ask("POST", "/v1/exports", {"format": "csv"}).json["id"]
    full.deliver()
    assert full.ask("GET", f"/v1/exports/{made}/file").status == 409
    full.work()
    link = full.ask("GET", f"/v1/exports/{made}/file").json["url"]
    assert f"/{full.tenant}/{made}/export?" in link
    assert "X-Amz-Signature=" in link
    assert "X-Amz-Expires=900" in link
    for role, status in ((Role.ANALYST, 403), (Role.SUPPORT, 403), (Role.MARKETER, 200)):
        token = full.home.signed_in(full.tenant, role)
        assert full.ask("GET", f"/v1/exports/{made}/file", token=token).status == status
    stranger = full.home.signed_in(full.home.tenant("globex"))
    assert full.ask("GET", f"/v1/exports/{made}/file", token=stranger).status == 404
    full.home.aws("s3").delete_object(Bucket=full.bucket, Key=f"{full.tenant}/{made}/export")
    assert full.ask("GET", f"/v1/exports/{made}/file").status == 409


def test_an_empty_workspace_exports_its_columns_alone(office: Office) -> None:
    content = office.exported()
    assert rows(content) == []
    assert content.decode("utf-8-sig").startswith("id,external_id,email,phone,name,locale,time_zone,tags,")
    assert office.exported(format="ndjson") == b""


@pytest.fixture
def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions and parts of little, so that a few people take several of each."""
    monkeypatch.setattr(moto.s3.models, "S3_UPLOAD_PART_MIN_SIZE", 1)
    monkeypatch.setattr(importlib.import_module("misentinel.people.search"), "EXAMINED", 3)
    monkeypatch.setattr(exporting, "PART", 300)
    monkeypatch.setattr(exporting, "PORTION_SECONDS", 0)


def run(office: Office) -> str:
    made = office.ask("POST", "/v1/exports", {"format": "csv", "where": {"field": "tag", "op": "eq", "value": "vip"}})
    office.deliver()
    return str(made.json["id"])


@pytest.mark.usefixtures("in_small_parts")
def test_a_worker_killed_at_any_call_is_followed_by_one_that_ends_the_same(full: Office, home: House) -> None:
    whole = run(full)
    with at_call(home, 0, die) as calls:
        full.work()
    assert calls.count("s3:UploadPart") >= 1
    content, progress = full.file(whole, "export"), full.seen(whole, "exports")["progress"]
    assert (len(rows(content)), progress["rows"], progress["bytes"]) == (6, 6, len(content))
    for number in range(1, len(calls) + 1):
        job = run(full)
        with pytest.raises(Killed), at_call(home, number, die):
            full.work()
        full.work()
        found = full.seen(job, "exports")
        assert (found["status"], found["progress"]) == ("done", progress), (number, calls[number - 1])
        assert full.file(job, "export") == content, (number, calls[number - 1])


@pytest.mark.usefixtures("in_small_parts")
def test_two_workers_at_one_export_make_one_file(full: Office, home: House) -> None:
    whole = run(full)
    with at_call(home, 0, die) as calls:
        full.work()
    for number in range(1, len(calls) + 1, 2):
        job = run(full)
        full.send(job)
        with at_call(home, number, full.turn):
            full.turn()
        full.work()
        assert full.seen(job, "exports")["status"] == "done", (number, calls[number - 1])
        assert full.file(job, "export") == full.file(whole, "export"), (number, calls[number - 1])


def test_a_cancelled_export_has_no_file(full: Office) -> None:
    made: Any = run(full)
    assert full.ask("POST", f"/v1/jobs/{made}/cancel").json["status"] == "cancelled"
    full.work()
    assert full.files(made) == set()
    assert full.ask("GET", f"/v1/exports/{made}/file").status == 409


def test_an_export_of_who_people_are_ends_when_its_member_may_not_see_that_any_more(full: Office) -> None:
    member, colleague = full.colleague(Role.MARKETER)
    made = run(colleague)
    changed = full.ask("PATCH", f"/v1/members/{member}", {"role": "analyst"}, function="members")
    assert changed.status == 200, changed.text
    full.work()
    found = full.seen(made, "exports")
    assert (found["status"], found["error"]) == ("failed", "no-longer-permitted")
    assert full.files(made) == set()
    assert full.ask("GET", f"/v1/exports/{made}/file").status == 409
    assert full.records("people.export")[-1]["status_code"] == "no-longer-permitted"
