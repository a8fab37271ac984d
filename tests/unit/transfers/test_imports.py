"""Imports through the doors and the worker: promises about what becomes of every row."""

from typing import Any

import moto.s3.models
import pytest
from house import House
from office import Killed, Office, at_call, die

from misentinel.access import Role
from misentinel.jobs import running
from misentinel.transfers import importing, report

HEADER = "external_id,email,name,tags\n"
TAGS = "|".join(f"tag{number}" for number in range(10))


def csv(*rows: str, header: str = HEADER) -> bytes:
    return (header + "".join(row + "\n" for row in rows)).encode()


def counts(found: dict[str, Any]) -> tuple[int, int, int, int]:
    progress = found["progress"]
    return progress["created"], progress["updated"], progress["unchanged"], progress["refused"]


MIXED = csv(
    *(f"id{number},a{number}@x.example,Ann {number},{TAGS}" for number in range(9)),
    "id3,a3@x.example,Beth,vip",  # a row of above again, with something else
    "id4,a0@x.example,Carl,",  # somebody else's address
    ",no-id@x.example,Dora,",
    "id9,broken,Emil,",
    'id10,a10@x.example,"Fay, of ""two""\nlines",vip',
    "ragged",
    *(f"id{number},,Gus {number},{TAGS}" for number in range(20, 30)),
)
"""More writes than fit one transaction, and rows of every kind."""

REFUSED = [(12, "email"), (13, "external_id"), (14, "email"), (16, "")]


def test_an_import_creates_updates_and_refuses_row_by_row(office: Office) -> None:
    found = office.imported(MIXED, report="ndjson")
    assert (found["status"], counts(found)) == ("done", (20, 1, 0, 4))
    assert found["progress"]["bytes"] == found["progress"]["total_bytes"] == len(MIXED)
    assert found["progress"]["rows"] == 25
    assert office.refused(found["id"]) == REFUSED
    people = {each["external_id"]: each for each in office.people()}
    assert len(people) == 20
    assert (people["id3"]["name"], people["id3"]["tags"]) == ("Beth", ["vip"])
    assert people["id10"]["name"] == 'Fay, of "two"\nlines'
    assert people["id25"]["email"] is None
    assert office.files(found["id"]) == {"report"}


def test_a_report_says_row_and_field_and_never_the_value(office: Office) -> None:
    found = office.imported(csv("id1,marked-private-value,Ann,", "id2,a@x.example,Ann,marked private tag"))
    report = office.file(found["id"], "report").decode()
    assert report.splitlines()[0] == "row,field,message"
    assert [line.split(",")[:2] for line in report.splitlines()[1:]] == [["2", "email"], ["3", "tags"]]
    assert "private" not in report
    assert "private" not in str(office.home.records(office.tenant))


def test_every_portion_leaves_a_record_of_who_asked(office: Office) -> None:
    found = office.imported(MIXED)
    (started,) = office.records("imports.start")
    assert started["status_code"] == "accepted"
    portions = office.records("people.import")
    assert sum(each.get("count", 0) for each in portions) == 25
    for each in portions:
        assert each["actor"] == started["actor"]
        assert each["api"]["request"] == started["api"]["request"]
        assert {"type": "job", "uid": found["id"]} in each["resources"]
    named = {each["uid"] for portion in portions for each in portion["resources"] if each["type"] == "person"}
    assert {f"person#{uid}" for uid in named} == {pk for pk, _ in office.items("person")}


def test_the_same_file_twice_changes_nothing(office: Office) -> None:
    office.imported(MIXED)
    before = office.items("person", "unique", "tag")
    again = csv(*MIXED.decode().removeprefix(HEADER).replace("id3,a3@x.example,Ann 3," + TAGS + "\n", "").splitlines())
    assert counts(office.imported(again)) == (0, 0, 20, 4)
    assert office.items("person", "unique", "tag") == before


def test_a_dry_run_counts_and_reports_and_changes_nothing(office: Office) -> None:
    found = office.imported(MIXED, dry_run=True, report="ndjson")
    assert (found["status"], counts(found)) == ("done", (20, 1, 0, 4))
    assert office.refused(found["id"]) == REFUSED
    assert office.items("person", "unique", "tag") == {}
    assert office.files(found["id"]) == {"report"}
    assert len(office.records("people.import")) == 2


