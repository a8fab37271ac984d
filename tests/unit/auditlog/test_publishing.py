"""The publisher and the sweep: what has a place reaches the bus, whatever dies in between."""

import json
from typing import Any

import ocsf
import pytest
from house import House, LambdaContext
from logbook import Bus, check_log, happen, inserts, leave, sample, told

from functions.sequencer.handler import handler as sequencer
from functions.sweeper.handler import handler as sweeper
from misentinel import clock
from misentinel.auditlog import publisher, sweep
from misentinel.auditlog.model import MAX_CONTEXT_BYTES
from misentinel.auditlog.publisher import REQUEST_BYTES, NotPublishedError, in_requests, publish
from misentinel.auditlog.store import Log
from misentinel.observability import logger
from misentinel.tenancy import PLATFORM, Authority, Registry, acting_as, aws, new_tenant_id


class Killed(BaseException):
    """The process dies."""


def test_the_sequencer_dying_before_it_publishes_leaves_it_to_the_sweep(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    with clock.at(clock.now()) as time:
        uids = happen(tenant, 3)
        dying = [True]

        def die(**_: Any) -> None:
            if dying.pop() if dying else False:
                raise Killed

        aws("events").meta.events.register_first("before-call.eventbridge.PutEvents", die)
        with pytest.raises(Killed):
            sequencer(inserts(home, tenant), LambdaContext())
        assert not bus.taken
        time.tick(60)
        sweeper(sample("schedule-sweeper"), LambdaContext())
    check_log(tenant, uids, bus.uids)


def test_dying_between_publishing_and_noting_it_publishes_again_and_loses_nothing(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    with clock.at(clock.now()) as time:
        uids = happen(tenant, 3)
        dying = [True]

        def die(**_: Any) -> None:
            if dying.pop() if dying else False:
                raise Killed

        aws("dynamodb").meta.events.register_first("before-call.dynamodb.UpdateItem", die)
        with pytest.raises(Killed):
            sequencer(inserts(home, tenant), LambdaContext())
        assert len(bus.taken) == 3
        time.tick(60)
        sweeper({}, LambdaContext())
    check_log(tenant, uids, bus.uids)
    assert len(bus.taken) == 6


def test_what_the_stream_never_brought_is_swept_in_every_workspace(home: House) -> None:
    acme, globex, bus = home.tenant("acme"), home.tenant("globex"), Bus()
    with clock.at(clock.now()) as time:
        made = {tenant: happen(tenant, 2) for tenant in (acme, globex, PLATFORM)}
        sweeper({}, LambdaContext())
        assert not bus.taken, "what is fresh is the stream's"
        time.tick(6)
        sweeper({}, LambdaContext())
    for tenant, uids in made.items():
        check_log(tenant, uids, set(bus.uids) & set(uids))


def test_a_log_that_fails_does_not_stop_the_others_and_is_told(home: House) -> None:
    acme, globex, bus = home.tenant("acme"), home.tenant("globex"), Bus()
    with clock.at(clock.now()) as time:
        happen(acme)
        uids = happen(globex)
        bus.refuses = lambda entry: bool(entry["record"]["metadata"]["tenant_uid"] == acme)
        time.tick(6)
        with pytest.raises(ExceptionGroup) as caught:
            sweeper({}, LambdaContext())
        assert [type(error) for error in caught.value.exceptions] == [NotPublishedError]
        check_log(globex, uids, bus.uids)
        bus.refuses = lambda _: False
        sweeper({}, LambdaContext())
    assert len(bus.taken) == 2


def test_a_workspace_whose_tables_are_not_made_yet_is_passed_over(home: House) -> None:
    del home
    Registry().create(new_tenant_id(), "early", "Early")
    sweeper({}, LambdaContext())


def test_an_active_workspace_without_tables_is_an_error(home: House) -> None:
    tenant = home.tenant()
    home.aws("dynamodb").delete_table(TableName=f"ms-local-{tenant}-inbox")
    with pytest.raises(ExceptionGroup):
        sweeper({}, LambdaContext())


def test_an_unreadable_record_is_skipped_logged_by_uid_and_counted(
    home: House, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    tenant, bus = home.tenant(), Bus()
    with clock.at(clock.now()) as time:
        uids = happen(tenant, 2)
        leave(tenant, "no-uuid", '{"secret": "marked-value"')
        time.tick(6)
        sweeper({}, LambdaContext())
    assert sorted(bus.uids) == sorted(uids)
    (line,) = [logger.registered_formatter.format(each) for each in caplog.records if each.levelname == "ERROR"]
    assert '"record":"no-uuid"' in line
    assert "marked-value" not in line
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["UnreadableRecords"] == [1.0]
    assert metrics["Sequenced"] == [2.0]
    assert metrics["Published"] == [2.0]
    assert metrics["InboxSize"] == [3.0]
    assert metrics["SequencingLag"] == [6000.0]
    assert tenant not in json.dumps(metrics)


def test_entries_that_the_bus_refuses_are_put_again(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    uids = happen(tenant, 25)
    refused: set[str] = set()

    def once(entry: dict[str, Any]) -> bool:
        uid = entry["record"]["metadata"]["uid"]
        if entry["record"]["metadata"]["sequence"] % 3 or uid in refused:
            return False
        refused.add(uid)
        return True

    bus.refuses = once
    sequencer(inserts(home, tenant), LambdaContext())
    assert len(refused) == 9
    assert len(bus.taken) == 25, "what was taken is not put again"
    check_log(tenant, uids, bus.uids)


def test_published_stops_before_the_first_entry_that_never_goes(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "WAIT_SECONDS", 0)
    tenant, bus = home.tenant(), Bus()
    uids = happen(tenant, 12)
    bus.refuses = lambda entry: bool(entry["record"]["metadata"]["sequence"] == 7)
    with pytest.raises(NotPublishedError):
        sequencer(inserts(home, tenant), LambdaContext())
    with acting_as(tenant, Authority.LOG):
        assert Log(tenant).head().published == 7
        bus.refuses = lambda _: False
        assert publish(Log(tenant)) == 5
    check_log(tenant, uids, bus.uids)


def test_published_never_moves_back_nor_past_the_end(home: House) -> None:
    tenant = home.tenant()
    Bus()
    happen(tenant, 3)
    sequencer(inserts(home, tenant), LambdaContext())
    with acting_as(tenant, Authority.LOG):
        assert not Log(tenant).move_published(2)
        assert not Log(tenant).move_published(4)
        assert Log(tenant).head().published == 3


def test_a_huge_backlog_is_published_over_several_sweeps(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "RUN_RECORDS", 10)
    monkeypatch.setattr(sweep, "PORTION", 5)
    tenant, bus = home.tenant(), Bus()
    with clock.at(clock.now()) as time:
        uids = happen(tenant, 24)
        time.tick(6)
        seen = []
        for _ in range(3):
            sweeper({}, LambdaContext())
            seen.append(len(bus.taken))
    assert seen == [10, 20, 24]
    check_log(tenant, uids, bus.uids)


def test_records_on_both_sides_of_a_partition_are_read_in_order(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("misentinel.auditlog.model.PARTITION_RECORDS", 4)
    tenant, bus = home.tenant(), Bus()
    uids = happen(tenant, 11)
    sequencer(inserts(home, tenant), LambdaContext())
    assert [entry["record"]["metadata"]["sequence"] for entry in bus.taken] == list(range(11))
    check_log(tenant, uids, bus.uids)


def test_a_context_of_more_than_4_kib_is_not_kept_and_its_record_is(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    happen(tenant, 3)
    for size, record in zip(
        (MAX_CONTEXT_BYTES - 18, MAX_CONTEXT_BYTES, 1), inserts(home, tenant)["Records"], strict=True
    ):
        image = record["dynamodb"]["NewImage"]
        leave(tenant, image["uid"]["S"], told(image, "record"), json.dumps({"user_agent": "x" * size}))
    sequencer(inserts(home, tenant), LambdaContext())
    assert sorted(len((entry["context"] or {}).get("user_agent", "")) for entry in bus.taken) == [
        0,
        1,
        MAX_CONTEXT_BYTES - 18,
    ]


def test_requests_keep_the_limits_of_the_bus() -> None:
    details = ["x" * size for size in (10, 200_000, 100_000, 10, *[20_000] * 15)]
    requests = list(in_requests(details))
    assert [place for request in requests for place in request] == list(range(len(details)))
    assert all(len(request) <= 10 for request in requests)
    assert all(sum(len(details[place]) for place in request) <= REQUEST_BYTES for request in requests)


def test_what_was_just_placed_is_not_read_again(home: House) -> None:
    tenant = home.tenant()
    happen(tenant, 20)
    event = inserts(home, tenant)
    with home.counted() as calls:
        sequencer(event, LambdaContext())
    assert [call for call in calls if not call.startswith("sts")] == [
        "dynamodb:GetItem",
        "dynamodb:TransactWriteItems",
        "dynamodb:GetItem",
        "events:PutEvents",
        "events:PutEvents",
        "dynamodb:UpdateItem",
    ]


def test_the_sample_of_the_bus_is_what_the_bus_gets(home: House) -> None:
    event, bus, tenant = sample("eventbridge-audit-record"), Bus(), home.tenant()
    happen(tenant)
    sequencer(inserts(home, tenant), LambdaContext())
    ocsf.validate(event["detail"]["record"])
    assert (event["source"], event["detail-type"]) == (publisher.SOURCE, publisher.DETAIL_TYPE)
    assert event["detail"].keys() == bus.taken[0].keys()
    assert event["detail"]["record"]["metadata"].keys() == bus.taken[0]["record"]["metadata"].keys()
