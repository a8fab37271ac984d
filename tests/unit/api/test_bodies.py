"""Bodies: how large, of what type, in what encoding; and methods that no route has."""

import base64
import json
from typing import Any

import pytest
from doors import door
from house import House, Reply

from misentinel.api.problem import SECURITY_HEADERS

LIMIT = 1_000_000


@pytest.fixture
def token(home: House) -> str:
    return home.signed_in(home.tenant())


def post(home: House, token: str, raw: bytes, headers: dict[str, str] | None = None, *, encoded: bool = True) -> Reply:
    """A body as the gateway hands it over: in base64, or as text."""

    def through(event: dict[str, Any], context: Any) -> dict[str, Any]:
        event["isBase64Encoded"] = encoded
        answer: dict[str, Any] = door("people")(event, context)
        return answer

    text = base64.b64encode(raw).decode() if encoded else raw.decode()
    return home.ask(through, "POST", "/v1/people", token=token, raw=text, headers=headers)


def body_of(size: int, filler: str = "x") -> bytes:
    """JSON of exactly so many bytes."""
    frame = len(json.dumps({"name": ""}))
    whole, rest = divmod(size - frame, len(filler.encode()))
    return json.dumps({"name": filler * whole + "x" * rest}, ensure_ascii=False).encode()


@pytest.mark.parametrize("filler", ["x", "\u00e9", "\u20ac", "\U0001f600"])
@pytest.mark.parametrize("encoded", [True, False])
def test_bytes_count_and_not_characters(home: House, token: str, filler: str, encoded: bool) -> None:  # noqa: FBT001 - a case
    at, over = body_of(LIMIT, filler), body_of(LIMIT + 1, filler)
    assert (len(at), len(over)) == (LIMIT, LIMIT + 1)
    assert post(home, token, at, encoded=encoded).status == 422
    assert post(home, token, over, encoded=encoded).json["type"] == "urn:misentinel:problem:payload-too-large"


def test_too_large_goes_before_all_that_else_is_wrong(home: House, token: str) -> None:
    for raw in (b"\xff" * (LIMIT + 1), json.dumps({"name": "x" * LIMIT}).encode("utf-16")):
        assert post(home, token, raw, {"Content-Type": "text/plain"}).status == 413


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_only_utf_8_is_read(home: House, token: str, encoding: str) -> None:
    raw = json.dumps({"name": "caf\u00e9"}, ensure_ascii=False).encode(encoding)
    assert post(home, token, raw).json["type"] == "urn:misentinel:problem:bad-request"


def test_what_is_no_base64_is_a_bad_request(home: House, token: str) -> None:
    def broken(event: dict[str, Any], context: Any) -> dict[str, Any]:
        answer: dict[str, Any] = door("people")({**event, "isBase64Encoded": True}, context)
        return answer

    assert home.ask(broken, "POST", "/v1/people", token=token, raw='{"name": "x"}').status == 400


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_json_is_taken_however_its_type_is_written(home: House, token: str, content_type: str) -> None:
    assert post(home, token, b'{"name":"Ada"}', {"Content-Type": content_type}).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "text/json"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/merge-patch+json"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json, text/plain"},
        {"Content-Type": "*/*"},
        {"Content-Type": "/"},
        {"Content-Type": ";"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "identity, br"},
    ],
)
def test_anything_else_is_no_json(home: House, token: str, headers: dict[str, str]) -> None:
    answer = post(home, token, b'{"name":"Ada"}', headers)
    assert (answer.status, answer.json["type"]) == (415, "urn:misentinel:problem:unsupported-media-type")


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "a/b"]
)
def test_no_body_is_a_missing_body_whatever_its_type(home: House, token: str, content_type: str) -> None:
    answer = home.ask(door("people"), "POST", "/v1/people", token=token, headers={"Content-Type": content_type})
    assert (answer.status, answer.json["type"]) == (422, "urn:misentinel:problem:invalid")
    listed = home.ask(door("people"), "GET", "/v1/people", token=token, headers={"Content-Type": content_type})
    assert listed.status == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW", ""])
def test_a_method_that_no_route_has_is_told_which_there_are(home: House, token: str, method: str) -> None:
    answer = home.ask(door("people"), method, "/v1/people", token=token)
    assert answer.status == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert SECURITY_HEADERS.items() <= answer.headers.items()
    assert (answer.text == "") == (method == "HEAD")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "BREW"])
def test_nobody_known_is_not_told_even_that(home: House, method: str) -> None:
    answer = home.ask(door("people"), method, "/v1/people")
    assert answer.status == 401
    assert "Allow" not in answer.headers
