"""A noisy neighbour: one workspace asks a hundred times what it may, and how long another's requests take meanwhile."""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from deployed import PREFIX, root

from benchmarks.inside import ask, function, in_turns, percentile
from local.client import Client, call
from local.stack import Stack

LIMIT = 6
"""Requests a minute that the noisy workspace may make: as few, so that a hundred times of it is what a laptop carries."""

TIMES = 100
"""So many times that is what it makes."""

SENDERS = 4
PAUSE = 0.02
"""Seconds between two requests of the other workspace."""


@dataclass(slots=True)
class Noise:
    """What came of it.

    Attributes
    ----------
    quiet, noisy
        For each phase, the seconds of each of the other workspace's requests.
    answers
        What the noisy workspace was answered, by status.
    seconds
        How long it was noisy.
    """

    quiet: list[list[float]] = field(default_factory=list)
    noisy: list[list[float]] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def ratios(self) -> list[float]:
        """Of each pair of phases, the noisy one's 95th percentile to the quiet one's."""
        pairs = zip(self.quiet, self.noisy, strict=True)
        return [percentile(noisy, 0.95) / percentile(quiet, 0.95) for quiet, noisy in pairs]

    def p95(self, phases: list[list[float]]) -> float:
        """The median of the phases' 95th percentiles, in seconds."""
        return statistics.median(percentile(each, 0.95) for each in phases)


def measured(stack: Stack, rounds: int, requests: int) -> Noise:
    """So many pairs of phases, the quiet one first in every other pair."""
    loud, other = stack.new_workspace(), stack.new_workspace()
    person = other.post("/v1/people", {"name": "Ada"}).json["id"]
    _allow(stack, loud.tenant, LIMIT)
    noise = Noise()
    _phase(other, person, requests)
    for number in range(rounds):
        for is_noisy in (False, True) if number % 2 == 0 else (True, False):
            for client in (other, loud):
                client.refresh()
            if is_noisy:
                with _flood(loud, noise):
                    noise.noisy.append(_phase(other, person, requests))
            else:
                noise.quiet.append(_phase(other, person, requests))
    return noise


def refusal(stack: Stack, rounds: int) -> dict[str, float]:
    """The median seconds of the handler for a request over the limit, and for a read, in turns; and its AWS calls."""
    loud, other = stack.new_workspace(), stack.new_workspace()
    person = other.post("/v1/people", {"name": "Ada"}).json["id"]
    _allow(stack, loud.tenant, 1)
    over, calls_over = Counter[int](), []

    with function(stack, "people") as calls:

        def refused() -> None:
            calls.clear()
            answer = ask("people", "GET", "/v1/people", token=loud.tokens["access_token"])
            over[answer["statusCode"]] += 1
            if answer["statusCode"] == 429:
                calls_over.append(len(calls))

        def read() -> None:
            answer = ask("people", "GET", f"/v1/people/{person}", token=other.tokens["access_token"])
            assert answer["statusCode"] == 200

        took = in_turns({"refusal": refused, "read": read}, rounds)
    assert over[429] > 0.9 * over.total()
    return {**took, "calls": statistics.median(calls_over)}


def _allow(stack: Stack, tenant: str, requests: int) -> None:
    """Agree on another limit with a workspace; environments that know the old one hear of it within a minute."""
    root(stack).aws("dynamodb").update_item(
        TableName=f"{PREFIX}-tenants",
        Key={"tenant_id": {"S": tenant}},
        UpdateExpression="SET requests_a_minute = :most",
        ExpressionAttributeValues={":most": {"N": str(requests)}},
    )


def _phase(other: Client, person: str, requests: int) -> list[float]:
    took, headers = [], {"Authorization": f"Bearer {other.tokens['access_token']}"}
    for _ in range(requests):
        began = time.perf_counter()
        assert call(other.api, "GET", f"/v1/people/{person}", headers=headers).status == 200
        took.append(time.perf_counter() - began)
        time.sleep(PAUSE)
    return took


@contextmanager
def _flood(loud: Client, noise: Noise) -> Iterator[None]:
    """Ask as often as `TIMES` the limit, in even steps, whatever is answered."""
    stop, interval = threading.Event(), SENDERS * 60 / (LIMIT * TIMES)
    headers = {"Authorization": f"Bearer {loud.tokens['access_token']}"}

    def send(offset: float) -> None:
        due = time.perf_counter() + offset
        while not stop.wait(max(0.0, due - time.perf_counter())):
            due += interval
            noise.answers[call(loud.api, "GET", "/v1/people", headers=headers).status] += 1

    began = time.perf_counter()
    threads = [threading.Thread(target=send, args=(number * interval / SENDERS,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        noise.seconds += time.perf_counter() - began