def test_columns_are_mapped_values_read_and_the_rest_ignored(office: Office) -> None:
    office.attribute("seats", "number")
    office.attribute("active", "boolean")
    office.attribute("since", "time")
    content = csv(
        "C-1;anna@x.example;12,5;yes;2026-01-02T03:04:05+01:00;secret notes",
        "C-2;b@x.example;12.5;;;",
        "C-3;c@x.example;7;no;2026-01-02T03:04:05Z;",
        header="Customer no.;E-mail;Seats;Active;Since;Notes\n",
    )
    columns = {
        "Customer no.": "external_id",
        "E-mail": "email",
        "Seats": "attributes.seats",
        "Active": "attributes.active",
        "Since": "attributes.since",
    }
    found = office.imported(content, columns=columns, match="email", report="ndjson")
    assert (found["columns"], found["ignored"]) == (columns, ["Notes"])
    assert office.refused(found["id"]) == [(2, "attributes.seats")]
    assert [each["attributes"] for each in office.people()] == [
        {"seats": 12.5},
        {"seats": 7, "active": False, "since": "2026-01-02T03:04:05.000Z"},
    ]


def test_json_lines_say_what_a_body_would(office: Office) -> None:
    office.attribute("plan", "string")
    lines = [
        '{"external_id":"a","email":"a@x.example","tags":["vip"],"attributes":{"plan":"pro"},"id":"ignored"}',
        '{"external_id":"a","email":null,"attributes":{"plan":null}}',
        '{"external_id":"b","attributes":{"other":1}}',
        '{"external_id":"c","email":5}',
    ]
    found = office.imported("\n".join(lines).encode(), format="ndjson")
    assert counts(found) == (1, 1, 0, 2)
    assert office.refused(found["id"]) == [(3, "attributes.other"), (4, "email")]
    (person,) = office.people()
    assert (person["email"], person["attributes"], person["tags"]) == (None, {}, ["vip"])


def test_cards_in_a_row_are_refused(office: Office) -> None:
    found = office.imported(csv("id1,a@x.example,4111 1111 1111 1111,"), report="ndjson")
    assert office.refused(found["id"]) == [(2, "name")]


@pytest.mark.parametrize(
    ("content", "asked", "field"),
    [
        (b"", {"bytes": 1}, None),
        (csv("1,2,3,4"), {"bytes": 5}, None),
        (b"a,b\n1,2\n", {}, "columns"),
        (b"email,email\n1,2\n", {"match": "email"}, "columns.email"),
        (csv("1,2,3,4"), {"columns": {"external_id": "external_id", "gone": "email"}}, "columns.gone"),
        (csv("1,2,3,4"), {"columns": {"external_id": "external_id", "name": "attributes.gone"}}, "columns.name"),
        (csv("1,2,3,4"), {"columns": {"external_id": "external_id", "name": "external_id"}}, "columns.external_id"),
        (b"\xff\xfe\x00\x00", {}, None),
    ],
)
def test_what_is_wrong_with_the_whole_file_is_told_at_its_start(
    office: Office, content: bytes, asked: dict[str, Any], field: str | None
) -> None:
    job = office.upload(content, **{"bytes": len(content), **asked})
    answer = office.ask("POST", f"/v1/imports/{job}/start")
    assert answer.status == (409 if "bytes" in asked else 422), answer.text
    if field:
        assert field in [each["field"] for each in answer.json["errors"]]
    assert office.seen(job)["status"] == "waiting"
    assert office.ask("POST", f"/v1/imports/{job}/upload", {"bytes": 10}).status == 200


def test_an_import_without_its_file_cannot_start_and_starts_once(office: Office) -> None:
    made = office.ask("POST", "/v1/imports", {"format": "csv", "bytes": len(MIXED)}).json["id"]
    assert office.ask("POST", f"/v1/imports/{made}/start").status == 409
    office.put(made, MIXED)
    office.start(made)
    assert office.ask("POST", f"/v1/imports/{made}/start").status == 409
    assert office.ask("POST", f"/v1/imports/{made}/upload", {"bytes": 10}).status == 409
    assert office.ask("GET", f"/v1/imports/{made}/report").status == 409


