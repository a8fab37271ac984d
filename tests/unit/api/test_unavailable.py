"""A store that does not answer: whoever reads is told when to try again, and it is on record."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from doors import door
from house import House, held_back

from misentinel import clock
from misentinel.observability import logger
from misentinel.tenancy import aws

EMAIL = {"where": {"field": "email", "op": "eq", "value": "ada@example.com"}}
TAG = {"where": {"field": "tag", "op": "eq", "value": "vip"}}
NAME = {"where": {"field": "name", "op": "eq", "value": "Ada"}}


def refused(code: str, status: int = 400) -> Callable[[], Any]:
    """An answer of DynamoDB's that is an error."""
    answer = type("Answer", (), {"status_code": status, "headers": {}})()
    return lambda: (answer, {"Error": {"Code": code, "Message": "-"}, "ResponseMetadata": {"HTTPHeaders": {}}})


def raised(error: type[BotoCoreError]) -> Callable[[], Any]:
    def fail() -> None:
        raise error(endpoint_url="-")

    return fail


FAULTS = {
    "read timeout": raised(ReadTimeoutError),
    "connect timeout": raised(ConnectTimeoutError),
    "connection": raised(EndpointConnectionError),
    "throttled": refused("ProvisionedThroughputExceededException"),
    "too many": refused("ThrottlingException"),
    "refused": refused("AccessDeniedException"),
    "their fault": refused("InternalServerError", 500),
}


@contextmanager
def failing(operation: str, having: str, fault: Callable[[], Any]) -> Iterator[list[str]]:
    """Let DynamoDB's operations fail whose request has a text in it; those that did."""
    failed: list[str] = []

    def fail(params: dict[str, Any], **_: Any) -> Any:
        if having not in str(params["body"]):
            return None
        failed.append(operation)
        return fault()

    name, events = f"before-call.dynamodb.{operation}", aws("dynamodb").meta.events
    events.register(name, fail)
    yield failed
    events.unregister(name, fail)


READS: list[tuple[str, str, str, Any, str, str]] = [
    ("people", "GET", "/v1/people/{person}", None, "GetItem", "person#"),
    ("people", "GET", "/v1/people", None, "Query", "people#"),
    ("people", "GET", "/v1/people/{person}/events", None, "Query", "events#"),
    ("people", "POST", "/v1/people/search", EMAIL, "BatchGetItem", "unique#"),
    ("people", "POST", "/v1/people/search", TAG, "Query", "tag#"),
    ("people", "POST", "/v1/people/search", NAME, "Query", "people#"),
    ("people", "GET", "/v1/attributes", None, "GetItem", "declarations"),
    ("audit", "GET", "/v1/audit/records", None, "Query", "marks#"),
    ("audit", "GET", "/v1/audit/records/{record}", None, "Query", "marks#"),
    ("sessions", "GET", "/v1/sessions", None, "Query", "member#"),
    ("jobs", "GET", "/v1/jobs", None, "Query", "jobs#"),
    ("members", "GET", "/v1/members", None, "Query", "members"),
    ("settings", "GET", "/v1/settings", None, "GetItem", "settings"),
    ("people", "GET", "/v1/people", None, "GetItem", "session#"),
]


def test_who_reads_while_the_store_does_not_answer_is_told_to_try_again(home: House) -> None:
    tenant = home.tenant()
    token = home.signed_in(tenant)
    person = home.ask(door("people"), "POST", "/v1/people", token=token, body={"email": "ada@example.com"}).json["id"]
    for function, method, path, body, operation, having in READS:
        where = path.format(person=person, record=clock.uuid7())
        for name, fault in FAULTS.items():
            with failing(operation, having, fault) as failed:
                answer = home.ask(door(function), method, where, token=token, body=body)
            assert failed, (path, name)
            assert (answer.status, answer.json["type"]) == (503, "urn:misentinel:problem:unavailable"), (path, name)
            assert answer.headers["Retry-After"] == "2"
            assert home.records(tenant)[-1]["status_code"] == "unavailable"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("read timeout", "GetError < ReadTimeoutError"),
        ("throttled", "GetError < ClientError ProvisionedThroughputExceededException"),
    ],
)
def test_the_log_says_what_it_came_of_and_nothing_else(
    home: House, fault: str, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    tenant = home.tenant()
    token = home.signed_in(tenant)
    with failing("GetItem", "settings", FAULTS[fault]):
        home.ask(door("settings"), "GET", "/v1/settings", token=token)
    (line,) = [json.loads(logger.registered_formatter.format(each)) for each in caplog.records]
    assert (line["message"], line["error"]) == ("request failed", cause)
    assert any(frame.endswith(" read_settings") for frame in line["frames"]), line["frames"]


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("read timeout", "OutcomeUnknown < TransactWriteError < ReadTimeoutError"),
        ("refused", "Unavailable < TransactWriteError < ClientError AccessDeniedException"),
    ],
)
def test_the_log_says_what_stopped_a_change(
    home: House, fault: str, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    tenant = home.tenant()
    token = home.signed_in(tenant)
    with failing("TransactWriteItems", "-inbox", FAULTS[fault]):
        home.ask(door("people"), "POST", "/v1/people", token=token, body={"email": "marked@example.com"})
    (line,) = [json.loads(logger.registered_formatter.format(each)) for each in caplog.records]
    assert (line["message"], line["error"]) == ("request failed", cause)
    assert "marked" not in str(line)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_nobody_may_count_is_not_let_in(home: House, fault: Callable[[], Any]) -> None:
    tenant = home.tenant()
    token = home.signed_in(tenant)
    with failing("GetItem", "rate#", fault):
        answer = home.ask(door("people"), "GET", "/v1/people", token=token)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")


def test_what_the_store_leaves_for_later_is_asked_for_again(home: House) -> None:
    tenant = home.tenant()
    token = home.signed_in(tenant)
    people = door("people")
    ada = home.ask(people, "POST", "/v1/people", token=token, body={"email": "ada@example.com"}).json
    with held_back(times=1, leaving=1) as asked:
        found = home.ask(people, "POST", "/v1/people/search", token=token, body=EMAIL)
    assert [each["id"] for each in found.json["items"]] == [ada["id"]]
    assert [len(keys) for keys in asked] == [1, 1, 1]
    event = {"id": "e-1", "name": "seen"}
    with held_back(times=100, leaving=1) as asked:
        answers = [
            home.ask(people, "POST", "/v1/people/search", token=token, body=EMAIL),
            home.ask(people, "POST", f"/v1/people/{ada['id']}/events", token=token, body=event),
        ]
    assert len(asked) == 2 * 6
    for answer in answers:
        assert (answer.status, answer.json["type"]) == (503, "urn:misentinel:problem:unavailable")
    assert home.ask(people, "GET", f"/v1/people/{ada['id']}/events", token=token).json["items"] == []
