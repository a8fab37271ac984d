"""Reading items together, whatever DynamoDB leaves for later."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import batched
from typing import Any

from pynamodb.models import Model

from misentinel import clock
from misentinel.errors import Unavailable
from misentinel.tenancy.bound import connection

TOGETHER = 100
"""Items in one BatchGetItem."""

ATTEMPTS = 6
"""How often an item is asked for that DynamoDB leaves unprocessed, or does not show yet, before giving up."""

FIRST_WAIT = 0.05
"""Seconds; each further wait is up to twice the last, with full jitter."""

type Key = tuple[str, str]


def read_together[M: Model](model: type[M], keys: Iterable[Key]) -> Iterator[M]:
    """The items under these keys, each given once; those that are not there are left out: `raw_together`."""
    return map(model.from_raw_data, raw_together(model, keys))


def raw_together(
    model: type[Model], keys: Iterable[Key], *, is_there: Callable[[Key], bool] = lambda _: False
) -> Iterator[dict[str, Any]]:
    """The items under these keys as DynamoDB has them: a consistent read per 100.

    Parameters
    ----------
    is_there
        Of which key it is known that there is an item: what one transaction wrote may be seen item by item, and what
        led here may be seen first. Such an item is asked for until it is seen.

    Raises
    ------
    Unavailable
        Not all of them could be read, however often they were asked for.
    """
    for portion in batched(keys, TOGETHER, strict=False):
        left: Sequence[Key] = portion
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(clock.jitter(FIRST_WAIT * 2**attempt))
            items, unprocessed = _once(model, left)
            yield from items.values()
            left = [key for key in left if key not in items and (key in unprocessed or is_there(key))]
            if not left:
                break
        else:
            raise Unavailable


def _once(model: type[Model], keys: Sequence[Key]) -> tuple[dict[Key, dict[str, Any]], set[Key]]:
    """What one BatchGetItem gives, and the keys that it leaves unprocessed."""
    table: str = model.Meta.table_name
    asked: list[Any] = [{"pk": pk, "sk": sk} for pk, sk in keys]
    answer = connection().batch_get_item(table, asked, consistent_read=True)
    unprocessed = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", ())
    return {key_of(each): each for each in answer["Responses"].get(table, ())}, {key_of(each) for each in unprocessed}


def key_of(raw: dict[str, Any]) -> Key:
    """The key of an item as DynamoDB has it."""
    return raw["pk"]["S"], raw["sk"]["S"]