def test_a_turn_ends_in_time_and_the_next_goes_on(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    job = office.upload(MIXED)
    office.start(job)
    monkeypatch.setattr(importing, "VALID_ROWS", 4)
    seen = []
    # So little is left of the function's time that no portion begins: the message goes round.
    assert office.turn(remaining_ms=40_000)
    assert office.seen(job)["status"] == "queued"
    while office.turn(remaining_ms=40_200):
        seen.append(office.seen(job)["progress"]["rows"])
        assert len(seen) < 30
    assert seen == sorted(seen)
    assert office.seen(job)["status"] == "done"
    assert len(office.people()) == 20


def calls_of_a_run(home: House) -> list[str]:
    """The AWS calls of a worker that is left alone with the mixed file."""
    office = Office(home, tenant := home.tenant("alone"), home.signed_in(tenant))
    office.start(office.upload(MIXED))
    with at_call(home, 0, die) as calls:
        office.work()
    return calls


def test_a_cancelled_import_stops_between_portions_and_keeps_what_it_did(office: Office) -> None:
    commits = [place for place, call in enumerate(calls_of_a_run(office.home), 1) if "TransactWrite" in call]
    job = office.upload(MIXED)
    office.start(job)

    def cancel() -> None:
        assert office.ask("POST", f"/v1/jobs/{job}/cancel").json["status"] == "cancelled"

    with at_call(office.home, commits[1], cancel):
        office.turn()
    found = office.seen(job)
    assert found["status"] == "cancelled"
    assert 0 < found["progress"]["created"] < 20
    assert len(office.people()) == found["progress"]["created"]
    office.work()
    assert office.seen(job) == found
    assert office.ask("POST", f"/v1/jobs/{job}/cancel").status == 200
    assert office.ask("GET", f"/v1/imports/{job}/report").status == 409


def test_a_worker_killed_at_any_call_is_followed_by_one_that_ends_the_same(home: House) -> None:
    def fresh(number: int) -> tuple[Office, str]:
        office = Office(home, tenant := home.tenant(f"w{number}"), home.signed_in(tenant))
        return office, office.upload(MIXED, report="ndjson")

    calls = calls_of_a_run(home)
    office, job = fresh(0)
    office.start(job)
    office.work()
    people, progress, report = office.people(), office.seen(job)["progress"], office.file(job, "report")
    for number in range(1, len(calls) + 1):
        office, job = fresh(number)
        office.start(job)
        with pytest.raises(Killed), at_call(home, number, die):
            office.work()
        office.work()
        told = f"killed before call {number}, {calls[number - 1]}"
        assert office.people() == people, told
        assert office.seen(job)["progress"] == progress, told
        assert office.file(job, "report") == report, told
        done = [each for each in office.records("people.import") if each["status"] == "Success"]
        assert sum(each.get("count", 0) for each in done) == 25, told


def test_two_workers_at_one_import_do_nothing_twice(home: House) -> None:
    calls = len(calls_of_a_run(home))
    for number in range(2, calls + 1, 3):
        office = Office(home, tenant := home.tenant(f"w{number}"), home.signed_in(tenant))
        job = office.upload(MIXED, report="ndjson")
        office.start(job)
        office.send(job)
        with at_call(home, number, office.turn):
            office.turn()
        office.work()
        found = office.seen(job)
        assert (found["status"], counts(found)) == ("done", (20, 1, 0, 4)), number
        assert office.refused(job) == REFUSED
        done = [each for each in office.records("people.import") if each["status"] == "Success"]
        assert sum(each.get("count", 0) for each in done) == 25


def test_an_import_stops_between_portions_once_its_member_is_removed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "KNOWN_MS", 0)
    commits = [place for place, call in enumerate(calls_of_a_run(office.home), 1) if "TransactWrite" in call]
    member, colleague = office.colleague(Role.MARKETER)
    job = colleague.upload(MIXED)
    colleague.start(job)

    def remove() -> None:
        assert office.ask("DELETE", f"/v1/members/{member}", function="members").status == 204

    with at_call(office.home, commits[1], remove):
        office.turn()
    found = office.seen(job)
    assert (found["status"], found["error"]) == ("failed", "no-longer-permitted")
    assert 0 < found["progress"]["created"] < 20
    assert len(office.people()) == found["progress"]["created"]
    assert office.records("people.import")[-1]["status_code"] == "no-longer-permitted"
    office.send(job)
    office.work()
    assert office.seen(job) == found
    assert office.ask("GET", f"/v1/imports/{job}/report").status == 409


