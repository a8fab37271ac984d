"""What a cold start may cost."""

from pathlib import Path

import pytest
from doors import API_FUNCTIONS
from imports import HANDLER, IMPORTED, cheapest, floor

MOST = 1.3
"""Times the floor: what a function adds to what every one needs."""

ROUNDS = 15
"""A number fixed beforehand: who stops when the figures please has not measured them."""


def _ratios(taken: dict[str, float], function: str) -> tuple[float, float]:
    """Times the floor: the import alone, and with validation and a client."""
    return taken[function + IMPORTED] / taken["bare floor"], taken[function] / taken["floor"]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Processor seconds of both floors and of each function behind the API, up to its import and to a client."""
    programs = {
        "bare floor": ("", floor(validation=False)),
        "floor": ("", floor(validation=True)),
        **{name: (name, HANDLER) for name in API_FUNCTIONS},
    }
    found: dict[str, float] = cheapest(programs, ROUNDS, Path(tmp_path_factory.mktemp("bytecode")))
    return found


@pytest.mark.parametrize("function", API_FUNCTIONS)
def test_importing_a_function_costs_at_most_1_3_times_the_floor(taken: dict[str, float], function: str) -> None:
    imported, with_client = _ratios(taken, function)
    print(f"{function}: import {imported:.2f} times the floor, with validation and a client {with_client:.2f} times")
    assert imported <= MOST
    assert with_client <= MOST
