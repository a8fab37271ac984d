"""Item collections of the embedded cloud's DynamoDB: kept in order, as DynamoDB keeps them, not sorted at each query."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from contextvars import ContextVar
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ministack.services import dynamodb

if TYPE_CHECKING:
    from collections.abc import Iterator

Table = dict[str, Any]
Item = dict[str, Any]
Key = tuple[str, ...]

# The order of each collection that was asked for lies where the embedded cloud keeps what it derives from a table's
# items: it is neither saved nor copied, and goes when the items are replaced as a whole.
_ORDERS = "misentinel:orders"
_NO_SORT_KEY = "__no_sort__"
_PUNCTUATION = frozenset({"LPAREN", "RPAREN", "COMMA"})
_asked: ContextVar[Table] = ContextVar("asked")


class _Seen:
    """Stands for all tables in the one query that runs: the table asked for, with the items that can matter."""

    @staticmethod
    def get(_name: str, _default: object = None) -> Table:
        return _asked.get()


def _order_names(table: Table, index: str | None) -> list[str] | None:
    """The attributes that order a collection; None where one is not a text, or the key has many parts."""
    if index is None:
        hashes, ranges = [table["pk_name"]], [table["sk_name"]] if table.get("sk_name") else []
    else:
        definition = dynamodb._index_def(table, index)
        if definition is None:
            return None
        hashes, ranges = dynamodb._index_key_lists(definition)
    order = dynamodb._index_order_keys(table, ranges)
    if len(hashes) != 1 or len(ranges) != 1 or any(kind != "S" for _, kind in order):
        return None
    return [name for name, _ in order]


def _key(item: Item, names: list[str]) -> Key:
    return tuple(str(dynamodb._extract_key_val(item[name])) for name in names)


def _ordered(table: Table, index: str | None, partition: str, names: list[str]) -> list[Key]:
    """The keys of one collection in their order; sorted when it is first asked for, kept in order after that."""
    members = dynamodb._index_members(table)
    orders = members.setdefault(_ORDERS, {})
    if (index, partition) not in orders:
        if index is None:
            items = list(table["items"].get(partition, {}).values())
        else:
            bucket = table["items"]
            items = [bucket[pk][sk] for pk, sk in members[index].get(partition, ())]
        orders[index, partition] = sorted(_key(item, names) for item in items)
    keys: list[Key] = orders[index, partition]
    return keys


def _keep_in_order(table: Table, item: Item, *, add: bool) -> None:
    orders = (table.get(dynamodb._INDEX_MEMBERS) or {}).get(_ORDERS)
    if not orders:
        return
    collections: list[tuple[str | None, Any]] = [(None, dynamodb._extract_key_val(item.get(table["pk_name"])))]
    for name, hashes, ranges in dynamodb._index_key_schemas(table):
        collections.append((name, dynamodb._index_partition(item, hashes, ranges)))
    for index, partition in collections:
        keys = orders.get((index, partition))
        names = _order_names(table, index) if keys is not None else None
        if names is None:
            continue
        key = _key(item, names)
        at = bisect_left(keys, key)
        there = at < len(keys) and keys[at] == key
        if add and not there:
            insort(keys, key)
        elif there and not add:
            del keys[at]
        if not keys:
            del orders[index, partition]


@dataclass(frozen=True, slots=True)
class _Condition:
    """A key condition: the partition, and what the sort key must be."""

    partition: str
    operator: str
    values: tuple[str, ...]

    def span(self, keys: list[Key]) -> tuple[int, int]:
        """From which place up to, not including, which the keys fulfil it."""
        first, last = self.values[0] if self.values else "", self.values[-1] if self.values else ""
        low, high = 0, len(keys)
        match self.operator:
            case "<":
                high = bisect_left(keys, last, key=_sort_key)
            case ">":
                low = bisect_right(keys, first, key=_sort_key)
            case "begins_with":
                low = bisect_left(keys, first, key=_sort_key)
                high = bisect_left(keys, True, lo=low, key=lambda key: not key[0].startswith(first))
            case "=" | "between" | "<=" | ">=":
                low = low if self.operator == "<=" else bisect_left(keys, first, key=_sort_key)
                high = high if self.operator == ">=" else bisect_right(keys, last, key=_sort_key)
            case _:
                pass
        return low, high


def _sort_key(key: Key) -> str:
    return key[0]


def _condition(data: dict[str, Any], hash_name: str, range_name: str) -> _Condition | None:
    """The request's key condition; None for whatever is not of the few forms that clients send."""
    names, values = data.get("ExpressionAttributeNames") or {}, data.get("ExpressionAttributeValues") or {}
    try:
        tokens = dynamodb._tokenize(data.get("KeyConditionExpression") or "")
    except Exception:  # noqa: BLE001 - whatever is wrong with it, the embedded cloud's own code says so
        return None
    if tokens and tokens[0][0] == "LPAREN":
        tokens = [*tokens[1:-2], tokens[-1]]
    partition, operator, operands = None, "", list[Any]()
    for clause in dynamodb._key_condition_clauses(tokens):
        texts = [text for kind, text in clause if kind not in _PUNCTUATION]
        given = [values.get(text, {}).get("S") for text in texts if text.startswith(":")]
        match [names.get(text, text) for text in texts if not text.startswith(":")], len(given):
            case [name, "="], 1 if name == hash_name and partition is None:
                partition = given[0]
            case ([name, "=" | "<" | "<=" | ">" | ">=" as sign], 1) if name == range_name and not operator:
                operator, operands = sign, given
            case [name, "BETWEEN", "AND"], 2 if name == range_name and not operator:
                operator, operands = "between", given
            case ["begins_with", name], 1 if name == range_name and not operator:
                operator, operands = "begins_with", given
            case _:
                return None
    if not all(isinstance(each, str) and each for each in (partition, *operands)):
        return None
    return _Condition(str(partition), operator, tuple(operands))


