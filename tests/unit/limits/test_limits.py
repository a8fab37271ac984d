"""A workspace's limit holds, however many environments answer its requests."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from house import House
from hypothesis import given
from hypothesis import strategies as st
from pynamodb.exceptions import TransactWriteError

from misentinel import clock
from misentinel.errors import TooManyRequests, Unavailable
from misentinel.limits import store
from misentinel.limits.model import CARE, QUOTAS, SHARES, Standing, Window, quota_of, share_of
from misentinel.limits.shares import Shares
from misentinel.tenancy import Suffix, aws, table_name

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


def admitted(environment: Shares, tenant: str, attempts: int) -> int:
    """How many of so many requests are let through."""
    found = 0
    for _ in range(attempts):
        try:
            environment.take(tenant)
        except TooManyRequests:
            continue
        found += 1
    return found


def test_one_environment_gives_the_quota_and_not_one_more(home: House, time: clock.Frozen) -> None:
    tenant, environment = limited(home, 100), Shares()
    assert admitted(environment, tenant, 150) == 100
    time.tick(55)
    assert admitted(environment, tenant, 150) == 100


def test_parallel_environments_together_never_give_more_than_the_quota(home: House, time: clock.Frozen) -> None:
    del time
    tenant = limited(home, 120)
    environments = [Shares() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        given_out = sum(pool.map(lambda each: admitted(each, tenant, 60), environments))
    assert given_out == 120


def test_what_others_took_since_it_was_read_is_not_taken_again(home: House, time: clock.Frozen) -> None:
    tenant, window = home.tenant(), Window.at(int(time.moment.timestamp()))
    taken = [store.take(tenant, window, share, 100) for share in (99, 2, 1, 1)]
    assert taken == [True, False, True, False]
    assert store.used(tenant, window) == 100


def test_a_refusal_costs_no_call_until_the_window_ends(home: House, time: clock.Frozen) -> None:
    tenant, environment = limited(home, 3), Shares()
    admitted(environment, tenant, 4)
    with home.counted() as calls, pytest.raises(TooManyRequests) as refused:
        environment.take(tenant)
    assert calls == []
    assert refused.value.retry_after == 55
    assert refused.value.headers["Retry-After"] == "55"
    assert refused.value.headers["RateLimit"] == '"workspace";r=0;t=55'
    time.tick(54.9)
    with pytest.raises(TooManyRequests):
        environment.take(tenant)
    time.tick(0.1)
    assert environment.take(tenant).left == 2


def test_a_request_within_a_share_costs_no_call_and_a_new_share_two(home: House, time: clock.Frozen) -> None:
    del time
    tenant, environment = home.tenant(), Shares()
    environment.take(tenant)
    share = QUOTAS["trial"] // SHARES
    with home.counted() as calls:
        for _ in range(share - 1):
            environment.take(tenant)
    assert calls == []
    with home.counted() as calls:
        environment.take(tenant)
    assert calls == ["dynamodb:GetItem", "dynamodb:TransactWriteItems"]


def test_what_is_told_never_promises_more_than_there_is(home: House, time: clock.Frozen) -> None:
    del time
    tenant, environment = limited(home, 50), Shares()
    told = [environment.take(tenant) for _ in range(50)]
    assert [each.left for each in told] == list(range(49, -1, -1))
    assert {each.resets_in for each in told} == {55}


def test_the_workspaces_of_others_are_not_touched(home: House, time: clock.Frozen) -> None:
    del time
    small, other, environment = limited(home, 1), home.tenant("other"), Shares()
    admitted(environment, small, 5)
    assert environment.take(other).quota == QUOTAS["trial"]


def test_who_cannot_count_lets_nobody_through(home: House, time: clock.Frozen) -> None:
    del time
    tenant, environment = home.tenant(), Shares()

    def fail(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="-")

    aws("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", fail)
    with pytest.raises(TransactWriteError):
        environment.take(tenant)
    aws("dynamodb").meta.events.unregister("before-call.dynamodb.TransactWriteItems", fail)
    assert environment.take(tenant).quota == QUOTAS["trial"]


def conflicts(times: int) -> None:
    """Let the next so many transactions meet another one on the same counter."""
    left = [times]

    def cancel(**_: Any) -> Any:
        if not left[0]:
            return None
        left[0] -= 1
        answer = type("Answer", (), {"status_code": 400, "headers": {}})()
        return answer, {
            "Error": {"Code": "TransactionCanceledException", "Message": "-"},
            "CancellationReasons": [{"Code": "TransactionConflict", "Message": "-"}],
            "ResponseMetadata": {"HTTPHeaders": {}},
        }

    aws("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", cancel)


def test_who_comes_second_asks_again(home: House, time: clock.Frozen) -> None:
    del time
    tenant, environment = limited(home, 100), Shares()
    conflicts(6)
    assert environment.take(tenant).left == 99


def test_who_always_comes_second_is_told_to_try_again(home: House, time: clock.Frozen) -> None:
    del time
    tenant, environment = home.tenant(), Shares()
    conflicts(100)
    with pytest.raises(Unavailable):
        environment.take(tenant)


def test_a_counter_goes_after_its_window(home: House, time: clock.Frozen) -> None:
    del time
    tenant = home.tenant()
    Shares().take(tenant)
    (item,) = home.aws("dynamodb").scan(TableName=table_name(tenant, Suffix.DATA))["Items"]
    assert item["pk"]["S"] == f"rate#{int(START.timestamp()) // 60}"
    assert START.timestamp() + 600 < int(item["expires_at"]["N"]) < START.timestamp() + 720


@given(quota=st.integers(1, 10**7), used=st.integers(0, 10**7))
def test_a_share_is_never_more_than_is_left_and_never_nothing_while_something_is(quota: int, used: int) -> None:
    share = share_of(quota, used)
    assert (share > 0) == (used < quota)
    assert share <= max(quota - used, 0)
    assert share <= max(1, quota // SHARES)
    assert share <= max(1, (quota - used) // CARE)


@given(st.integers(0, 2**40))
def test_a_window_ends_after_the_moment_it_holds(epoch: int) -> None:
    window = Window.at(epoch)
    assert epoch < window.ends <= epoch + 60
    assert Window.at(window.ends) != window


def test_what_was_agreed_goes_before_the_plan() -> None:
    assert quota_of("trial", None) == QUOTAS["trial"]
    assert quota_of("scale", 7) == 7
    assert quota_of("no such plan", None) == QUOTAS["trial"]


def test_the_header_fields_are_structured_fields() -> None:
    headers = Standing(quota=100, left=7, resets_in=3).headers()
    assert headers == {"RateLimit-Policy": '"workspace";q=100;w=60', "RateLimit": '"workspace";r=7;t=3'}
    assert all(re.fullmatch(r'"[a-z]+"(;[a-z]+=[0-9]+)+', value) for value in headers.values())
