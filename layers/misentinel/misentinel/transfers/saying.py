"""What a row of a file says of a person."""

from collections.abc import Mapping
from typing import Any

from misentinel.transfers.cells import fused

_ATTRIBUTES = "attributes"


def said_by(cells: Mapping[str, Any], columns: Mapping[str, str] | None) -> dict[str, Any]:
    """What a row says of a person, by target; texts of CSV without what `cells.defused` put before them."""
    if columns is None:
        return _flat(cells)
    return {target: cells[column] for column, target in columns.items() if column in cells}


def said_by_cells(cells: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str]:
    """The same for a row of CSV."""
    return {target: fused(cells[column]) for column, target in columns.items()}


def _flat(cells: Mapping[str, Any]) -> dict[str, Any]:
    """A person as exports and the API write it, with the attributes by their targets."""
    said = {name: value for name, value in cells.items() if name not in _READ_ONLY}
    attributes = said.pop(_ATTRIBUTES, None)
    if isinstance(attributes, Mapping):
        said |= {f"{_ATTRIBUTES}.{name}": value for name, value in attributes.items()}
    elif attributes is not None:
        said[_ATTRIBUTES] = attributes
    return said


_READ_ONLY = frozenset({"id", "created_at", "updated_at", "last_seen_at"})
"""What an export tells of a person and nobody can say."""
