"""Schemas, as Powertools and pydantic write them, put into the words of this API."""

import re
from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]

PREFIX = "#/components/schemas/"
_PAGE = re.compile(r"^Page_(\w+?)_$")
_POWERTOOLS = {"HTTPValidationError", "ValidationError", "ResponseValidationError"}
"""What Powertools would answer by itself: here a refusal is a problem."""

_HOLD_SCHEMAS = {"properties", "$defs", "patternProperties", "dependentSchemas"}
"""Keywords whose value maps names to schemas: a name there is no keyword."""


def walk(schema: Any, visit: Callable[[Schema], None]) -> None:
    """Call ``visit`` with a schema and all schemas in it, the outer ones first."""
    if isinstance(schema, list):
        for each in schema:
            walk(each, visit)
    if not isinstance(schema, dict):
        return
    visit(schema)
    for keyword, value in schema.items():
        if keyword in _HOLD_SCHEMAS:
            for each in value.values():
                walk(each, visit)
        elif keyword not in {"examples", "example", "default", "enum", "const", "required"}:
            walk(value, visit)


def prose(text: str) -> str:
    """A docstring as Markdown: paragraphs without the source's line breaks, one backtick for two."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(each.split()) for each in paragraphs).replace("``", "`")


def tidy(document: Any) -> None:
    """Take away what says nothing: made-up titles, whole numbers written as fractions; write prose as Markdown."""

    def visit(schema: Schema) -> None:
        if isinstance(schema.get("title"), str):
            del schema["title"]
        if isinstance(schema.get("description"), str):
            schema["description"] = prose(schema["description"])
        for name, value in schema.items():
            if isinstance(value, float) and value.is_integer() and name.lower().endswith(("maximum", "minimum")):
                schema[name] = int(value)

    walk(document, visit)


def components_of(schemas: dict[str, Schema]) -> dict[str, Schema]:
    """The components of one function, without Powertools' own."""
    return {name: schema for name, schema in schemas.items() if name not in _POWERTOOLS}


def shown_name(name: str) -> str:
    """What a component is called: a page of people is a ``PersonPage``."""
    return _PAGE.sub(r"\1Page", name)


def rename(document: Any) -> None:
    """Give components the names that clients see, wherever they are referred to."""

    def visit(schema: Schema) -> None:
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith(PREFIX):
            schema["$ref"] = PREFIX + shown_name(reference.removeprefix(PREFIX))

    walk(document, visit)
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = {shown_name(name): schema for name, schema in schemas.items()}


def resolved(schema: Schema, document: Any) -> Schema:
    """A schema itself, where it is but a reference to another one."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].removeprefix(PREFIX)]
    return schema


def without_null(schema: Schema) -> Schema:
    """An optional parameter's schema: what is not sent is not null either."""
    options = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    if len(options) == len(schema.get("anyOf", [])):
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**options[0], **rest} if len(options) == 1 else {"anyOf": options, **rest}


def properties_of(document: Any) -> Iterator[tuple[str, Schema]]:
    """Each property of each component, as ``Component.property``."""
    for name, schema in document["components"]["schemas"].items():
        for each, described in schema.get("properties", {}).items():
            yield f"{name}.{each}", described
