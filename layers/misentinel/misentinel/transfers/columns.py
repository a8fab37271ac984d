"""Which column of a file holds which field of a person."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from misentinel.errors import Invalid
from misentinel.people.portions import Match
from misentinel.transfers.cells import fused

_ATTRIBUTES = "attributes"


def columns_of(
    wanted: Mapping[str, str] | None, header: Sequence[str] | None, targets: Collection[str], match: Match
) -> dict[str, str]:
    """The columns to take and the field each holds.

    Parameters
    ----------
    wanted
        What the client said; without it, columns that are called like a field.
    header
        The file's columns; ``None`` where each row names its own.
    targets
        What a column may hold.

    Raises
    ------
    Invalid
        A column or a field is not there, one is named twice, or the one that people are found by is missing.
    """
    columns = dict(wanted) if wanted else {name: name for name in (header or ()) if name in targets}
    errors = [
        *(_problem(column, "is no field of a person, and no declared attribute")
          for column, target in columns.items() if target not in targets),
        *(_problem(column, "holds a field that another column holds too")
          for column, target in columns.items() if Counter(columns.values())[target] > 1),
    ]  # fmt: skip
    if header is not None:
        times = Counter(header)
        errors += [_problem(column, "is no column of the file") for column in columns if not times[column]]
        errors += [_problem(column, "is there twice in the file's header") for column in columns if times[column] > 1]
    if match not in columns.values() and (wanted or header is not None):
        errors.append({"field": "columns", "message": f"name the column that holds {match}: by it people are found"})
    if errors:
        raise Invalid(errors=errors[:20])
    return columns


def _problem(column: str, message: str) -> dict[str, str]:
    return {"field": f"columns.{column[:80]}", "message": message}


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
