"""Plans: which entries lead to the people that an expression may hold for, so that not everybody is looked at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from misentinel.people.attributes import AttributeType, Value
from misentinel.people.expression import EVERYBODY, AllOf, AnyOf, Comparison, Expression, Not
from misentinel.people.postings import INDEXED_TEXT, encoded
from misentinel.people.query import Op

LAST = "~"
"""Sorts after all that ids are made of."""

TOP = "\U0010ffff" * (INDEXED_TEXT + 1)
"""Sorts after all that values are made of."""

_MOST_MS = (1 << 48) - 1


class Rank(IntEnum):
    """What a way is worth: the lower, the fewer people it leads to."""

    ONE = 0
    VALUE = 1
    RANGE = 2
    HAVING = 3
    SPAN = 4
    ALL = 5


@dataclass(frozen=True, slots=True)
class Way:
    """A walk along sorted keys that meets everybody whom ``condition`` holds for.

    Attributes
    ----------
    rank
        `Rank.ONE` looks a unique value up, `Rank.SPAN` and `Rank.ALL` walk the listing by creation, the others a tag's
        or an attribute's postings.
    name
        The unique field, or the postings' partition without its year.
    low, high
        The first and the last sort key; for `Rank.ONE` ``low`` is the value in the form compared.
    since, until
        The first and the last creation (RFC 3339; empty: no bound).
    """

    rank: Rank
    condition: Expression
    name: str = ""
    low: str = ""
    high: str = TOP
    since: str = ""
    until: str = ""


def plan(wanted: Expression) -> list[Way]:
    """Ways that together meet everybody whom an expression holds for; walked one after the other.

    Of what must hold together the best part is walked, of alternatives all are; what is negated or not indexed leads
    to a walk along all people by creation.
    """
    match wanted:
        case Comparison():
            return [_together([wanted])]
        case AnyOf(parts):
            ways = list(dict.fromkeys(way for part in parts for way in plan(part)))
            return [_EVERYBODY] if any(way.rank is Rank.ALL for way in ways) else ways
        case AllOf():
            parts = tuple(wanted.flat)
            choices = [[_together([part for part in parts if isinstance(part, Comparison)])]]
            choices += [plan(part) for part in parts if isinstance(part, AnyOf)]
            return min(choices, key=_worth)
        case Not():
            return [_EVERYBODY]


def _worth(ways: Sequence[Way]) -> tuple[int, int]:
    return max((way.rank for way in ways), default=Rank.ONE), len(ways)


_EVERYBODY = Way(Rank.ALL, EVERYBODY)


def _together(comparisons: Sequence[Comparison]) -> Way:
    """The best way to people of whom all these hold; what bounds the creation bounds every way."""
    created = [each for each in comparisons if each.name == "created_at" and each.attribute is None]
    since, until = _span(created)
    ways = [_listing(created, since, until)]
    names = dict.fromkeys(each.name for each in comparisons if each.indexed)
    for name in names:
        about = [each for each in comparisons if each.indexed and each.name == name]
        low, high, rank = _range(about)
        if rank is not Rank.ALL:
            ways.append(Way(rank, AllOf((*about, *created)), f"attribute#{name}", low, high, since, until))
    for each in comparisons:
        if each.attribute is None and each.op is Op.EQ and each.name in {"email", "external_id"}:
            ways.append(Way(Rank.ONE, each, each.name, str(each.value)))
        if each.attribute is None and each.op is Op.EQ and each.name == "tag":
            ways.append(Way(Rank.VALUE, AllOf((each, *created)), f"tag#{each.value}", since=since, until=until))
    return min(ways, key=lambda way: way.rank)


def _listing(created: Sequence[Comparison], since: str, until: str) -> Way:
    if not (since or until):
        return _EVERYBODY
    low = id_prefix(since) if since else ""
    high = id_prefix(until) + LAST if until else TOP
    return Way(Rank.SPAN, AllOf(tuple(created)), low=low, high=high, since=since, until=until)


def _span(created: Iterable[Comparison]) -> tuple[str, str]:
    """The first and the last moment of creation that these leave, both included."""
    since, until = "", ""
    for each in created:
        value = str(each.value)
        if each.op in {Op.EQ, Op.GT, Op.GTE}:
            since = max(since, value)
        if each.op in {Op.EQ, Op.LT, Op.LTE}:
            until = min(until or value, value)
    return since, until


def _range(about: Sequence[Comparison]) -> tuple[str, str, Rank]:
    """The first and last key among an attribute's postings that these leave."""
    low, high, rank = "", TOP, Rank.ALL
    for each in about:
        kind = each.attribute or AttributeType.STRING
        match each.op:
            case Op.EQ:
                low, high = max(low, _first(kind, each.value)), min(high, _last(kind, each.value))
                rank = min(rank, Rank.VALUE)
            case Op.GT | Op.GTE:
                above = each.op is Op.GT and _is_whole(each.value)
                first = _last(kind, each.value) if above else _first(kind, each.value)
                low, rank = max(low, first), min(rank, Rank.RANGE)
            case Op.LT | Op.LTE:
                below = each.op is Op.LT and _is_whole(each.value)
                last = encoded(kind, each.value) if below else _last(kind, each.value)
                high, rank = min(high, last), min(rank, Rank.RANGE)
            case Op.PREFIX:
                text = encoded(kind, str(each.value)[:INDEXED_TEXT])
                low, high, rank = max(low, text), min(high, text + TOP), min(rank, Rank.RANGE)
            case Op.EXISTS if each.value is True:
                rank = min(rank, Rank.HAVING)
            case _:
                pass
    return low, high, rank


def _is_whole(value: Value) -> bool:
    """Whether its text tells a value from every other: who has just this one need not be met to be left out."""
    return not isinstance(value, str) or len(value) < INDEXED_TEXT


def _first(kind: AttributeType, value: Value) -> str:
    return f"{encoded(kind, value)}#"


def _last(kind: AttributeType, value: Value) -> str:
    return f"{encoded(kind, value)}#{LAST}"


def id_prefix(moment: str) -> str:
    """What ids made in this millisecond begin with (UUIDv7, RFC 9562, section 5.7)."""
    ms = round(datetime.fromisoformat(moment).timestamp() * 1000)
    text = f"{min(max(ms, 0), _MOST_MS):012x}"
    return f"{text[:8]}-{text[8:]}"
