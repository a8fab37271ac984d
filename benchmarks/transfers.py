"""Imports and exports: rows a second, an import's against the same transactions made bare."""

import gc
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from deployed import PREFIX, function_role, root, table

from benchmarks.inside import function
from local.stack import Stack
from misentinel import clock
from misentinel.access import Caller, Role, permissions_of
from misentinel.audit import Actor, unit_of_work
from misentinel.jobs import Kind, Status
from misentinel.jobs.running import run
from misentinel.jobs.store import Jobs
from misentinel.tenancy import Suffix, acting_as, credentials, new_tenant_id
from misentinel.tenancy.tables import table_definition
from misentinel.transfers.exporting import Exporting
from misentinel.transfers.exports import Exports
from misentinel.transfers.files import SOURCE, Files
from misentinel.transfers.importing import Importing
from misentinel.transfers.imports import Imports
from misentinel.transfers.layout import Format
from misentinel.transfers.model import NewExport, NewImport

SUFFIXES = (Suffix.DATA, Suffix.INBOX)
HEADER = "external_id,email,name,locale,tags\n"


@dataclass(frozen=True, slots=True)
class Rates:
    """Rows a second, medians; and the median of each round's own ratio."""

    imported: float
    bare: float
    ratio: float
    unchanged: float
    exported: float


def rates(stack: Stack, rows: int, rounds: int) -> Rates:
    """An import of new people, the same transactions again on a twin, the file once more, and an export."""
    found: list[tuple[float, float, float, float]] = []
    for _ in range(rounds):
        content = HEADER + "".join(f"id-{n},ada{n}@mail.example,Ada {n},en-GB,vip\n" for n in range(rows))
        with function(stack, "worker"):
            tenant, twin = _unwatched(stack), _unwatched(stack)
            made: list[dict[str, Any]] = []
            _note(made)
            job = _import(tenant, content.encode())
            made.clear()
            imported = _timed(tenant, job, Kind.IMPORT, Importing)
            bare = _again(stack, deepcopy(made), tenant, twin)
            unchanged = _timed(tenant, _import(tenant, content.encode()), Kind.IMPORT, Importing)
            exported = _timed(tenant, _export(tenant), Kind.EXPORT, Exporting)
        found.append((rows / imported, rows / bare, rows / unchanged, rows / exported))
        _remove(stack, tenant, twin)
    imported, bare, unchanged, exported = (statistics.median(each) for each in zip(*found, strict=True))
    return Rates(imported, bare, statistics.median(each[0] / each[1] for each in found), unchanged, exported)


def _unwatched(stack: Stack) -> str:
    """A new tenant whose inbox no stream and no sweep watches."""
    tenant, dynamodb = new_tenant_id(), root(stack).aws("dynamodb")
    for suffix in SUFFIXES:
        definition = table_definition(tenant, suffix)
        definition.pop("SSESpecification")
        dynamodb.create_table(**definition)
    row = {"tenant_id": {"S": tenant}, "created_at": {"S": clock.rfc3339(clock.now())}, "status": {"S": "failed"}}
    dynamodb.put_item(TableName=f"{PREFIX}-tenants", Item=row)
    names = {"role": "owner", "status": "active", "id": "m-1", "created_at": clock.rfc3339(clock.now())}
    member = {name: {"S": text} for name, text in {"pk": "member#m-1", "sk": "member", **names}.items()}
    dynamodb.put_item(TableName=table(tenant, "data"), Item={**member, "version": {"N": "1"}})
    return tenant


def _remove(stack: Stack, *tenants: str) -> None:
    dynamodb = root(stack).aws("dynamodb")
    for tenant in tenants:
        dynamodb.delete_item(TableName=f"{PREFIX}-tenants", Key={"tenant_id": {"S": tenant}})
        for suffix in SUFFIXES:
            dynamodb.delete_table(TableName=table(tenant, suffix))


def _caller(tenant: str) -> Caller:
    return Caller(tenant, "m-1", "s-1", Role.OWNER, permissions_of(Role.OWNER))


def _import(tenant: str, content: bytes) -> str:
    """An import that is queued, with its file."""
    imports, actor = Imports(_caller(tenant)), Actor("m-1", "s-1", is_mfa=True)
    with unit_of_work(tenant, "imports.create", actor=actor):
        job = imports.create(NewImport(format=Format.CSV, bytes=len(content))).id
    with acting_as(tenant):
        Files(tenant, job).put(SOURCE, content, "text/csv")
    with unit_of_work(tenant, "imports.start", actor=actor):
        imports.start(job)
    return job


def _export(tenant: str) -> str:
    with unit_of_work(tenant, "exports.create", actor=Actor("m-1", "s-1", is_mfa=True)):
        return Exports(_caller(tenant)).create(NewExport(format=Format.CSV)).id


def _timed(tenant: str, job: str, kind: Kind, task: Any) -> float:
    """Seconds from the first portion to the end, at no pace."""
    with _alone():
        started = time.perf_counter()
        assert run(tenant, job, {kind: task}, until_ms=clock.epoch_ms() + 3_600_000, rows_a_second=0)
        took = time.perf_counter() - started
    with acting_as(tenant):
        assert Jobs(tenant).find(job).status is Status.DONE
    return took


@contextmanager
def _alone() -> Iterator[None]:
    """Inside, the garbage collector passes over all that was there before: the benchmarks' own heap is no worker's."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _note(made: list[dict[str, Any]]) -> None:
    """Note each transaction as it is asked for; copied later, for what a copy takes is no part of an import."""
    events = credentials._session().get_component("event_emitter")  # noqa: SLF001 - as the tests' house does
    events.register("before-parameter-build.dynamodb.TransactWriteItems", lambda params, **_: made.append(params))


def _again(stack: Stack, made: list[dict[str, Any]], tenant: str, twin: str) -> float:
    """Seconds that the same transactions take on the twin, with nothing of ours around them."""
    dynamodb = function_role(stack, "worker").assume("tenant", twin).aws("dynamodb")
    # The job's own item was there before: its first move finds it.
    keys = {"pk": {"S": next(_jobs(made))}, "sk": {"S": "job"}}
    kept = root(stack).aws("dynamodb").get_item(TableName=table(tenant, "data"), Key=keys)["Item"]
    root(stack).aws("dynamodb").put_item(TableName=table(twin, "data"), Item=kept)
    again = []
    for params in made:
        for action in params["TransactItems"]:
            for each in action.values():
                each["TableName"] = each["TableName"].replace(tenant, twin)
                if each.get("Item", {}).get("pk", {}).get("S", "").startswith("job#"):
                    for name in ("ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"):
                        each.pop(name, None)
        params.pop("ClientRequestToken", None)
        again.append(params)
    with _alone():
        started = time.perf_counter()
        for params in again:
            dynamodb.transact_write_items(**params)
        return time.perf_counter() - started


def _jobs(made: list[dict[str, Any]]) -> Any:
    for params in made:
        for action in params["TransactItems"]:
            key = action.get("Put", {}).get("Item", {}).get("pk", {}).get("S", "")
            if key.startswith("job#"):
                yield key
