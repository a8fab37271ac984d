"""Item collections that the embedded cloud keeps in order: every query is answered as it was before, only sooner."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import dynamodb

from local import capacity, collections

Answer = dict[str, Any]
Query = Callable[[dict[str, Any]], tuple[int, Any, bytes]]
TABLE = "ms-local-collections"
PATCHED = (
    "_query",
    "_index_item",
    "_add_consumed_capacity",
    "_paginate_evaluated_items",
    "_get_item",
    "_batch_get_item",
)


@pytest.fixture(scope="module", autouse=True)
def unpatched() -> Iterator[Query]:
    before = {name: getattr(dynamodb, name) for name in PATCHED}
    capacity.by_size()
    counted: Query = dynamodb._query
    collections.keep_in_order()
    yield counted
    for name, function in before.items():
        setattr(dynamodb, name, function)


def call(operation: Any, **data: Any) -> Answer:
    status, _, body = operation(data)
    return {"status": status, **json.loads(body)}


def make_table() -> None:
    dynamodb._tables.clear()
    names = ("pk", "sk", "gpk", "gsk")
    call(
        dynamodb._create_table,
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_list",
                "KeySchema": [
                    {"AttributeName": "gpk", "KeyType": "HASH"},
                    {"AttributeName": "gsk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )


partitions = st.sampled_from(["p", "q"])
sort_keys = st.text(st.sampled_from("aAb\u00e9\U0001f600"), min_size=1, max_size=3)
long_values = st.sampled_from(["", "x", "y" * 300_000])
puts = st.tuples(st.just("put"), partitions, sort_keys, st.none() | partitions, sort_keys, long_values)
deletes = st.tuples(st.just("delete"), partitions, sort_keys)
moves = st.tuples(st.just("move"), partitions, sort_keys, partitions, sort_keys)
conditions = st.sampled_from(
    [
        "#p = :p",
        "(#p = :p)",
        "#p = :p AND #s = :a",
        "#p = :p AND #s < :a",
        "#p = :p AND #s <= :a",
        "(#p = :p AND #s > :a)",
        "#p = :p and #s >= :a",
        "#p = :p AND #s BETWEEN :a AND :b",
        "(#p = :p AND begins_with (#s, :a))",
        ":p = #p AND #s = :a",
        "#s > :a",
        "#s > :a AND #p = :p",
    ]
)
queries = st.tuples(
    st.just("query"),
    st.booleans(),
    partitions,
    conditions,
    sort_keys,
    sort_keys,
    st.booleans(),
    st.none() | st.integers(1, 4),
)
steps = st.lists(st.one_of(puts, puts, deletes, moves, queries, queries), min_size=4, max_size=30)


def change(step: tuple[Any, ...]) -> None:
    match step:
        case "put", pk, sk, gpk, gsk, value:
            item = {"pk": {"S": pk}, "sk": {"S": sk}, "value": {"S": value}}
            if gpk is not None:
                item |= {"gpk": {"S": gpk}, "gsk": {"S": gsk}}
            call(dynamodb._put_item, TableName=TABLE, Item=item)
        case "delete", pk, sk:
            call(dynamodb._delete_item, TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})
        case "move", pk, sk, gpk, gsk:
            call(
                dynamodb._update_item,
                TableName=TABLE,
                Key={"pk": {"S": pk}, "sk": {"S": sk}},
                UpdateExpression="SET gpk = :p, gsk = :s",
                ExpressionAttributeValues={":p": {"S": gpk}, ":s": {"S": gsk}},
            )
        case _:
            raise AssertionError(step)


def asked(step: tuple[Any, ...]) -> dict[str, Any]:
    _, indexed, partition, condition, first, second, forward, limit = step
    low, high = sorted((first, second))
    values = {":p": {"S": partition}, ":a": {"S": low}, ":b": {"S": high}}
    names = {"#p": "gpk" if indexed else "pk", "#s": "gsk" if indexed else "sk"}
    data = {
        "TableName": TABLE,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": {name: each for name, each in names.items() if name in condition},
        "ExpressionAttributeValues": {name: each for name, each in values.items() if name in condition},
        "ScanIndexForward": forward,
        "ReturnConsumedCapacity": "INDEXES",
    }
    return data | ({"IndexName": "by_list"} if indexed else {}) | ({"Limit": limit} if limit else {})


@given(steps)
def test_any_query_between_any_changes_is_answered_as_before(unpatched: Query, plan: list[tuple[Any, ...]]) -> None:
    make_table()
    for step in plan:
        if step[0] != "query":
            change(step)
            continue
        data = asked(step)
        for _ in range(5):
            was, now = call(unpatched, **data), call(dynamodb._query, **data)
            assert now == was
            if "LastEvaluatedKey" not in was:
                break
            data["ExclusiveStartKey"] = was["LastEvaluatedKey"]


def test_a_page_looks_at_its_own_items_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    make_table()
    for number in range(500):
        change(("put", "p", f"{number:04}", "q", f"{number:04}", "x"))
    evaluated = list[str]()
    evaluate = dynamodb._evaluate_condition

    def noted(expression: str, item: dict[str, Any], *rest: Any, **named: Any) -> bool:
        evaluated.append(item["sk"]["S"])
        return bool(evaluate(expression, item, *rest, **named))

    query = dynamodb._query.__closure__
    narrowed = next(each.cell_contents for each in query or () if each.cell_contents.__name__ == "_query")
    monkeypatch.setitem(narrowed.__globals__, "_evaluate_condition", noted)
    for indexed in (False, True):
        data = asked(("query", indexed, "q" if indexed else "p", "#p = :p AND #s >= :a", "0100", "0100", True, 3))
        assert [item["sk"]["S"] for item in call(dynamodb._query, **data)["Items"]] == ["0100", "0101", "0102"]
    assert sorted(set(evaluated)) == ["0100", "0101", "0102", "0103"]


def test_reads_are_counted_by_size() -> None:
    make_table()
    for number in range(5):
        change(("put", "p", f"{number}", "q", f"{number}", "y" * 4000))
    query = asked(("query", False, "p", "#p = :p", "a", "a", True, None))
    assert call(dynamodb._query, **query)["ConsumedCapacity"]["CapacityUnits"] == 2.5
    assert call(dynamodb._query, **query, ConsistentRead=True)["ConsumedCapacity"]["CapacityUnits"] == 5
    by_list = asked(("query", True, "q", "#p = :p", "a", "a", True, None))
    assert call(dynamodb._query, **by_list)["ConsumedCapacity"]["CapacityUnits"] == 0.5
    key = {"pk": {"S": "p"}, "sk": {"S": "0"}}
    one = {"TableName": TABLE, "Key": key, "ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
    assert call(dynamodb._get_item, **one)["ConsumedCapacity"]["CapacityUnits"] == 1
    change(("put", "p", "0", "q", "0", "y" * 5000))
    assert call(dynamodb._get_item, **one)["ConsumedCapacity"]["CapacityUnits"] == 2
    keys = [key, {"pk": {"S": "p"}, "sk": {"S": "1"}}, {"pk": {"S": "p"}, "sk": {"S": "none"}}]
    batch = {"RequestItems": {TABLE: {"Keys": keys}}, "ReturnConsumedCapacity": "TOTAL"}
    assert call(dynamodb._batch_get_item, **batch)["ConsumedCapacity"] == [{"TableName": TABLE, "CapacityUnits": 2}]