def _in_order(keys: list[Key], condition: _Condition, start: Key | None, *, forward: bool) -> Iterator[Key]:
    """The keys that fulfil a condition and come after the one that the page before ended with."""
    low, high = condition.span(keys)
    if forward:
        low = low if start is None else max(low, bisect_right(keys, start))
        return (keys[at] for at in range(low, high))
    high = high if start is None else min(high, bisect_left(keys, start))
    return (keys[at] for at in range(high - 1, low - 1, -1))


def _narrowed(table: Table, data: dict[str, Any]) -> Table | None:
    """The table with no more items than a query can look at; None where all must be looked at."""
    index = data.get("IndexName")
    names = _order_names(table, index)
    if names is None or data.get("KeyConditions"):
        return None
    hash_name, range_name, _ = dynamodb._resolve_index_keys(table, index)
    condition = _condition(data, hash_name, range_name)
    if condition is None:
        return None
    start = data.get("ExclusiveStartKey")
    if start is not None and (not isinstance(start, dict) or not all(_is_text(start.get(name)) for name in names)):
        return None
    partition = condition.partition
    keys = _in_order(
        _ordered(table, index, partition, names),
        condition,
        _key(start, names) if start else None,
        forward=bool(data.get("ScanIndexForward", True)),
    )
    places = {name: at for at, name in enumerate(names)}
    pk_name, sk_name = table["pk_name"], table.get("sk_name")
    seen: list[tuple[str, str, Item]] = []

    def items() -> Iterator[Item]:
        for key in keys:
            pk = key[places[pk_name]] if pk_name in places else partition
            sk = key[places[sk_name]] if sk_name else _NO_SORT_KEY
            item = table["items"].get(pk, {}).get(sk)
            if item is not None:
                seen.append((pk, sk, item))
                yield item

    # What a page holds, and one item more: whether there is one is for the query to find.
    coming = items()
    dynamodb._paginate_evaluated_items(coming, data.get("Limit"), table, index)
    next(coming, None)
    narrowed: dict[str, dict[str, Item]] = {}
    for pk, sk, item in seen:
        narrowed.setdefault(pk, {})[sk] = item
    return {**{name: each for name, each in table.items() if name != dynamodb._INDEX_MEMBERS}, "items": narrowed}


def _is_text(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("S"), str)


def keep_in_order() -> None:
    """Let a query look at the keys in its span alone: a page costs the same in a collection of any length."""
    query, index_item = dynamodb._query, dynamodb._index_item
    narrowed_query = FunctionType(query.__code__, {**vars(dynamodb), "_tables": _Seen()}, "_query")

    def query_in_order(data: dict[str, Any]) -> Any:
        table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))
        narrowed = _narrowed(table, data) if table else None
        if narrowed is None:
            return query(data)
        token = _asked.set(narrowed)
        try:
            return narrowed_query(data)
        finally:
            _asked.reset(token)

    def index_in_order(table: Table, pk: str, sk: str, item: Item, add: bool) -> None:  # noqa: FBT001 - its form
        index_item(table, pk, sk, item, add)
        _keep_in_order(table, item, add=add)

    dynamodb._query = query_in_order
    dynamodb._index_item = index_in_order
