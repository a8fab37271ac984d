"""The log: records through sequencer and publisher, against the same transactions and PutEvents made bare."""

import json
import statistics
import time
from copy import deepcopy
from datetime import timedelta
from itertools import batched
from typing import Any

from deployed import PREFIX, function_role, head, root, settle, table

from benchmarks.inside import function
from local.client import Client
from local.stack import Stack
from misentinel import clock
from misentinel.audit import Action, Actor, Happening, canonical, record
from misentinel.audit.packing import packed
from misentinel.auditlog.sweep import sweep_tenant
from misentinel.tenancy import Suffix, credentials, new_tenant_id
from misentinel.tenancy.tables import table_definition

Request = tuple[str, dict[str, Any]]


def throughput(stack: Stack, records: int, rounds: int) -> dict[str, float]:
    """Records a second: the house's, and what its own requests alone come to when they are made again."""
    found: dict[str, list[float]] = {"sequencer and publisher": [], "the same requests, bare": []}
    for _ in range(rounds):
        with function(stack, "sequencer"):
            tenant, twin = unwatched(stack, 2)
            uids = _prepare(stack, tenant, twin, records)
            made: list[Request] = []
            _note(made)
            started = time.perf_counter()
            swept = sweep_tenant(tenant)
            found["sequencer and publisher"].append(records / (time.perf_counter() - started))
            assert (swept.sequenced, swept.published) == (len(uids), len(uids))
        found["the same requests, bare"].append(records / _again(stack, made, tenant, twin))
        remove(stack, tenant, twin)
    return {name: statistics.median(each) for name, each in found.items()}


def lag(stack: Stack, owner: Client, rounds: int) -> list[float]:
    """Seconds from the answer to a lone request until its record has its place and is on the bus."""
    took = []
    for _ in range(rounds):
        before = len(settle(stack, owner.tenant))
        assert owner.get("/v1/people").status == 200
        answered = time.perf_counter()
        while head(stack, owner.tenant)["published"] == before:
            assert time.perf_counter() < answered + 60
        took.append(time.perf_counter() - answered)
    return took


def unwatched(stack: Stack, count: int) -> list[str]:
    """New tenants with an inbox and a log that no stream and no sweep watches; while being a function."""
    tenants = [new_tenant_id() for _ in range(count)]
    for tenant in tenants:
        for suffix in (Suffix.INBOX, Suffix.LOG):
            root(stack).aws("dynamodb").create_table(**table_definition(tenant, suffix))
    return tenants


def _prepare(stack: Stack, tenant: str, twin: str, records: int) -> list[str]:
    """Two sets of tables that nobody watches, with the same records in their inboxes."""
    dynamodb, uids = root(stack).aws("dynamodb"), []
    with clock.at(clock.now() - timedelta(minutes=1)) as frozen:
        written = []
        for _ in range(records):
            frozen.tick(0.001)
            uid = clock.uuid7()
            what = Happening(tenant, Action("people.read"), clock.uuid7(), actor=Actor("m-1", "s-1", is_mfa=True))
            what.touch("person", clock.uuid7())
            text = canonical(record(what, uid))
            context = json.dumps({"address": "192.0.2.7", "user_agent": "benchmarks"})
            written.append({"uid": {"S": uid}, "record": {"B": packed(text)}, "context": {"B": packed(context)}})
            uids.append(uid)
    for each in (tenant, twin):
        for portion in batched(written, 25, strict=False):
            puts = [{"PutRequest": {"Item": item}} for item in portion]
            dynamodb.batch_write_item(RequestItems={table(each, "inbox"): puts})
    return uids


def _note(made: list[Request]) -> None:
    """Note each transaction and each PutEvents as it is asked for."""
    events = credentials._session().get_component("event_emitter")  # noqa: SLF001 - as the tests' house does
    for name in ("dynamodb.TransactWriteItems", "eventbridge.PutEvents"):
        events.register(
            f"before-parameter-build.{name}",
            lambda params, model, **_: made.append((model.name, deepcopy(params))),
        )


def _again(stack: Stack, made: list[Request], tenant: str, twin: str) -> float:
    """Seconds that the same requests take on the twin, with nothing of ours around them."""
    again = [(name, _renamed(params, f"{PREFIX}-{tenant}-", f"{PREFIX}-{twin}-")) for name, params in made]
    own = function_role(stack, "sequencer")
    dynamodb, events = own.assume("log", twin).aws("dynamodb"), own.aws("events")
    started = time.perf_counter()
    for name, params in again:
        params.pop("ClientRequestToken", None)
        if name == "PutEvents":
            assert events.put_events(**params)["FailedEntryCount"] == 0
        else:
            dynamodb.transact_write_items(**params)
    return time.perf_counter() - started


def _renamed(value: Any, old: str, new: str) -> Any:
    """The same with other names of tables."""
    match value:
        case str():
            return value.replace(old, new)
        case dict():
            return {key: _renamed(each, old, new) for key, each in value.items()}
        case list():
            return [_renamed(each, old, new) for each in value]
        case _:
            return value


def remove(stack: Stack, *tenants: str) -> None:
    """Delete the tables of `unwatched` tenants."""
    for tenant in tenants:
        for suffix in ("inbox", "log"):
            root(stack).aws("dynamodb").delete_table(TableName=table(tenant, suffix))
