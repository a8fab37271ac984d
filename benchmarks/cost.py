"""What a million reads and a million changes cost: from the capacity that DynamoDB reports, and list prices."""

import io
import json
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import batched
from pathlib import Path
from typing import Any

from deployed import table

from benchmarks import prices
from benchmarks.inside import ask, function
from benchmarks.log import remove, unwatched
from local.client import Client
from local.stack import Stack
from misentinel import clock
from misentinel.audit import Action, Actor, Happening, canonical, record
from misentinel.audit.packing import packed
from misentinel.auditlog.stream import on_inserts
from misentinel.tenancy import aws

MILLION = 1_000_000
TOGETHER = (1, 5, 10, 48)
"""Records that get their places together: one where little happens, 48 where much does."""

MEMORY_GB = 1.0
PROCESSORS = MEMORY_GB * 1024 / 1769
"""Of a processor: what Lambda gives a function of this memory (AWS Lambda Developer Guide, "Configure memory")."""

CALL_MS = {"TransactWriteItems": 12.0, "PutEvents": 12.0}
"""Assumed: how long AWS takes to answer; whatever is not named here takes 5 ms."""

LINE_OVERHEAD = 26
"""Bytes that CloudWatch Logs counts for each line besides its text."""

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
)


@dataclass
class Usage:
    """What was used so many times over: DynamoDB's units, calls, processor seconds, bytes of log."""

    times: int
    writes: float = 0
    reads: float = 0
    calls: list[str] = field(default_factory=list)
    processor: float = 0
    log_bytes: int = 0

    @property
    def billed_ms(self) -> float:
        """Milliseconds of Lambda each time: what was computed here, and what AWS is assumed to take."""
        waiting = sum(CALL_MS.get(each, 5.0) for each in self.calls) / self.times
        return self.processor / self.times * 1000 / PROCESSORS + waiting


