"""The functions behind the API, as Lambda would load them."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from misentinel.api import Api

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Door:
    """A function behind the API: its folder's name, what it is about, and its routes."""

    name: str
    about: str
    api: Api

    @property
    def tag(self) -> tuple[str, str]:
        """What its operations are listed under, and a sentence on that: ``People: the user data...``."""
        name, _, rest = self.about.strip().partition("\n")[0].partition(": ")
        return name, rest[:1].upper() + rest[1:]


def doors() -> list[Door]:
    """Every function that has routes, in the order of their names."""
    found = []
    for handler in sorted((ROOT / "functions").glob("*/handler.py")):
        spec = importlib.util.spec_from_file_location(f"openapi_{handler.parent.name}", handler)
        if spec is None or spec.loader is None:
            message = f"{handler} cannot be loaded"
            raise ImportError(message)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        api = getattr(module, "api", None)
        if isinstance(api, Api):
            found.append(Door(handler.parent.name, module.__doc__ or "", api))
    return found
