"""Signing in: two factors, one answer for whatever is wrong."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import ocsf
import pytest
from argon2 import PasswordHasher
from doors import door
from front_door import EVENTS, PASSWORD, FrontDoor, Person, at_once
from house import House, LambdaContext, Reply

from misentinel import clock
from misentinel.access import verify_token
from misentinel.access.store import Member, member_key
from misentinel.signin import passwords
from misentinel.signin.email import login_key
from misentinel.tenancy import PLATFORM, Suffix, acting_as, aws, bind, table_name

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def owner(front: FrontDoor) -> Person:
    return front.workspace()


def login(home: House, who: Person) -> dict[str, Any]:
    """What is kept of an account."""
    key = {"pk": {"S": f"login#{login_key(who.email, who.tenant)}"}, "sk": {"S": "login"}}
    item: dict[str, Any] = home.aws("dynamodb").get_item(
        TableName=table_name(who.tenant, Suffix.SECRETS),
        Key=key,
    )["Item"]
    return item


def same_answer(replies: list[Reply]) -> bool:
    """Whether answers differ in nothing but the request's id and its trace."""
    bodies = [{**reply.json, "request_id": ""} for reply in replies]
    heads = [{**reply.headers, "X-Request-Id": "", "traceparent": ""} for reply in replies]
    return all(body == bodies[0] for body in bodies) and all(head == heads[0] for head in heads)


def test_two_factors_give_a_session(front: FrontDoor, owner: Person) -> None:
    front.sign_in(owner)
    claims = verify_token(owner.access)
    assert (claims.tenant, claims.member, claims.session) == (owner.tenant, owner.member, owner.session)
    mine = front.knock("sessions", "GET", "/v1/sessions", token=owner.access)
    assert [(each["id"], each["is_current"]) for each in mine.json["items"]] == [(owner.session, True)]


def test_a_request_as_the_gateway_sends_it_is_answered(front: FrontDoor, owner: Person) -> None:
    event = json.loads((EVENTS / "apigateway-begin-session.json").read_text())
    answer = door("sessions")(event, LambdaContext())
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert answer["headers"]["X-Request-Id"] == event["requestContext"]["requestId"]
    assert json.loads(answer["body"])["challenge"].startswith(owner.tenant)
    assert front.home.records(owner.tenant)[-1]["api"]["request"]["uid"] == event["requestContext"]["requestId"]


def test_the_first_factor_alone_gives_nothing_but_a_challenge(front: FrontDoor, owner: Person) -> None:
    front.sign_in(owner)
    with clock.at(clock.now()) as time:
        time.tick(60)
        first = front.begin(owner)
    assert set(first.json) == {"challenge", "expires_in", "enrolment"}
    assert first.json["enrolment"] is None


