"""Operations: what Powertools writes of a route, completed by what the API's wrapper does around it."""

import inspect
from typing import Any

from misentinel.access import Permission, Role, permissions_of
from misentinel.api.routes import PLACE, Route, pattern_of
from openapi import headers, problems
from openapi.examples import example_of
from openapi.schemas import Schema, prose, resolved, without_null

_WORDS = {200: "Done.", 201: "Made.", 202: "Accepted: it is done in the background.", 204: "Done; there is no body."}
_QUERY = {
    "limit": ("How many items a page has at most.", 20),
    "cursor": ("Where to go on: the `next_cursor` of the page before. It is good for this listing alone.", None),
}
_ID_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9_.~-]+$"}
_ID = "01935c8e-7f3a-7c21-9b42-0d6c5f1e2a3b"
_CHANGE_OF_A_THING = {"PUT", "PATCH", "DELETE"}
_OK, _CREATED, _ACCEPTED, _NO_CONTENT = 200, 201, 202, 204


def complete(operation: dict[str, Any], route: Route, tag: str, document: Any) -> dict[str, Any]:
    """The operation of a route, as the document has it."""
    summary, _, rest = prose(inspect.getdoc(route.function) or "").partition("\n\n")
    made: dict[str, Any] = {
        "operationId": route.function.__name__,
        "tags": [tag],
        "summary": summary.rstrip("."),
        "description": "\n\n".join(each for each in (summary, rest, *_rules(route)) if each),
        "security": [{"accessToken": [route.needs.value]}] if isinstance(route.needs, Permission) else [],
        "deprecated": bool(route.deprecated),
        "parameters": _parameters(operation, route, document),
        "requestBody": _request_body(operation.get("requestBody"), document),
        "responses": _responses(operation, route, document),
    }
    return {name: each for name, each in made.items() if each or name == "security"}


def _rules(route: Route) -> list[str]:
    """What the wrapper does around the route, in words."""
    rules = []
    if isinstance(route.needs, Permission):
        roles = [role.value for role in Role if route.needs in permissions_of(role)]
        rules.append(f"Needs the permission `{route.needs.value}`; the roles that have it: {', '.join(roles)}.")
    else:
        rules.append("Nobody needs to be signed in.")
    rules.append(f"It is on record as `{route.action.name}`.")
    if route.never_kept and route.method == "POST":
        names = ", ".join(f"`{name}`" for name in route.never_kept)
        rules.append(f"An answer that is sent again for its Idempotency-Key is without {names}.")
    if _may_be_minimal(route) and not _takes_preference(route):
        rules.append("`Prefer: return=minimal` leaves the body of the answer out; `Location` says what was made.")
    if route.deprecated:
        rules.append(f"Deprecated since {route.deprecated.since:%Y-%m-%d}: see <{route.deprecated.page}>.")
    return rules


def _is_change(route: Route) -> bool:
    """Whether it changes something; a search is a POST and does not."""
    return route.method != "GET" and not route.action.name.endswith(".search")


def _may_be_minimal(route: Route) -> bool:
    """Whether its answer's body may be left out: not where the answer is needed."""
    return _is_change(route) and not route.never_kept and bool({_OK, _CREATED} & {route.status, *route.also})


def _takes_preference(route: Route) -> bool:
    """Whether the header is a parameter of the operation.

    Where something is made, the answer without a body is a 201 still, which no schema can tell from one with a body:
    that is told in words, and generated clients do not ask for what they could not read.
    """
    return _may_be_minimal(route) and _CREATED not in {route.status, *route.also}


def _shows_a_version(route: Route, document: Any) -> bool:
    """Whether its answer is a thing that is changed where it is read: such an answer has an ETag."""
    if route.method == "DELETE" or not isinstance(route.needs, Permission):
        return False
    path = PLACE.sub(r"{\1}", route.path)
    versioned = {each for each, item in document["paths"].items() if {"put", "patch"} & set(item)}
    if route.method == "POST":
        return any(each.startswith(path + "/{") or path.startswith(each + "/") for each in versioned)
    return path in versioned and not _answers_a_page(document["paths"][path].get(route.method.lower(), {}))


def _answers_a_page(operation: Any) -> bool:
    schema = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).endswith("Page")


def _has_versions(route: Route, document: Any) -> bool:
    """Whether it changes a thing that is read, with its ETag, at the same path; or makes it there."""
    if route.method not in _CHANGE_OF_A_THING:
        return False
    path = PLACE.sub(r"{\1}", route.path)
    read = document["paths"][path].get("get")
    if read is None:
        return route.method == "PUT" and path.endswith("}")
    return not _answers_a_page(read)


