"""Limits: exactly so many guesses are evaluated, and none when they cannot be counted."""

from datetime import UTC, datetime
from typing import Any

import pytest
from argon2 import PasswordHasher
from botocore.exceptions import ReadTimeoutError
from front_door import FrontDoor, Person, at_once

from misentinel import clock
from misentinel.signin import totp
from misentinel.tenancy import PLATFORM, Suffix, aws, table_name

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WRONG = "umbrella cactus violin 8"


@pytest.fixture
def owner(front: FrontDoor) -> Person:
    return front.workspace()


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were compared with a hash."""
    passwords: list[str] = []
    original = PasswordHasher.verify

    def counting(hasher: PasswordHasher, stored: str, password: str) -> bool:
        passwords.append(password)
        return original(hasher, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    return passwords


@pytest.mark.parametrize("email", ["owner@acme.example", "nobody@acme.example"])
def test_of_200_parallel_passwords_ten_are_evaluated(
    front: FrontDoor,
    owner: Person,
    evaluated: list[str],
    email: str,
) -> None:
    with clock.at(NOON):
        front.begin(owner, workspace="nowhere")
        evaluated.clear()
        replies = at_once(200, lambda n: front.begin(owner, email=email, password=WRONG, address=f"198.51.100.{n}"))
    assert len(evaluated) == 10
    assert sorted(reply.status for reply in replies) == [401] * 10 + [429] * 190
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.headers["Retry-After"] == "900"


def test_of_200_parallel_codes_ten_are_evaluated(
    front: FrontDoor,
    owner: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes: list[str] = []
    original = totp.matching_step

    def counting(seed: str, code: str, at: datetime) -> int | None:
        codes.append(code)
        return original(seed, code, at)

    with clock.at(NOON) as time:
        front.sign_in(owner)
        time.tick(30)
        challenge = front.begin(owner).json["challenge"]
        right = {owner.code(steps) for steps in (-1, 0, 1)}
        wrong = next(code for code in ("123456", "654321", "111111", "222222") if code not in right)
        monkeypatch.setattr(totp, "matching_step", counting)
        statuses = sorted(reply.status for reply in at_once(200, lambda _: front.verify(challenge, wrong)))
    assert len(codes) == 10
    assert statuses == [401] * 10 + [429] * 190


def test_the_window_closes_after_fifteen_minutes(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        assert [front.begin(owner, password=WRONG).status for _ in range(11)] == [401] * 10 + [429]
        time.tick(899)
        assert front.begin(owner).status == 429
        time.tick(1)
        assert front.begin(owner).status == 200


def test_only_a_whole_sign_in_gives_guesses_back(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON) as time:
        front.sign_in(owner)
        for _ in range(9):
            front.begin(owner, password=WRONG)
        time.tick(30)
        assert front.begin(owner).status == 200
        assert front.begin(owner).status == 429
        time.tick(900)
        for _ in range(9):
            front.begin(owner, password=WRONG)
        front.sign_in(owner)
        assert [front.begin(owner, password=WRONG).status for _ in range(11)] == [401] * 10 + [429]


def test_an_address_has_fifty_guesses_over_all_accounts(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON):
        statuses = [front.begin(owner, email=f"{n}@acme.example", address="203.0.113.9").status for n in range(51)]
        assert statuses == [401] * 50 + [429]
        assert front.begin(owner, address="203.0.113.10").status == 200


def test_an_address_is_kept_as_a_keyed_hash_and_for_a_while(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON):
        front.begin(owner, address="203.0.113.9")
        items = front.home.aws("dynamodb").scan(TableName=table_name(PLATFORM, Suffix.SECRETS))["Items"]
    assert "203.0.113" not in repr(items)
    addresses = [item for item in items if item["sk"]["S"].startswith("guesses#")]
    assert addresses
    assert all(int(item["expires_at"]["N"]) <= NOON.timestamp() + 1800 for item in addresses)


def test_counters_of_nobody_are_forgotten_and_those_of_accounts_stay(front: FrontDoor, owner: Person) -> None:
    with clock.at(NOON):
        front.begin(owner, password=WRONG)
        front.begin(owner, email="nobody@acme.example")
        items = front.home.aws("dynamodb").scan(TableName=table_name(owner.tenant, Suffix.SECRETS))["Items"]
    ages = {"member" in item: int(item["expires_at"]["N"]) - NOON.timestamp() for item in items}
    assert ages[False] == 1800
    assert ages[True] > 100 * 365 * 86_400


@pytest.mark.parametrize("fault", ["lost", "refused", "throttled"])
def test_what_cannot_be_counted_is_not_evaluated(
    front: FrontDoor,
    owner: Person,
    evaluated: list[str],
    fault: str,
) -> None:
    def fail(**_: Any) -> Any:
        if fault == "lost":
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        code = "AccessDeniedException" if fault == "refused" else "ThrottlingException"
        return type("Http", (), {"status_code": 400}), {"Error": {"Code": code}, "ResponseMetadata": {}}

    aws("dynamodb").meta.events.register("before-call.dynamodb.UpdateItem", fail)
    evaluated.clear()
    reply = front.begin(owner)
    assert (reply.status, reply.json["type"]) == (503, "urn:misentinel:problem:unavailable")
    assert not evaluated
