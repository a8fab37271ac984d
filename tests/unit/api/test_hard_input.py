"""Input that looks right at a glance."""

import json
from typing import Any

import pytest
from doors import door
from house import House

PERSON = {"name": "Ann"}


@pytest.fixture
def tenant(home: House) -> str:
    return home.tenant()


@pytest.mark.parametrize("key", ["", "x" * 129, "key\x00", "clé"])
def test_a_key_that_cannot_be_kept_is_refused_before_anything_is_done(home: House, tenant: str, key: str) -> None:
    people, token = door("people"), home.signed_in(tenant)
    sent: dict[str, Any] = {"token": token, "body": PERSON, "headers": {"Idempotency-Key": key}}
    assert home.ask(people, "POST", "/v1/people", **sent).status == 422
    assert home.ask(people, "GET", "/v1/people", token=token).json["items"] == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_path_that_is_spelt_out_is_nobodys_id(home: House, tenant: str, method: str) -> None:
    answer = home.ask(door("people"), method, "/v1/people/search", token=home.signed_in(tenant), body=None)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("raw", ['{"name": "\ufffd\ufffd"}', '{"name": "\\ud800"}', '{"name": "a\\u0000b"}'])
def test_text_that_was_no_unicode_is_refused(home: House, tenant: str, raw: str) -> None:
    answer = home.ask(door("people"), "POST", "/v1/people", token=home.signed_in(tenant), raw=raw)
    assert answer.status in {400, 422}


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e400", "-1e999", "9007199254740993", "NaN"])
def test_a_number_that_not_every_reader_keeps_is_refused(home: House, tenant: str, number: str) -> None:
    people, token = door("people"), home.signed_in(tenant)
    seats = {"type": "number", "description": "How many sit."}
    assert home.ask(people, "PUT", "/v1/attributes/seats", token=token, body=seats).status == 200
    raw = f'{{"name": "Ann", "attributes": {{"seats": {number}}}}}'
    answer = home.ask(people, "POST", "/v1/people", token=token, raw=raw)
    assert answer.status in {400, 422}


def test_what_was_done_already_is_answered_as_the_first_time(home: House, tenant: str) -> None:
    people, token = door("people"), home.signed_in(tenant)
    person = home.ask(people, "POST", "/v1/people", token=token, body=PERSON).json["id"]
    body, path = {"id": "order-1", "name": "order placed"}, f"/v1/people/{person}/events"
    sent: dict[str, Any] = {"token": token, "body": body, "headers": {"Idempotency-Key": "k-1"}}
    first, again = (home.ask(people, "POST", path, **sent) for _ in range(2))
    assert again.json == first.json == {"added": ["order-1"], "known": []}
    assert again.headers["Idempotency-Replayed"] == "true"
    unkeyed = home.ask(people, "POST", path, token=token, body=body)
    assert unkeyed.json == {"added": [], "known": ["order-1"]}
    other = home.ask(people, "POST", path, **{**sent, "body": {**body, "name": "order lost"}})
    assert other.json["type"].endswith("idempotency-key-reused")
    ends = [each["status_code"] for each in home.records(tenant) if each["api"]["operation"] == "events.create"]
    assert ends == ["ok", "replayed", "ok", "idempotency-key-reused"]


@pytest.mark.parametrize("name", ["x" * 200_000, "4111 1111 1111 1111", "a\x00b", "a\nb"])
def test_a_name_that_a_client_made_up_is_not_told_again(home: House, tenant: str, name: str) -> None:
    token = home.signed_in(tenant)
    for body in ({"name": "Ann", name: 1}, {"name": "Ann", "attributes": {name: "x"}}):
        answer = home.ask(door("people"), "POST", "/v1/people", token=token, body=body)
        assert answer.status == 422
        assert name not in json.dumps(answer.json, ensure_ascii=False)
        assert all(len(each["field"]) < 300 for each in answer.json["errors"])


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**64, 10**400, 1e300])
def test_an_event_holds_no_number_that_not_every_reader_keeps(home: House, tenant: str, number: float) -> None:
    people, token = door("people"), home.signed_in(tenant)
    person = home.ask(people, "POST", "/v1/people", token=token, body=PERSON).json["id"]
    body = {"name": "order placed", "properties": {"total": number}}
    assert home.ask(people, "POST", f"/v1/people/{person}/events", token=token, body=body).status == 422
    assert home.ask(people, "GET", f"/v1/people/{person}/events", token=token).json["items"] == []
