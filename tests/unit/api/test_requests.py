"""What every request gets, whatever its route: let in or refused, recorded, answered."""

import json
from typing import Any

import ocsf
import pytest
from botocore.exceptions import ReadTimeoutError
from doors import door
from house import House, LambdaContext, Reply

from misentinel import clock
from misentinel.access import PUBLIC, Permission, Role
from misentinel.api import Api
from misentinel.api.idempotency import KEPT_SECONDS
from misentinel.tenancy import Suffix, aws, table_name


@pytest.fixture
def people() -> Any:
    return door("people")


@pytest.fixture
def tenant(home: House) -> str:
    return home.tenant()


def queued(home: House) -> list[dict[str, Any]]:
    """What waits in the queue of refusals."""
    url = home.aws("sqs").get_queue_url(QueueName="ms-local-refusals")["QueueUrl"]
    messages = home.aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def test_a_route_that_declares_no_permission_does_not_import() -> None:
    api = Api()
    with pytest.raises(TypeError, match="PUBLIC"):
        api.get("/v1/things", needs=None, action="things.read")(lambda: None)
    with pytest.raises(TypeError):
        api.get("/v1/things")(lambda: None)  # type: ignore[call-arg] # leaving it out is what must fail
    with pytest.raises(ValueError, match="action"):
        api.get("/v1/things", needs=PUBLIC, action="things")(lambda: None)


def test_every_answer_has_the_security_headers_and_its_request_id(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    for answer in (
        home.ask(people, "GET", "/v1/people", token=token),
        home.ask(people, "GET", "/v1/people"),
        home.ask(people, "GET", "/v1/people/none", token=token),
    ):
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=63072000")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-Id"]


