"""Pages of other websites: only those that the caller's workspace lists get an answer."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from doors import door
from house import DOMAIN, House

from misentinel import clock
from misentinel.access import Role
from misentinel.api import origins
from misentinel.settings import settings

APP = "https://app.example.com"
ALLOW, EXPOSE = "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"


@pytest.fixture
def time(home: House) -> Iterator[clock.Frozen]:
    del home
    with clock.at(datetime(2026, 11, 23, 13, 30, 5, tzinfo=UTC)) as frozen:
        yield frozen


@pytest.fixture
def token(home: House, time: clock.Frozen) -> str:
    """The owner of a workspace that lists one website."""
    del time
    token = home.signed_in(home.tenant())
    changed = home.ask(door("settings"), "PATCH", "/v1/settings", token=token, body={"allowed_origins": [APP]})
    assert changed.status == 200, changed.text
    return token


def from_page(home: House, origin: str, method: str = "GET", path: str = "/v1/people", **more: Any) -> Any:
    headers = {"Origin": origin, **more.pop("headers", {})}
    return home.ask(door("people"), method, path, headers=headers, **more)


def test_a_listed_page_gets_its_answer_and_may_read_its_headers(home: House, token: str) -> None:
    answer = from_page(home, APP, token=token)
    assert answer.status == 200
    assert answer.headers[ALLOW] == APP
    assert answer.headers["Vary"] == "Origin"
    assert {"ETag", "X-Request-Id", "RateLimit", "Retry-After"} <= set(answer.headers[EXPOSE].split(", "))
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.co",
        "https://app.example.com.evil.example",
        "https://evilapp.example.com",
        "https://example.com",
        "https://sub.app.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com:443",
        "null",
        "",
        "https://app.example.com/",
        "https://app.example.com, https://app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        f"https://{DOMAIN}.evil.example",
        f"http://{DOMAIN}:8080",
        f"https://not{DOMAIN}",
        f"https://sub.{DOMAIN}",
    ],
)
def test_any_other_page_is_refused_before_anything_is_done(home: House, token: str, origin: str) -> None:
    answer = from_page(home, origin, "POST", token=token, body={"name": "Eve"})
    assert (answer.status, answer.json["type"]) == (403, "urn:misentinel:problem:origin-not-allowed")
    assert ALLOW not in answer.headers
    assert answer.headers["Vary"] == "Origin"
    assert home.ask(door("people"), "GET", "/v1/people", token=token).json["items"] == []


def test_two_origins_at_once_are_none(home: House, token: str) -> None:
    def twice(event: dict[str, Any], context: Any) -> Any:
        event["multiValueHeaders"]["Origin"] = ["https://evil.example", APP]
        return door("people")(event, context)

    assert home.ask(twice, "GET", "/v1/people", token=token, headers={"Origin": APP}).status == 403


def test_the_list_is_the_callers_own_workspaces(home: House, token: str) -> None:
    stranger = home.signed_in(home.tenant("other"))
    assert from_page(home, APP, token=stranger).status == 403
    assert from_page(home, APP, token=token).status == 200


def test_our_own_pages_and_programs_without_origin_are_let_in(home: House, token: str) -> None:
    with home.counted() as calls:
        assert from_page(home, f"https://{DOMAIN}", token=token).status == 200
        assert home.ask(door("people"), "GET", "/v1/people", token=token).status == 200
    assert calls.count("dynamodb:GetItem") <= 4  # no settings are read for them


def test_the_hosts_header_makes_no_page_ours(home: House, token: str) -> None:
    answer = from_page(home, "https://evil.example", token=token, headers={"Host": "evil.example"})
    assert answer.status == 403


def test_an_unencrypted_page_is_ours_on_a_laptop_alone(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    del home
    assert origins._is_our_own(f"http://{DOMAIN}", DOMAIN)
    monkeypatch.setenv("STAGE", "production")
    settings.cache_clear()
    assert not origins._is_our_own(f"http://{DOMAIN}", DOMAIN)
    assert origins._is_our_own(f"https://{DOMAIN}", DOMAIN)


def test_settings_are_read_once_a_minute(home: House, token: str, time: clock.Frozen) -> None:
    from_page(home, APP, token=token)
    with home.counted() as calls:
        from_page(home, APP, token=token)
    assert calls == ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"]
    home.ask(door("settings"), "PATCH", "/v1/settings", token=token, body={"allowed_origins": []})
    time.tick(60)
    assert from_page(home, APP, token=token).status == 403


@pytest.mark.parametrize("path", ["/v1/people", "/v1/people/nobody", "/v1/people/no/such/path"])
def test_a_preflight_is_answered_to_anybody_and_reveals_nothing(home: House, token: str, path: str) -> None:
    del token
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,if-match"}
    answers = [from_page(home, origin, "OPTIONS", path, headers=asked) for origin in (APP, "https://evil.example")]
    for origin, answer in zip((APP, "https://evil.example"), answers, strict=True):
        assert (answer.status, answer.text) == (204, "")
        assert answer.headers[ALLOW] == origin
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, PUT, PATCH, DELETE"
        allowed = {name.lower() for name in answer.headers["Access-Control-Allow-Headers"].split(", ")}
        assert {"authorization", "content-type", "idempotency-key", "if-match", "prefer", "traceparent"} <= allowed
        assert answer.headers["Access-Control-Max-Age"] == "7200"
    first, second = ({name: each.headers[name] for name in each.headers if name not in VARIES} for each in answers)
    assert first == second


VARIES = {ALLOW, "X-Request-Id", "traceparent"}


def test_a_flood_of_preflights_is_counted_with_few_messages(home: House, token: str) -> None:
    del token
    asked = {"Access-Control-Request-Method": "GET"}
    with home.counted() as calls:
        for _ in range(50):
            from_page(home, APP, "OPTIONS", headers=asked)
    assert calls.count("sqs:SendMessage") == 1


def test_a_page_may_read_why_it_is_not_signed_in(home: House, token: str) -> None:
    del token
    answer = from_page(home, "https://anybody.example", token="x.y.z")
    assert (answer.status, answer.headers[ALLOW]) == (401, "https://anybody.example")


def test_whoever_may_not_change_settings_lists_nothing(home: House) -> None:
    tenant = home.tenant()
    for role in (Role.MARKETER, Role.SUPPORT, Role.AUDITOR):
        refused = home.ask(
            door("settings"),
            "PATCH",
            "/v1/settings",
            token=home.signed_in(tenant, role),
            body={"allowed_origins": [APP]},
        )
        assert refused.status == 403
