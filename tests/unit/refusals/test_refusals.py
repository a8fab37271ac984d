"""Attempts by somebody unknown: counted per address and minute, recorded once with the count."""

import json
from datetime import UTC, datetime
from typing import Any

import ocsf
import pytest
from botocore.exceptions import ReadTimeoutError
from house import House, LambdaContext
from logbook import sample

from functions.refusals.handler import handler
from misentinel import clock, refusals
from misentinel.refusals.model import Refused, UnreadableMessageError, from_message
from misentinel.refusals.sender import Gathering
from misentinel.settings import settings
from misentinel.tenancy import PLATFORM, aws

START = datetime(2026, 11, 23, 13, 30, 5, tzinfo=UTC)
ADDRESS = "5f2b9c1e7a3d4f6081b2c3d4e5f60718"
SCHEDULE = sample("schedule-refusals")


@pytest.fixture
def time(home: House) -> Any:
    del home
    with clock.at(START) as frozen:
        yield frozen


def batch(*messages: Refused, first: int = 0) -> dict[str, Any]:
    """The queue's event of some messages, in the form of the sample."""
    form = sample("sqs-refusals")["Records"][0]
    return {
        "Records": [
            {**form, "messageId": f"message-{first + place}", "body": message.as_message()}
            for place, message in enumerate(messages)
        ]
    }


def attempt(address: str = ADDRESS, code: str = "unauthenticated", minute: str = "2026-11-23T13:30") -> Refused:
    return Refused(minute, address, "people.read", code)


def deliver(event: dict[str, Any]) -> list[str]:
    """Deliver a batch; the messages that come again."""
    answer = handler(event, LambdaContext())
    assert answer is not None
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def close() -> None:
    assert handler(SCHEDULE, LambdaContext()) is None


def counts(home: House) -> list[tuple[str, str, int]]:
    """What is recorded: operation, end and count."""
    return sorted(
        (record["api"]["operation"], record["status_code"], record["count"]) for record in home.records(PLATFORM)
    )


def test_an_attempt_travels_from_the_api_to_one_record(home: House, time: clock.Frozen) -> None:
    for _ in range(3):
        refusals.count(ADDRESS, "sessions.begin", "too-many-attempts")
    queue = home.aws("sqs")
    received = queue.receive_message(QueueUrl=settings().refusals_queue_url, MaxNumberOfMessages=10)["Messages"]
    event = {"Records": [{"messageId": each["MessageId"], "body": each["Body"]} for each in received]}
    assert deliver(event) == []
    time.tick(180)
    close()
    (record,) = home.records(PLATFORM)
    ocsf.validate(record)
    assert record["count"] == 3
    assert record["status_code"] == "too-many-attempts"
    assert record["status_id"] == 2
    assert record["src_endpoint"] == {"uid": ADDRESS}
    assert record["actor"] == {"user": {"uid": "unknown"}}
    assert record["time"] == int(datetime(2026, 11, 23, 13, 30, tzinfo=UTC).timestamp()) * 1000


def test_one_call_sends_an_attempt(home: House) -> None:
    with home.counted() as calls:
        refusals.count(ADDRESS, "people.read", "unauthenticated")
    assert calls == ["sqs:SendMessage"]


def test_the_sample_of_the_queue_is_counted(home: House, time: clock.Frozen) -> None:
    assert deliver(sample("sqs-refusals")) == []
    time.tick(180)
    close()
    assert counts(home) == [
        ("people.read", "unauthenticated", 1),
        ("requests.unknown", "unauthenticated", 1),
        ("sessions.begin", "too-many-attempts", 2),
    ]


def test_a_batch_is_one_transaction(home: House, time: clock.Frozen) -> None:
    deliver(batch(*[attempt(f"{place:032x}") for place in range(100)]))
    assert home.calls.count("dynamodb:TransactWriteItems") == 1
    del time


def test_more_counters_than_a_transaction_takes(home: House, time: clock.Frozen) -> None:
    deliver(batch(*[attempt(f"{place % 120:032x}") for place in range(240)]))
    time.tick(180)
    close()
    assert counts(home) == [("people.read", "unauthenticated", 2)] * 120


def test_the_same_messages_make_the_same_token(time: clock.Frozen) -> None:
    del time
    tokens = []
    aws("dynamodb").meta.events.register(
        "before-call.dynamodb.TransactWriteItems",
        lambda params, **_: tokens.append(json.loads(params["body"])["ClientRequestToken"]),
    )
    event = batch(attempt(), attempt(), attempt("b" * 32))
    deliver(event)
    event["Records"].reverse()
    deliver(event)
    deliver(batch(attempt(), first=7))
    assert tokens[0] == tokens[1] != tokens[2]
    assert all(len(token) <= 36 for token in tokens)


def test_a_minute_is_left_open_until_two_minutes_after_its_end(home: House, time: clock.Frozen) -> None:
    deliver(batch(attempt()))
    time.tick(174)
    close()
    assert home.records(PLATFORM) == []
    time.tick(1)
    close()
    assert counts(home) == [("people.read", "unauthenticated", 1)]


