"""Which column of a file holds which field of a person."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from misentinel.errors import Invalid
from misentinel.people.fields import CONTACT, FIELDS, Match


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


def columns_for(attributes: Sequence[str], *, contact: bool) -> list[str]:
    """The columns of a CSV file: all fields that may be shown, then the attributes."""
    shown = [name for name in FIELDS if contact or name not in CONTACT]
    return ["id", *shown, "tags", "created_at", "updated_at", "last_seen_at", *(f"attributes.{n}" for n in attributes)]


def _problem(column: str, message: str) -> dict[str, str]:
    return {"field": f"columns.{column[:80]}", "message": message}
