"""A model of people agrees with the store, whatever is done in whatever order, with faults between."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from desk import Desk
from house import house
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from misentinel import clock
from misentinel.audit import JOB_WRITES, Actor, unit_of_work
from misentinel.errors import OutcomeUnknown
from misentinel.people.attributes import AttributeType
from misentinel.people.declarations import declarations_of
from misentinel.people.forms import email_form
from misentinel.people.items import unique_key
from misentinel.people.portions import Match, PersonRow, upsert_rows
from misentinel.people.postings import attribute_posting, tag_posting
from misentinel.people.store import People
from misentinel.tenancy import acting_as, aws

EMAILS = ["ada@x.example", "ADA@X.example", "bo@x.example", "Bo@x.example", "cy@x.example"]
FIELDS = ("external_id", "email", "name")


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


emails, ids = st.sampled_from(EMAILS), st.sampled_from(["a", "A", "b"])
attributes = st.fixed_dictionaries(
    {},
    optional={
        "plan": optional(st.sampled_from(["free", "pro", "pro#", ""])),
        "seats": optional(st.sampled_from([-1.5, 0, 1, 10])),
        "note": optional(st.sampled_from(["x", "y"])),
    },
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "email": optional(emails),
        "external_id": optional(ids),
        "name": optional(st.sampled_from(["Ada", "Bo"])),
        "tags": st.lists(st.sampled_from(["vip", "beta", "x"]), unique=True),
        "attributes": attributes,
    },
)
which = st.integers(0, 9)
troubles = st.sampled_from(
    ["none"] * 10 + ["conflict", "lost answer", "lost request", "unknown, done", "unknown, undone"]
)


@dataclass
class Known:
    """A person in the model."""

    values: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    events: dict[str, set[str]] = field(default_factory=dict)

    def with_given(self, given: Mapping[str, Any]) -> "Known":
        values = {**self.values, **{name: given[name] for name in FIELDS if name in given}}
        merged = {**self.attributes, **given.get("attributes", {})}
        return Known(
            {name: value for name, value in values.items() if value is not None},
            list(given.get("tags", self.tags)),
            {name: value for name, value in merged.items() if value is not None},
            self.events,
        )

    @property
    def uniques(self) -> set[tuple[str, str]]:
        return {
            (name, email_form(self.values[name]) if name == "email" else self.values[name])
            for name in ("email", "external_id")
            if name in self.values
        }


class Faults:
    """DynamoDB's transactions, which fail on command, and of which a token is executed once."""

    def __init__(self) -> None:
        self.plan: list[str] = []
        self._executed: set[str] = set()
        self._sent = ""
        events = aws("dynamodb").meta.events
        events.register("before-call.dynamodb.TransactWriteItems", self._before)
        events.register("after-call.dynamodb.TransactWriteItems", self._after)

    def _before(self, params: Mapping[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        """What comes instead of an answer of the store's; it is asked where nothing comes."""
        body = str(params["body"])
        self._sent = json.loads(params["body"])["ClientRequestToken"] if "-inbox" in body else ""
        fault = self.plan[0] if self.plan and self._sent else ""
        if fault == "conflict":
            self.plan.pop(0)
            reasons = [{"Code": "TransactionConflict", "Message": "-"}]
            return _response(400), {
                "Error": {"Code": "TransactionCanceledException", "Message": "-"},
                "CancellationReasons": reasons,
            }
        if fault == "lost request":
            self.plan.pop(0)
            raise ReadTimeoutError(endpoint_url="-")
        return (_response(200), {}) if self._sent in self._executed else None

    def _after(self, http_response: AWSResponse, **_: Any) -> None:
        if http_response.status_code != HTTPStatus.OK or not self._sent:
            return
        self._executed.add(self._sent)
        if self.plan and self.plan[0] == "lost answer":
            self.plan.pop(0)
            raise ReadTimeoutError(endpoint_url="-")


def _response(status: int) -> AWSResponse:
    return AWSResponse("-", status, HTTPHeaders(), BytesIO())


class Story(RuleBasedStateMachine):
    """What is done to people, in the store and in the model."""

    home: Any
    faults: Faults

    @initialize()
    def open(self) -> None:
        tenant = self.home.tenant(f"story-{clock.base32()}")
        self.desk = Desk(self.home, tenant, self.home.signed_in(tenant))
        self.faults.plan.clear()
        self.known: dict[str, Known] = {}
        self.desk.declare("plan", "string", indexed=True)
        self.desk.declare("seats", "number", indexed=True)
        self.desk.declare("note", "string")

    def ask(self, fault: str, method: str, path: str, body: Any) -> tuple[int, Any]:
        """One request with a fault; what an unknown outcome came to is known here, for the fault decides it."""
        self.faults.plan[:] = {
            "none": [],
            "unknown, done": ["lost answer"] * 20,
            "unknown, undone": ["lost request"] * 200,
        }.get(fault, [fault])
        answer = self.desk.ask(method, path, body)
        self.faults.plan.clear()
        if answer.status == 503:
            assert answer.json["type"].endswith(("outcome-unknown", "unavailable"))
            assert fault.startswith("unknown")
            return (200, None) if fault == "unknown, done" else (503, None)
        return answer.status, answer.json

    def picked(self, number: int) -> str:
        return list(self.known)[number % len(self.known)]

    def owner(self, name: str, given: Mapping[str, Any]) -> str | None:
        if given.get(name) is None:
            return None
        wanted = Known({name: given[name]}).uniques
        return next((uid for uid, each in self.known.items() if wanted <= each.uniques), None)

    def is_free(self, given: Mapping[str, Any], uid: str | None) -> bool:
        return all(self.owner(name, given) in {None, uid} for name in ("email", "external_id"))

    def added(self, said: Any, given: Mapping[str, Any]) -> None:
        """Note a new person; whose id was not heard of is the one that is new in the store."""
        there = {item["id"]["S"] for item in self.items("person#") if item["sk"]["S"] == "person"}
        (uid,) = [said["id"]] if said else there - self.known.keys()
        self.known[uid] = Known().with_given(given)

    @rule(given=fields, fault=troubles)
    def create(self, given: dict[str, Any], fault: str) -> None:
        status, said = self.ask(fault, "POST", "/v1/people", given)
        values = [given.get(name) for name in FIELDS]
        values += [*given.get("tags", []), *given.get("attributes", {}).values()]
        if all(value is None for value in values):
            assert status == 422
        elif not self.is_free(given, None):
            assert status in {409, 503} or fault.startswith("unknown")
        elif status != 503:
            assert status in {200, 201}
            self.added(said, given)

    @rule(given=fields, fault=troubles)
    def upsert(self, given: dict[str, Any], fault: str) -> None:
        by_id, by_email = self.owner("external_id", given), self.owner("email", given)
        found = by_id or by_email
        refused = bool(by_id and by_email and by_id != by_email)
        if found and not by_id and given.get("external_id") and "external_id" in self.known[found].values:
            refused = True
        status, said = self.ask(fault, "PUT", "/v1/people", given)
        if given.get("external_id") is None and given.get("email") is None:
            assert status == 422
        elif refused:
            assert status == 409
        elif found:
            self.changed(status, found, given, fault)
        elif status != 503:
            assert status in {200, 201}
            self.added(said, given)

    def changed(self, status: int, uid: str, given: Mapping[str, Any], fault: str) -> None:
        after = self.known[uid].with_given(given)
        if status == 503:
            return
        assert status == 200, fault
        self.known[uid] = after

    @precondition(lambda self: self.known)
    @rule(number=which, given=fields, fault=troubles)
    def change(self, number: int, given: dict[str, Any], fault: str) -> None:
        uid = self.picked(number)
        status, _ = self.ask(fault, "PATCH", f"/v1/people/{uid}", given)
        if not given:
            assert status == 422
        elif not self.is_free(given, uid):
            assert status == 409 or fault.startswith("unknown")
        else:
            self.changed(status, uid, given, fault)

    @precondition(lambda self: len(self.known) > 1)
    @rule(number=which, other=which, fault=troubles)
    def merge(self, number: int, other: int, fault: str) -> None:
        uid, gone = self.picked(number), self.picked(other)
        status, _ = self.ask(fault, "POST", f"/v1/people/{uid}/merge", {"from": gone})
        if uid == gone:
            assert status == 409
        elif status != 503:
            assert status == 200
            mine, theirs = self.known[uid], self.known.pop(gone)
            mine.values = {**theirs.values, **mine.values}
            mine.attributes = {**theirs.attributes, **mine.attributes}
            mine.tags = list(dict.fromkeys((*mine.tags, *theirs.tags)))
            mine.events = {**theirs.events, **mine.events}
            mine.events.setdefault(gone, set())

    @precondition(lambda self: self.known)
    @rule(number=which, fault=troubles)
    def delete(self, number: int, fault: str) -> None:
        uid = self.picked(number)
        status, _ = self.ask(fault, "DELETE", f"/v1/people/{uid}", None)
        if status != 503:
            assert status == 200
            del self.known[uid]

    @precondition(lambda self: self.known)
    @rule(number=which, event=st.sampled_from(["e-1", "e-2", "e-3"]), fault=troubles)
    def happen(self, number: int, event: str, fault: str) -> None:
        uid = self.picked(number)
        status, _ = self.ask(fault, "POST", f"/v1/people/{uid}/events", {"id": event, "name": "seen"})
        known = any(event in each for each in self.known[uid].events.values())
        if status != 503:
            assert status == 200
        if status != 503 and not known:
            self.known[uid].events.setdefault(uid, set()).add(event)

    @rule(
        rows=st.lists(fields, max_size=6),
        match=st.sampled_from(Match),
        fault=st.sampled_from(["none", "conflict", "lost answer", "unknown, done"]),
    )
    def bring_in(self, rows: list[dict[str, Any]], match: Match, fault: str) -> None:
        """A portion of an import."""
        self.faults.plan[:] = {"none": [], "unknown, done": ["lost answer"] * 20}.get(fault, [fault])
        tenant = self.desk.tenant
        with acting_as(tenant):
            declared = declarations_of(tenant)
            given = [(n, PersonRow.of(_flat(row), declared)) for n, row in enumerate(rows)]
            try:
                with unit_of_work(tenant, "people.import", actor=Actor(member="m"), max_writes=JOB_WRITES):
                    portion = upsert_rows(People(tenant), given, match)
            except OutcomeUnknown:
                assert fault == "unknown, done"
        self.faults.plan.clear()
        assert portion.taken == len(rows)
        refused = {each.number for each in portion.refused}
        for number, row in given:
            assert (number in refused) == (not self.brought_in(row.given, match))
        self.named()

    def brought_in(self, given: Mapping[str, Any], match: Match) -> bool:
        """Take one row over into the model."""
        uid = self.owner(match, given)
        if given.get(match) is None or not self.is_free(given, uid):
            return False
        if uid is None:
            self.known[f"new {len(self.known)} {given}"] = Known().with_given(given)
        else:
            self.known[uid] = self.known[uid].with_given(given)
        return True

    def named(self) -> None:
        """Give those who were brought in the ids that the store gave them, found by what is unique."""
        with acting_as(self.desk.tenant):
            people = People(self.desk.tenant)
            for uid in [each for each in self.known if each.startswith("new ")]:
                keys = [unique_key(self.desk.tenant, *each) for each in self.known[uid].uniques]
                (found,) = set(people.owners(keys).values())
                self.known[found] = self.known.pop(uid)

    def items(self, *prefixes: str) -> list[dict[str, Any]]:
        return [item for item in self.desk.items() if item["pk"]["S"].startswith(prefixes)]

    @invariant()
    def the_store_agrees(self) -> None:
        everybody = {item["id"]["S"]: item for item in self.items("person#") if item["sk"]["S"] == "person"}
        assert everybody.keys() == self.known.keys()
        for uid, each in self.known.items():
            item = everybody[uid]
            assert {name: item[name]["S"] for name in FIELDS if name in item} == each.values
            assert [tag["S"] for tag in item.get("tags", {"L": []})["L"]] == each.tags
            assert json.loads(item.get("attributes", {"S": "{}"})["S"]) == each.attributes

    @invariant()
    def each_entry_is_of_somebody_who_has_the_value_and_the_other_way_round(self) -> None:
        with acting_as(self.desk.tenant):
            uniques = {
                unique_key(self.desk.tenant, name, form): uid
                for uid, each in self.known.items()
                for name, form in each.uniques
            }
        assert {item["pk"]["S"]: item["person"]["S"] for item in self.items("unique#")} == uniques
        kept = {(item["pk"]["S"], item["sk"]["S"]) for item in self.items("tag#", "attribute#")}
        assert kept == set(self.postings())

    def postings(self) -> Iterator[tuple[str, str]]:
        year = str(clock.now().year)
        for uid, each in self.known.items():
            yield from (tag_posting(tag, year, uid) for tag in each.tags)
            for name, kind in (("plan", AttributeType.STRING), ("seats", AttributeType.NUMBER)):
                if name in each.attributes:
                    yield attribute_posting(name, kind, each.attributes[name], year, uid)

    @invariant()
    def events_lie_where_their_person_owns(self) -> None:
        kept = {(item["pk"]["S"], item["sk"]["S"]) for item in self.items("person#") if item["sk"]["S"] != "person"}
        assert kept == {
            (f"person#{place}", f"event#{event}")
            for each in self.known.values()
            for place, events in each.events.items()
            for event in events
        }


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a file has it."""
    flat = {name: value for name, value in row.items() if name != "attributes"}
    return flat | {f"attributes.{name}": value for name, value in row.get("attributes", {}).items()}


def test_a_model_of_people_agrees_with_the_store() -> None:
    with house() as home:
        Story.home, Story.faults = home, Faults()
        run_state_machine_as_test(
            Story,
            settings=settings(
                max_examples=30,
                stateful_step_count=15,
                deadline=None,
                report_multiple_bugs=False,
                phases=[Phase.explicit, Phase.reuse, Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