def test_closing_twice_records_once(home: House, time: clock.Frozen) -> None:
    deliver(batch(attempt(), attempt()))
    time.tick(180)
    close()
    close()
    assert counts(home) == [("people.read", "unauthenticated", 2)]


def test_what_comes_late_is_recorded_apart_and_nothing_is_lost(home: House, time: clock.Frozen) -> None:
    deliver(batch(attempt(), attempt()))
    time.tick(180)
    close()
    deliver(batch(attempt(), first=5))
    close()
    assert counts(home) == [("people.read", "unauthenticated", 1), ("people.read", "unauthenticated", 2)]


def test_a_counter_that_moves_while_it_is_closed_is_left_to_the_next_run(home: House, time: clock.Frozen) -> None:
    deliver(batch(attempt()))
    time.tick(180)
    late = [batch(attempt(), first=9)]

    def interfere(**_: Any) -> None:
        if late:
            deliver(late.pop())

    aws("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", interfere)
    close()
    assert home.records(PLATFORM) == []
    close()
    assert counts(home) == [("people.read", "unauthenticated", 2)]


def test_a_message_that_is_none_comes_again_and_the_rest_is_counted(home: House, time: clock.Frozen) -> None:
    event = batch(attempt(), attempt())
    event["Records"][0]["body"] = '{"minute": "marked-value"}'
    assert deliver(event) == ["message-0"]
    time.tick(180)
    close()
    assert counts(home) == [("people.read", "unauthenticated", 1)]


def test_what_could_not_be_counted_comes_again(time: clock.Frozen) -> None:
    del time

    def refuse(**_: Any) -> Any:
        answer = type("Answer", (), {"status_code": 400, "headers": {}})()
        return answer, {"Error": {"Code": "AccessDeniedException"}, "ResponseMetadata": {"HTTPHeaders": {}}}

    aws("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", refuse)
    assert deliver(batch(attempt(), attempt("b" * 32))) == ["message-0", "message-1"]


def test_an_attempt_that_was_let_in_is_a_success(home: House, time: clock.Frozen) -> None:
    deliver(batch(attempt(code="ok")))
    time.tick(180)
    close()
    (record,) = home.records(PLATFORM)
    assert record["status_id"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[]",
        "{}",
        attempt("a" * 101).as_message(),
        attempt(minute="yesterday").as_message(),
        attempt(minute="2026-11-23").as_message(),
        Refused("2026-11-23T13:30", ADDRESS, "not an action", "ok").as_message(),
        '{"minute":"2026-11-23T13:30","address":1,"operation":"people.read","code":"ok"}',
        attempt().as_message(0),
        attempt().as_message(-1),
        attempt().as_message(10**7),
        attempt().as_message().replace('"code"', '"attempts":true,"code"'),
        attempt().as_message().replace('"code"', '"attempts":1.5,"code"'),
    ],
)
def test_what_is_no_attempt_is_not_read(text: str) -> None:
    with pytest.raises(UnreadableMessageError):
        from_message(text)


def test_a_message_is_read_as_it_was_sent() -> None:
    assert from_message(attempt().as_message()) == (attempt(), 1)
    assert from_message(attempt().as_message(7)) == (attempt(), 7)


def test_a_message_may_speak_of_many_attempts(home: House, time: clock.Frozen) -> None:
    event = batch(attempt(), attempt())
    event["Records"][0]["body"] = attempt().as_message(40)
    assert deliver(event) == []
    time.tick(180)
    close()
    assert counts(home) == [("people.read", "unauthenticated", 41)]


def test_a_flood_is_one_message_at_once_and_one_for_the_rest(home: House, time: clock.Frozen) -> None:
    del time
    flood = Gathering()
    with home.counted() as calls:
        for _ in range(500):
            flood.count(ADDRESS, "people.read", "too-many-requests")
        flood.flush()
        flood.flush()
    assert calls == ["sqs:SendMessage"] * 2
    received = home.aws("sqs").receive_message(QueueUrl=settings().refusals_queue_url, MaxNumberOfMessages=10)
    told = [from_message(each["Body"]) for each in received["Messages"]]
    assert sorted(attempts for _, attempts in told) == [1, 499]
    assert {refused.code for refused, _ in told} == {"too-many-requests"}


def test_what_the_queue_did_not_take_is_sent_the_next_time(home: House, time: clock.Frozen) -> None:
    del time
    flood = Gathering()

    def lose(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="-")

    events = aws("sqs").meta.events
    flood.count(ADDRESS, "people.read", "too-many-requests")
    flood.count(ADDRESS, "people.read", "too-many-requests")
    events.register("before-call.sqs.SendMessage", lose)
    flood.flush()
    with pytest.raises(ReadTimeoutError):
        flood.count("b" * 32, "people.read", "too-many-requests")
    events.unregister("before-call.sqs.SendMessage", lose)
    with home.counted() as calls:
        flood.flush()
    assert calls == ["sqs:SendMessage"]