def test_a_read_costs_session_data_and_record(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    created = home.ask(people, "POST", "/v1/people", token=token, body={"name": "Ann"}).json
    with home.counted() as calls:
        assert home.ask(people, "GET", f"/v1/people/{created['id']}", token=token).status == 200
    assert calls == ["dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:PutItem"]
    home.ask(people, "GET", "/v1/people", token=token)
    with home.counted() as calls:
        assert home.ask(people, "GET", "/v1/people", token=token).status == 200
    assert calls == ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"]


def test_a_change_costs_session_one_read_and_one_transaction(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    home.ask(people, "GET", "/v1/people", token=token)
    with home.counted() as calls:
        created = home.ask(
            people, "POST", "/v1/people", token=token, body={"name": "Ann"}, headers={"Idempotency-Key": "k"}
        )
    assert calls == ["dynamodb:GetItem", "dynamodb:TransactWriteItems"]
    path = f"/v1/people/{created.json['id']}"
    with home.counted() as calls:
        assert home.ask(people, "PATCH", path, token=token, body={"name": "Bo"}).status == 200
    assert calls == ["dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:TransactWriteItems"]
    with home.counted() as calls:
        assert home.ask(people, "DELETE", path, token=token).status == 200
    assert calls == ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:TransactWriteItems"]


def test_a_refused_request_leaves_a_record(home: House, tenant: str, people: Any) -> None:
    owner, billing = home.signed_in(tenant), home.signed_in(tenant, Role.BILLING)
    cases = [
        (403, "forbidden", home.ask(people, "GET", "/v1/people", token=billing)),
        (404, "not-found", home.ask(people, "GET", "/v1/people/nobody", token=owner)),
        (404, "not-found", home.ask(people, "GET", "/v1/people/a/b", token=owner)),
        (405, "method-not-allowed", home.ask(people, "DELETE", "/v1/people", token=owner)),
        (422, "invalid", home.ask(people, "POST", "/v1/people", token=owner, body={})),
        (422, "invalid", home.ask(people, "POST", "/v1/people", token=owner, body={"name": 1})),
        (422, "invalid", home.ask(people, "POST", "/v1/people", token=owner, body={"name": "a", "role": "x"})),
        (422, "invalid", home.ask(people, "GET", "/v1/people", token=owner, query={"limit": ["0"]})),
        (422, "invalid", home.ask(people, "GET", "/v1/people", token=owner, query={"email": ["a@b.example"]})),
        (422, "invalid", home.ask(people, "GET", "/v1/people", token=owner, query={"cursor": ["AAAA"]})),
        (422, "invalid", home.ask(people, "GET", "/v1/people", token=owner, query={"limit": ["1", "2"]})),
        (400, "bad-request", home.ask(people, "POST", "/v1/people", token=owner, raw='{"name":')),
        (400, "bad-request", home.ask(people, "POST", "/v1/people", token=owner, raw='{"name":"a","name":"b"}')),
        (400, "bad-request", home.ask(people, "POST", "/v1/people", token=owner, raw='{"name":NaN}')),
        (422, "invalid", home.ask(people, "POST", "/v1/people", token=owner, raw='{"name":"\\ud800"}')),
        (422, "invalid", home.ask(people, "POST", "/v1/people", token=owner, raw='{"name":"a\\u0000b"}')),
        (400, "bad-request", home.ask(people, "POST", "/v1/people", token=owner, raw="[" * 100_000)),
        (400, "bad-request", home.ask(people, "POST", "/v1/people", token=owner, raw="[" * 40 + "]" * 40)),
        (413, "payload-too-large", home.ask(people, "POST", "/v1/people", token=owner, raw="x" * 1_000_001)),
        (
            415,
            "unsupported-media-type",
            home.ask(people, "POST", "/v1/people", token=owner, raw="a=b", headers={"Content-Type": "text/plain"}),
        ),
    ]
    for status, code, answer in cases:
        assert answer.status == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        told = answer.json
        assert told["type"] == f"urn:misentinel:problem:{code}"
        assert told["detail"]
        assert told["status"] == status
        assert told["request_id"] == answer.headers["X-Request-Id"]
    records = home.records(tenant)
    assert [each["status_code"] for each in records] == [code for _, code, _ in cases]
    for each in records:
        assert each["status_id"] == 2
        ocsf.validate(each)


def test_nobody_gets_in_without_a_live_session_and_every_try_is_counted_or_recorded(
    home: House, tenant: str, people: Any
) -> None:
    token = home.signed_in(tenant, member="m", session="s")
    head, signature = token.rsplit(".", 1)
    forged = f"{head}.{signature[:9]}{'A' if signature[9] != 'A' else 'B'}{signature[10:]}"
    for wrong in ("", "x", "a.b.c", forged, "é"):
        answer = home.ask(people, "GET", "/v1/people", token=wrong)
        assert answer.status == 401, wrong
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert home.ask(people, "GET", "/v1/nowhere").status == 401
    assert home.records(tenant) == []
    assert len(queued(home)) == 6
    home.aws("dynamodb").delete_item(
        TableName=table_name(tenant, Suffix.DATA), Key={"pk": {"S": "member#m"}, "sk": {"S": "session#s"}}
    )
    assert home.ask(people, "GET", "/v1/people", token=token).status == 401
    (refused,) = home.records(tenant)
    assert (refused["status_code"], refused["actor"]["user"]["uid"]) == ("unauthenticated", "m")


def test_a_session_whose_time_is_over_is_over_before_the_ttl_takes_it(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant, member="m", session="s")
    home.aws("dynamodb").update_item(
        TableName=table_name(tenant, Suffix.DATA),
        Key={"pk": {"S": "member#m"}, "sk": {"S": "session#s"}},
        UpdateExpression="SET expires_at = :past",
        ExpressionAttributeValues={":past": {"N": str(clock.epoch() - 1)}},
    )
    assert home.ask(people, "GET", "/v1/people", token=token).status == 401


def test_permissions_hold_on_the_next_request(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant, member="m", session="s")
    assert home.ask(people, "GET", "/v1/people", token=token).status == 200
    home.signed_in(tenant, Role.BILLING, member="m", session="s")
    refused = home.ask(people, "GET", "/v1/people", token=token)
    assert refused.status == 403
    assert refused.json["permission"] == Permission.PEOPLE_READ


def test_a_forged_token_costs_no_aws_call_but_its_count(home: House, tenant: str, people: Any) -> None:
    home.ask(people, "GET", "/v1/people", token=home.signed_in(tenant))
    with home.counted() as calls:
        home.ask(people, "GET", "/v1/people", token="e30.e30.AAAA")
    assert calls == ["sqs:SendMessage"]


def test_no_record_no_answer(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    created = home.ask(people, "POST", "/v1/people", token=token, body={"name": "Ann"}).json
    home.aws("dynamodb").delete_table(TableName=table_name(tenant, Suffix.INBOX))
    for method, path, body in (
        ("GET", f"/v1/people/{created['id']}", None),
        ("GET", "/v1/people", None),
        ("GET", "/v1/people/nobody", None),
        ("POST", "/v1/people", {"name": "Bo"}),
        ("DELETE", f"/v1/people/{created['id']}", None),
    ):
        answer = home.ask(people, method, path, token=token, body=body)
        assert answer.status == 503
        assert "Ann" not in answer.text
    data = home.aws("dynamodb").scan(TableName=table_name(tenant, Suffix.DATA))["Items"]
    assert [item["name"]["S"] for item in data if item["sk"]["S"] == "person"] == ["Ann"]


def test_an_idempotency_key_makes_one_effect_and_one_answer(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    sent: dict[str, Any] = {"token": token, "body": {"name": "Ann"}, "headers": {"Idempotency-Key": "k-1"}}
    first = home.ask(people, "POST", "/v1/people", **sent)
    again = home.ask(people, "POST", "/v1/people", **sent)
    assert (again.status, again.json, again.headers["ETag"]) == (first.status, first.json, first.headers["ETag"])
    assert again.headers["Idempotency-Replayed"] == "true"
    other = home.ask(people, "POST", "/v1/people", **{**sent, "body": {"name": "Bo"}})
    assert (other.status, other.json["type"]) == (409, "urn:misentinel:problem:idempotency-key-reused")
    colleague = home.ask(people, "POST", "/v1/people", **{**sent, "token": home.signed_in(tenant)})
    assert colleague.json["id"] != first.json["id"]
    assert len(home.ask(people, "GET", "/v1/people", token=token).json["items"]) == 2
    codes = [each["status_code"] for each in home.records(tenant)]
    assert codes == ["ok", "replayed", "idempotency-key-reused", "ok", "ok"]
    assert home.ask(people, "POST", "/v1/people", **{**sent, "headers": {"Idempotency-Key": "x" * 129}}).status == 422


def test_the_same_key_on_another_path_is_another_request(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    for name in ("Ann", "Bo"):
        made = home.ask(people, "POST", "/v1/people", token=token, body={"name": name}).json["id"]
        sent: dict[str, Any] = {
            "token": token,
            "body": {"id": "e-1", "name": "seen"},
            "headers": {"Idempotency-Key": "k"},
        }
        answer = home.ask(people, "POST", f"/v1/people/{made}/events", **sent)
        assert (answer.status, answer.json["added"]) == (200, ["e-1"])
        assert home.ask(people, "GET", f"/v1/people/{made}/events", token=token).json["items"]


def test_an_idempotency_key_is_forgotten_after_a_day(home: House, tenant: str, people: Any) -> None:
    with clock.at(clock.now()) as now:

        def create(email: str) -> Reply:
            token = home.signed_in(tenant, member="m", session="s")
            headers = {"Idempotency-Key": "k"}
            return home.ask(people, "POST", "/v1/people", token=token, body={"email": email}, headers=headers)

        first = create("ann@example.com")
        now.tick(KEPT_SECONDS - 1)
        assert create("ann@example.com").json == first.json
        now.tick(2)
        assert create("ann@example.com").json["type"] == "urn:misentinel:problem:conflict"
        second = create("bo@example.com")
        assert (second.status, second.json["email"]) == (201, "bo@example.com")
        assert create("bo@example.com").headers["Idempotency-Replayed"] == "true"


def test_an_idempotency_key_gives_nothing_to_whoever_may_no_longer_ask(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant, member="m", session="s")
    sent: dict[str, Any] = {"token": token, "body": {"name": "Ann"}, "headers": {"Idempotency-Key": "k-1"}}
    assert home.ask(people, "POST", "/v1/people", **sent).status == 201
    home.signed_in(tenant, Role.BILLING, member="m", session="s")
    assert home.ask(people, "POST", "/v1/people", **sent).status == 403


def test_with_a_key_an_unknown_outcome_is_found_out(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    home.ask(people, "GET", "/v1/people", token=token)

    def lose_answer(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="-")

    sent: dict[str, Any] = {"token": token, "body": {"name": "Ann"}, "headers": {"Idempotency-Key": "k-1"}}
    events = aws("dynamodb").meta.events
    with home.counted():  # no share of a new minute's limit is taken inside
        events.register("after-call.dynamodb.TransactWriteItems", lose_answer)
        found = home.ask(people, "POST", "/v1/people", **sent)
        unknown = home.ask(people, "POST", "/v1/people", token=token, body={"name": "Bo"})
    events.unregister("after-call.dynamodb.TransactWriteItems", lose_answer)
    assert (found.status, unknown.json["type"]) == (201, "urn:misentinel:problem:outcome-unknown")
    assert home.ask(people, "POST", "/v1/people", **sent).json == found.json
    codes = [each["status_code"] for each in home.records(tenant)]
    assert sorted(codes) == ["ok", "ok", "ok", "outcome-unknown", "replayed"]


def test_of_an_unknown_outcome_nobody_says_that_nothing_was_changed(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    home.ask(people, "GET", "/v1/people", token=token)

    def lose_answer(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="-")

    with home.counted():  # no share of a new minute's limit is taken inside
        for operation in ("TransactWriteItems", "PutItem"):
            aws("dynamodb").meta.events.register(f"after-call.dynamodb.{operation}", lose_answer)
        told = home.ask(people, "POST", "/v1/people", token=token, body={"name": "Ann"})
    assert (told.status, told.json["type"]) == (503, "urn:misentinel:problem:outcome-unknown")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"external_id": "4111 1111 1111 1111"}, "external_id"),
        ({"name": "\u0664\u0661\u0661\u0661-1111/1111.1111"}, "name"),
        ({"name": 4111111111111111}, "name"),
        ({"attributes": {"note": ["ok", {"deep": "3782-822463-10005"}]}}, "attributes.note.1.deep"),
        ({"attributes": {"4111111111111111": "x"}}, "attributes"),
        ({"4111111111111111": "4111111111111111"}, ""),
        ({"attributes": {"score": 5555555555554444.0}}, "attributes.score"),
        ({"attributes": {"password_hint": "4111 1111 1111 1111"}}, "attributes.password_hint"),
    ],
)
def test_a_card_number_is_refused_wherever_it_stands_and_not_repeated(
    home: House, tenant: str, people: Any, body: Any, field: str
) -> None:
    answer = home.ask(people, "POST", "/v1/people", token=home.signed_in(tenant), body=body)
    assert (answer.status, answer.json["type"]) == (422, "urn:misentinel:problem:invalid")
    assert answer.json["errors"] == [{"field": field, "message": "looks like a payment card number; never send one"}]
    told = answer.text.replace(answer.json["request_id"], "")
    assert "4111" not in told
    assert "4444" not in told


def test_look_alikes_are_no_card_numbers(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    for text in ("f31aeb00-4982-4407-8941-965096ee86ef", "313874cddfbc423db246548991270564", "ORD-2026-0001234567"):
        assert home.ask(people, "POST", "/v1/people", token=token, body={"external_id": text}).status == 201


def test_a_password_may_be_what_it_likes(home: House) -> None:
    body = {"slug": "acme", "name": "Acme", "email": "a@b.example", "password": "4111 1111 1111 1111"}
    refused = home.ask(door("workspaces"), "POST", "/v1/workspaces", body=body)
    assert "card" not in refused.text


def test_a_failed_request_keeps_no_answer(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    key = {"Idempotency-Key": "k-1"}
    assert home.ask(people, "POST", "/v1/people", token=token, body={}, headers=key).status == 422
    assert home.ask(people, "POST", "/v1/people", token=token, body={"name": "Ann"}, headers=key).status == 201


def test_out_of_time_is_recorded(home: House, tenant: str, people: Any) -> None:
    token = home.signed_in(tenant)
    answer = home.ask(people, "GET", "/v1/people", token=token, context=LambdaContext(remaining_ms=2_000))
    assert answer.status in {200, 503}
    assert len(home.records(tenant)) == 1


def test_a_cursor_and_an_etag_mean_nothing_to_another_tenant(home: House, tenant: str, people: Any) -> None:
    token, other = home.signed_in(tenant), home.signed_in(home.tenant("other"))
    for name in ("Ann", "Bo", "Cy"):
        home.ask(people, "POST", "/v1/people", token=token, body={"name": name})
    page = home.ask(people, "GET", "/v1/people", token=token, query={"limit": ["2"]}).json
    assert [each["name"] for each in page["items"]] == ["Cy", "Bo"]
    onward = {"limit": ["2"], "cursor": [page["next_cursor"]]}
    last = home.ask(people, "GET", "/v1/people", token=token, query=onward).json
    assert ([each["name"] for each in last["items"]], last["next_cursor"]) == (["Ann"], None)
    assert home.ask(people, "GET", "/v1/people", token=other, query=onward).status == 422
    etag = home.ask(people, "GET", f"/v1/people/{last['items'][0]['id']}", token=token).headers["ETag"]
    mine = home.ask(people, "POST", "/v1/people", token=other, body={"name": "Di"}).json
    changed = home.ask(
        people, "PATCH", f"/v1/people/{mine['id']}", token=other, body={"name": "x"}, headers={"If-Match": etag}
    )
    assert changed.status == 412
