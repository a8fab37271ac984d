"""The document: every function's part, merged by Powertools and completed by what the wrapper does."""

import json
from typing import Any

from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge

from misentinel.api.routes import PLACE
from openapi import headers, problems
from openapi.doors import ROOT, Door, doors
from openapi.links import link
from openapi.operations import complete
from openapi.schemas import Schema, components_of, rename, tidy

FILE = ROOT / "docs" / "openapi.json"

ABOUT = """
The API of MiSentinel: a workspace's people, its members and what they did.

**Signing in** takes two factors: `POST /v1/sessions` takes the password and answers with a challenge,
`POST /v1/sessions/verify` takes challenge and code and answers with an access token for `Authorization: Bearer`.

**Every action is on record**, reads and refusals too; `X-Request-Id` finds it.

**Refusals** are problems (RFC 9457) of a stable `type`. Fields that are not known are refused.

**Listings** come in pages: `next_cursor` of a page is the `cursor` of the next one, and null on the last.

**Changes**: `ETag` and `If-Match` keep two writers apart, `Idempotency-Key` makes it safe to send a POST again,
`Prefer: return=minimal` leaves the answer's body out.

**Web pages** of other origins may call it if the workspace lists them in its settings (CORS). Every answer has
`Strict-Transport-Security`, `Cache-Control: no-store`, `X-Content-Type-Options`, `Content-Security-Policy` and
`Referrer-Policy`.

Times are RFC 3339 in UTC. Ids are opaque. A body has at most 1 MB. Card numbers are refused in all text.
"""

DOCUMENTED = ("/v1/", "/.well-known/")
"""What the document is about: pages for people are not."""


def document(found: list[Door]) -> dict[str, Any]:
    """The OpenAPI document of these functions.

    Raises
    ------
    ValueError
        Two functions mean different things by one name.
    """
    found = [each for each in found if _documented(each)]
    merge = OpenAPIMerge(
        title="MiSentinel",
        version="1",
        openapi_version="3.1.0",
        description=ABOUT.strip(),
        tags=[{"name": name, "description": about} for name, about in (each.tag for each in found)],  # type: ignore[misc]  # Powertools takes dicts too, and says so in its code alone
        on_conflict="error",
    )
    schemas: dict[str, Schema] = {}
    for each in found:
        part = _part(each)
        for name, schema in part["components"]["schemas"].items():
            if schemas.setdefault(name, schema) != schema:
                message = f"{each.name} and another function mean different things by {name}"
                raise ValueError(message)
        merge.add_schema(part)
    made = merge.get_openapi_schema()
    rename(made)
    tidy(made["components"])
    made["components"]["schemas"] |= {"Problem": problems.PROBLEM, "Preference": headers.PREFERENCE}
    _complete(made, found)
    link(made)
    return _in_order(made)


def _documented(door: Door) -> bool:
    return any(route.path.startswith(DOCUMENTED) for route in door.api.routes)


def _part(door: Door) -> dict[str, Any]:
    """What Powertools writes of one function."""
    schema = door.api.resolver.get_openapi_schema(openapi_version="3.1.0")
    part: dict[str, Any] = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    part["components"]["schemas"] = components_of(part.get("components", {}).get("schemas", {}))
    part["paths"] = {path: item for path, item in part["paths"].items() if path.startswith(DOCUMENTED)}
    return part


def _complete(made: dict[str, Any], found: list[Door]) -> None:
    components = made["components"]
    for door in found:
        for route in door.api.routes:
            item = made["paths"].get(PLACE.sub(r"{\1}", route.path))
            if item is not None:
                method = route.method.lower()
                item[method] = complete(item[method], route, door.tag[0], made)
    tidy(made["paths"])
    components["responses"] = {
        problems.name_of(status): problems.response(
            status, [*headers.ALWAYS, *headers.LIMITS, *headers.OF_PROBLEM.get(status, [])]
        )
        for status in problems.statuses()
    }
    components["parameters"] = headers.PARAMETERS
    components["headers"] = headers.HEADERS
    components["securitySchemes"] = {
        "accessToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The `access_token` of a session. It lives for 10 minutes; `POST /v1/sessions/refresh` "
            "gives the next one. What an operation names beside it is the permission that the member needs.",
        }
    }


def _in_order(made: dict[str, Any]) -> dict[str, Any]:
    """The document in an order that does not depend on that of its making."""
    methods = ("get", "post", "put", "patch", "delete")
    made["paths"] = {
        path: {method: item[method] for method in methods if method in item}
        for path, item in sorted(made["paths"].items())
    }
    made["components"] = {kind: dict(sorted(each.items())) for kind, each in sorted(made["components"].items()) if each}
    first = ("openapi", "info", "servers", "tags", "paths", "components")
    return {name: made[name] for name in first}


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(doors()), indent=2, ensure_ascii=False) + "\n"
