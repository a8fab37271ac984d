"""A function in this process: its own environment and role, the embedded cloud's real services behind it."""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast
from unittest.mock import patch

import house
from deployed import PREFIX, Identity, function_role, root
from doors import door

from local.place import REGION
from local.stack import Stack
from misentinel.clock import uuid7
from misentinel.observability import logger
from misentinel.tenancy import credentials

if TYPE_CHECKING:
    import logging

Call = Callable[[], Any]
Clock = Callable[[], float]


@contextmanager
def function(stack: Stack, name: str) -> Iterator[list[str]]:
    """Be this function, with its environment and credentials; gives the AWS calls made, as they are made."""
    found = root(stack).aws("lambda").get_function_configuration(FunctionName=f"{PREFIX}-{name}", Qualifier="live")
    own = function_role(stack, name)
    environment = {
        **found["Environment"]["Variables"],
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": stack.place.endpoint,
        "AWS_ACCESS_KEY_ID": own.key,
        "AWS_SECRET_ACCESS_KEY": own.secret,
        "AWS_SESSION_TOKEN": own.token,
    }
    calls: list[str] = []
    with patch.dict(os.environ, environment), quietly():
        house.forget_environment()
        events = credentials._session().get_component("event_emitter")  # noqa: SLF001 - as the tests' house does
        events.register("before-call.*.*", lambda model, **_: calls.append(model.name))
        yield calls
    house.forget_environment()


@contextmanager
def quietly() -> Iterator[None]:
    """Log lines and metrics are made and thrown away."""
    handler = cast("logging.StreamHandler[TextIO]", logger.registered_handler)
    with Path(os.devnull).open("w", encoding="utf-8") as sink, redirect_stdout(sink):
        before = handler.setStream(sink)
        try:
            yield
        finally:
            handler.setStream(before or sys.stdout)


def ask(
    name: str, method: str, path: str, *, token: str = "", body: object = None, query: dict[str, str] | None = None
) -> dict[str, Any]:
    """A request through a function's handler, as the gateway would hand it over."""
    headers = {"content-type": "application/json", "user-agent": "benchmarks"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    event = {
        "httpMethod": method,
        "path": path,
        "resource": path,
        "headers": headers,
        "multiValueHeaders": {key: [value] for key, value in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {key: [value] for key, value in query.items()} if query else None,
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
        "requestContext": {"requestId": uuid7(), "identity": {"sourceIp": "192.0.2.99"}},
    }
    answer: dict[str, Any] = door(name)(event, house.LambdaContext())
    return answer


def in_turns(
    calls: dict[str, Call],
    rounds: int,
    *,
    warm_up: int = 10,
    before: Call | None = None,
    clock: Clock = time.perf_counter,
) -> dict[str, float]:
    """The median seconds of each call, made in turns; ``before`` runs ahead of each round, unmeasured."""
    took: dict[str, list[float]] = {name: [] for name in calls}
    # Each comes first, and after each other, as often as any: what one leaves under way slows the next.
    orders = list(permutations(calls))
    for number in range(rounds + warm_up):
        if before is not None:
            before()
        for name in orders[number % len(orders)]:
            started = clock()
            calls[name]()
            if number >= warm_up:
                took[name].append(clock() - started)
    return {name: statistics.median(each) for name, each in took.items()}


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def acting(stack: Stack, tenant: str) -> Identity:
    """Plain credentials of a tenant's role, without any of our code."""
    return function_role(stack, "people").assume("tenant", tenant)
