"""Sessions: renewed, listed, ended; a refresh token works once."""

from datetime import UTC, datetime

import ocsf
import pytest
from front_door import FrontDoor, Person, at_once

from misentinel import clock
from misentinel.access.sessions import MAX_SESSIONS, household
from misentinel.tenancy import acting_as

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = 86_400


@pytest.fixture
def owner(front: FrontDoor) -> Person:
    return front.workspace()


def ids(front: FrontDoor, who: Person) -> list[str]:
    mine = front.knock("sessions", "GET", "/v1/sessions", token=who.access)
    assert mine.status == 200, mine.text
    return [each["id"] for each in mine.json["items"]]


def test_a_refresh_token_is_renewed_in_three_calls(front: FrontDoor, owner: Person) -> None:
    front.sign_in(owner)
    with front.home.counted() as calls:
        renewed = front.refresh(owner.refresh)
    assert renewed.status == 200
    assert calls == ["dynamodb:GetItem", "kms:Sign", "dynamodb:TransactWriteItems"]
    assert renewed.json["session"] == owner.session
    assert renewed.json["refresh_token"] != owner.refresh
    owner.access = renewed.json["access_token"]
    assert ids(front, owner) == [owner.session]


def test_a_refresh_token_that_comes_again_ends_the_session(front: FrontDoor, owner: Person) -> None:
    front.sign_in(owner)
    renewed = front.refresh(owner.refresh)
    assert front.refresh(owner.refresh).status == 401
    assert front.refresh(renewed.json["refresh_token"]).status == 401
    assert front.knock("sessions", "GET", "/v1/sessions", token=renewed.json["access_token"]).status == 401
    records = {(each["api"]["operation"], each["status"]) for each in front.home.records(owner.tenant)}
    assert ("sessions.revoke", "Success") in records
    assert ("sessions.refresh", "Failure") in records
    for record in front.home.records(owner.tenant):
        ocsf.validate(record)


def test_of_parallel_renewals_one_wins(front: FrontDoor, owner: Person) -> None:
    front.sign_in(owner)
    statuses = [reply.status for reply in at_once(20, lambda _: front.refresh(owner.refresh))]
    assert statuses.count(200) == 1
    assert set(statuses) == {200, 401}


def test_a_made_up_refresh_token_costs_no_call(front: FrontDoor, owner: Person) -> None:
    front.sign_in(owner)
    tenant, body, mac = owner.refresh.split(".")
    with front.home.counted() as calls:
        for forged in (f"{tenant}.{body}.{mac[::-1]}", f"{tenant[::-1]}.{body}.{mac}", f"{tenant}.{body}", "x"):
            assert front.refresh(forged).status == 401
    assert not [call for call in calls if not call.startswith("sqs:")]


def test_a_challenge_is_no_refresh_token(front: FrontDoor, owner: Person) -> None:
    challenge = front.begin(owner).json["challenge"]
    assert front.refresh(challenge).status == 401


def test_a_session_ends_after_14_idle_days_and_30_in_all(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        front.sign_in(owner)
        time.tick(14 * DAY - 60)
        renewed = front.refresh(owner.refresh)
        assert renewed.status == 200
        time.tick(14 * DAY - 60)
        renewed = front.refresh(renewed.json["refresh_token"])
        assert renewed.status == 200
        assert renewed.json["refresh_expires_in"] == 2 * DAY + 120
        time.tick(2 * DAY + 120)
        assert front.refresh(renewed.json["refresh_token"]).status == 401
        front.sign_in(owner)
        time.tick(14 * DAY)
        assert front.refresh(owner.refresh).status == 401


def test_a_member_has_twenty_sessions_at_most_and_the_oldest_goes(front: FrontDoor, owner: Person) -> None:
    opened = []
    with clock.at(NOON) as time:
        for _ in range(MAX_SESSIONS + 3):
            opened.append(front.sign_in(owner).session)
            time.tick(31)
        assert ids(front, owner) == opened[:-21:-1]
    with acting_as(owner.tenant):
        house = household(owner.tenant, owner.member)
    assert house is not None
    assert len(house.sessions) == MAX_SESSIONS


def test_a_session_that_is_ended_is_over_with_the_next_request(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        first = front.sign_in(owner)
        access, session, refresh = first.access, first.session, first.refresh
        time.tick(30)
        front.sign_in(owner)
        ended = front.knock("sessions", "DELETE", f"/v1/sessions/{session}", token=owner.access)
        assert (ended.status, ended.text) == (204, "")
        assert front.knock("sessions", "GET", "/v1/sessions", token=access).status == 401
        assert front.refresh(refresh).status == 401
        assert front.knock("sessions", "DELETE", f"/v1/sessions/{session}", token=owner.access).status == 404
        assert front.knock("sessions", "DELETE", "/v1/sessions/current", token=owner.access).status == 204
        assert front.knock("sessions", "GET", "/v1/sessions", token=owner.access).status == 401


def test_nobody_ends_the_session_of_another(front: FrontDoor, owner: Person) -> None:
    front.sign_in(owner)
    support = front.member(owner, "support")
    assert front.knock("sessions", "DELETE", f"/v1/sessions/{owner.session}", token=support.access).status == 404
    assert ids(front, owner) == [owner.session]


def test_what_is_not_an_id_is_not_on_record(front: FrontDoor, owner: Person) -> None:
    front.sign_in(owner)
    reply = front.knock("sessions", "DELETE", "/v1/sessions/marked@personal.example", token=owner.access)
    assert reply.status == 404
    assert "marked" not in repr(front.home.records(owner.tenant))


def test_an_answer_kept_for_an_idempotency_key_has_no_tokens(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        front.sign_in(owner)
        time.tick(30)
        challenge, code, key = front.begin(owner).json["challenge"], owner.code(), {"Idempotency-Key": "once"}
        first = front.verify(challenge, code, headers=key)
        again = front.verify(challenge, code, headers=key)
    assert first.json["session"] == again.json["session"]
    assert "access_token" in first.json
    assert not {"access_token", "refresh_token"} & set(again.json)
