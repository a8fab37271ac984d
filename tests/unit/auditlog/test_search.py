"""Searching and reading the log through the public door."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import ocsf
import pytest
from house import House, LambdaContext, Reply, held_back, house
from hypothesis import given, settings
from hypothesis import strategies as st
from logbook import Bus, inserts, leave, told

from functions.audit.handler import handler
from functions.sequencer.handler import handler as sequencer
from misentinel import clock
from misentinel.access import Role
from misentinel.audit import Action, Actor, Happening, InboxItem, Outcome, Unit
from misentinel.auditlog import search
from misentinel.auditlog.model import actor_of, resource_of
from misentinel.tenancy import acting_as, bind

START = datetime(2026, 11, 23, 13, 30, tzinfo=UTC)


class Desk:
    """An auditor at work: what happened, and the door to ask at."""

    def __init__(self, home: House, time: clock.Frozen) -> None:
        self.home = home
        self.time = time
        self.tenant = self.workspace()
        self.member = clock.uuid7()
        self.session = clock.uuid7()
        self.sign_in()
        Bus()

    def workspace(self) -> str:
        return self.home.tenant(clock.base32(20))

    def sign_in(self) -> None:
        self.home.signed_in(self.tenant, Role.AUDITOR, self.member, self.session)

    def happened(
        self,
        action: str = "people.update",
        *,
        actor: str = "m-1",
        person: str = "p-1",
        outcome: Outcome = Outcome.SUCCESS,
        after: float = 1,
    ) -> str:
        self.time.tick(after)
        happening = Happening(
            tenant=self.tenant,
            action=Action(action),
            request_id=clock.uuid7(),
            actor=Actor(member=actor),
            outcome=outcome,
            context={"address": "192.0.2.7"},
        )
        happening.touch("person", person, ["name"])
        unit = Unit(happening)
        unit.commit()
        return unit.uid

    def sequenced(self) -> None:
        sequencer(inserts(self.home, self.tenant), LambdaContext())

    def ask(self, path: str = "", **query: str) -> Reply:
        token = self.home.token(self.tenant, self.member, self.session)
        return self.home.ask(
            handler,
            "GET",
            f"/v1/audit/records{path}",
            token=token,
            query={name: [value] for name, value in query.items()},
        )

    def found(self, **query: str) -> list[str]:
        """The uids on all pages of a search."""
        uids: list[str] = []
        while True:
            answer = self.ask(**query)
            assert answer.status == 200, answer.text
            uids += [item["record"]["metadata"]["uid"] for item in answer.json["items"]]
            if answer.json["next_cursor"] is None:
                return uids
            query["cursor"] = answer.json["next_cursor"]


def assert_unavailable(answer: Reply) -> None:
    assert (answer.status, answer.json["type"]) == (503, "urn:misentinel:problem:unavailable")
    assert answer.headers["Retry-After"] == "2"


@pytest.fixture(scope="module")
def home() -> Iterator[House]:
    """One cloud for all searches: each has a workspace of its own."""
    with house() as made:
        yield made


@pytest.fixture
def desk(home: House) -> Iterator[Desk]:
    with clock.at(START) as time:
        yield Desk(home, time)


def test_records_come_newest_first_and_valid(desk: Desk) -> None:
    uids = [desk.happened() for _ in range(3)]
    desk.sequenced()
    answer = desk.ask()
    assert [item["sequence"] for item in answer.json["items"]] == [2, 1, 0]
    assert [item["record"]["metadata"]["uid"] for item in answer.json["items"]] == uids[::-1]
    for item in answer.json["items"]:
        ocsf.validate(item["record"])


def test_a_search_is_session_index_batch_and_record(desk: Desk) -> None:
    for _ in range(20):
        desk.happened()
    desk.sequenced()
    desk.ask(limit="20")
    with desk.home.counted() as calls:
        assert len(desk.ask(limit="20").json["items"]) == 20
    assert [call for call in calls if call.startswith("dynamodb")] == [
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
    ]


def test_reading_one_is_session_index_batch_and_record(desk: Desk) -> None:
    uid = desk.happened()
    desk.sequenced()
    desk.ask(f"/{uid}")
    with desk.home.counted() as calls:
        answer = desk.ask(f"/{uid}")
    assert answer.status == 200
    assert [call for call in calls if call.startswith("dynamodb")] == [
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
    ]


@pytest.mark.parametrize("seconds", [0.001, 1, 60])
@pytest.mark.parametrize("who", [{}, {"actor": "m-1"}, {"resource": "person:p-1"}])
def test_a_span_has_its_start_and_not_its_end(desk: Desk, seconds: float, who: dict[str, str]) -> None:
    uids = [desk.happened(after=seconds) for _ in range(4)]
    desk.sequenced()
    first, last = START + timedelta(seconds=2 * seconds), START + timedelta(seconds=4 * seconds)
    assert desk.found(**{"from": clock.rfc3339(first), "to": clock.rfc3339(last)}, **who) == [uids[2], uids[1]]


def test_a_search_by_actor_and_by_resource(desk: Desk) -> None:
    mine = [desk.happened(actor="m-1", person=f"p-{place}") for place in range(3)]
    theirs = [desk.happened(actor="m-2", person=f"p-{place}") for place in range(3)]
    desk.sequenced()
    assert desk.found(actor="m-1") == mine[::-1]
    assert desk.found(resource="person:p-1") == [theirs[1], mine[1]]
    assert desk.found(actor="m-2", resource="person:p-1") == [theirs[1]]
    assert desk.found(actor="m-3") == []


def test_action_outcome_and_class_filter(desk: Desk) -> None:
    read = desk.happened("people.read")
    failed = desk.happened("people.update", outcome=Outcome.FAILURE)
    signed_out = desk.happened("sessions.delete")
    desk.sequenced()
    assert desk.found(action="people.read") == [read]
    assert desk.found(outcome="failure") == [failed]
    assert desk.found(outcome="success") == [signed_out, read]
    assert desk.found(**{"class": "3002"}) == [signed_out]
    assert desk.found(action="people.read", outcome="failure") == []


def test_pages_cover_everything_once_over_days_and_months(desk: Desk) -> None:
    uids = [desk.happened(after=40 * 3600) for _ in range(9)]
    desk.sequenced()
    desk.sign_in()
    span = {"from": clock.rfc3339(START)}
    for limit in ("1", "4", "100"):
        assert desk.found(limit=limit, **span) == uids[::-1]
        assert desk.found(limit=limit, actor="m-1", **span) == uids[::-1]
        assert desk.found(limit=limit, action="people.update", **span) == uids[::-1]


def test_records_of_one_millisecond_are_told_apart(desk: Desk) -> None:
    uids = [desk.happened(after=0) for _ in range(7)]
    desk.sequenced()
    assert sorted(desk.found(limit="2")) == sorted(uids)
    for uid in uids:
        assert desk.ask(f"/{uid}").json["record"]["metadata"]["uid"] == uid


def test_records_that_come_between_two_pages_do_not_shift_them(desk: Desk) -> None:
    uids = [desk.happened() for _ in range(4)]
    desk.sequenced()
    first = desk.ask(limit="2").json
    desk.happened()
    desk.sequenced()
    second = desk.ask(limit="2", cursor=first["next_cursor"]).json
    assert [item["record"]["metadata"]["uid"] for item in second["items"]] == [uids[1], uids[0]]


def test_a_page_is_bounded_even_where_nothing_fits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "EXAMINED", 4)
    rare = desk.happened("people.delete")
    for _ in range(9):
        desk.happened("people.read")
    desk.sequenced()
    first = desk.ask(action="people.delete").json
    assert first["items"] == []
    assert first["next_cursor"]
    assert desk.found(action="people.delete") == [rare]


def test_a_quiet_year_is_looked_through_a_month_of_days_at_a_time(desk: Desk) -> None:
    old = desk.happened()
    desk.sequenced()
    desk.time.tick(300 * 86_400)
    desk.sign_in()
    with desk.home.counted() as calls:
        first = desk.ask(**{"from": clock.rfc3339(START)}).json
    assert first["next_cursor"]
    assert calls.count("dynamodb:Query") <= search.QUERIES
    assert desk.found(**{"from": clock.rfc3339(START)}) == [old]
    assert desk.found() == [], "31 days unless it says from when"


def test_large_records_end_a_page_early(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PAGE_BYTES", 1_500)
    uids = [desk.happened() for _ in range(5)]
    desk.sequenced()
    assert len(desk.ask().json["items"]) < 5
    assert desk.found() == uids[::-1]


def test_a_record_is_read_with_its_context_for_90_days(desk: Desk) -> None:
    uid = desk.happened()
    desk.sequenced()
    answer = desk.ask(f"/{uid}").json
    assert answer["context"] == {"address": "192.0.2.7"}
    assert answer["sequence"] == 0
    assert "context" not in desk.ask().json["items"][0]
    desk.time.tick(90 * 86_400)
    desk.sign_in()
    assert desk.ask(f"/{uid}").json["context"] is None


def test_a_record_without_a_place_yet_is_a_404_that_says_so(desk: Desk) -> None:
    uid = desk.happened()
    answer = desk.ask(f"/{uid}")
    assert answer.status == 404
    assert "try again" in answer.json["detail"]
    desk.sequenced()
    assert desk.ask(f"/{uid}").status == 200


@pytest.mark.parametrize(
    "uid",
    [
        "x",
        "0" * 36,
        "../..",
        "01a20899-6758-7125-9bfd-cffa201381e8",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        "00000000-0000-7000-8000-000000000000",
        "é" * 2000,
    ],
)
def test_no_such_record(desk: Desk, uid: str) -> None:
    assert desk.ask(f"/{uid}").status == 404


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"from": "yesterday"},
        {"from": "0"},
        {"to": "2026-02-30T00:00:00Z"},
        {"from": "2026-11-23T13:30:00"},
        {"resource": "person"},
        {"outcome": "maybe"},
        {"class": "1"},
        {"cursor": "AAAA"},
        {"colour": "blue"},
        {"from": "2026-11-23T13:30:00Z", "to": "2026-11-23T13:30:00Z"},
    ],
)
def test_what_cannot_be_searched_for_is_refused(desk: Desk, query: dict[str, str]) -> None:
    assert desk.ask(**query).status == 422


@pytest.mark.parametrize(
    "query", [{"from": "0001-01-01T00:00:00Z"}, {"to": "0001-01-02T00:00:00Z"}, {"to": "9999-12-31T23:59:59Z"}]
)
def test_spans_at_the_ends_of_time_are_searched(desk: Desk, query: dict[str, str]) -> None:
    assert desk.ask(**query).status == 200


def test_a_cursor_serves_no_other_search_and_no_other_workspace(desk: Desk) -> None:
    for _ in range(3):
        desk.happened()
    desk.sequenced()
    cursor = desk.ask(limit="1").json["next_cursor"]
    assert desk.ask(limit="1", cursor=cursor).status == 200
    assert desk.ask(limit="1", cursor=cursor, actor="m-1").status == 422
    other = desk.workspace()
    token = desk.home.signed_in(other, Role.AUDITOR)
    answer = desk.home.ask(handler, "GET", "/v1/audit/records", token=token, query={"limit": ["1"], "cursor": [cursor]})
    assert answer.status == 422


def test_what_dynamodb_leaves_unprocessed_is_asked_for_again(desk: Desk) -> None:
    uids = [desk.happened() for _ in range(3)]
    desk.sequenced()
    with held_back(times=2, leaving=1) as asked:
        assert desk.found() == uids[::-1]
    assert [len(keys) for keys in asked] == [3, 1, 1]
    with held_back(times=100, leaving=1):
        assert_unavailable(desk.ask())
        assert_unavailable(desk.ask(f"/{uids[0]}"))


def test_a_record_that_its_mark_goes_before_is_waited_for(desk: Desk) -> None:
    uids = [desk.happened() for _ in range(3)]
    desk.sequenced()
    for query in ({}, {"actor": "m-1"}, {"resource": "person:p-1"}):
        with held_back(times=2, hiding=1) as asked:
            assert desk.found(**query) == uids[::-1]
        assert [len(keys) for keys in asked] == [3, 1, 1]
    with held_back(times=100, hiding=1):
        assert_unavailable(desk.ask())


def test_another_workspaces_record_is_not_there(desk: Desk) -> None:
    uid = desk.happened()
    desk.sequenced()
    token = desk.home.signed_in(desk.workspace(), Role.OWNER)
    assert desk.home.ask(handler, "GET", f"/v1/audit/records/{uid}", token=token).status == 404
    assert desk.home.ask(handler, "GET", "/v1/audit/records", token=token).json["items"] == []


@pytest.mark.parametrize("role", [Role.MARKETER, Role.SUPPORT, Role.BILLING, Role.ANALYST])
def test_the_log_needs_its_permission(desk: Desk, role: Role) -> None:
    token = desk.home.signed_in(desk.tenant, role)
    for path in ("/v1/audit/records", f"/v1/audit/records/{clock.uuid7()}"):
        assert desk.home.ask(handler, "GET", path, token=token).status == 403


def test_reading_the_log_is_on_record_too(desk: Desk) -> None:
    uid = desk.happened()
    desk.sequenced()
    desk.time.tick(1)
    desk.ask()
    desk.time.tick(1)
    desk.ask(f"/{uid}")
    searched, read = desk.home.records(desk.tenant)
    for record, operation in ((searched, "audit.search"), (read, "audit.read")):
        ocsf.validate(record)
        assert record["class_uid"] == 1008
        assert record["api"]["operation"] == operation
        assert record["actor"]["user"]["uid"] == desk.member
    desk.sequenced()
    assert desk.found(resource=f"record:{uid}") == [read["metadata"]["uid"]]


def test_what_is_indexed_of_a_record() -> None:
    assert actor_of({"actor": {"user": {"uid": "m-1"}}}) == "m-1"
    assert actor_of({"actor": {"app_name": "provisioner"}}) == "provisioner"
    assert actor_of({"actor": {"user": {"uid": "x" * 600}}}) is None
    assert resource_of({"resources": [{"type": "person", "uid": "p"}, {"type": "person", "uid": "q"}]}) == "person:p"
    assert resource_of({"resources": [{"type": "person", "name": "p"}]}) is None
    assert resource_of({}) is None


def test_a_record_that_comes_late_is_found_at_its_time(desk: Desk) -> None:
    late = desk.happened()
    held = inserts(desk.home, desk.tenant)
    with acting_as(desk.tenant):
        bind(InboxItem, desk.tenant)(late).delete()
    others = [desk.happened(after=1800) for _ in range(4)]
    desk.sequenced()
    image = held["Records"][0]["dynamodb"]["NewImage"]
    leave(desk.tenant, late, told(image, "record"), told(image, "context"))
    desk.sequenced()
    assert desk.found() == [*others[::-1], late]
    span = {"from": clock.rfc3339(START), "to": clock.rfc3339(START + timedelta(minutes=1))}
    assert desk.found(**span) == [late]
    read = desk.ask(f"/{late}").json
    assert (read["sequence"], read["context"]) == (4, {"address": "192.0.2.7"})


moments = st.integers(0, 3 * 60_000)
"""Milliseconds after the start: within three minutes, so that many share one."""


@settings(max_examples=25)
@given(
    batches=st.lists(st.lists(moments, min_size=1, max_size=4), min_size=1, max_size=4),
    spans=st.lists(st.tuples(moments, moments, st.integers(1, 5), st.booleans()), min_size=1, max_size=5),
)
def test_every_span_is_found_whole_and_in_order_however_records_came(
    home: House, batches: list[list[int]], spans: list[tuple[int, int, int, bool]]
) -> None:
    """By time: the newest minute first, in a minute the last place first; each record once, to the millisecond."""
    with clock.at(START) as time:
        desk = Desk(home, time)
        placed: list[tuple[int, str]] = []
        for batch in batches:
            made = []
            for moment in batch:
                with clock.at(START + timedelta(milliseconds=moment)):
                    made.append((moment, desk.happened("people.read", after=0)))
            desk.sequenced()
            placed += sorted(made, key=lambda each: each[1])
        time.tick(600)
        for first, last, limit, filtered in spans:
            start, end = min(first, last), max(first, last) + 1
            query = {
                "from": clock.rfc3339(START + timedelta(milliseconds=start)),
                "to": clock.rfc3339(START + timedelta(milliseconds=end)),
                "limit": str(limit),
            }
            in_order = sorted(enumerate(placed), key=lambda each: (each[1][0] // 60_000, each[0]), reverse=True)
            wanted = [uid for _, (moment, uid) in in_order if start <= moment < end]
            assert desk.found(**query, **({"action": "people.read"} if filtered else {})) == wanted
        for moment, uid in placed:
            record = desk.ask(f"/{uid}").json["record"]
            assert (record["metadata"]["uid"], record["time"] - round(START.timestamp() * 1000)) == (uid, moment)
