"""Listing and searching among 1,000, 10,000 and 100,000: time and read units, which should not grow."""

import json
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from deployed import table

from benchmarks.cost import used
from benchmarks.inside import ask, function
from local.client import Client
from local.stack import Stack
from misentinel import clock
from misentinel.audit import Action, Actor, Happening, Unit, canonical, record, working
from misentinel.audit.packing import packed
from misentinel.auditlog.model import TRANSACTION_RECORDS, Arrival
from misentinel.auditlog.store import Log
from misentinel.people.attributes import Declarations
from misentinel.people.declarations import declarations_of
from misentinel.people.store import People, new_profile
from misentinel.people.writing import Change, write
from misentinel.tenancy import Authority, acting_as

FIRST_PLACE = 10_000_000
"""Where seeded records begin: far above those that the requests of this run leave."""

APART = timedelta(seconds=8)
"""Between two seeded records: the same however many there are."""

PAGE = 20


@dataclass(frozen=True, slots=True)
class Question:
    """One request that is asked of each size, and how many it should find."""

    function: str
    method: str
    path: str
    body: object = None
    query: dict[str, str] | None = None
    found: int = PAGE

    def ask(self, token: str) -> dict[str, Any]:
        """Ask it, and see that the answer is whole."""
        answer = ask(self.function, self.method, self.path, token=token, body=self.body, query=self.query)
        assert answer["statusCode"] == 200, answer["body"]
        content: dict[str, Any] = json.loads(answer["body"])
        assert len(content.get("items", [content])) == self.found, (self, len(content.get("items", [])))
        return content


def flatness(stack: Stack, owner: Client, sizes: Iterable[int], rounds: int) -> None:
    """Print a row for each question: milliseconds and read units at each size."""
    for name, body in _ATTRIBUTES.items():
        assert owner.request("PUT", f"/v1/attributes/{name}", json=body).status == 200
    start, rows, sizes = clock.now() - timedelta(days=20), dict[str, list[str]](), list(sizes)
    have = 0
    for size in sizes:
        seed_people(stack, owner.tenant, have, size)
        seed_records(stack, owner.tenant, start, have, size)
        have = size
        assert owner.get("/v1/people?limit=1").status == 200  # and its token is renewed
        token = owner.tokens["access_token"]
        for name, question in {**_of_people(), **_of_records(owner.tenant, start)}.items():
            milliseconds, units = _asked(stack, question, token, rounds)
            rows.setdefault(name, []).append(f"{milliseconds:.1f} ms, {units:.1f}")
    print("| question (a page of 20) | " + " | ".join(f"{size:,}" for size in sizes) + " |")
    print("|---|" + "---:|" * len(sizes))
    for name, cells in rows.items():
        print(f"| {name} | " + " | ".join(cells) + " |")


def _asked(stack: Stack, question: Question, token: str, rounds: int) -> tuple[float, float]:
    """The median milliseconds of a question and its read units."""
    with function(stack, question.function):
        for _ in range(3):
            question.ask(token)
        took = []
        with used(rounds) as usage:
            for _ in range(rounds):
                began = time.perf_counter()
                question.ask(token)
                took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000, usage.reads / rounds


_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "city": {"type": "string", "description": "Where they live.", "indexed": True, "personal": False},
    "score": {"type": "number", "description": "How they did.", "indexed": True, "personal": False},
}


def _of_people() -> dict[str, Question]:
    def where(condition: object, found: int = PAGE) -> Question:
        return Question("people", "POST", "/v1/people/search", {"where": condition, "limit": PAGE}, found=found)

    tag, city = {"field": "tag", "op": "eq", "value": "third"}, _is("attributes.city", "city-3")
    return {
        "people, newest first": Question("people", "GET", "/v1/people", query={"limit": str(PAGE)}),
        "by e-mail": where(_is("email", _email(7)), 1),
        "by external id": where(_is("external_id", "id-7"), 1),
        "by tag": where(tag),
        "by attribute, equal": where(city),
        "by attribute, between": where(
            {
                "and": [
                    {"field": "attributes.score", "op": "gte", "value": 5},
                    {"field": "attributes.score", "op": "lt", "value": 50},
                ]
            }
        ),
        "by attribute and tag": where({"and": [city, tag]}),
        "by either of two": where({"or": [city, _is("attributes.city", "city-4")]}),
    }


def _is(field: str, value: object) -> dict[str, object]:
    return {"field": field, "op": "eq", "value": value}


