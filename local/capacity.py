"""Read units of the embedded cloud's DynamoDB, which it counts by the call: here by size, as DynamoDB bills them."""

from __future__ import annotations

import json
from contextvars import ContextVar
from typing import Any

from ministack.services import dynamodb

_UNIT_BYTES = 4096
_examined: ContextVar[int | None] = ContextVar("examined", default=None)


def _units(size: int, *, consistent: bool) -> float:
    """Read units for so many bytes: one for each 4 KB begun if consistent, half of it if not, one item at least.

    Amazon DynamoDB Developer Guide, "Read consistency" and "Capacity unit consumption for read operations".
    """
    return max(1, -(-size // _UNIT_BYTES)) * (1.0 if consistent else 0.5)


def by_size() -> None:
    """Count a query's units by the bytes it examines, an item's by its size, a batch's item by item."""
    add, paginate = dynamodb._add_consumed_capacity, dynamodb._paginate_evaluated_items
    get, batch_get = dynamodb._get_item, dynamodb._batch_get_item

    def paginate_and_note(items: Any, limit: Any, table: dict[str, Any], index_name: str | None = None) -> Any:
        page, more = paginate(items, limit, table, index_name)
        entries = (dynamodb._apply_index_projection(item, table, index_name) if index_name else item for item in page)
        _examined.set(sum(dynamodb._item_size_bytes(entry) for entry in entries))
        return page, more

    def get_and_note(data: dict[str, Any]) -> Any:
        table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))
        item = dynamodb._get_item_by_key(table, data.get("Key") or {}) if table else None
        _examined.set(dynamodb._item_size_bytes(item) if item else 0)
        return get(data)

    def add_by_size(result: dict[str, Any], data: dict[str, Any], name: str, write: bool = False, **rest: Any) -> None:  # noqa: FBT001, FBT002 - its form
        add(result, data, name, write=write, **rest)
        size, capacity = _examined.get(), result.get("ConsumedCapacity")
        if write or size is None or not capacity:
            return
        units = _units(size, consistent=bool(data.get("ConsistentRead")))
        capacity["CapacityUnits"] = units
        if "Table" in capacity:
            capacity["Table"] = {"CapacityUnits": 0.0 if rest.get("index_name") else units}
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            for name_of_index in capacity.get(kind, {}):
                capacity[kind][name_of_index] = {"CapacityUnits": units}

    def batch_get_with_units(data: dict[str, Any]) -> Any:
        status, headers, body = batch_get(data)
        if status != 200 or data.get("ReturnConsumedCapacity", "NONE") == "NONE":  # noqa: PLR2004 - its success
            return status, headers, body
        answer = json.loads(body)
        answer["ConsumedCapacity"] = [
            {"TableName": name, "CapacityUnits": _of_batch(name, config)}
            for name, config in data["RequestItems"].items()
        ]
        return dynamodb.json_response(answer)

    dynamodb._add_consumed_capacity, dynamodb._paginate_evaluated_items = add_by_size, paginate_and_note
    dynamodb._get_item, dynamodb._batch_get_item = get_and_note, batch_get_with_units


def _of_batch(name: str, config: dict[str, Any]) -> float:
    table = dynamodb._tables.get(dynamodb._normalize_table_name(name)) or {}
    found = (dynamodb._get_item_by_key(table, key) for key in config["Keys"])
    consistent = bool(config.get("ConsistentRead"))
    return sum(_units(dynamodb._item_size_bytes(item) if item else 0, consistent=consistent) for item in found)
