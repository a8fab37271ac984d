"""The workspace's limit at the door: told on every answer, cheap when it is reached, and for this workspace alone."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from doors import door
from house import House

from misentinel import clock, refusals
from misentinel.access import Role

START = datetime(2026, 11, 23, 13, 30, 5, tzinfo=UTC)


@pytest.fixture
def time(home: House) -> Iterator[clock.Frozen]:
    del home
    with clock.at(START) as frozen:
        yield frozen


def limited(home: House, requests_a_minute: int) -> str:
    """A workspace with which this limit was agreed."""
    tenant = home.tenant()
    home.aws("dynamodb").update_item(
        TableName="ms-local-tenants",
        Key={"tenant_id": {"S": tenant}},
        UpdateExpression="SET requests_a_minute = :most",
        ExpressionAttributeValues={":most": {"N": str(requests_a_minute)}},
    )
    return tenant


def test_every_answer_of_a_known_workspace_tells_its_limit(home: House, time: clock.Frozen) -> None:
    tenant = limited(home, 100)
    owner, support = home.signed_in(tenant), home.signed_in(tenant, Role.BILLING)
    answers = [
        home.ask(door("people"), "GET", "/v1/people", token=owner),
        home.ask(door("people"), "GET", "/v1/people", token=support),
        home.ask(door("people"), "GET", "/v1/people/nobody", token=owner),
        home.ask(door("people"), "PUT", "/v1/people/a/b/c", token=owner),
        home.ask(door("members"), "POST", "/v1/members", token=owner, body={}),
    ]
    assert [each.status for each in answers] == [200, 403, 404, 404, 422]
    assert [each.headers["RateLimit"] for each in answers] == [
        f'"workspace";r={left};t=55' for left in (99, 98, 97, 96, 95)
    ]
    assert {each.headers["RateLimit-Policy"] for each in answers} == {'"workspace";q=100;w=60'}
    assert "RateLimit" not in home.ask(door("people"), "GET", "/v1/people").headers
    del time


def test_over_the_limit_a_request_is_refused_told_when_to_come_back_and_counted(
    home: House, time: clock.Frozen
) -> None:
    tenant = limited(home, 3)
    token = home.signed_in(tenant)
    for _ in range(3):
        assert home.ask(door("people"), "GET", "/v1/people", token=token).status == 200
    refused = home.ask(door("people"), "POST", "/v1/people", token=token, body={"name": "Ada"})
    assert (refused.status, refused.json["type"]) == (429, "urn:misentinel:problem:too-many-requests")
    assert refused.headers["Retry-After"] == "55"
    assert refused.headers["RateLimit"] == '"workspace";r=0;t=55'
    assert len(home.records(tenant)) == 3
    with home.counted() as calls:
        for _ in range(20):
            home.ask(door("people"), "GET", "/v1/people", token=token, headers={"Idempotency-Key": "k"})
        refusals.FLOOD.flush()
    assert calls == ["sqs:SendMessage"] * 2  # the first of its kind at once, the others together
    time.tick(55)
    assert home.ask(door("people"), "GET", "/v1/people", token=token).status == 200


def test_who_has_no_token_uses_up_nothing(home: House, time: clock.Frozen) -> None:
    del time
    token = home.signed_in(limited(home, 1))
    for wrong in ("", "a.b.c", f"{token}x"):
        assert home.ask(door("people"), "GET", "/v1/people", token=wrong).status == 401
    assert home.ask(door("people"), "GET", "/v1/people", token=token).status == 200


def test_a_preflight_uses_up_nothing(home: House, time: clock.Frozen) -> None:
    del time
    token = home.signed_in(limited(home, 1))
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    assert home.ask(door("people"), "OPTIONS", "/v1/people", token=token, headers=asked).status == 204
    assert home.ask(door("people"), "GET", "/v1/people", token=token).status == 200
