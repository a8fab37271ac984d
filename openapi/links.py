"""Links: which operations an answer leads to, so that people and test tools can walk on from it."""

from collections.abc import Iterator
from typing import Any

from openapi.schemas import resolved

_METHODS = ("get", "post", "put", "patch", "delete")


def link(document: Any) -> None:
    """Add to each success that names a thing the operations on that thing."""
    for path, item in document["paths"].items():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if status.startswith("2") and "content" in response:
                    schema = response["content"]["application/json"]["schema"]
                    links = dict(_links(path, operation["operationId"], schema, document))
                    if links:
                        response["links"] = links


def _links(path: str, own_id: str, schema: Any, document: Any) -> Iterator[tuple[str, Any]]:
    """The operations on what the answer of a collection names by its id."""
    pointer = _pointer_to_id(schema, document)
    if not pointer:
        return
    for other, item in document["paths"].items():
        collection, _, rest = other.partition("/{")
        if collection != path or not rest:
            continue
        name, _, below = rest.partition("}")
        if "{" in below:
            continue
        for method in _METHODS:
            if method in item and item[method]["operationId"] != own_id:
                operation = item[method]["operationId"]
                yield operation, {"operationId": operation, "parameters": {name: f"$response.body#{pointer}"}}


def _pointer_to_id(schema: Any, document: Any) -> str:
    """Where in an answer the id is: its own, the first item's of a listing, or that of the thing in it."""
    properties = resolved(schema, document).get("properties", {})
    if "id" in properties:
        return "/id"
    if "items" in properties:
        of_item = _pointer_to_id(properties["items"].get("items", {}), document)
        return f"/items/0{of_item}" if of_item else ""
    for name, each in properties.items():
        if "$ref" in each and "id" in resolved(each, document).get("properties", {}):
            return f"/{name}/id"
    return ""
