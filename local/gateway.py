"""REST APIs of the embedded cloud: what of an OpenAPI body it does not import, and who is asking."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_request_client_ip
from ministack.services import apigateway_v1
from ministack.services.cloudformation import provisioners

_ANY = "x-amazon-apigateway-any-method"
_RESPONSES = "x-amazon-apigateway-gateway-responses"
_REST_API = "AWS::ApiGateway::RestApi"


def _overwrite(api_id: str, body: dict[str, Any]) -> None:
    """Import a body into an API that exists, as PutRestApi does in mode `overwrite`."""
    kept = {key: each for key, each in apigateway_v1._resources[api_id].items() if each["path"] == "/"}
    for each in kept.values():
        each["resourceMethods"] = {}
    apigateway_v1._resources[api_id] = kept
    apigateway_v1._authorizers_v1[api_id] = {}
    schemes = apigateway_v1._import_security_schemes(api_id, body)
    for path, item in (body.get("paths") or {}).items():
        apigateway_v1._import_path_item(api_id, path, item, schemes, body.get("security"))
    _put_gateway_responses(api_id, body)


def _put_gateway_responses(api_id: str, body: dict[str, Any]) -> None:
    apigateway_v1._gateway_responses[api_id] = {}
    for kind, response in (body.get(_RESPONSES) or {}).items():
        status, _, answer = apigateway_v1._put_gateway_response(api_id, kind, response)
        if status >= 400:  # noqa: PLR2004 - the first status that is an error
            raise ValueError(f"gateway response {kind}: {answer!r}")


def whole_definitions() -> None:
    """Import methods that take any verb and gateway responses; a changed body keeps the API and its id."""
    import_item = apigateway_v1._import_path_item
    import_api = apigateway_v1._import_rest_api
    handlers = provisioners._RESOURCE_HANDLERS[_REST_API]
    update = handlers["update"]

    def item_with_any(api_id: str, path: str, item: dict[str, Any], *schemes: Any) -> None:
        import_item(api_id, path, item, *schemes)
        if operation := item.get(_ANY):
            resources = apigateway_v1._resources[api_id].items()
            resource_id = next(key for key, each in resources if each["path"] == path)
            apigateway_v1._import_operation(api_id, resource_id, "ANY", operation, *schemes)

    def api_with_responses(body: dict[str, Any], base: dict[str, Any] | None = None) -> str:
        api_id: str = import_api(body, base)
        _put_gateway_responses(api_id, body)
        return api_id

    def update_in_place(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any, **named: Any) -> Any:
        body = new.get("Body")
        if body != old.get("Body") and isinstance(body, dict) and physical_id in apigateway_v1._rest_apis:
            _overwrite(physical_id, body)
            old = {**old, "Body": body}
        return update(physical_id, old, new, *rest, **named)

    apigateway_v1._import_path_item = item_with_any
    apigateway_v1._import_rest_api = api_with_responses
    handlers["update"] = update_in_place


def address_of_the_connection() -> None:
    """Tell functions who really connects, and by which name.

    A client's own X-Forwarded-For would be believed, as AWS never does; AWS tells the API's domain name, too.
    """
    build = apigateway_v1._build_lambda_event_v1

    def event_with_address(*arguments: Any, **named: Any) -> dict[str, Any]:
        event: dict[str, Any] = build(*arguments, **named)
        event["requestContext"]["identity"]["sourceIp"] = get_request_client_ip()
        event["requestContext"]["domainName"] = event["headers"].get("host", "")
        return event

    apigateway_v1._build_lambda_event_v1 = event_with_address
