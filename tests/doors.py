"""The functions' doors, by name, as Lambda would load them."""

import importlib.util
from functools import cache
from pathlib import Path
from threading import get_ident
from types import ModuleType
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

FUNCTIONS = Path(__file__).parent.parent / "functions"
API_FUNCTIONS = ("audit", "docs", "jobs", "members", "people", "sessions", "settings", "workspaces")


class _Resolver(APIGatewayRestResolver):
    """Powertools keeps the event under way at the class of all resolvers: two threads would read each other's."""

    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        self._own_event = self._to_proxy_event(event)
        return super().resolve(event, context)

    @property
    def current_event(self) -> Any:  # type: ignore[override] # read only, which is the point
        return self._own_event


@cache
def module(function: str, environment: int = 0) -> ModuleType:
    """A function's handler module, loaded once in each environment."""
    spec = importlib.util.spec_from_file_location(
        f"functions_{function}_{environment}", FUNCTIONS / function / "handler.py"
    )
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    if function in API_FUNCTIONS:
        loaded.api.resolver.__class__ = _Resolver
    return loaded


def door(function: str) -> Any:
    """A function's Lambda handler; a thread's own, as an environment takes one request at a time."""
    return module(function, get_ident()).handler
