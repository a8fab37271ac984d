"""No record, no answer: whatever fails between a request and the archive, the books of the workspace agree."""

import json
import time
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from deployed import at_once, head, items, table
from ledger import check, settle, sweep
from network import Network, Request, Response, answer_lost, late, lost, refusal, rewired, stuck
from writers import letters

from local.client import Answer, Client
from local.stack import Stack, eventually

FUNCTIONS = ("ms-local-people", "ms-local-sequencer", "ms-local-sweeper")
TOO_LATE = 3.5
"""Seconds: longer than a function waits for an answer of DynamoDB."""

FUNCTION_SECONDS = 15
"""The time that the template gives a function of the API."""


@pytest.fixture(scope="module")
def network(stack: Stack) -> Iterator[Network]:
    with rewired(stack, FUNCTIONS) as made:
        yield made


@pytest.fixture(scope="module")
def client(stack: Stack, network: Network) -> Client:
    """A workspace of this file's own, whose functions have started over the network."""
    assert network.endpoint
    made = stack.new_workspace()
    assert made.get("/v1/people").status == 200
    settle(stack, made.tenant)
    return made


def a_name() -> str:
    return f"Name {letters()}"


def create(client: Client, name: str, key: str = "") -> Answer:
    return client.post("/v1/people", {"name": name}, {"Idempotency-Key": key} if key else None)


