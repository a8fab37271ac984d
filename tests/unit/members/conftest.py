"""A house with its front door."""

import pytest
from front_door import FrontDoor
from house import House


@pytest.fixture
def front(home: House) -> FrontDoor:
    return FrontDoor(home)
