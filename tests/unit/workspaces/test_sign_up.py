"""Signing up: one owner for each slug, and nothing lost on the way."""

import json
from datetime import UTC, datetime
from typing import Any

import ocsf
import pytest
from botocore.exceptions import ReadTimeoutError
from front_door import PASSWORD, FrontDoor, Person, at_once
from house import Reply
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from misentinel import clock
from misentinel.errors import Invalid
from misentinel.tenancy import PLATFORM, Suffix, aws, is_tenant_id, table_name
from misentinel.workspaces.model import RESERVED, SignUp, look, require_free_for_all

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def sign_up(front: FrontDoor, slug: str = "acme", **more: Any) -> Reply:
    body = {"slug": slug, "name": "Acme Ltd", "email": "owner@acme.example", "password": PASSWORD}
    headers, address = more.pop("headers", None), more.pop("address", "192.0.2.7")
    return front.knock(
        "workspaces",
        "POST",
        "/v1/workspaces",
        body={**body, **more},
        headers=headers,
        address=address,
    )


def platform_secrets(front: FrontDoor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = front.home.aws("dynamodb").scan(TableName=table_name(PLATFORM, Suffix.SECRETS))[
        "Items"
    ]
    return found


def test_a_sign_up_is_accepted_and_its_steps_can_be_watched(front: FrontDoor) -> None:
    reply = sign_up(front)
    assert reply.status == 202
    assert is_tenant_id(reply.json["id"])
    assert reply.headers["Location"] == f"/v1/workspaces/{reply.json['id']}"
    steps = [("tables", "pending"), ("stream", "pending"), ("owner", "pending"), ("active", "pending")]
    assert [(step["name"], step["status"]) for step in reply.json["steps"]] == steps
    front.provision()
    seen = front.knock("workspaces", "GET", reply.headers["Location"])
    assert seen.status == 200
    assert seen.json["status"] == "active"
    assert {step["status"] for step in seen.json["steps"]} == {"done"}
    assert set(seen.json) == {"id", "slug", "name", "status", "steps", "created_at"}


def test_an_id_that_is_none_is_not_found(front: FrontDoor) -> None:
    for made_up in ("abcdefghijklmnop", "acme", "ABCDEFGHIJKLMNOP"):
        assert front.knock("workspaces", "GET", f"/v1/workspaces/{made_up}").status == 404


def test_a_slug_is_taken_once(front: FrontDoor) -> None:
    first = sign_up(front)
    assert sign_up(front, email="other@acme.example").status == 409
    assert sign_up(front, password="another one entirely 7").status == 409
    front.provision()
    assert sign_up(front).status == 409
    waiting = [item for item in platform_secrets(front) if item["pk"]["S"].startswith("owner#")]
    assert not waiting
    assert first.status == 202


def test_of_parallel_sign_ups_one_gets_the_slug(front: FrontDoor) -> None:
    emails = [f"o{n}@acme.example" for n in range(8)]
    replies = at_once(8, lambda n: sign_up(front, email=emails[n]))
    won = [n for n, reply in enumerate(replies) if reply.status == 202]
    assert len(won) == 1
    front.provision()
    front.sign_in(Person("acme", emails[won[0]], PASSWORD))


def test_the_same_person_may_send_a_sign_up_again(front: FrontDoor) -> None:
    first, again = sign_up(front), sign_up(front)
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    front.provision()
    front.sign_in(Person("acme", "owner@acme.example", PASSWORD))


def test_an_idempotency_key_brings_the_same_answer(front: FrontDoor) -> None:
    key = {"Idempotency-Key": "once"}
    first = sign_up(front, headers=key)
    front.provision()
    again = sign_up(front, headers=key)
    assert (again.status, again.text) == (202, first.text)
    assert sign_up(front, name="Other", headers=key).status == 409


def test_a_message_that_is_not_taken_is_sent_by_the_schedule(front: FrontDoor) -> None:
    def lose(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://sqs")

    with clock.at(NOON) as time:
        aws("sqs").meta.events.register("before-call.sqs.SendMessage", lose)
        assert sign_up(front).status == 202
        aws("sqs").meta.events.unregister("before-call.sqs.SendMessage", lose)
        assert not front.provision()
        front.tick()
        assert not front.provision()
        time.tick(61)
        front.tick()
        assert front.provision() == [{"batchItemFailures": []}]
        front.sign_in(Person("acme", "owner@acme.example", PASSWORD))
        front.tick()
        assert not front.provision()


def test_credentials_wait_hashed_and_not_for_ever(front: FrontDoor) -> None:
    with clock.at(NOON):
        sign_up(front)
        (waiting,) = [item for item in platform_secrets(front) if item["pk"]["S"].startswith("owner#")]
    assert int(waiting["expires_at"]["N"]) == NOON.timestamp() + 7 * 86_400
    assert waiting["password_hash"]["S"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    queue = front.home.aws("sqs").get_queue_url(QueueName="ms-local-provisioning")["QueueUrl"]
    (message,) = front.home.aws("sqs").receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(message["Body"])
    assert set(body) == {"tenant", "request_id"}
    assert body["tenant"] == waiting["pk"]["S"].removeprefix("owner#")


def test_an_address_signs_up_twenty_times_an_hour(front: FrontDoor) -> None:
    with clock.at(NOON) as time:
        statuses = [sign_up(front, password="weak").status for _ in range(21)]
        assert statuses == [422] * 20 + [429]
        assert sign_up(front, address="192.0.2.8").status == 202
        time.tick(3600)
        assert sign_up(front, slug="other").status == 202


@pytest.mark.parametrize(
    "slug",
    [
        "ab",
        "a" * 41,
        "Acme",
        "-acme",
        "acme-",
        "ac--me",
        "xn--acme-123",
        "acmé",
        "\u0430cme",
        "ac me",
        "acme.uk",
        "admin",
        "adm1n",
        "a-d-m-i-n",
        "www",
        "vvvvvv",
        "misentinel",
        "mi-sentinel",
        "mlsentlnel",
        "rnisentinel",
        "supp0rt",
        "platform",
        "p1atform",
        "sign-in",
        "",
    ],
)
def test_slugs_that_mislead_are_refused(slug: str) -> None:
    with pytest.raises((Invalid, ValidationError)):
        require_free_for_all(SignUp(slug=slug, name="Acme", email="owner@acme.example", password=PASSWORD).slug)


def test_a_refused_slug_is_told_as_such(front: FrontDoor) -> None:
    for slug in ("adm1n", "ac--me", "Acme"):
        reply = sign_up(front, slug=slug)
        assert reply.status == 422
        assert [error["field"] for error in reply.json["errors"]] == ["slug"]


@given(st.sampled_from(sorted(RESERVED)), st.data())
def test_no_look_alike_of_a_reserved_name_passes(name: str, data: st.DataObject) -> None:
    swaps = {"o": "o0", "l": "l1i", "i": "i1l", "e": "e3", "a": "a4", "s": "s5", "t": "t7", "b": "b8"}
    alike = "".join(data.draw(st.sampled_from(swaps.get(letter, letter))) for letter in name)
    assert look(alike) == look(name)
    with pytest.raises(Invalid):
        require_free_for_all(alike)


@pytest.mark.parametrize("slug", ["abc", "acme", "acme-uk-2", "the-admin-people", "a" * 40, "365days"])
def test_honest_slugs_are_taken(slug: str) -> None:
    require_free_for_all(slug)


def test_what_is_not_valid_is_refused_and_reserves_nothing(front: FrontDoor) -> None:
    wrongs: list[dict[str, Any]] = [
        {"name": ""},
        {"name": "4111 1111 1111 1111"},
        {"email": "nobody"},
        {"email": "a@b"},
        {"password": "short"},
        {"password": "acme ltd acme"},
        {"password": 123456789012},
        {"plan": "free"},
    ]
    assert [sign_up(front, **wrong).status for wrong in wrongs] == [422] * len(wrongs)
    assert sign_up(front).status == 202


def test_looking_how_far_a_workspace_is_is_counted_so_that_nobody_unknown_fills_a_log(front: FrontDoor) -> None:
    reply = sign_up(front)
    before = front.home.records(PLATFORM)
    with front.home.counted() as calls:
        assert front.knock("workspaces", "GET", reply.headers["Location"]).status == 200
    assert calls == ["dynamodb:GetItem", "sqs:SendMessage"]
    assert front.home.records(PLATFORM) == before


def test_a_sign_up_is_on_the_platforms_record_without_names(front: FrontDoor) -> None:
    reply = sign_up(front, slug="marked", name="Marked Name", email="marked@personal.example")
    front.provision()
    front.knock("workspaces", "GET", reply.headers["Location"])
    records = front.home.records(PLATFORM) + front.home.records(reply.json["id"])
    for record in records:
        ocsf.validate(record)
    assert [record["api"]["operation"] for record in records] == ["workspaces.create"] * 2
    assert "arked" not in repr(records)
