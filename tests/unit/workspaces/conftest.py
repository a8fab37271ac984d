"""A house with its front door."""

from collections.abc import Iterator

import pytest
from front_door import FrontDoor, atomic_writes
from house import House


@pytest.fixture
def front(home: House) -> FrontDoor:
    return FrontDoor(home)


@pytest.fixture
def one_at_a_time() -> Iterator[None]:
    """Writes are atomic, as DynamoDB's are."""
    with atomic_writes():
        yield
