"""No tenant reaches another's stores, and no role does what it is not there for, with IAM enforced."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from deployed import Identity, function_role, root, settle, table
from isolation_attempts import ITEM, Attempt, Call, is_denied, seed, snapshot
from isolation_lists import ACROSS, NEVER, OWN_ROLES

from local.client import Client
from local.place import ACCOUNT
from local.stack import Stack

TAKES = {"tenant": "sessions", "sign-in": "sessions", "log": "sequencer"}
"""A function that may take each role."""

Acting = Callable[[str, str], Identity]


@pytest.fixture(scope="module")
def victim(stack: Stack) -> Client:
    """The owner of the workspace that is reached for."""
    return stack.new_workspace()


@pytest.fixture(scope="module")
def stranger(stack: Stack) -> Client:
    """The owner of the workspace that reaches."""
    return stack.new_workspace()


@pytest.fixture(scope="module")
def acting(stack: Stack) -> Acting:
    """Whoever may: a tenant's role by name, ``root``, or ``function:<name>``; assumed once."""
    kept: dict[tuple[str, str], Identity] = {}

    def find(role: str, tenant: str) -> Identity:
        if role == "root":
            return root(stack)
        if role.startswith("function:"):
            return function_role(stack, role.removeprefix("function:"))
        if (role, tenant) not in kept:
            kept[role, tenant] = function_role(stack, TAKES[role]).assume(role, tenant)
        return kept[role, tenant]

    return find


@pytest.fixture(scope="module")
def quiet(stack: Stack, victim: Client, stranger: Client) -> Iterator[None]:
    """Both logs at rest, so that a change that an attempt made can be seen."""
    settle(stack, victim.tenant)
    settle(stack, stranger.tenant)
    seed(stack, victim.tenant, stranger.tenant)
    yield
    settle(stack, victim.tenant)
    settle(stack, stranger.tenant)


def at_rest(stack: Stack, tenant: str) -> dict[str, Any]:
    """A tenant's tables once nothing is under way in them, with what attempts reach for in its place."""
    seed(stack, tenant)
    settle(stack, tenant)
    return snapshot(stack, tenant)


@pytest.mark.parametrize("attempt", ACROSS, ids=str)
@pytest.mark.usefixtures("quiet")
def test_a_tenants_role_reaches_no_other_tenant(
    stack: Stack, acting: Acting, victim: Client, stranger: Client, attempt: Attempt
) -> None:
    before = at_rest(stack, victim.tenant)
    mallory = acting(attempt.role, stranger.tenant)
    assert is_denied(lambda: attempt.call(mallory, stranger.tenant, victim.tenant))
    assert snapshot(stack, victim.tenant) == before
    attempt.call(acting(attempt.may, victim.tenant), victim.tenant, victim.tenant)


@pytest.mark.parametrize("attempt", NEVER, ids=str)
@pytest.mark.usefixtures("quiet")
def test_a_role_does_only_what_it_is_there_for(stack: Stack, acting: Acting, victim: Client, attempt: Attempt) -> None:
    before = at_rest(stack, victim.tenant)
    own = acting(attempt.role, victim.tenant)
    assert is_denied(lambda: attempt.call(own, victim.tenant, victim.tenant))
    assert snapshot(stack, victim.tenant) == before
    attempt.call(acting(attempt.may, victim.tenant), victim.tenant, victim.tenant)


@pytest.mark.parametrize(
    ("function", "name", "call"), OWN_ROLES, ids=lambda value: value if isinstance(value, str) else ""
)
@pytest.mark.usefixtures("quiet")
def test_a_functions_own_role_reaches_no_tenants_table(
    stack: Stack, acting: Acting, victim: Client, function: str, name: str, call: Call
) -> None:
    seed(stack, victim.tenant)
    own = function_role(stack, function)
    assert is_denied(lambda: call(own, victim.tenant, victim.tenant))
    may = "sign-in" if "login" in name else "tenant"
    call(acting(may, victim.tenant), victim.tenant, victim.tenant)


LOOKALIKES = (
    "{prefix}-{tenant}-data2",
    "{prefix}-{tenant}-data-",
    "{prefix}-{tenant}--data",
    "{prefix}-{tenant}-data-data",
    "{prefix}-{tenant}a-data",
    "{prefix}-a{tenant}-data",
    "x{prefix}-{tenant}-data",
    "ms-staging-{tenant}-data",
    "{prefix}-{tenant}.data",
    "{prefix}-{upper}-data",
    "{prefix}-{tenant}-Data",
)


