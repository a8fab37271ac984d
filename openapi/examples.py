"""Examples: what a schema describes, put together from the examples of its parts."""

from typing import Any

from openapi.schemas import Schema, resolved

_OF_FORMAT = {
    "date-time": "2026-11-23T09:30:00Z",
    "date": "2026-11-23",
    "uri": "https://example.com/",
    "uuid": "01935c8e-7f3a-7c21-9b42-0d6c5f1e2a3b",
}
_OF_TYPE: dict[str, Any] = {"boolean": True, "null": None, "string": "text", "number": 1.5}


def example_of(schema: Schema, document: Any) -> Any:
    """A value that the schema describes: its own example, or one made of those of its parts."""
    target = resolved(schema, document)
    told = [*_told(schema), *_told(target)]
    if told:
        return told[0]
    for keyword in ("anyOf", "oneOf"):
        if options := target.get(keyword):
            return example_of(next((each for each in options if each.get("type") != "null"), options[0]), document)
    if "allOf" in target:
        return {name: value for each in target["allOf"] for name, value in example_of(each, document).items()}
    return _of_type(target, document)


def _told(schema: Schema) -> list[Any]:
    """The values that a schema itself names, the best first."""
    one = [schema[keyword] for keyword in ("const", "default") if schema.get(keyword) is not None]
    return [*schema.get("examples", []), *one, *schema.get("enum", [])]


def _of_type(schema: Schema, document: Any) -> Any:
    match schema.get("type", "object" if "properties" in schema else ""):
        case "object":
            return {name: example_of(each, document) for name, each in schema.get("properties", {}).items()}
        case "array":
            return [example_of(schema["items"], document)] if schema.get("items") else []
        case "integer":
            return schema.get("minimum", 1)
        case "string" if schema.get("format") in _OF_FORMAT:
            return _OF_FORMAT[schema["format"]]
        case str(kind) if kind:
            return _OF_TYPE[kind]
        case _:
            return "text"
