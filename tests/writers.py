"""Clients that write all the time and note every answer, whatever dies meanwhile."""

import random
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import urllib3
from ledger import Books, is_person

from local.client import Answer, Client

PATIENCE = 60
"""Seconds that a request is sent again and again before its writer gives up."""

DELETED = 0.2
"""The share of people that are deleted in the end."""


def letters() -> str:
    """Something never said before, without digits: among those of an UUID may be a payment card's number."""
    return "".join(random.choices(string.ascii_lowercase, k=24))  # noqa: S311 - no secret


class GaveUpError(Exception):
    """What a writer was at will not be answered any more."""


@dataclass
class Writer:
    """One client's work: people made, changed, read and deleted, each request sent until it is answered well."""

    client: Client
    chance: random.Random
    answers: list[Answer] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    unanswered: int = 0
    good: int = 0
    waits: bool = True

    def work(self, stop: threading.Event) -> None:
        """Go on until told to stop."""
        with suppress(GaveUpError):
            while not stop.is_set():
                self._one()

    def give_up(self) -> None:
        """Wait no longer for what is not answered."""
        self.waits = False

    def _one(self) -> None:
        """One person's life; creation is sent again with its key, a change with the version that it is of."""
        name, key = f"Name {letters()}", {"Idempotency-Key": letters()}
        made = self._until({201}, lambda: self.client.post("/v1/people", {"name": name}, key))
        path = f"/v1/people/{made.json['id']}"
        self.made[made.json["id"]] = name
        for _ in range(self.chance.randrange(3)):
            read = self._until({200}, lambda: self.client.get(path))
            self._change(path, read.headers["etag"])
        if self.chance.random() < DELETED:
            self._until({200, 404}, lambda: self.client.delete(path))
            self.deleted.add(made.json["id"])

    def _change(self, path: str, version: str) -> None:
        """Change a person of this version; it may have been done by an earlier try."""
        body, headers = {"external_id": letters()}, {"If-Match": version}
        self._until({200, 412}, lambda: self.client.patch(path, body, headers))

    def _until(self, wanted: set[int], send: Callable[[], Answer]) -> Answer:
        """Send until the answer is one of these."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = send()
            except (urllib3.exceptions.HTTPError, OSError):
                self.unanswered += 1
                if not self.waits:
                    raise GaveUpError from None
                threading.Event().wait(0.2)
                continue
            self.answers.append(answer)
            if answer.status in wanted:
                self.good += 1
                return answer
            assert answer.status >= 500, f"{answer.status} {answer.text}"
        message = f"no good answer in {PATIENCE} s"
        raise AssertionError(message)


@contextmanager
def writing(client: Client, count: int, seed: int) -> Iterator[list[Writer]]:
    """So many writers at work; at the end each finishes what it is at."""
    stop, failures = threading.Event(), list[AssertionError]()
    writers = [Writer(client, random.Random(seed + number)) for number in range(count)]  # noqa: S311 - no secret

    def run(writer: Writer) -> None:
        try:
            writer.work(stop)
        except AssertionError as failure:
            failures.append(failure)
            stop.set()

    threads = [threading.Thread(target=run, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield writers
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def check_work(books: Books, writers: list[Writer]) -> None:
    """Whoever was told that something is done, finds it done, once."""
    there = {item["id"]["S"]: item["name"]["S"] for item in books.data if is_person(item)}
    for writer in writers:
        assert not writer.deleted & there.keys()
        for uid, name in writer.made.items():
            assert uid in writer.deleted or there[uid] == name
            assert [each for each in there if there[each] == name] == [uid] * (uid in there)
