"""The public door: promises about the REST API."""

import json
from typing import Any

import pytest
from translated import deployed

from misentinel import errors
from misentinel.api.problem import SECURITY_HEADERS, TYPE

OWNERS = {
    "/v1/workspaces": "Workspaces",
    "/v1/workspaces/{proxy+}": "Workspaces",
    "/v1/sessions": "Sessions",
    "/v1/sessions/{proxy+}": "Sessions",
    "/v1/invitations/{proxy+}": "Sessions",
    "/.well-known/{proxy+}": "Sessions",
    "/v1/members": "Members",
    "/v1/members/{proxy+}": "Members",
    "/v1/settings": "Settings",
    "/v1/people": "People",
    "/v1/people/{proxy+}": "People",
    "/v1/attributes": "People",
    "/v1/attributes/{proxy+}": "People",
    "/v1/jobs": "Jobs",
    "/v1/jobs/{proxy+}": "Jobs",
    "/v1/imports": "Jobs",
    "/v1/imports/{proxy+}": "Jobs",
    "/v1/exports": "Jobs",
    "/v1/exports/{proxy+}": "Jobs",
    "/v1/audit/{proxy+}": "Audit",
    "/v1/openapi.json": "Docs",
    "/docs": "Docs",
    "/docs/{proxy+}": "Docs",
}


def body() -> dict[str, Any]:
    (api,) = deployed().of("AWS::ApiGateway::RestApi").values()
    document: dict[str, Any] = api["Body"]
    return document


def stage() -> dict[str, Any]:
    (found,) = deployed().of("AWS::ApiGateway::Stage").values()
    return found


def test_each_function_owns_a_path_and_all_below_it() -> None:
    owners = {}
    for path, item in body()["paths"].items():
        assert list(item) == ["x-amazon-apigateway-any-method"], path
        uri = item["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]["uri"]
        owners[path] = next(name for name in set(OWNERS.values()) if f"{name}FunctionAliaslive" in uri)
    assert owners == OWNERS


def test_a_functions_permissions_stay_far_from_lambdas_limit() -> None:
    permissions = deployed().of("AWS::Lambda::Permission").values()
    for name in set(OWNERS.values()):
        mine = [each for each in permissions if f"{name}Function" in each["FunctionName"]]
        assert len(json.dumps(mine)) < 10_000  # of the 20 KB that a function's policy may have


def test_the_access_log_holds_nothing_personal() -> None:
    written = json.loads(stage()["AccessLogSetting"]["Format"])
    assert stage()["AccessLogSetting"]["DestinationArn"] == deployed().arn("ApiLogs")
    for variable in written.values():
        assert not any(
            word in variable for word in ("identity", "sourceIp", "userAgent", "path", "authorizer", "domain")
        )
    assert written["request_id"] == "$context.requestId"


def test_the_stage_is_traced_measured_and_throttled() -> None:
    (settings,) = stage()["MethodSettings"]
    assert stage()["TracingEnabled"] is True
    (sampling,) = deployed().of("AWS::XRay::SamplingRule").values()
    assert (sampling["SamplingRule"]["FixedRate"], sampling["SamplingRule"]["ReservoirSize"]) == (0.01, 0)
    assert settings["MetricsEnabled"] is True
    assert settings["ThrottlingRateLimit"]
    assert settings["ThrottlingBurstLimit"]
    assert not settings.get("DataTraceEnabled")


RESPONSES = sorted(body()["x-amazon-apigateway-gateway-responses"])


def test_every_kind_of_refusal_by_the_gateway_is_covered() -> None:
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "ACCESS_DENIED", "REQUEST_TOO_LARGE", "THROTTLED"} <= set(RESPONSES)
    assert {"MISSING_AUTHENTICATION_TOKEN", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"} <= set(RESPONSES)


@pytest.mark.parametrize("kind", RESPONSES)
def test_what_the_gateway_refuses_has_the_form_of_every_other_error(kind: str) -> None:
    response = body()["x-amazon-apigateway-gateway-responses"][kind]
    headers = {
        name.removeprefix("gatewayresponse.header."): value[1:-1] if value.startswith("'") else value
        for name, value in response["responseParameters"].items()
    }
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Request-Id"] == "context.requestId"
    assert SECURITY_HEADERS.items() <= headers.items()
    problem = json.loads(
        response["responseTemplates"]["application/json"].replace("$context.error.messageString", '"why"')
    )
    assert {"type", "title", "detail", "request_id"} <= problem.keys()
    assert problem.get("status") == (int(response["statusCode"]) if "statusCode" in response else None)
    code = problem["type"].removeprefix(TYPE)
    known = {each.code: each.title for each in errors.kinds()}
    assert problem["title"] == known[code]
    # A page of any website may read why; nothing of a workspace is in it.
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_whoever_was_throttled_is_told_when_to_come_back() -> None:
    for kind in ("THROTTLED", "QUOTA_EXCEEDED"):
        parameters = body()["x-amazon-apigateway-gateway-responses"][kind]["responseParameters"]
        assert parameters["gatewayresponse.header.Retry-After"] == "'1'"
