"""Jobs: promises about beginning, seeing, moving and ending them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ocsf
import pytest
from house import House, LambdaContext

from misentinel import clock
from misentinel.access import Caller, Role, permissions_of
from misentinel.audit import Actor, unit, unit_of_work
from misentinel.errors import Conflict, NotFound
from misentinel.jobs import Job, Jobs, Kind, Status, Step, begin
from misentinel.jobs.model import ACTIONS
from misentinel.jobs.queue import serve
from misentinel.jobs.running import run
from misentinel.tenancy import acting_as

SOON = 2**53
EVENTS = Path(__file__).parents[3] / "events"


@pytest.fixture
def tenant(home: House) -> str:
    tenant = home.tenant()
    for member in ("member", "another"):
        home.employ(tenant, member)
    return tenant


def who(tenant: str, role: Role = Role.OWNER) -> Caller:
    return Caller(tenant, "member", "session", role, permissions_of(role))


def begun(tenant: str, kind: Kind = Kind.DELETION, **more: Any) -> Job:
    with unit_of_work(tenant, "people.delete", actor=Actor(member="member", session="s", is_mfa=True)):
        return begin(kind, **more)


def found(tenant: str, job: Job) -> Job:
    with acting_as(tenant):
        return Jobs(tenant).find(job.id)


def counting(to: int) -> Any:
    """A task of so many portions, each of which counts one."""

    def task(_: Job) -> Any:
        def portion(job: Job) -> Step:
            at = job.place.get("at", 0) + 1
            return Step({"at": at}, {"rows": 1}, done=at == to)

        return portion

    return task


def test_the_record_that_accepts_a_job_names_it_and_nothing_of_its_plan(home: House, tenant: str) -> None:
    job = begun(tenant, plan={"secret": "who it is about"})
    (record,) = home.records(tenant)
    assert (record["status_code"], record["status"]) == ("accepted", "Success")
    assert record["resources"] == [{"type": "job", "uid": job.id, "data": {"fields": ["status"]}}]
    assert "who it is about" not in json.dumps(record)


def test_a_job_that_waits_is_accepted_by_its_start_alone(home: House, tenant: str) -> None:
    job = begun(tenant, Kind.IMPORT, waits=True)
    assert home.records(tenant)[-1]["status_code"] == "ok"
    with acting_as(tenant):
        assert run(tenant, job.id, {Kind.IMPORT: counting(1)}, until_ms=SOON)
    assert found(tenant, job).status is Status.WAITING
    with unit_of_work(tenant, "imports.start", actor=Actor(member="another")):
        Jobs(tenant).start(found(tenant, job), {"of": "start"}, {"rows": 0})
    assert home.records(tenant)[-1]["status_code"] == "accepted"
    assert run(tenant, job.id, {Kind.IMPORT: counting(1)}, until_ms=SOON)
    last = home.records(tenant)[-1]
    assert (last["api"]["operation"], last["actor"]["user"]["uid"], last["count"]) == ("people.import", "another", 1)


@pytest.mark.parametrize("kind", Kind)
def test_portions_bear_the_action_of_their_kind_and_are_on_the_members_behalf(
    home: House, tenant: str, kind: Kind
) -> None:
    job = begun(tenant, kind, plan={"x": 1}, about={"kept": True}, counts={"rows": 0, "more": 5})
    assert run(tenant, job.id, {kind: counting(3)}, until_ms=SOON)
    over = found(tenant, job)
    assert (over.status, over.counts, over.step) == (Status.DONE, {"rows": 3, "more": 5}, 3)
    assert (over.plan, over.place, over.about) == ({}, {}, {"kept": True})
    portions = home.records(tenant)[1:]
    assert [each["api"]["operation"] for each in portions] == [ACTIONS[kind]] * 3
    for each in portions:
        assert each["actor"] == {"user": {"uid": "member"}, "session": {"uid": "s", "is_mfa": True}}
        assert each["api"]["request"]["uid"] == job.request_id


def test_a_portion_that_fails_changes_nothing_and_is_told(home: House, tenant: str) -> None:
    job = begun(tenant)

    def task(_: Job) -> Any:
        def portion(_: Job) -> Step:
            raise RuntimeError

        return portion

    with pytest.raises(RuntimeError):
        run(tenant, job.id, {Kind.DELETION: task}, until_ms=SOON)
    assert found(tenant, job) == job
    assert home.records(tenant)[-1]["status_code"] == "internal"
    assert run(tenant, job.id, {Kind.DELETION: counting(1)}, until_ms=SOON)


def test_a_portion_that_others_got_in_the_way_of_is_done_again(home: House, tenant: str) -> None:
    job = begun(tenant)
    tries = []

    def task(_: Job) -> Any:
        tries.append(1)

        def portion(_: Job) -> Step:
            if len(tries) < 3:
                raise Conflict
            return Step({}, done=True)

        return portion

    assert run(tenant, job.id, {Kind.DELETION: task}, until_ms=SOON)
    assert [each["status_code"] for each in home.records(tenant)] == ["accepted", "conflict", "conflict", "ok"]


def test_a_portion_never_takes_the_room_of_the_jobs_own_item(tenant: str) -> None:
    job = begun(tenant)
    rooms = []

    def task(_: Job) -> Any:
        def portion(_: Job) -> Step:
            rooms.append(unit().room)
            for number in range(unit().room):
                Jobs(tenant).add(Job(**{**_fields(job), "id": f"other{number}"}))
            return Step({}, done=True)

        return portion

    assert run(tenant, job.id, {Kind.DELETION: task}, until_ms=SOON)
    assert rooms == [97]
    assert found(tenant, job).status is Status.DONE


def _fields(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in job.__dataclass_fields__}


def test_rows_are_written_no_faster_than_a_partition_takes_them(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = begun(tenant, Kind.IMPORT)
    slept = list[float]()
    monkeypatch.setattr("misentinel.jobs.running.time.sleep", slept.append)

    def task(_: Job) -> Any:
        return lambda job: Step({}, {"rows": 1}, done=job.step == 1, paced=4_000)

    run(tenant, job.id, {Kind.IMPORT: task}, until_ms=SOON, rows_a_second=400)
    assert len(slept) == 2
    assert all(9 < each <= 10 for each in slept)


def test_a_deletion_cannot_be_cancelled_and_what_is_over_neither(tenant: str) -> None:
    deletion, export = begun(tenant), begun(tenant, Kind.EXPORT)
    with pytest.raises(Conflict), unit_of_work(tenant, "jobs.cancel", actor=Actor(member="member")):
        Jobs(tenant).cancel(deletion)
    run(tenant, export.id, {Kind.EXPORT: counting(1)}, until_ms=SOON)
    with pytest.raises(Conflict), unit_of_work(tenant, "jobs.cancel", actor=Actor(member="member")):
        Jobs(tenant).cancel(found(tenant, export))


def test_a_job_that_moves_meanwhile_is_cancelled_all_the_same(tenant: str) -> None:
    job = begun(tenant, Kind.IMPORT, plan={"x": 1})
    with unit_of_work(tenant, "jobs.cancel", actor=Actor(member="member")):
        answer = Jobs(tenant).cancel(found(tenant, job))
        with unit_of_work(tenant, "people.import", actor=Actor(member="member")):
            Jobs(tenant).advance(found(tenant, job), Step({"at": 1}, {"rows": 5}))
    over = found(tenant, job)
    assert (answer.status, over.status, over.counts) == (Status.CANCELLED, Status.CANCELLED, {"rows": 5})
    assert (over.plan, over.place, over.step) == ({}, {}, 2)
    assert answer.finished_at == over.finished_at
    assert run(tenant, job.id, {Kind.IMPORT: counting(1)}, until_ms=SOON)
    assert found(tenant, job) == over


def test_a_worker_stops_at_the_portion_that_a_cancelling_came_before(home: House, tenant: str) -> None:
    job = begun(tenant, Kind.IMPORT)

    def task(_: Job) -> Any:
        def portion(job: Job) -> Step:
            if job.step == 1:
                cancel(tenant, job)
            return Step({}, {"rows": 1})

        return portion

    assert run(tenant, job.id, {Kind.IMPORT: task}, until_ms=SOON)
    assert (found(tenant, job).status, found(tenant, job).counts) == (Status.CANCELLED, {"rows": 1})
    assert [each["status_code"] for each in home.records(tenant)] == ["accepted", "ok", "ok", "conflict"]


def test_of_two_who_cancel_at_once_neither_is_refused(tenant: str) -> None:
    job = begun(tenant, Kind.EXPORT)
    with unit_of_work(tenant, "jobs.cancel", actor=Actor(member="member")):
        Jobs(tenant).cancel(found(tenant, job))
        cancel(tenant, job)
        first = found(tenant, job).finished_at
    assert found(tenant, job).status is Status.CANCELLED
    assert found(tenant, job).finished_at == first


def test_what_ends_meanwhile_is_not_cancelled(home: House, tenant: str) -> None:
    job = begun(tenant, Kind.EXPORT)
    with pytest.raises(Conflict, match="over"):
        cancel(tenant, job, lambda: run(tenant, job.id, {Kind.EXPORT: counting(1)}, until_ms=SOON))
    assert found(tenant, job).status is Status.DONE
    assert home.records(tenant)[-1]["status_code"] == "conflict"


def cancel(tenant: str, job: Job, meanwhile: Callable[[], object] = lambda: None) -> None:
    with unit_of_work(tenant, "jobs.cancel", actor=Actor(member="another")):
        Jobs(tenant).cancel(found(tenant, job))
        meanwhile()


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (Role.OWNER, {Kind.IMPORT, Kind.EXPORT, Kind.DELETION}),
        (Role.MARKETER, {Kind.IMPORT, Kind.EXPORT, Kind.DELETION}),
        (Role.SUPPORT, {Kind.DELETION}),
        (Role.ANALYST, {Kind.EXPORT}),
        (Role.BILLING, set()),
    ],
)
def test_a_member_sees_jobs_of_kinds_that_the_member_may_do(tenant: str, role: Role, kinds: set[Kind]) -> None:
    jobs = {kind: begun(tenant, kind) for kind in Kind}
    with unit_of_work(tenant, "jobs.list", actor=Actor(member="member")):
        seen = Jobs(tenant).page(who(tenant, role), 100, None).items
    assert {each.kind for each in seen} == kinds
    for kind, job in jobs.items():
        with unit_of_work(tenant, "jobs.read", actor=Actor(member="member")):
            if kind in kinds:
                assert Jobs(tenant).get(job.id, who(tenant, role)).id == job.id
            else:
                with pytest.raises(NotFound):
                    Jobs(tenant).get(job.id, who(tenant, role))


def test_jobs_are_listed_the_newest_first_over_months_and_pages(home: House) -> None:
    with clock.at(datetime(2026, 9, 20, tzinfo=UTC)) as now:
        tenant = home.tenant()
        made = []
        for _ in range(7):
            made.append(begun(tenant).id)
            now.tick(10 * 86_400)
        seen, cursor, pages = list[str](), None, 0
        while pages == 0 or cursor:
            with unit_of_work(tenant, "jobs.list", actor=Actor(member="member")):
                page = Jobs(tenant).page(who(tenant), 3, cursor)
            seen += [each.id for each in page.items]
            cursor, pages = page.next_cursor, pages + 1
    assert seen == made[::-1]
    assert pages <= 5


def test_a_job_is_forgotten_in_the_end(home: House, tenant: str) -> None:
    begun(tenant)
    items = home.aws("dynamodb").scan(TableName=f"ms-local-{tenant}-data")["Items"]
    (item,) = (each for each in items if each["sk"]["S"] == "job")
    assert 89 < (int(item["expires_at"]["N"]) - clock.epoch()) / 86_400 <= 90


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_message_is_the_accepting_record_or_its_event(home: House, tenant: str, wrapped: bool) -> None:  # noqa: FBT001 - a parameter of the test
    job = begun(tenant)
    (record,) = home.records(tenant)
    body = {"detail-type": "AuditRecord", "detail": {"record": record, "context": {}}} if wrapped else record
    assert _served(body, tenant) == []
    assert found(tenant, job).status is Status.DONE


def test_a_message_that_cannot_be_served_comes_again(tenant: str) -> None:
    assert _served({"tenant": tenant}, tenant) == ["1"]
    assert _served({"tenant": tenant, "job": "gone"}, tenant) == []


def _served(body: Any, _: str) -> list[str]:
    (sample,) = json.loads((EVENTS / "sqs-jobs.json").read_text())["Records"]
    ocsf.validate(json.loads(sample["body"]))
    message = {**sample, "messageId": "1", "body": json.dumps(body)}
    answer = serve({"Records": [message]}, LambdaContext(remaining_ms=120_000), {Kind.DELETION: counting(2)})
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def never(_: Job) -> Any:
    """A task that must not be begun."""
    message = "the member may not do this any more"
    raise AssertionError(message)


REFUSED = [(Role.OWNER, "removed"), (Role.OWNER, "invited"), (Role.SUPPORT, "active"), (Role.BILLING, "active")]


@pytest.mark.parametrize("kind", [Kind.IMPORT, Kind.EXPORT])
@pytest.mark.parametrize(("role", "status"), REFUSED)
def test_a_job_ends_before_its_next_portion_when_its_member_may_not_ask_for_it_any_more(
    home: House, tenant: str, kind: Kind, role: Role, status: str
) -> None:
    job = begun(tenant, kind, plan={"secret": "who it is about"})
    assert not run(tenant, job.id, {kind: counting(9)}, until_ms=clock.epoch_ms())
    home.employ(tenant, "member", role, status)
    assert run(tenant, job.id, {kind: never}, until_ms=SOON)
    over = found(tenant, job)
    assert (over.status, over.error, over.counts, over.plan) == (Status.FAILED, "no-longer-permitted", {}, {})
    assert over.finished_at
    last = home.records(tenant)[-1]
    assert (last["status"], last["status_code"]) == ("Failure", "no-longer-permitted")
    assert (last["api"]["operation"], last["actor"]["user"]["uid"]) == (ACTIONS[kind], "member")
    assert {"type": "job", "uid": job.id} in last["resources"]


def test_a_job_of_somebody_who_is_no_member_ends(tenant: str) -> None:
    with unit_of_work(tenant, "people.import", actor=Actor(member="stranger")):
        job = begin(Kind.IMPORT)
    assert run(tenant, job.id, {Kind.IMPORT: never}, until_ms=SOON)
    assert found(tenant, job).error == "no-longer-permitted"


@pytest.mark.parametrize(("kind", "role"), [(Kind.IMPORT, Role.MARKETER), (Kind.EXPORT, Role.ANALYST)])
def test_a_job_goes_on_when_its_member_has_another_role_that_may_ask_for_it(
    home: House, tenant: str, kind: Kind, role: Role
) -> None:
    job = begun(tenant, kind)
    home.employ(tenant, "member", role)
    assert run(tenant, job.id, {kind: counting(2)}, until_ms=SOON)
    assert (found(tenant, job).status, found(tenant, job).counts) == (Status.DONE, {"rows": 2})


@pytest.mark.parametrize(("contact", "status"), [(True, Status.FAILED), (False, Status.DONE)])
def test_an_export_of_who_people_are_ends_when_its_member_may_not_see_that_any_more(
    home: House,
    tenant: str,
    contact: bool,  # noqa: FBT001 - a parameter of the test
    status: Status,
) -> None:
    job = begun(tenant, Kind.EXPORT, about={"contact": contact})
    home.employ(tenant, "member", Role.ANALYST)
    assert run(tenant, job.id, {Kind.EXPORT: counting(1)}, until_ms=SOON)
    assert found(tenant, job).status is status


@pytest.mark.parametrize(("role", "status"), REFUSED)
def test_a_deletion_goes_on_to_its_end_whatever_becomes_of_its_member(
    home: House, tenant: str, role: Role, status: str
) -> None:
    job = begun(tenant)
    home.employ(tenant, "member", role, status)
    assert run(tenant, job.id, {Kind.DELETION: counting(2)}, until_ms=SOON)
    assert found(tenant, job).status is Status.DONE


def test_in_a_turn_the_member_is_looked_up_once_for_ten_seconds(home: House, tenant: str) -> None:
    job = begun(tenant, Kind.IMPORT)
    began = clock.now()

    def task(_: Job) -> Any:
        def portion(job: Job) -> Step:
            if job.step == 0:
                home.employ(tenant, "member", status="removed")
            now.tick(4)
            return Step({}, {"rows": 1}, done=job.step == 8)

        return portion

    with clock.at(began) as now, home.counted() as calls:
        assert run(tenant, job.id, {Kind.IMPORT: task}, until_ms=SOON)
        assert (clock.now() - began).total_seconds() == 12
    over = found(tenant, job)
    assert (over.error, over.counts) == ("no-longer-permitted", {"rows": 3})
    assert calls.count("dynamodb:GetItem") == 3  # the job, and the member twice


def test_a_job_says_when_it_last_moved(home: House) -> None:
    with clock.at(datetime(2026, 11, 23, 12, tzinfo=UTC)) as now:
        tenant = home.tenant()
        home.employ(tenant, "member")
        job = begun(tenant, Kind.IMPORT)
        assert job.view().updated_at == job.created_at == "2026-11-23T12:00:00.000Z"
        now.tick(90)
        assert not run(tenant, job.id, {Kind.IMPORT: counting(2)}, until_ms=0)
        assert found(tenant, job).view().updated_at == "2026-11-23T12:00:00.000Z"

        def task(_: Job) -> Any:
            def portion(_: Job) -> Step:
                now.tick(1)
                return Step({}, {"rows": 1})

            return portion

        run(tenant, job.id, {Kind.IMPORT: task}, until_ms=clock.epoch_ms() + 1_500)
        assert found(tenant, job).view().updated_at == "2026-11-23T12:01:31.000Z"
        now.tick(30)
        cancel(tenant, job)
        over = found(tenant, job).view()
    assert over.updated_at == over.finished_at == "2026-11-23T12:02:02.000Z"