def test_both_steps_cost_nine_calls(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        front.sign_in(owner)
        time.tick(30)
        with front.home.counted() as calls:
            front.sign_in(owner)
    assert calls == [
        "dynamodb:UpdateItem",
        "dynamodb:UpdateItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "kms:Decrypt",
        "dynamodb:UpdateItem",
        "dynamodb:Query",
        "kms:Sign",
        "dynamodb:TransactWriteItems",
    ]


def test_whatever_is_wrong_the_answer_and_the_work_are_the_same(
    front: FrontDoor,
    owner: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    front.sign_in(owner)
    verified: list[str] = []
    original = PasswordHasher.verify

    def counting(hasher: PasswordHasher, stored: str, password: str) -> bool:
        verified.append(stored.rpartition("$")[0].rpartition("$")[0])
        return original(hasher, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    wrongs: list[dict[str, str]] = [
        {"password": "umbrella cactus violin 8"},
        {"email": "nobody@acme.example"},
        {"email": "not an address"},
        {"workspace": "nowhere"},
    ]
    front.begin(owner, workspace="nowhere", email="warm@up.example")
    verified.clear()
    replies, costs = [], []
    for wrong in wrongs:
        with front.home.counted() as calls:
            replies.append(front.begin(owner, **wrong))
        costs.append([call for call in calls if call != "dynamodb:GetItem"])
    assert {reply.status for reply in replies} == {401}
    assert same_answer(replies)
    assert len(verified) == len(wrongs)
    assert len(set(verified)) == 1
    assert all(cost == costs[0] for cost in costs)


def test_a_failed_sign_in_is_on_the_workspaces_record(front: FrontDoor, owner: Person) -> None:
    front.begin(owner, password="umbrella cactus violin 8")
    front.begin(owner, email="nobody@acme.example")
    front.begin(owner, workspace="nowhere")
    known, unknown = front.home.records(owner.tenant)[-2:]
    stray = front.home.records(PLATFORM)[-1]
    for record in (known, unknown, stray):
        ocsf.validate(record)
        assert (record["class_uid"], record["status"], record["status_code"]) == (
            3002,
            "Failure",
            "invalid-credentials",
        )
    assert known["user"]["uid"] not in {"", "unknown"}
    assert unknown["user"]["uid"] == stray["user"]["uid"] == "unknown"


def test_every_record_is_valid_and_nothing_personal_is_in_them(
    front: FrontDoor,
    owner: Person,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        front.sign_in(owner)
        front.begin(owner, email="marked@personal.example")
        front.refresh(owner.refresh)
    records = front.home.records(owner.tenant) + front.home.records(PLATFORM)
    for record in records:
        ocsf.validate(record)
    seen = json.dumps(records) + capsys.readouterr().out
    for marked in ("acme.example", "personal.example", PASSWORD, owner.seed, owner.refresh, owner.access, "192.0.2.7"):
        assert marked not in seen


def test_a_code_is_accepted_once(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        front.sign_in(owner)
        assert front.verify(front.begin(owner).json["challenge"], owner.code()).status == 401
        time.tick(30)
        assert front.verify(front.begin(owner).json["challenge"], owner.code(-1)).status == 401
        assert front.verify(front.begin(owner).json["challenge"], owner.code()).status == 201


def test_of_100_uses_of_one_code_one_wins(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        front.sign_in(owner)
        time.tick(60)
        challenge, code = front.begin(owner).json["challenge"], owner.code()
        statuses = [reply.status for reply in at_once(100, lambda _: front.verify(challenge, code))]
    assert statuses.count(201) == 1
    assert set(statuses) <= {201, 401, 429}


def test_a_challenge_lives_five_minutes(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        front.sign_in(owner)
        time.tick(60)
        challenge = front.begin(owner).json["challenge"]
        time.tick(300)
        assert front.verify(challenge, owner.code()).status == 401


def test_a_challenge_cannot_be_made_up_or_changed(front: FrontDoor, owner: Person) -> None:
    other = front.workspace("other", "owner@other.example")
    with clock.at(NOON) as time:
        front.sign_in(owner)
        time.tick(60)
        challenge = front.begin(owner).json["challenge"]
        tenant, body, mac = challenge.split(".")
        forged = [
            f"{other.tenant}.{body}.{mac}",
            f"{tenant}.{body[:-2]}AA.{mac}",
            f"{tenant}.{body}.{mac[:-2]}AA",
            f"{tenant}.{body}.",
            f"{tenant}.{body}",
            f"{tenant}.W10.{mac}",
            "",
            ".",
            "..",
            "é" * 50,
            "a" * 2000,
            challenge + "A",
        ]
        with front.home.counted() as calls:
            statuses = {front.verify(each, owner.code()).status for each in forged}
        assert statuses == {401}
        assert not [call for call in calls if not call.startswith("sqs:")]


def test_a_new_password_makes_earlier_challenges_worthless(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        front.sign_in(owner)
        time.tick(60)
        challenge = front.begin(owner).json["challenge"]
        front.home.aws("dynamodb").update_item(
            TableName=table_name(owner.tenant, Suffix.SECRETS),
            Key={name: login(front.home, owner)[name] for name in ("pk", "sk")},
            UpdateExpression="SET password_hash = :new",
            ExpressionAttributeValues={":new": {"S": passwords.hashed("another one entirely 7")}},
        )
        assert front.verify(challenge, owner.code()).status == 401


def test_a_seed_is_shown_once_and_used_from_its_first_right_code_on(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        first = front.begin(owner).json
        second = front.begin(owner).json
        assert first["enrolment"]["secret"] != second["enrolment"]["secret"]
        owner.seed = first["enrolment"]["secret"]
        assert front.verify(second["challenge"], owner.code()).status == 401
        owner.seed = second["enrolment"]["secret"]
        assert front.verify(second["challenge"], owner.code()).status == 201
        time.tick(60)
        assert front.begin(owner).json["enrolment"] is None


def test_secrets_are_not_kept_in_clear(front: FrontDoor, owner: Person) -> None:
    front.sign_in(owner)
    kept = repr(login(front.home, owner))
    for secret in (PASSWORD, owner.seed, owner.email, owner.refresh.rpartition(".")[0].rpartition(".")[2]):
        assert secret not in kept


def test_a_seed_opens_for_its_own_tenant_and_member_only(front: FrontDoor, owner: Person) -> None:
    front.sign_in(owner)
    kms, sealed = front.home.aws("kms"), login(front.home, owner)["totp_seed"]["B"]
    context = {"tenant": owner.tenant, "member": owner.member}
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"].decode() == owner.seed
    for other in ({**context, "tenant": PLATFORM}, {**context, "member": "x"}, {}):
        with pytest.raises(kms.exceptions.InvalidCiphertextException):
            kms.decrypt(CiphertextBlob=sealed, EncryptionContext=other)


def test_an_outdated_hash_is_renewed_at_sign_in(front: FrontDoor, owner: Person) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    front.home.aws("dynamodb").update_item(
        TableName=table_name(owner.tenant, Suffix.SECRETS),
        Key={name: login(front.home, owner)[name] for name in ("pk", "sk")},
        UpdateExpression="SET password_hash = :old",
        ExpressionAttributeValues={":old": {"S": old}},
    )
    front.sign_in(owner)
    assert not passwords.is_outdated(login(front.home, owner)["password_hash"]["S"])


def test_a_member_who_is_no_longer_one_gets_no_session(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        front.sign_in(owner)
        time.tick(60)
        challenge = front.begin(owner).json["challenge"]
        with acting_as(owner.tenant):
            bind(Member, owner.tenant)(member_key(owner.member), "member").update([Member.status.set("removed")])
        assert front.verify(challenge, owner.code()).status == 401
        time.tick(30)
        assert front.begin(owner).status == 401


def test_a_workspace_that_is_not_ready_is_like_none(front: FrontDoor) -> None:
    body = {"slug": "early", "name": "Early", "email": "a@early.example", "password": PASSWORD}
    front.knock("workspaces", "POST", "/v1/workspaces", body=body)
    assert front.begin(Person("early", "a@early.example", PASSWORD)).status == 401


def test_credentials_fit_their_own_workspace_only(front: FrontDoor, owner: Person) -> None:
    other = front.workspace("other", "owner@other.example")
    assert front.begin(owner, workspace="other").status == 401
    assert front.begin(other, workspace="acme").status == 401


def test_a_store_that_fails_is_no_way_in(front: FrontDoor, owner: Person) -> None:
    def fail(**_: Any) -> Any:
        message = "the network is down"
        raise ConnectionError(message)

    events = aws("dynamodb").meta.events
    events.register("before-call.dynamodb.UpdateItem", fail)
    reply = front.begin(owner)
    events.unregister("before-call.dynamodb.UpdateItem", fail)
    assert reply.status >= 500
    assert "challenge" not in reply.text
