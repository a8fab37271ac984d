"""Plans and forms: whoever matches is met on the way, and what is the same is compared as the same."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misentinel import clock
from misentinel.people.attributes import LARGEST, AttributeType, Value, checked
from misentinel.people.expression import AllOf, AnyOf, Comparison, Expression, Not
from misentinel.people.forms import composed, email_form, locale_form, time_form
from misentinel.people.plan import Rank, Way, plan
from misentinel.people.postings import attribute_posting, encoded, tag_posting
from misentinel.people.profile import Profile, unique_form
from misentinel.people.query import Op

S, N, B, T = AttributeType.STRING, AttributeType.NUMBER, AttributeType.BOOLEAN, AttributeType.TIME
TYPES = {"plan": S, "seats": N, "paying": B, "renews": T}

texts = st.text(st.sampled_from("ab#$! ~é\U0010ffff\n"), max_size=4).map(composed)
numbers = st.one_of(st.integers(-LARGEST, LARGEST), st.floats(-1e15, 1e15), st.sampled_from([0, -0.0, 1, -1, 0.5]))
times = st.sampled_from(["2025-12-31T23:59:59.999Z", "2026-01-01T00:00:00.000Z", "2026-06-01T00:00:00.000Z"])
VALUES: dict[AttributeType, st.SearchStrategy[Any]] = {S: texts, N: numbers, B: st.booleans(), T: times}


@given(st.sampled_from([S, N, B, T]), st.data())
def test_an_encoded_value_sorts_as_the_value_does(kind: AttributeType, data: st.DataObject) -> None:
    one, other = (checked(kind, data.draw(VALUES[kind])) for _ in range(2))
    if one < other:  # type: ignore[operator] # both are of one type
        assert encoded(kind, one) < encoded(kind, other)
        assert encoded(kind, one) + "#f" < encoded(kind, other) + "#0"
    assert not re.search(r"[\x00-#]", encoded(kind, one))


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_long_text_never_sorts_the_other_way_round(one: str, other: str) -> None:
    if one <= other:
        assert encoded(S, one) <= encoded(S, other)
    assert len(f"{encoded(S, one)}#{clock.uuid7()}".encode()) <= 1024


def kept(kind: AttributeType) -> st.SearchStrategy[Value]:
    """Values in the form they are kept in."""
    return VALUES[kind].map(lambda value: checked(kind, value))


def profiles() -> st.SearchStrategy[Profile]:
    def made(ms: int, name: str | None, email: str | None, tags: list[str], attributes: dict[str, Value]) -> Profile:
        uid = f"{ms:012x}"
        uid = f"{uid[:8]}-{uid[8:]}-7000-8000-000000000000"
        now = clock.rfc3339(clock.made_at(uid))
        return Profile(uid, now, now, name=name, email=email, tags=tuple(tags), attributes=attributes)

    return st.builds(
        made,
        st.sampled_from([1767225599999, 1767225600000, 1780272000000]),
        st.one_of(st.none(), texts),
        st.one_of(st.none(), st.sampled_from(["a@x.example", "A@x.example", "b@x.example"])),
        st.lists(st.sampled_from(["vip", "beta"]), unique=True),
        st.fixed_dictionaries({}, optional={name: kept(kind) for name, kind in TYPES.items()}),
    )


def comparisons() -> st.SearchStrategy[Expression]:
    def of_attribute(name: str, op: Op, value: Value, indexed: bool) -> Comparison:  # noqa: FBT001 - drawn by Hypothesis
        op = Op.GTE if op is Op.PREFIX and TYPES[name] is not S else op
        return Comparison(name, op, True if op is Op.EXISTS else checked(TYPES[name], value), TYPES[name], indexed)

    ops = st.sampled_from(Op)
    attributes = st.one_of(
        *(st.builds(of_attribute, st.just(name), ops, VALUES[kind], st.booleans()) for name, kind in TYPES.items())
    )
    fields = st.one_of(
        st.builds(Comparison, st.just("tag"), st.sampled_from([Op.EQ, Op.NE]), st.sampled_from(["vip", "beta"])),
        st.builds(Comparison, st.just("email"), st.sampled_from([Op.EQ, Op.NE, Op.PREFIX]), st.just("a@x.example")),
        st.builds(Comparison, st.just("name"), st.sampled_from([Op.EQ, Op.GT]), texts),
        st.builds(
            Comparison, st.just("created_at"), st.sampled_from([Op.EQ, Op.NE, Op.LT, Op.LTE, Op.GT, Op.GTE]), times
        ),
    )
    return st.one_of(attributes, fields)


expressions: st.SearchStrategy[Expression] = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=6,
)


def is_met(way: Way, person: Profile) -> bool:
    """Whether a walk along this way comes by this person."""
    if way.rank is Rank.ONE:
        value = getattr(person, way.name)
        return value is not None and unique_form(way.name, value) == way.low
    if not way.since[:4] <= person.year <= (way.until[:4] or "9999"):
        return False
    if way.rank in {Rank.SPAN, Rank.ALL}:
        return way.low <= person.id <= way.high and way.since[:7] <= person.created_at[:7]
    entries = [tag_posting(tag, person.year, person.id) for tag in person.tags]
    entries += [attribute_posting(n, TYPES[n], v, person.year, person.id) for n, v in person.attributes.items()]
    return any(pk == f"{way.name}#{person.year}" and way.low <= sk <= way.high for pk, sk in entries)


@given(expressions, st.lists(profiles(), min_size=1, max_size=4))
def test_whoever_matches_is_met_on_a_way_whose_condition_holds(wanted: Expression, people: list[Profile]) -> None:
    ways = plan(wanted)
    for person in people:
        for way in ways:
            if way.condition.holds(person):
                assert is_met(way, person)
        if wanted.holds(person):
            assert any(way.condition.holds(person) for way in ways)


@pytest.mark.parametrize(
    ("wanted", "rank"),
    [
        (AllOf((Comparison("tag", Op.EQ, "a"), Comparison("email", Op.EQ, "a@x"))), Rank.ONE),
        (AllOf((Comparison("seats", Op.GT, 1, N, indexed=True), Comparison("tag", Op.EQ, "a"))), Rank.VALUE),
        (AllOf((Comparison("seats", Op.GT, 1, N, indexed=True), Comparison("name", Op.EQ, "a"))), Rank.RANGE),
        (
            AllOf(
                (
                    Not(Comparison("tag", Op.EQ, "a")),
                    Comparison("seats", Op.EXISTS, value=True, attribute=N, indexed=True),
                )
            ),
            Rank.HAVING,
        ),
        (AllOf((Comparison("created_at", Op.GT, "2026-01-01T00:00:00.000Z"),)), Rank.SPAN),
        (Not(Comparison("tag", Op.EQ, "a")), Rank.ALL),
        (AnyOf((Comparison("tag", Op.EQ, "a"), Comparison("name", Op.EQ, "a"))), Rank.ALL),
        (Comparison("seats", Op.NE, 1, N, indexed=True), Rank.ALL),
        (Comparison("seats", Op.EQ, 1, N, indexed=False), Rank.ALL),
    ],
)
def test_the_best_way_is_walked(wanted: Expression, rank: Rank) -> None:
    assert {way.rank for way in plan(wanted)} == {rank}


@given(st.emails())
def test_the_form_of_an_address_is_its_own_form(address: str) -> None:
    assert email_form(email_form(address)) == email_form(address)
    assert email_form(address.upper()) == email_form(address.lower())


@pytest.mark.parametrize(
    ("tag", "form"), [("EN", "en"), ("en_gb", "en-GB"), ("ZH-hant-tw", "zh-Hant-TW"), ("es-419", "es-419")]
)
def test_a_language_tag_has_one_case(tag: str, form: str) -> None:
    assert locale_form(tag) == form


def test_a_time_has_one_form() -> None:
    assert time_form("2026-11-23t13:30:00.123456+01:00") == "2026-11-23T12:30:00.123Z"
    for wrong in ("2026-11-23", "2026-11-23T13:30:00", "2026-02-30T00:00:00Z", "2026-11-23T25:00:00Z", ""):
        with pytest.raises(ValueError, match="time"):
            time_form(wrong)
