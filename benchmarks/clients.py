"""Clients at once: how long a read and a change take when 1, 8 and 32 clients ask without a pause."""

import statistics
import threading
import time
from dataclasses import dataclass, field

from benchmarks.inside import percentile
from local.client import Client, call

CHANGES = 5
"""One request of so many is a change, the others read."""


@dataclass(slots=True)
class Crowd:
    """What so many clients at once were answered.

    Attributes
    ----------
    clients
        How many there were.
    reads, changes
        The seconds of each request.
    seconds
        How long all of it took.
    """

    clients: int
    reads: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def row(self) -> str:
        """A row of the report: median and 95th percentile in milliseconds, and requests a second."""
        cells = [
            f"{1000 * value:.0f}"
            for took in (self.reads, self.changes)
            for value in (statistics.median(took), percentile(took, 0.95))
        ]
        rate = (len(self.reads) + len(self.changes)) / self.seconds
        return f"| {self.clients} | {' | '.join(cells)} | {rate:.0f} |"


def crowds(owner: Client, sizes: tuple[int, ...], requests: int) -> list[Crowd]:
    """So many requests by crowds of each size, the smallest first; each client has a person of its own."""
    people = [owner.post("/v1/people", {"name": f"Ada {number}"}).json["id"] for number in range(max(sizes))]
    owner.refresh()
    _ask(owner, people, Crowd(max(sizes)), 5 * max(sizes))
    return [_ask(owner, people, Crowd(size), requests) for size in sizes]


def _ask(owner: Client, people: list[str], crowd: Crowd, requests: int) -> Crowd:
    headers = {"Authorization": f"Bearer {owner.tokens['access_token']}"}
    start = threading.Barrier(crowd.clients + 1)
    failures: list[str] = []

    def one(person: str) -> None:
        path, times = f"/v1/people/{person}", max(CHANGES, requests // crowd.clients)
        start.wait()
        for number in range(times):
            changes = number % CHANGES == CHANGES - 1
            began = time.perf_counter()
            if changes:
                answer = call(owner.api, "PATCH", path, json={"name": f"Ada {number}"}, headers=headers)
            else:
                answer = call(owner.api, "GET", path, headers=headers)
            (crowd.changes if changes else crowd.reads).append(time.perf_counter() - began)
            if answer.status != 200:
                failures.append(answer.text)

    threads = [threading.Thread(target=one, args=(person,)) for person in people[: crowd.clients]]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    crowd.seconds = time.perf_counter() - began
    assert not failures, failures[0]
    return crowd