def _email(number: int) -> str:
    return f"person-{number}@example.com"


def _of_records(tenant: str, start: datetime) -> dict[str, Question]:
    def asked(query: dict[str, str]) -> Question:
        span = {"from": clock.rfc3339(start), "limit": str(PAGE), **query}
        return Question("audit", "GET", "/v1/audit/records", query=span)

    begin = start + timedelta(hours=1)
    uid = _uid(tenant, start, 333)
    return {
        "records of one hour": asked({"from": clock.rfc3339(begin), "to": clock.rfc3339(begin + timedelta(hours=1))}),
        "records of an actor": asked({"actor": "m-3"}),
        "records of a resource": asked({"resource": "person:p-3"}),
        "of an actor, one action in two": asked({"actor": "m-3", "action": "people.delete"}),
        "one record": Question("audit", "GET", f"/v1/audit/records/{uid}", found=1),
    }


def seed_people(stack: Stack, tenant: str, start: int, stop: int) -> None:
    """Add people as the store would write them: person, uniqueness, postings."""
    with function(stack, "people"), acting_as(tenant):
        declared = declarations_of(tenant, _ATTRIBUTES, fresh=True)
        people = People(tenant)
        _put(stack, table(tenant, "data"), (item for n in range(start, stop) for item in _person(people, declared, n)))


def _person(people: People, declared: Declarations, number: int) -> Iterator[dict[str, Any]]:
    given = {
        "email": _email(number),
        "external_id": f"id-{number}" if number % 10 == 7 else None,
        "name": f"Person {number}",
        "tags": ["third"] if number % 3 == 0 else [],
        "attributes": {"city": f"city-{number % 10}", "score": number % 100},
    }
    unit = Unit(Happening(people.tenant, Action("people.seed"), "seed"))
    with working(unit):
        after, _ = new_profile(people.valid(given))
        write(people.tenant, [Change(None, after)], declared)
    for each in unit._writes:  # noqa: SLF001 - what it would write is what is put
        yield each.kwargs["Item"]


def seed_records(stack: Stack, tenant: str, start: datetime, first: int, stop: int) -> None:
    """Add records as the sequencer would place them, 48 at a time, and their marks and contexts."""
    with function(stack, "sequencer"), acting_as(tenant, Authority.LOG):
        _put(stack, table(tenant, "log"), _records(Log(tenant), start, first, stop))


def _records(log: Log, start: datetime, first: int, stop: int) -> Iterator[dict[str, Any]]:
    for numbers in batched(range(first, stop), TRANSACTION_RECORDS, strict=False):
        at = FIRST_PLACE + numbers[0]
        arrivals = [_arrival(log.tenant, start, number) for number in numbers]
        entries = [each.at(at + place, at) for place, each in enumerate(arrivals)]
        contexts = {each.uid: each.context for each in arrivals}
        for model in (*map(log._record, entries), *log._beside(entries, contexts, at)):  # noqa: SLF001 - as it would
            yield model.get_save_kwargs_from_instance()["Item"]


def _arrival(tenant: str, start: datetime, number: int) -> Arrival:
    uid = _uid(tenant, start, number)
    action = "people.delete" if number % 4 == 3 else "people.update"
    happening = Happening(tenant, Action(action), clock.uuid7(), actor=Actor(f"m-{number % 10}", "s-1", is_mfa=True))
    happening.time_ms = int((start + number * APART).timestamp() * 1000)
    happening.touch("person", f"p-{number % 20}", ["name"])
    event = record(happening, uid)
    return Arrival(uid, event, '{"address":"192.0.2.7","user_agent":"benchmarks"}', len(packed(canonical(event))))


def _uid(tenant: str, start: datetime, number: int) -> str:
    """A UUIDv7 of a seeded record's millisecond, the same whenever it is asked for."""
    milliseconds = int((start + number * APART).timestamp() * 1000)
    tail = f"{abs(hash((tenant, number))) % 16**12:012x}"
    text = f"{milliseconds:012x}"
    return f"{text[:8]}-{text[8:]}-7{number % 4096:03x}-8000-{tail}"


def _put(stack: Stack, name: str, items: Iterable[dict[str, Any]]) -> None:
    """Put items as the account's root user, 25 at a time."""
    dynamodb = stack.aws("dynamodb")
    for portion in batched(items, 25, strict=False):
        requests = [{"PutRequest": {"Item": item}} for item in portion]
        assert not dynamodb.batch_write_item(RequestItems={name: requests})["UnprocessedItems"]
