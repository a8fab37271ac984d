"""The API's document: what is committed is what the routes say, and all that it says holds."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.event_handler.openapi.dependant import get_dependant
from doors import door
from house import House, Reply
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import Field, TypeAdapter, create_model
from translated import deployed

from misentinel.access import Permission
from misentinel.api import Api
from misentinel.api.problem import SECURITY_HEADERS, TYPE
from misentinel.api.routes import PLACE, Deprecation, Route
from misentinel.schema import Resource
from openapi.document import DOCUMENTED, FILE, text
from openapi.document import document as document_of
from openapi.doors import Door, doors
from openapi.problems import kinds
from openapi.schemas import properties_of, resolved

EXEMPLARY = ("examples", "enum", "const", "default", "properties")
"""Keywords that show what a value looks like."""

ROUTES = [route for door in doors() for route in door.api.routes if route.path.startswith(DOCUMENTED)]


@pytest.fixture(scope="module")
def made() -> str:
    """The document as the routes of this moment have it."""
    return text()


@pytest.fixture(scope="module")
def document(made: str) -> Any:
    return json.loads(made)


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def in_document(route: Route, document: Any) -> Any:
    return document["paths"][PLACE.sub(r"{\1}", route.path)][route.method.lower()]


def errors_of(schema: Any, value: Any, document: Any) -> list[str]:
    """What of a value is not as a schema of the document says."""
    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def contents(document: Any) -> Iterator[tuple[str, Any]]:
    """Every body, asked or answered, with where it is."""
    for _, _, operation in operations(document):
        name = operation["operationId"]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield f"{name} body", content
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                yield f"{name} {status}", content
    for name, response in document["components"]["responses"].items():
        for content in response["content"].values():
            yield name, content


def test_what_is_committed_is_what_the_routes_say(made: str) -> None:
    # A new or changed route, model, permission or error changes the document: `make openapi` writes it anew.
    assert FILE.read_text() == made, (
        "docs/openapi.json is not what the routes say now: run `make openapi` and commit it"
    )


def test_it_is_made_the_same_every_time(made: str) -> None:
    assert text() == made


def test_it_is_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_is_in_it_and_nothing_else(document: Any) -> None:
    routes = {(route.method, PLACE.sub(r"{\1}", route.path)) for route in ROUTES}
    assert {(method, path) for method, path, _ in operations(document)} == routes


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_an_operation_says_what_its_route_declares(route: Route, document: Any) -> None:
    operation = in_document(route, document)
    assert operation["operationId"] == route.function.__name__
    assert operation["summary"]
    assert f"`{route.action.name}`" in operation["description"]
    assert operation.get("deprecated", False) is (route.deprecated is not None)
    assert str(route.status) in operation["responses"]
    if isinstance(route.needs, Permission):
        assert operation["security"] == [{"accessToken": [route.needs.value]}]
        assert f"`{route.needs.value}`" in operation["description"]
    else:
        assert operation["security"] == []


def test_operations_have_names_of_their_own(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert sorted(set(names)) == sorted(names)


def test_every_operation_is_listed_under_a_tag_that_is_explained(document: Any) -> None:
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert all(tags.values())
    assert {tag for _, _, operation in operations(document) for tag in operation["tags"]} == set(tags)


def test_every_field_is_described_with_an_example(document: Any) -> None:
    missing = []
    for name, schema in properties_of(document):
        parts = [schema, *schema.get("anyOf", []), *schema.get("oneOf", [])]
        options = parts + [resolved(each, document) for each in parts]
        if not any(each.get("description") for each in options):
            missing.append(f"{name} has no description")
        items = [resolved(each["items"], document) for each in options if each.get("items")]
        if not any(word in each for each in [*options, *items] for word in EXEMPLARY):
            missing.append(f"{name} has no example")
    assert not missing, "say it in the model by Field(description=..., examples=[...]):\n" + "\n".join(missing)


def test_every_parameter_is_described(document: Any) -> None:
    for _, _, operation in operations(document):
        for parameter in operation["parameters"]:
            if "$ref" not in parameter:
                assert parameter["description"], (operation["operationId"], parameter["name"])


def test_every_body_has_an_example_and_all_examples_hold(document: Any) -> None:
    wrong = []
    for place, content in contents(document):
        examples = content.get("examples", {})
        assert examples, place
        for name, example in examples.items():
            wrong += [f"{place} {name} {error}" for error in errors_of(content["schema"], example["value"], document)]
    assert wrong == []


def test_examples_of_schemas_parameters_and_headers_hold(document: Any) -> None:
    wrong = []
    parts = [(name, schema) for name, schema in properties_of(document)]
    parts += list(document["components"]["schemas"].items())
    parts += [(name, each["schema"]) for name, each in document["components"]["headers"].items()]
    parts += [(name, each["schema"]) for name, each in document["components"]["parameters"].items()]
    for _, _, operation in operations(document):
        parts += [(each["name"], each["schema"]) for each in operation["parameters"] if "$ref" not in each]
    for name, schema in parts:
        for option in [schema, *schema.get("anyOf", [])]:
            for example in option.get("examples", []):
                wrong += [f"{name} {error}" for error in errors_of(option, example, document)]
    assert wrong == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_the_doors_take_the_examples_of_bodies(route: Route, document: Any) -> None:
    bodies = get_dependant(path=route.path, call=route.function).body_params
    content = in_document(route, document).get("requestBody", {}).get("content", {})
    assert bool(content) is bool(bodies)
    for body in bodies:
        for example in content["application/json"]["examples"].values():
            TypeAdapter(body.type_).validate_json(json.dumps(example["value"]))


def test_every_refusal_is_in_it_with_its_type(document: Any) -> None:
    told = {
        (example["value"]["status"], example["value"]["type"])
        for response in document["components"]["responses"].values()
        for example in response["content"]["application/problem+json"]["examples"].values()
    }
    assert {(kind.status, TYPE + kind.code) for kind in kinds()} <= told
    (api,) = deployed().of("AWS::ApiGateway::RestApi").values()
    for response in api["Body"]["x-amazon-apigateway-gateway-responses"].values():
        template = response["responseTemplates"]["application/json"]
        problem = json.loads(template.replace("$context.error.messageString", '"why"'))
        assert problem["type"] in {type_ for _, type_ in told}


def test_every_operation_says_how_it_may_be_refused(document: Any) -> None:
    for method, path, operation in operations(document):
        responses = operation["responses"]
        assert {"400", "403", "422", "429", "500", "503"} <= set(responses), (method, path)
        if operation["security"]:
            assert "401" in responses, (method, path)
        if "requestBody" in operation:
            assert {"413", "415"} <= set(responses), (method, path)
        for status, response in responses.items():
            if int(status) >= 400:
                assert response == {"$ref": f"#/components/responses/Problem{status}"}


@pytest.mark.parametrize("route", [route for route in ROUTES if route.never_kept], ids=lambda route: route.path)
def test_an_answer_sent_again_without_its_secrets_is_as_the_document_says(route: Route, document: Any) -> None:
    content = in_document(route, document)["responses"][str(route.status)]["content"]["application/json"]
    for example in content["examples"].values():
        kept = {name: each for name, each in example["value"].items() if name not in route.never_kept}
        assert errors_of(content["schema"], kept, document) == []


def test_links_lead_to_operations_with_such_a_parameter(document: Any) -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in operations(document)}
    seen = set()
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                target = by_name[link["operationId"]]
                names = {each.get("name") for each in target["parameters"]}
                assert set(link["parameters"]) <= names
                seen.add((operation["operationId"], link["operationId"]))
    assert {
        ("create_person", "read_person"),
        ("list_people", "update_person"),
        ("invite_member", "read_member"),
    } <= seen


class Thing(Resource):
    """A thing."""

    id: str = Field(description="Its id.", examples=["t1"])


def door_to(name: str, answer: type[Resource], **more: Any) -> Door:
    """A function with one route, which answers so."""
    api = Api()

    def read_thing(thing_id: str) -> Resource:
        """One thing."""
        return answer(id=thing_id)

    read_thing.__annotations__["return"] = answer
    read_thing.__name__ = f"read_{name}"
    api.get(f"/v1/{name}/<thing_id>", needs=Permission.PEOPLE_READ, action=f"{name}.read", **more)(read_thing)
    return Door(name, f"{name.title()}: some.", api)


def test_a_deprecated_route_is_so_in_the_document() -> None:
    going = Deprecation(datetime(2027, 1, 1, tzinfo=UTC), "https://example.com/going", datetime(2027, 7, 1, tzinfo=UTC))
    operation = document_of([door_to("things", Thing, deprecated=going)])["paths"]["/v1/things/{thing_id}"]["get"]
    assert operation["deprecated"] is True
    assert "2027-01-01" in operation["description"]
    assert {"Deprecation", "Sunset", "Link"} <= set(operation["responses"]["200"]["headers"])


def test_two_functions_may_not_mean_different_things_by_one_name() -> None:
    other = create_model("Thing", __base__=Thing, colour=(str, Field(description="Its colour.", examples=["red"])))
    assert set(document_of([door_to("things", Thing), door_to("items", Thing)])["paths"]) == {
        "/v1/things/{thing_id}",
        "/v1/items/{thing_id}",
    }
    with pytest.raises(ValueError, match="different things by Thing"):
        document_of([door_to("things", Thing), door_to("items", other)])


SENT_BY_ALL = {*SECURITY_HEADERS, "Content-Type", "Access-Control-Expose-Headers"}
"""Headers that the document tells of once, for all answers."""


def test_every_header_that_is_sent_is_in_it(home: House, document: Any) -> None:
    token = home.signed_in(home.tenant())
    elsewhere = {"Origin": "https://elsewhere.example"}

    def sent(method: str, path: str, template: str, **more: Any) -> Reply:
        answer = home.ask(door("people"), method, path, **more)
        response = document["paths"][template][method.lower()]["responses"][str(answer.status)]
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        assert set(answer.headers) - SENT_BY_ALL <= set(response["headers"]), (method, path, answer.status)
        return answer

    people, person = "/v1/people", "/v1/people/{person_id}"
    made = sent("POST", people, people, token=token, body={"name": "Ada"}, headers={"Idempotency-Key": "k1"})
    assert made.status == 201
    where = made.headers["Location"]
    again = sent("POST", people, people, token=token, body={"name": "Ada"}, headers={"Idempotency-Key": "k1"})
    assert "Idempotency-Replayed" in again.headers
    assert "ETag" in sent("GET", where, person, token=token).headers
    assert "RateLimit" in sent("GET", people, people, token=token).headers
    minimal = sent("PATCH", where, person, token=token, body={"name": "Eve"}, headers={"Prefer": "return=minimal"})
    assert (minimal.status, minimal.headers["Preference-Applied"]) == (204, "return=minimal")
    assert sent("PATCH", where, person, token=token, body={"name": "Ada"}, headers={"If-Match": '"x"'}).status == 412
    assert sent("GET", where, person, headers=elsewhere).status == 401
    assert sent("GET", where, person, token=token, headers=elsewhere).status == 403
    assert sent("GET", f"{people}/nobody", person, token=token).status == 404
    assert sent("POST", people, people, token=token, body={"nick": "Ada"}).status == 422
    assert sent("DELETE", where, person, token=token).status == 200