@contextmanager
def used(times: int) -> Iterator[Usage]:
    """Watch what this process uses: each DynamoDB call is made to tell its capacity."""
    usage = Usage(times)
    emitters = [aws(service).meta.events for service in ("dynamodb", "events")]

    def tell(params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "INDEXES"

    def note(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        usage.calls.append(model.name)
        told = parsed.get("ConsumedCapacity") or []
        units = sum(each["CapacityUnits"] for each in (told if isinstance(told, list) else [told]))
        if model.name in {"GetItem", "Query", "BatchGetItem"}:
            usage.reads += units
        else:
            usage.writes += units

    for events in emitters:
        events.register("before-parameter-build.dynamodb.*", tell)
        events.register("after-call.*.*", note)
    written, began = io.StringIO(), time.process_time()
    try:
        with redirect_stdout(written):
            yield usage
    finally:
        usage.processor = time.process_time() - began
        lines = [line for line in written.getvalue().splitlines() if line.startswith("{")]
        usage.log_bytes = sum(len(line.encode()) + LINE_OVERHEAD for line in lines)
        for events in emitters:
            events.unregister("before-parameter-build.dynamodb.*", tell)
            events.unregister("after-call.*.*", note)


def requests(stack: Stack, owner: Client, times: int) -> dict[str, Usage]:
    """What the people function uses for reads and for changes of a person with the usual fields."""
    token, found = owner.tokens["access_token"], dict[str, Usage]()
    body = {"email": "ada@example.com", "external_id": "a-1", "name": "Ada Lovelace", "locale": "en-GB"}
    person = owner.post("/v1/people", body).json["id"]
    path = f"/v1/people/{person}"
    with function(stack, "people"):
        for _ in range(5):
            ask("people", "GET", path, token=token)
        with used(times) as found["read"]:
            for _ in range(times):
                assert ask("people", "GET", path, token=token)["statusCode"] == 200
        with used(times) as found["change"]:
            for number in range(times):
                assert ask("people", "PATCH", path, token=token, body={"name": f"Ada {number}"})["statusCode"] == 200
    return found


def sequencing(stack: Stack, action: str, together: int, times: int) -> Usage:
    """What the sequencer uses to place and publish records, so many of them at once."""
    with function(stack, "sequencer"):
        (tenant,) = unwatched(stack, 1)
        with clock.at(clock.now() - timedelta(minutes=1)) as frozen:
            items = []
            for _ in range(times):
                frozen.tick(0.05)
                items.append(_waiting(tenant, action))
        dynamodb = stack.aws("dynamodb")
        for portion in batched(items, 25, strict=False):
            puts = [{"PutRequest": {"Item": item}} for item in portion]
            dynamodb.batch_write_item(RequestItems={table(tenant, "inbox"): puts})
        batches = [_event(tenant, portion) for portion in batched(items, together, strict=False)]
        try:
            with used(times) as usage:
                for batch in batches:
                    on_inserts(batch)
        finally:
            remove(stack, tenant)
    return usage


def _waiting(tenant: str, action: str) -> dict[str, Any]:
    """An inbox's item as the API leaves it."""
    uid = clock.uuid7()
    actor = Actor(clock.uuid7(), clock.uuid7(), is_mfa=True)
    happening = Happening(
        tenant, Action(action), clock.uuid7(), actor=actor, address_hash=clock.uuid7().replace("-", "")
    )
    happening.touch("person", clock.uuid7(), ["name"] if action.endswith("update") else [])
    context = json.dumps({"address": "192.0.2.7", "user_agent": BROWSER}, separators=(",", ":"))
    text = canonical(record(happening, uid))
    return {"uid": {"S": uid}, "record": {"B": packed(text)}, "context": {"B": packed(context)}}


def _event(tenant: str, items: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    arn = f"arn:aws:dynamodb:eu-west-2:111122223333:table/{table(tenant, 'inbox')}/stream/x"
    images = [
        {name: {"B": b64encode(value["B"]).decode()} if "B" in value else value for name, value in item.items()}
        for item in items
    ]
    return {
        "Records": [
            {"eventSourceARN": arn, "dynamodb": {"Keys": {"uid": image["uid"]}, "NewImage": image}} for image in images
        ]
    }


def access_log_bytes() -> int:
    """Bytes of the gateway's own line, by its format in the template and the length of what it puts in."""
    text = (Path(__file__).parent.parent / "template.yaml").read_text()
    (form,) = re.findall(r"^\s+(\{\"request_id\":\"\$context\.requestId\".*\})$", text, re.MULTILINE)
    lengths = {"requestId": 36, "httpMethod": 5, "resourcePath": 20, "status": 3, "responseLatency": 3}
    filled = re.sub(r"\$context\.([\w.]+)", lambda match: "x" * lengths.get(match[1], 1), form)
    return len(filled) + LINE_OVERHEAD


def bill(asked: Usage, placed: Usage, together: int) -> dict[str, float]:
    """US dollars for a million requests of a kind, by what they are paid for."""
    record_bytes = 720
    gb_seconds = (asked.billed_ms + placed.billed_ms) / 1000 * MEMORY_GB
    log_bytes = asked.log_bytes / asked.times + placed.log_bytes / placed.times + access_log_bytes()
    each = {
        "API Gateway": prices.API_REQUEST.usd,
        "Lambda, requests": prices.LAMBDA_REQUEST.usd * (1 + 1 / together),
        "Lambda, time": prices.LAMBDA_GB_SECOND.usd * gb_seconds,
        "DynamoDB, request": prices.WRITE_UNIT.usd * asked.writes / asked.times,
        "DynamoDB, log": prices.WRITE_UNIT.usd * placed.writes / placed.times,
        "DynamoDB, reads": prices.READ_UNIT.usd * (asked.reads / asked.times + placed.reads / placed.times),
        "EventBridge": prices.EVENT.usd,
        "Firehose": (prices.FIREHOSE_GB.usd * 5 * 1024 + prices.PARTITIONED_GB.usd * record_bytes) / prices.GB,
        "CloudWatch Logs": prices.LOG_GB.usd * log_bytes / prices.GB,
        "X-Ray": prices.TRACE.usd * 0.01 * (1 + 1 / together),
    }
    return {name: usd * MILLION for name, usd in each.items()}


def measured(stack: Stack, owner: Client, times: int) -> None:
    """Print the units, the assumptions' results and the bills, as Markdown."""
    asked = requests(stack, owner, times)
    print("| each | write units | read units | DynamoDB calls | processor ms | billed ms (assumed) | log bytes |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, usage in asked.items():
        print(_row(name, usage))
    bills = dict[tuple[str, int], dict[str, float]]()
    for together in TOGETHER:
        count = max(1, times // together) * together
        placed = {name: sequencing(stack, f"people.{verb}", together, count) for name, verb in _VERBS.items()}
        print(_row(f"place and publish, {together} together", placed["read"]))
        for name, usage in asked.items():
            bills[name, together] = bill(usage, placed[name], together)
    for name in asked:
        print(f"\nA million of this: **{name}**, in US dollars, by records placed together:\n")
        print("| paid for | " + " | ".join(str(each) for each in TOGETHER) + " |\n|---|" + "---:|" * len(TOGETHER))
        for part in bills[name, 1]:
            print(f"| {part} | " + " | ".join(f"{bills[name, each][part]:.2f}" for each in TOGETHER) + " |")
        print("| **all** | " + " | ".join(f"**{sum(bills[name, each].values()):.2f}**" for each in TOGETHER) + " |")


_VERBS = {"read": "read", "change": "update"}


def _row(name: str, usage: Usage) -> str:
    of_dynamodb = sum(each not in {"PutEvents", "AssumeRole"} for each in usage.calls)
    return (
        f"| {name} | {usage.writes / usage.times:.2f} | {usage.reads / usage.times:.2f} | {of_dynamodb / usage.times:.2f} | "
        f"{usage.processor / usage.times * 1000:.1f} | {usage.billed_ms:.0f} | {usage.log_bytes / usage.times:.0f} |"
    )
