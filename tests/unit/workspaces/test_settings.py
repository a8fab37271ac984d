"""A workspace's own settings."""

from typing import Any

import pytest
from doors import door
from house import House, Reply

from misentinel.access import Role

APP = "https://app.example.com"


@pytest.fixture
def tenant(home: House) -> str:
    return home.tenant()


def ask(home: House, token: str, method: str = "GET", **more: Any) -> Reply:
    return home.ask(door("settings"), method, "/v1/settings", token=token, **more)


def test_before_anything_is_set_nothing_is_allowed(home: House, tenant: str) -> None:
    answer = ask(home, home.signed_in(tenant))
    assert answer.status == 200
    assert answer.json == {"allowed_origins": [], "updated_at": None}
    assert answer.headers["ETag"]


def test_what_is_set_is_read_and_on_record_without_its_values(home: House, tenant: str) -> None:
    token = home.signed_in(tenant)
    changed = ask(home, token, "PATCH", body={"allowed_origins": [f"{APP}/", APP.upper(), "http://localhost:3000"]})
    assert changed.status == 200
    assert changed.json["allowed_origins"] == [APP, "http://localhost:3000"]
    read = ask(home, token)
    assert (read.json, read.headers["ETag"]) == (changed.json, changed.headers["ETag"])
    update, _ = home.records(tenant)
    assert update["api"]["operation"] == "settings.update"
    assert update["resources"] == [{"type": "settings", "uid": tenant, "data": {"fields": ["allowed_origins"]}}]
    assert "example.com" not in str(update)


def test_two_who_change_at_once_do_not_overwrite_each_other(home: House, tenant: str) -> None:
    token = home.signed_in(tenant)
    blank = ask(home, token).headers["ETag"]
    match = {"If-Match": blank}
    assert ask(home, token, "PATCH", body={"allowed_origins": [APP]}, headers=match).status == 200
    late = ask(home, token, "PATCH", body={"allowed_origins": []}, headers=match)
    assert (late.status, late.json["type"]) == (412, "urn:misentinel:problem:precondition-failed")
    assert ask(home, token).json["allowed_origins"] == [APP]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"allowed_origins": None},
        {"allowed_origins": "https://app.example.com"},
        {"allowed_origins": ["*"]},
        {"allowed_origins": ["null"]},
        {"allowed_origins": ["http://app.example.com"]},
        {"allowed_origins": ["https://*.example.com"]},
        {"allowed_origins": ["https://app.example.com/path"]},
        {"allowed_origins": [f"https://{number}.example.com" for number in range(21)]},
        {"allowed_origins": [], "plan": "scale"},
    ],
)
def test_what_cannot_be_set_is_refused_with_the_field(home: House, tenant: str, body: Any) -> None:
    answer = ask(home, home.signed_in(tenant), "PATCH", body=body)
    assert (answer.status, answer.json["type"]) == (422, "urn:misentinel:problem:invalid")
    assert answer.json["errors"]


def test_who_may_read_settings_may_not_change_them(home: House, tenant: str) -> None:
    for role, reads in ((Role.MARKETER, 200), (Role.AUDITOR, 200), (Role.SUPPORT, 403), (Role.ANALYST, 403)):
        token = home.signed_in(tenant, role)
        assert ask(home, token).status == reads
        assert ask(home, token, "PATCH", body={"allowed_origins": []}).status == 403
    assert ask(home, home.signed_in(tenant, Role.ADMIN), "PATCH", body={"allowed_origins": []}).status == 200


def test_no_workspace_sees_anothers(home: House, tenant: str) -> None:
    ask(home, home.signed_in(tenant), "PATCH", body={"allowed_origins": [APP]})
    other = home.signed_in(home.tenant("other"))
    assert ask(home, other).json["allowed_origins"] == []