@pytest.mark.parametrize(("role", "status"), [("support", "failed"), ("admin", "done")])
def test_an_import_that_waits_for_the_worker_begins_if_its_member_may_import_then(
    office: Office, role: str, status: str
) -> None:
    member, colleague = office.colleague(Role.MARKETER)
    job = colleague.upload(MIXED)
    colleague.start(job)
    changed = office.ask("PATCH", f"/v1/members/{member}", {"role": role}, function="members")
    assert changed.status == 200, changed.text
    office.work()
    assert office.seen(job)["status"] == status
    assert len(office.people()) == (20 if status == "done" else 0)


def test_an_import_goes_on_when_its_members_sessions_end(office: Office) -> None:
    member, colleague = office.colleague(Role.MARKETER)
    job = colleague.upload(MIXED)
    colleague.start(job)
    assert office.ask("DELETE", f"/v1/members/{member}/sessions", function="members").status == 204
    assert colleague.ask("GET", f"/v1/imports/{job}").status == 401
    office.work()
    assert office.seen(job)["status"] == "done"


def test_a_file_that_changes_meanwhile_ends_the_import(office: Office) -> None:
    job = office.upload(MIXED, report="ndjson")
    office.start(job)
    office.put(job, MIXED.replace(b"Ann", b"Eve"))
    office.work()
    found = office.seen(job)
    assert (found["status"], found["error"]) == ("failed", "file-changed")
    assert office.people() == []
    last = office.records("people.import")[-1]
    assert (last["status"], last["status_code"]) == ("Failure", "file-changed")


def test_more_rows_than_allowed_end_the_import(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_ROWS", 12)
    found = office.imported(MIXED)
    assert (found["status"], found["error"]) == ("failed", "too-many-rows")
    assert office.ask("GET", f"/v1/imports/{found['id']}/report").status == 200


def test_a_long_report_is_one_file_in_the_end(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LOOKED_AT", 40)
    content = csv(*(f"id{number},not an address,," for number in range(300)))
    found = office.imported(content, report="csv")
    assert counts(found) == (0, 0, 0, 300)
    lines = office.file(found["id"], "report").decode().splitlines()
    assert lines[0] == "row,field,message"
    assert [int(line.partition(",")[0]) for line in lines[1:]] == list(range(2, 302))
    assert office.files(found["id"]) == {"report"}


def test_a_report_of_several_parts_has_each_row_once_and_one_header(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moto.s3.models, "S3_UPLOAD_PART_MIN_SIZE", 1)
    monkeypatch.setattr(importing, "LOOKED_AT", 40)
    monkeypatch.setattr(report, "WAITING", 20)
    monkeypatch.setattr(report, "PART", 4_000)  # a piece of 40 refusals is shorter, two are longer
    found = office.imported(csv(*(f"id{number},not an address,," for number in range(260))), report="csv")
    content = office.file(found["id"], "report")
    lines = content.decode().splitlines()
    assert len(content) > 3 * 4_000
    assert lines[0] == "row,field,message"
    assert [line.partition(",")[0] for line in lines[1:]] == [str(number) for number in range(2, 262)]


def test_roles_that_may_not_import_see_none(office: Office) -> None:
    job = office.upload(MIXED)
    for role in (Role.ANALYST, Role.SUPPORT):
        token = office.home.signed_in(office.tenant, role)
        assert office.ask("POST", "/v1/imports", {"format": "csv", "bytes": 5}, token=token).status == 403
        assert office.ask("GET", f"/v1/imports/{job}", token=token).status == 403
        assert office.ask("GET", f"/v1/jobs/{job}", token=token).status == 404
        assert office.ask("POST", f"/v1/jobs/{job}/cancel", token=token).status == 404
        assert office.ask("GET", "/v1/jobs", token=token).json["items"] == []
    assert [each["id"] for each in office.ask("GET", "/v1/jobs").json["items"]] == [job]


def test_another_workspace_has_no_such_import(office: Office) -> None:
    job = office.upload(MIXED)
    stranger = office.home.signed_in(office.home.tenant("globex"))
    for method, path in (("GET", ""), ("POST", "/start"), ("GET", "/report")):
        assert office.ask(method, f"/v1/imports/{job}{path}", token=stranger).status == 404
    assert office.ask("GET", f"/v1/jobs/{job}", token=stranger).status == 404
