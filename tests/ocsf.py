"""Audit records against the OCSF 1.8 schema, and the project's own rules on top of it."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

SCHEMA = Path(__file__).parent / "ocsf-1.8.0.schema.json"
"""OCSF 1.8.0 (Apache-2.0): JSON Schema of each class by its class_uid."""


class InvalidRecordError(AssertionError):
    """A record breaks the schema; the message says where, and what was expected."""


def validate(record: Mapping[str, Any]) -> None:
    """Check a record: the schema of its class, the schema's own patterns, and whole numbers and text only.

    Raises
    ------
    InvalidRecordError
        With the path of what is wrong, e.g. ``resources.0.uid``.
    """
    kind = str(record.get("class_uid"))
    if kind not in _schema()["classes"]:
        message = f"class_uid: {kind} is none of {', '.join(sorted(_schema()['classes']))}"
        raise InvalidRecordError(message)
    worst = best_match(_validator(kind).iter_errors(record))
    if worst is not None:
        path = ".".join(str(step) for step in worst.absolute_path) or "(the record)"
        message = f"{path}: {worst.message[:300]}"
        raise InvalidRecordError(message)
    for path, value in _leaves(record, ""):
        if not isinstance(value, str | int):
            message = f"{path}: {value!r} is neither a whole number nor text"
            raise InvalidRecordError(message)


@cache
def _schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SCHEMA.read_text())
    return found


@cache
def _validator(kind: str) -> Draft202012Validator:
    schema = {"$defs": _patterns(_schema()["$defs"]), **_patterns(_schema()["classes"][kind])}
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _patterns(schema: Any) -> Any:
    """Make patterns of OCSF's own ``x-ocsf-regex``."""
    if isinstance(schema, list):
        return [_patterns(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _patterns(each) for name, each in schema.items()}
    if isinstance(schema.get("x-ocsf-regex"), str):
        found["pattern"] = schema["x-ocsf-regex"]
    return found


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _leaves(each, f"{path}.{place}")
    else:
        yield path, value