def _parameters(operation: dict[str, Any], route: Route, document: Any) -> list[dict[str, Any]]:
    found = [_parameter(each) for each in operation.get("parameters", [])]
    order = list(pattern_of(route.path).groupindex)
    found.sort(key=lambda each: (each["in"] != "path", order.index(each["name"]) if each["in"] == "path" else 0))
    shared = ["Traceparent"]
    if _takes_preference(route):
        shared.append("Prefer")
    if route.method == "POST" and _is_change(route):
        shared.append("IdempotencyKey")
    if _has_versions(route, document):
        shared.append("IfMatch")
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in sorted(shared)]


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    name, schema = parameter["name"], without_null(parameter["schema"])
    schema.pop("title", None)
    described = parameter.get("description") or schema.get("description")
    schema.pop("description", None)
    made = {"name": name, "in": parameter["in"], "required": parameter["in"] == "path" or parameter["required"]}
    if parameter["in"] == "path":
        what = name.removesuffix("_id").removesuffix("_uid").replace("_", " ")
        schema = {**_ID_SCHEMA, **schema}
        schema.setdefault("examples", [_ID if name.endswith("id") else name])
        described = described or (f"The {what}'s id." if name.endswith("id") else f"The {what}.")
    elif name in _QUERY:
        words, example = _QUERY[name]
        described = described or words
        if example is not None:
            schema.setdefault("examples", [example])
    return {**made, "description": prose(described or ""), "schema": schema}


def _request_body(body: dict[str, Any] | None, document: Any) -> dict[str, Any]:
    if body is None:
        return {}
    content = {}
    for media_type, each in body["content"].items():
        content[media_type] = {"schema": each["schema"], **_examples(each["schema"], document)}
    return {**body, "content": content}


def _examples(schema: Schema, document: Any) -> dict[str, Any]:
    """All examples that a body's model has, or the one that its parts make."""
    own = resolved(schema, document).get("examples")
    if own:
        return {"examples": {f"example{number}": {"value": each} for number, each in enumerate(own, 1)}}
    return {"examples": {"example1": {"value": example_of(schema, document)}}}


def _responses(operation: dict[str, Any], route: Route, document: Any) -> dict[str, Any]:
    found = {}
    answer = operation["responses"].get(str(route.status), {})
    _never_kept(answer, route, document)
    for status in (route.status, *route.also):
        found[str(status)] = _success(status, answer, route, document)
    if _takes_preference(route):
        found[str(_NO_CONTENT)] = {
            "description": "Done; the body was left out, as `Prefer: return=minimal` asked.",
            "headers": _references(_headers_of(route, _NO_CONTENT, document)),
        }
    for status in _refusals(route, document, body="requestBody" in operation):
        found[str(status)] = {"$ref": f"#/components/responses/{problems.name_of(status)}"}
    return dict(sorted(found.items()))


def _never_kept(answer: dict[str, Any], route: Route, document: Any) -> None:
    """Secret fields are absent from an answer that is sent again for its Idempotency-Key."""
    if not route.never_kept or route.method != "POST":
        return
    schema = resolved(answer["content"]["application/json"]["schema"], document)
    schema["required"] = [name for name in schema.get("required", []) if name not in route.never_kept]


def _success(status: int, response: dict[str, Any], route: Route, document: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "description": _WORDS[status],
        "headers": _references(_headers_of(route, status, document)),
    }
    if status != _NO_CONTENT:
        schema = response["content"]["application/json"]["schema"]
        made["content"] = {"application/json": {"schema": schema, **_examples(schema, document)}}
    return made


def _references(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _headers_of(route: Route, status: int, document: Any) -> list[str]:
    names = list(headers.ALWAYS)
    if isinstance(route.needs, Permission):
        names += headers.LIMITS
    if status in {_CREATED, _ACCEPTED}:
        names.append("Location")
    if _shows_a_version(route, document):
        names.append("ETag")
    if route.method == "POST" and _is_change(route):
        names.append("Idempotency-Replayed")
    if _may_be_minimal(route):
        names.append("Preference-Applied")
    if route.deprecated:
        names += ["Deprecation", "Sunset", "Link"]
    return names


def _refusals(route: Route, document: Any, *, body: bool) -> list[int]:
    """The statuses that a route's refusals may have: its own, the wrapper's and the gateway's."""
    found = {400, 403, 422, 429, 500, 503}
    if isinstance(route.needs, Permission) or route.method == "POST":
        found |= {401}
    if "<" in route.path:
        found |= {404}
    if _is_change(route) or (route.path.count("/") > 3 and "<" in route.path):  # noqa: PLR2004 - /v1/things/<id>/part
        found |= {409}
    if _has_versions(route, document):
        found |= {412}
    if body:
        found |= {404, 413, 415}
    return sorted(found)
