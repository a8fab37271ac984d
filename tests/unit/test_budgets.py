"""What a cold start may cost."""

from pathlib import Path

import pytest
from doors import API_FUNCTIONS
from imports import HANDLER, cheapest, floor

MOST = 1.3
"""Times the floor: what a function adds to what every one needs."""

ROUNDS = 5


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Processor seconds of the floor and of each function behind the API, up to a DynamoDB client."""
    programs = {"floor": ("", floor(validation=True)), **{name: (name, HANDLER) for name in API_FUNCTIONS}}
    found: dict[str, float] = cheapest(programs, ROUNDS, Path(tmp_path_factory.mktemp("bytecode")))
    return found


@pytest.mark.parametrize("function", API_FUNCTIONS)
def test_importing_a_function_costs_at_most_1_3_times_the_floor(taken: dict[str, float], function: str) -> None:
    ratio = taken[function] / taken["floor"]
    print(f"{function}: {ratio:.2f} times the floor of {taken['floor'] * 1000:.0f} ms")
    assert ratio <= MOST
