"""Refusals as responses of the document: one per status, with every type it may have."""

import inspect
from typing import Any

from misentinel import errors
from misentinel.api.problem import TYPE
from misentinel.errors import Refusal

REQUEST_ID = "4f0c2a1e-8f6d-4b5e-9c37-2d1b7a6e5f40"

_GIVEN: dict[str, Any] = {"allowed": ["GET", "POST"], "limit": 1_000_000, "retry_after": 30}
"""What the examples of refusals are made with that need something to be made."""

_WORDS = {
    400: "The request could not be read.",
    401: "Nobody known is asking.",
    403: "The caller may not do this.",
    404: "There is no such thing in this workspace.",
    405: "The path has other methods.",
    409: "The request does not fit the present state; nothing was changed.",
    412: "The thing changed since it was read; nothing was changed.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "Some fields are not valid; nothing was changed.",
    429: "A limit is reached; nothing was changed.",
    500: "Something went wrong here; it is logged under the request id.",
    503: "Not available, or it is not known whether it happened: the type tells.",
}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "Why a request ended without what it asked for (RFC 9457), and what to do.",
    "required": ["type", "title", "detail", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "description": "Which problem it is. Stable: programs may decide by it; the page of problems lists them all.",
            "examples": [f"{TYPE}not-found"],
        },
        "title": {
            "type": "string",
            "description": "The kind of problem in words.",
            "examples": ["There is no such thing here"],
        },
        "status": {"type": "integer", "description": "The answer's HTTP status.", "examples": [404]},
        "detail": {
            "type": "string",
            "description": "What to do about it.",
            "examples": ["No such person in this workspace; check the id."],
        },
        "request_id": {
            "type": "string",
            "description": "The request's id, under which it is recorded and logged.",
            "examples": [REQUEST_ID],
        },
        "errors": {
            "type": "array",
            "description": "The fields that are not valid; their values are not repeated.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Where it is.", "examples": ["email"]},
                    "message": {
                        "type": "string",
                        "description": "What is wrong with it.",
                        "examples": ["String should have at most 254 characters"],
                    },
                },
            },
            "examples": [[{"field": "email", "message": "String should have at most 254 characters"}]],
        },
        "permission": {
            "type": "string",
            "description": "The permission that the caller lacks.",
            "examples": ["people:write"],
        },
    },
}


def kinds(base: type[Refusal] = Refusal) -> list[type[Refusal]]:
    """Every kind of refusal, the most general first."""
    return [base] + [each for kind in base.__subclasses__() for each in kinds(kind)]


def _examples(status: int) -> dict[str, dict[str, Any]]:
    found = {}
    for kind in kinds():
        if kind.status != status or kind.code in found or kind.__module__ != errors.__name__:
            continue
        needed = [
            name
            for name, each in inspect.signature(kind).parameters.items()
            if each.default is each.empty and each.kind not in {each.VAR_POSITIONAL, each.VAR_KEYWORD}
        ]
        made = kind(**{name: _GIVEN[name] for name in needed})
        found[kind.code] = _value(kind.code, made.title, made.detail, status, made.extra)
    return {
        code: {"summary": value["title"], "value": value} for code, value in sorted(found.items(), key=lambda x: x[0])
    }


def _value(code: str, title: str, detail: str, status: int, extra: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": TYPE + code,
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": REQUEST_ID,
        **extra,
    }


def statuses() -> list[int]:
    """The statuses that refusals have."""
    return sorted({each.status for each in kinds()})


def name_of(status: int) -> str:
    """What the response of a status is called among the components."""
    return f"Problem{status}"


def response(status: int, headers: list[str]) -> dict[str, Any]:
    """The response of a status: its types, with an example of each."""
    examples = _examples(status)
    types = ", ".join(f"`{value['value']['type']}`" for value in examples.values())
    return {
        "description": f"{_WORDS.get(status, 'Refused.')} Types: {types}.",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
        },
    }
