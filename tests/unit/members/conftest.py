"""A house with its front door."""

from threading import RLock
from typing import Any

import pytest
from front_door import FrontDoor
from house import House
from moto.dynamodb.models import DynamoDBBackend


@pytest.fixture
def front(home: House) -> FrontDoor:
    return FrontDoor(home)


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serialise moto's writes: DynamoDB changes an item atomically, moto reads it, waits, and writes."""
    lock = RLock()
    for name in ("update_item", "put_item", "delete_item", "transact_write_items"):
        original = getattr(DynamoDBBackend, name)

        def locked(*args: Any, _call: Any = original, **kwargs: Any) -> Any:
            with lock:
                return _call(*args, **kwargs)

        monkeypatch.setattr(DynamoDBBackend, name, locked)