@pytest.mark.parametrize("form", LOOKALIKES)
@pytest.mark.usefixtures("quiet")
def test_a_table_whose_name_looks_alike_is_not_the_tenants(
    stack: Stack, acting: Acting, stranger: Client, form: str
) -> None:
    name = form.format(prefix="ms-local", tenant=stranger.tenant, upper=stranger.tenant.upper())
    dynamodb = stack.aws("dynamodb")
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    kinds = [{"AttributeName": each["AttributeName"], "AttributeType": "S"} for each in keys]
    dynamodb.create_table(TableName=name, KeySchema=keys, AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST")
    try:
        dynamodb.put_item(TableName=name, Item=ITEM)
        own = acting("tenant", stranger.tenant).aws("dynamodb")
        write = [{"Put": {"TableName": name, "Item": ITEM}}]
        assert is_denied(lambda: own.get_item(TableName=name, Key=ITEM))
        assert is_denied(lambda: own.transact_write_items(TransactItems=write))
        assert own.get_item(TableName=table(stranger.tenant, "data"), Key=ITEM)["Item"]
        assert dynamodb.get_item(TableName=name, Key=ITEM)["Item"]
    finally:
        dynamodb.delete_table(TableName=name)


PLATFORM = "platformplatform"
OF_TENANTS = ("people", "members", "audit", "settings", "jobs", "docs", "worker")
"""Functions that act for tenants and for nothing else."""

TAKING = [
    *[(function, role, "", "own") for function, role in (("sessions", "tenant"), ("people", "tenant"))],
    *[("sessions", "sign-in", "", "own"), ("sequencer", "log", "", "own"), ("sweeper", "log", "", "own")],
    *[(function, "sign-in", "own", "sessions") for function in (*OF_TENANTS, "refusals", "sequencer")],
    *[(function, "log", "own", "sequencer") for function in (*OF_TENANTS, "sessions", "workspaces")],
    *[("provisioner", "log", "own", "sequencer"), ("refusals", "log", "own", "sequencer")],
    *[(function, "tenant", "own", "people") for function in ("sequencer", "sweeper", "refusals")],
    *[(function, "tenant", PLATFORM, "sessions") for function in OF_TENANTS],
]
"""Function, role, tag; and either the function that may with the same tag, or that this one may with its own tag."""


@pytest.mark.parametrize(("function", "role", "tag", "may"), TAKING)
def test_a_role_is_taken_only_with_a_tag_and_by_the_functions_that_need_it(
    stack: Stack, victim: Client, function: str, role: str, tag: str, may: str
) -> None:
    tenant = victim.tenant if tag == "own" else tag
    assert is_denied(lambda: function_role(stack, function).assume(role, tenant))
    if may == "own":
        function_role(stack, function).assume(role, victim.tenant)
    else:
        function_role(stack, may).assume(role, tenant)


@pytest.mark.parametrize("role", ["tenant", "sign-in", "log"])
@pytest.mark.parametrize(
    "tags",
    [[("Tenant", "{victim}")], [("tenants", "{victim}")], [("tenant", "{victim}"), ("plan", "all")], [("plan", "all")]],
    ids=["upper case", "another name", "one too many", "without it"],
)
def test_a_role_is_taken_with_the_tag_tenant_and_no_other(
    stack: Stack, victim: Client, role: str, tags: list[tuple[str, str]]
) -> None:
    sent = [(key, value.format(victim=victim.tenant)) for key, value in tags]
    function = function_role(stack, TAKES[role])
    assert is_denied(lambda: function.assume(role, tags=sent))
    function.assume(role, victim.tenant)


@pytest.mark.parametrize(
    "tag", ["*", "????????????????", "{victim}-data/index/by_list", "${aws:username}", "a-{victim}"]
)
@pytest.mark.parametrize("role", ["tenant", "sign-in", "log"])
@pytest.mark.usefixtures("quiet")
def test_a_tag_that_is_a_pattern_opens_nothing(
    stack: Stack, acting: Acting, victim: Client, role: str, tag: str
) -> None:
    suffix = {"tenant": "data", "sign-in": "secrets", "log": "log"}[role]

    def reach() -> Any:
        taken = function_role(stack, TAKES[role]).assume(role, tag.replace("{victim}", victim.tenant))
        return taken.aws("dynamodb").get_item(TableName=table(victim.tenant, suffix), Key=ITEM)

    assert is_denied(reach)
    acting(role, victim.tenant).aws("dynamodb").get_item(TableName=table(victim.tenant, suffix), Key=ITEM)


@pytest.mark.parametrize("onward", ["tenant", "sign-in", "log"])
@pytest.mark.parametrize("role", ["tenant", "sign-in", "log"])
def test_a_role_leads_to_no_other(
    stack: Stack, acting: Acting, victim: Client, stranger: Client, role: str, onward: str
) -> None:
    mallory = acting(role, stranger.tenant)
    assert is_denied(lambda: mallory.assume(onward, victim.tenant))
    function_role(stack, TAKES[onward]).assume(onward, victim.tenant)


def test_the_probe_has_the_functions_role_and_no_more(stack: Stack) -> None:
    arn = function_role(stack, "people").aws("sts").get_caller_identity()["Arn"]
    assert arn.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/ms-local-people/")
    assert function_role(stack, "people").aws("kms").get_public_key(KeyId=stack.resource("TokenKey"))["PublicKey"]
