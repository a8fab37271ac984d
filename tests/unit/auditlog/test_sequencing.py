"""The sequencer: every record gets one place, whatever comes again or in between."""

import json
from typing import Any

import ocsf
import pytest
from house import House, LambdaContext, make_tables
from logbook import Bus, check_log, happen, inserts, leave, sample, told

from functions.sequencer.handler import handler
from misentinel import clock
from misentinel.audit.model import MAX_RECORD_BYTES
from misentinel.auditlog.model import TRANSACTION_RECORDS, UnreadableRecordError
from misentinel.auditlog.sequencer import ATTEMPTS, ContendedError, sequence
from misentinel.auditlog.store import Log
from misentinel.auditlog.stream import ForeignStreamError, read, tenant_of_stream
from misentinel.tenancy import PLATFORM, Authority, acting_as, aws


def deliver(event: dict[str, Any]) -> None:
    handler(event, LambdaContext())


def test_a_record_gets_its_place_its_context_and_is_published(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    (uid,) = happen(tenant)
    deliver(inserts(home, tenant))
    check_log(tenant, [uid], bus.uids)
    (entry,) = bus.taken
    ocsf.validate(entry["record"])
    assert entry["record"]["metadata"]["sequence"] == 0
    assert entry["context"] == {"address": "192.0.2.7"}


def test_a_request_is_followed_into_the_log_by_its_id_in_the_one_line_of_a_batch(
    home: House, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant, bus = home.tenant(), Bus()
    happen(tenant)
    deliver(inserts(home, tenant))
    line = json.loads(capsys.readouterr().out)
    assert line["message"] == "records placed"
    assert line["request_ids"] == [bus.taken[0]["record"]["api"]["request"]["uid"]]
    assert line["Sequenced"] == line["Published"] == line["Received"] == [1.0]


def test_what_is_published_is_what_is_kept_byte_by_byte(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    happen(tenant)
    deliver(inserts(home, tenant))
    with acting_as(tenant, Authority.LOG):
        kept = Log(tenant).at([0])[0].record
    assert json.dumps(bus.taken[0]["record"], sort_keys=True, separators=(",", ":"), ensure_ascii=False) == kept


@pytest.mark.usefixtures("home")
def test_the_sample_of_the_stream_is_taken() -> None:
    event = sample("dynamodb-inbox-inserts")
    assert tenant_of_stream(event["Records"][0]["eventSourceARN"]) == "acmeacmeacmeacme"
    bus = Bus()
    make_tables("acmeacmeacmeacme")
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        leave("acmeacmeacmeacme", image["uid"]["S"], told(image, "record"), told(image, "context"))
    deliver(event)
    assert len(bus.taken) == len(event["Records"])


def test_a_batch_delivered_three_times_changes_nothing_more(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    uids = happen(tenant, 5)
    event = inserts(home, tenant)
    for _ in range(3):
        deliver(event)
    check_log(tenant, uids, bus.uids)
    assert len(bus.taken) == 5


def test_a_batch_that_is_partly_sequenced_gives_places_to_the_rest(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    first = happen(tenant, 3)
    deliver(inserts(home, tenant))
    old = inserts(home, tenant)
    assert not old["Records"]
    more = happen(tenant, 2)
    event = inserts(home, tenant)
    deliver({"Records": event["Records"][:1]})
    deliver(event)
    check_log(tenant, first + more, bus.uids)


def test_more_records_than_a_transaction_takes(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    uids = happen(tenant, TRANSACTION_RECORDS + 3)
    with home.counted() as calls:
        deliver(inserts(home, tenant))
    assert calls.count("dynamodb:TransactWriteItems") == 2
    check_log(tenant, uids, bus.uids)


def test_a_head_that_moved_meanwhile_is_read_again(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    mine = happen(tenant, 2)
    event = inserts(home, tenant)
    others: list[str] = []

    def interfere(**_: Any) -> None:
        if not others:
            others.extend(happen(tenant))
            with acting_as(tenant, Authority.LOG):
                log = Log(tenant)
                sequence(log, read(tenant, [each for each in log.waiting() if each.uid in others])[0])

    aws("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", interfere)
    deliver(event)
    assert others
    check_log(tenant, mine + others, bus.uids)


def test_a_head_that_never_rests_is_given_up_and_nothing_is_lost(home: House) -> None:
    tenant = home.tenant()
    happen(tenant)
    event = inserts(home, tenant)

    def refuse(**_: Any) -> Any:
        body = {"CancellationReasons": [{"Code": "None"}, {"Code": "None"}, {"Code": "TransactionConflict"}]}
        return conflict(body)

    aws("dynamodb").meta.events.register_first("before-call.dynamodb.TransactWriteItems", refuse)
    with home.counted() as calls, pytest.raises(ContendedError):
        deliver(event)
    assert calls.count("dynamodb:GetItem") == ATTEMPTS
    assert len(inserts(home, tenant)["Records"]) == 1


def conflict(body: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What botocore makes of a cancelled transaction."""
    answer = type("Answer", (), {"status_code": 400, "headers": {}})()
    error = {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"}
    return answer, {"Error": error, "ResponseMetadata": {"HTTPHeaders": {}}, **body}


@pytest.mark.parametrize(
    "record",
    ["not json", "[]", '{"metadata": {"uid": "someone-else", "tenant_uid": "x"}}', '"' + "x" * MAX_RECORD_BYTES + '"'],
)
def test_a_poison_record_does_not_stop_the_others(home: House, record: str) -> None:
    tenant, bus = home.tenant(), Bus()
    poison = clock.uuid7()
    leave(tenant, poison, record)
    uids = happen(tenant, 3)
    event = inserts(home, tenant)
    with pytest.raises(ExceptionGroup) as caught:
        deliver(event)
    assert [error.uid for error in caught.value.exceptions if isinstance(error, UnreadableRecordError)] == [poison]
    assert sorted(bus.uids) == sorted(uids)
    assert len(inserts(home, tenant)["Records"]) == 1


def test_a_uid_of_a_year_that_never_comes_is_poison(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    poison = "ffffffff-ffff-7fff-bfff-ffffffffffff"
    leave(tenant, poison, json.dumps({"metadata": {"uid": poison, "tenant_uid": tenant}}))
    uids = happen(tenant, 3)
    with pytest.raises(ExceptionGroup) as caught:
        deliver(inserts(home, tenant))
    assert [error.uid for error in caught.value.exceptions if isinstance(error, UnreadableRecordError)] == [poison]
    assert sorted(bus.uids) == sorted(uids)


def test_another_tenants_record_is_poison(home: House) -> None:
    acme, globex = home.tenant("acme"), home.tenant("globex")
    happen(acme)
    image = inserts(home, acme)["Records"][0]["dynamodb"]["NewImage"]
    leave(globex, image["uid"]["S"], told(image, "record"))
    with pytest.raises(ExceptionGroup):
        deliver(inserts(home, globex))


def test_a_record_of_64_kib_is_taken(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    happen(tenant)
    image = inserts(home, tenant)["Records"][0]["dynamodb"]["NewImage"]
    event = json.loads(told(image, "record"))
    event["message"] = "x" * (MAX_RECORD_BYTES - 40 - len(told(image, "record")))
    leave(tenant, image["uid"]["S"], json.dumps(event, sort_keys=True, separators=(",", ":")), "{}")
    deliver(inserts(home, tenant))
    assert len(bus.uids) == 1


def test_records_are_sequenced_in_the_order_of_their_uids(home: House) -> None:
    tenant, bus = home.tenant(), Bus()
    uids = [happen(tenant)[0] for _ in range(7)]
    event = inserts(home, tenant)
    event["Records"].reverse()
    deliver(event)
    assert bus.uids == sorted(uids)


def test_the_platforms_inbox_is_sequenced_too(home: House) -> None:
    bus = Bus()
    uids = happen(PLATFORM, 2)
    deliver(inserts(home, PLATFORM))
    check_log(PLATFORM, uids, bus.uids)


@pytest.mark.parametrize("table", ["ms-local-acmeacmeacmeacme-data", "ms-local-tenants", "other", ""])
def test_the_stream_of_no_inbox_is_refused(table: str) -> None:
    with pytest.raises(ForeignStreamError):
        tenant_of_stream(f"arn:aws:dynamodb:eu-west-2:123456789012:table/{table}/stream/x")
