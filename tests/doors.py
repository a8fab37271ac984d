"""The functions' doors, by name, as Lambda would load them."""

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

FUNCTIONS = Path(__file__).parent.parent / "functions"
API_FUNCTIONS = ("audit", "members", "people", "sessions", "workspaces")


@cache
def module(function: str) -> ModuleType:
    """A function's handler module."""
    spec = importlib.util.spec_from_file_location(f"functions_{function}", FUNCTIONS / function / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def door(function: str) -> Any:
    """A function's Lambda handler."""
    return module(function).handler