def together(*calls: Callable[[], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


# ---------------------------------------------------------------- the record cannot be written


@contextmanager
def inbox_denied(stack: Stack, tenant: str) -> Iterator[None]:
    """Take the right to put records in one inbox from the role that requests are served with."""
    iam = stack.aws("iam")
    statement = {"Effect": "Deny", "Action": "dynamodb:PutItem", "Resource": f"*:table/{table(tenant, 'inbox')}"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="ms-local-tenant", PolicyName="denied-by-a-test", PolicyDocument=policy)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName="ms-local-tenant", PolicyName="denied-by-a-test")


def test_an_inbox_that_takes_no_record_lets_nothing_be_read_or_changed(stack: Stack, client: Client) -> None:
    made = create(client, a_name())
    path, name = f"/v1/people/{made.json['id']}", a_name()
    with inbox_denied(stack, client.tenant):
        denied = [
            create(client, name),
            create(client, name, key=uuid.uuid4().hex),
            client.get(path),
            client.get("/v1/people"),
            client.patch(path, {"name": name}),
            client.delete(path),
            client.get(f"/v1/people/{uuid.uuid4()}"),
        ]
    assert [answer.status for answer in denied] == [503] * len(denied)
    assert all(made.json["id"] not in answer.text for answer in denied), "an answer without a record"
    again = create(client, name)
    books = check(stack, client.tenant, [made, again, *denied])
    assert [books.of(answer) for answer in denied] == [[]] * len(denied)
    assert len(books.people(name)) == 1


# ---------------------------------------------------------------- the commit is cancelled, in conflict, or unheard of


def test_of_many_changes_of_one_version_one_is_made(stack: Stack, client: Client) -> None:
    made = create(client, a_name())
    path = f"/v1/people/{made.json['id']}"
    matched = at_once(12, lambda n: client.patch(path, {"name": f"A {n}"}, {"If-Match": made.headers["etag"]}))
    assert Counter(answer.status for answer in matched) == {200: 1, 412: 11}
    unmatched = at_once(12, lambda n: client.patch(path, {"name": f"B {n}"}))
    assert {answer.status for answer in unmatched} <= {200, 409}
    books = check(stack, client.tenant, [made, *matched, *unmatched])
    winners = sum(answer.status == 200 for answer in (*matched, *unmatched))
    assert books.done("people.update", "person", made.json["id"]) == winners >= 2


def test_a_commit_in_conflict_is_tried_again_and_told_when_it_never_ends(
    stack: Stack, client: Client, network: Network
) -> None:
    reasons = [{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}, {"Code": "None"}]
    conflict = refusal("TransactionCanceledException", CancellationReasons=reasons)
    short, long = a_name(), a_name()
    with network.failing("TransactWriteItems", lambda _: conflict, having=short, times=3) as few:
        mended = create(client, short)
    with network.failing("TransactWriteItems", lambda _: conflict, having=long) as all_of_them:
        told = create(client, long)
    assert (mended.status, len(few.struck)) == (201, 3)
    assert (told.status, len(all_of_them.struck)) == (409, 6)
    books = check(stack, client.tenant, [mended, told])
    assert (len(books.people(short)), len(books.people(long))) == (1, 0)


def test_a_commit_whose_answer_is_lost_once_is_made_once(stack: Stack, client: Client, network: Network) -> None:
    cases = {a_name(): act for act in (lost, answer_lost, late(TOO_LATE), stuck(TOO_LATE))}

    def fail_once(name: str, act: Callable[[Request], Response | None]) -> Answer:
        with network.failing("TransactWriteItems", act, having=name, times=1) as fault:
            answer = create(client, name)
        assert len(fault.struck) == 1
        return answer

    answers = together(*(lambda name=name, act=act: fail_once(name, act) for name, act in cases.items()))
    assert [answer.status for answer in answers] == [201] * len(cases)
    books = check(stack, client.tenant, answers)
    assert [len(books.people(name)) for name in cases] == [1] * len(cases)


def test_a_commit_that_is_never_heard_of_is_told_as_unknown_in_time(
    stack: Stack, client: Client, network: Network
) -> None:
    cases = {a_name(): act for act in (lost, answer_lost, late(TOO_LATE), stuck(TOO_LATE))}

    def fail(name: str, act: Callable[[Request], Response | None]) -> tuple[Answer, float]:
        with network.failing("TransactWriteItems", act, having=name):
            began = time.monotonic()
            answer = create(client, name)
            return answer, time.monotonic() - began

    with ThreadPoolExecutor(len(cases)) as pool:
        told = list(pool.map(lambda case: fail(*case), cases.items()))
    answers = [answer for answer, _ in told]
    assert [answer.status for answer in answers] == [503] * len(cases)
    assert [answer.json["type"] for answer in answers] == ["urn:misentinel:problem:outcome-unknown"] * len(cases)
    assert max(seconds for _, seconds in told) < FUNCTION_SECONDS - 1
    books = check(stack, client.tenant, answers)
    assert [len(books.people(name)) for name in cases] == [0, 1, 1, 1]
    for answer, done in zip(answers, (0, 1, 1, 1), strict=True):
        assert sorted(books.of(answer)) == ["ok"] * done + ["outcome-unknown"]


@pytest.mark.parametrize("when", ["before it has its place", "after it has its place"])
def test_a_read_whose_record_may_be_there_is_told_so_and_not_recorded_twice(
    stack: Stack, client: Client, network: Network, when: str
) -> None:
    """Sent again, its record would get a second place: nobody could know the first one by its uid any more."""
    made = create(client, a_name())
    settle(stack, client.tenant)

    def answer_lost_after_all(request: Request) -> None:
        request.forward()
        if when == "after it has its place":
            settle(stack, client.tenant, seconds=2.5)

    inbox = table(client.tenant, "inbox")
    with network.failing("PutItem", answer_lost_after_all, having=inbox, times=1) as fault:
        told = client.get(f"/v1/people/{made.json['id']}")
    assert (told.status, len(fault.struck)) == (503, 1)
    assert made.json["id"] not in told.text
    again = client.get(f"/v1/people/{made.json['id']}")
    books = check(stack, client.tenant, [made, told, again])
    assert sorted(books.of(told)) == ["ok", "unavailable"]
    assert books.of(again) == ["ok"]


def test_a_read_whose_record_was_not_taken_is_recorded_after_all(
    stack: Stack, client: Client, network: Network
) -> None:
    made, throttled = create(client, a_name()), refusal("ProvisionedThroughputExceededException")
    with network.failing("PutItem", lambda _: throttled, having=table(client.tenant, "inbox"), times=1) as fault:
        read = client.get(f"/v1/people/{made.json['id']}")
    assert (read.status, len(fault.struck)) == (200, 1)
    assert check(stack, client.tenant, [made, read]).of(read) == ["ok"]


# ---------------------------------------------------------------- one effect for one Idempotency-Key


def test_requests_with_one_idempotency_key_at_once_have_one_effect(stack: Stack, client: Client) -> None:
    name, key = a_name(), uuid.uuid4().hex
    answers = at_once(10, lambda _: create(client, name, key))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(check(stack, client.tenant, answers).people(name)) == 1


def test_a_request_whose_function_died_after_the_commit_is_answered_when_sent_again(
    stack: Stack, client: Client, network: Network
) -> None:
    name, key = a_name(), uuid.uuid4().hex

    def die_after(request: Request) -> None:
        request.forward()
        assert stack.kill_workers("-people")

    with network.failing("TransactWriteItems", die_after, having=name, times=1):
        dead = create(client, name, key)
    assert dead.status in {502, 504}
    again = [create(client, name, key), create(client, name, key)]
    assert [answer.status for answer in again] == [201, 201]
    assert all(answer.headers["idempotency-replayed"] == "true" for answer in again)
    books = check(stack, client.tenant, [dead, *again])
    assert len(books.people(name)) == 1
    assert books.people(name)[0]["id"]["S"] == again[0].json["id"]


def test_with_a_key_an_unknown_outcome_is_found_out(stack: Stack, client: Client, network: Network) -> None:
    name, key = a_name(), uuid.uuid4().hex
    with network.failing("TransactWriteItems", answer_lost, having=name):
        found = create(client, name, key)
    assert found.status == 201
    again = create(client, name, key)
    assert (again.status, again.text) == (201, found.text)
    books = check(stack, client.tenant, [found, again])
    assert books.of(found) == ["ok"]
    assert len(books.people(name)) == 1


# ---------------------------------------------------------------- from the inbox to the bus


def mapping_of(stack: Stack, tenant: str) -> str:
    listed = stack.aws("lambda").list_event_source_mappings(FunctionName="ms-local-sequencer:live")
    return next(
        str(each["UUID"])
        for each in listed["EventSourceMappings"]
        if f"/{table(tenant, 'inbox')}/" in each["EventSourceArn"]
    )


@contextmanager
def mapping_disabled(stack: Stack, tenant: str) -> Iterator[None]:
    """Switch the stream of one inbox off."""
    settle(stack, tenant)
    awslambda, mapping = stack.aws("lambda"), mapping_of(stack, tenant)
    awslambda.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield
    finally:
        awslambda.update_event_source_mapping(UUID=mapping, Enabled=True)


def write_some(client: Client) -> list[Answer]:
    made = [create(client, a_name()) for _ in range(6)]
    read = [client.get(f"/v1/people/{answer.json['id']}") for answer in made]
    assert {answer.status for answer in (*made, *read)} == {200, 201}
    return [*made, *read]


def batch(stack: Stack, tenant: str) -> bytes:
    """What the stream would bring of all that is in an inbox."""
    mapping = stack.aws("lambda").get_event_source_mapping(UUID=mapping_of(stack, tenant))
    form: dict[str, Any] = {"eventName": "INSERT", "eventSource": "aws:dynamodb", "awsRegion": "eu-west-2"}
    form["eventSourceARN"] = mapping["EventSourceArn"]
    inbox = items(stack, table(tenant, "inbox"))
    records = [{**form, "dynamodb": {"Keys": {"uid": item["uid"]}, "NewImage": item}} for item in inbox]
    return json.dumps({"Records": records}, default=lambda data: b64encode(data).decode()).encode()


def test_without_the_stream_the_sweep_places_and_publishes_everything(stack: Stack, client: Client) -> None:
    with mapping_disabled(stack, client.tenant):
        before = head(stack, client.tenant)["size"]
        answers = write_some(client)
        assert len(items(stack, table(client.tenant, "inbox"))) == len(answers)
        assert head(stack, client.tenant)["size"] == before
        books = check(stack, client.tenant, answers)
        assert len(books.records) == before + len(answers)
    late_one = create(client, a_name())
    check(stack, client.tenant, [*answers, late_one])


def test_a_batch_delivered_three_times_is_placed_once(stack: Stack, client: Client) -> None:
    awslambda = stack.aws("lambda")
    with mapping_disabled(stack, client.tenant):
        before = head(stack, client.tenant)["size"]
        answers, event = write_some(client), b""
        event = batch(stack, client.tenant)

        def deliver(_: int) -> None:
            done = awslambda.invoke(FunctionName="ms-local-sequencer:live", Payload=event)
            assert "FunctionError" not in done, done["Payload"].read()

        deliver(0)
        after = head(stack, client.tenant)
        assert after["size"] == after["published"] == before + len(answers)
        at_once(2, deliver)
        assert head(stack, client.tenant) == after
    # And once more by the stream itself.
    last = create(client, a_name())
    books = check(stack, client.tenant, [*answers, last])
    assert len(books.records) == after["size"] + 1


def test_a_sequencer_that_dies_before_it_publishes_leaves_it_to_the_sweep(
    stack: Stack, client: Client, network: Network
) -> None:
    settle(stack, client.tenant)

    def die(_: Request) -> None:
        assert stack.kill_workers("-sequencer")

    with network.failing("PutEvents", die, having=client.tenant) as fault:
        answers = write_some(client)
        eventually(lambda: not items(stack, table(client.tenant, "inbox")), what="an empty inbox")
        eventually(lambda: fault.struck, what="a sequencer that died")
        now = head(stack, client.tenant)
        assert now["published"] < now["size"]
    sweep(stack)
    check(stack, client.tenant, answers)


def test_what_the_bus_takes_in_part_is_published_whole(stack: Stack, client: Client, network: Network) -> None:
    failed = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}
    calls = 0

    def in_part(request: Request) -> Response:
        """The first request is refused whole; of others every second entry is said to have failed."""
        nonlocal calls
        calls += 1
        count = len(json.loads(request.body)["Entries"])
        if calls == 1:
            body = {"FailedEntryCount": count, "Entries": [failed] * count}
            return Response(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode())

        def fail_every_second(content: dict[str, Any]) -> None:
            content["Entries"][::2] = [failed] * len(content["Entries"][::2])
            content["FailedEntryCount"] = len(content["Entries"][::2])

        return request.forward().altered(fail_every_second)

    settle(stack, client.tenant)
    with network.failing("PutEvents", in_part, having=client.tenant, times=4) as fault:
        answers = write_some(client)
        check(stack, client.tenant, answers)
    assert len(fault.struck) == 4
    with network.failing("PutEvents", lambda _: Response(500, {}, b"{}"), having=client.tenant) as refused:
        more = write_some(client)
        eventually(lambda: refused.struck, what="a refused publication")
    check(stack, client.tenant, [*answers, *more])
