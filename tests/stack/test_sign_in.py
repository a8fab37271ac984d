"""Sign-in on the deployed stack: what only a store that many reach at once can show."""

import statistics
import time
from collections import Counter

import pytest
from deployed import at_once, forget_addresses, items, root, settle, table

from local.client import Answer, Client, call
from local.stack import Stack, eventually

WRONG = "gravel lantern orbit 45"
ROUNDS = 60
WARM_UP = 6


@pytest.fixture(scope="module")
def owner(stack: Stack) -> Client:
    return stack.new_workspace()


def begin(who: Client, **changed: str) -> Answer:
    asked = {"workspace": who.workspace, "email": who.email, "password": who.password, **changed}
    return call(who.api, "POST", "/v1/sessions", json=asked)


def forget_guesses(stack: Stack, who: Client) -> None:
    """Let the windows of all account limits of a workspace pass."""
    dynamodb, name = root(stack).aws("dynamodb"), table(who.tenant, "secrets")
    for item in items(stack, name):
        dynamodb.update_item(
            TableName=name,
            Key={key: item[key] for key in ("pk", "sk")},
            UpdateExpression="REMOVE guesses, guesses_until, code_guesses, code_guesses_until",
        )


def test_of_200_parallel_guesses_ten_are_evaluated(stack: Stack, owner: Client) -> None:
    forget_guesses(stack, owner)
    answers = at_once(200, lambda _: begin(owner, password=WRONG).status)
    assert Counter(answers) == {401: 10, 429: 190}
    recorded = Counter(
        record["status_code"]
        for record in settle(stack, owner.tenant)
        if record["api"]["operation"] == "sessions.begin" and record["status"] == "Failure"
    )
    assert recorded == {"invalid-credentials": 10}
    forget_guesses(stack, owner)


def test_of_100_uses_of_one_code_one_wins(stack: Stack, owner: Client) -> None:
    assert owner.codes is not None
    challenge, code = begin(owner).json["challenge"], owner.codes.next()
    proof = {"challenge": challenge, "code": code}
    answers = at_once(100, lambda _: call(owner.api, "POST", "/v1/sessions/verify", json=proof).status)
    assert answers.count(201) == 1
    assert set(answers) <= {201, 401, 429}
    forget_guesses(stack, owner)


def test_an_unknown_account_takes_as_long_as_a_wrong_password(stack: Stack, owner: Client) -> None:
    """The medians, of requests that alternate; the figures of a quiet machine are in benchmarks/."""
    took: dict[str, list[float]] = {"wrong": [], "unknown": []}
    for number in range(ROUNDS):
        if number % 9 == 0:
            forget_guesses(stack, owner)
            forget_addresses(stack)
        for kind, changed in (("wrong", {}), ("unknown", {"email": f"nobody-{number}@{owner.workspace}.example"})):
            started = time.perf_counter()
            assert begin(owner, password=WRONG, **changed).status == 401
            took[kind].append(time.perf_counter() - started)
    wrong, unknown = (statistics.median(took[kind][WARM_UP:]) for kind in ("wrong", "unknown"))
    print(f"wrong password {wrong * 1000:.1f} ms, unknown account {unknown * 1000:.1f} ms")
    assert 0.8 < unknown / wrong < 1.25
    forget_guesses(stack, owner)


def test_a_removed_members_login_is_forgotten(stack: Stack, owner: Client) -> None:
    email = f"leaving@{owner.workspace}.example"
    invited = owner.post("/v1/members", {"email": email, "role": "support"}).json
    accepted = {
        "workspace": owner.workspace,
        "invitation": invited["invitation"],
        "password": "gravel lantern orbit 44",
    }
    assert call(owner.api, "POST", "/v1/invitations/accept", json=accepted).status == 200
    leaving = Client(owner.api, owner.workspace, email, accepted["password"], tenant=owner.tenant).sign_in()
    member = leaving.tokens["member"]
    assert owner.delete(f"/v1/members/{member}").status == 204
    assert leaving.get("/v1/sessions").status == 401
    assert begin(leaving).status in {200, 401}

    def forgotten() -> bool:
        return member not in repr(items(stack, table(owner.tenant, "secrets")))

    eventually(forgotten, seconds=60, what="the login of a removed member to go")
    assert begin(leaving).status == 401
    done = [record["api"]["operation"] for record in settle(stack, owner.tenant)]
    assert done.count("members.forget") == 1
