"""Prefer: return=minimal gives a change without its body, and nobody anything else."""

from typing import Any

import pytest
from doors import door
from house import House, Reply
from hypothesis import given
from hypothesis import strategies as st

from misentinel.api.preference import wants_minimal

MINIMAL = {"Prefer": "return=minimal"}


@pytest.fixture
def token(home: House) -> str:
    return home.signed_in(home.tenant())


def ask(home: House, token: str, method: str, path: str, prefer: str = "return=minimal", **more: Any) -> Reply:
    headers = {"Prefer": prefer, **more.pop("headers", {})}
    return home.ask(door("people"), method, path, token=token, headers=headers, **more)


def test_what_is_made_is_told_by_its_location_alone(home: House, token: str) -> None:
    made = ask(home, token, "POST", "/v1/people", body={"name": "Ada"})
    assert (made.status, made.text) == (201, "")
    assert made.headers["Preference-Applied"] == "return=minimal"
    assert made.headers["ETag"]
    assert "Content-Type" not in made.headers
    read = home.ask(door("people"), "GET", made.headers["Location"], token=token)
    assert (read.status, read.headers["ETag"]) == (200, made.headers["ETag"])


def test_a_change_is_told_by_its_etag_alone(home: House, token: str) -> None:
    path = ask(home, token, "POST", "/v1/people", body={"name": "Ada"}).headers["Location"]
    changed = ask(home, token, "PATCH", path, body={"name": "Bo"})
    assert (changed.status, changed.text, changed.headers["Preference-Applied"]) == (204, "", "return=minimal")
    assert changed.headers["ETag"] == home.ask(door("people"), "GET", path, token=token).headers["ETag"]


def test_a_read_and_a_refusal_say_all_the_same(home: House, token: str) -> None:
    for answer in (
        ask(home, token, "GET", "/v1/people"),
        ask(home, token, "POST", "/v1/people", body={}),
        ask(home, token, "GET", "/v1/people/nobody"),
    ):
        assert answer.text
        assert "Preference-Applied" not in answer.headers


def test_a_secret_that_is_told_once_is_told(home: House, token: str) -> None:
    invited = home.ask(
        door("members"),
        "POST",
        "/v1/members",
        token=token,
        body={"email": "a@b.example", "role": "support"},
        headers=MINIMAL,
    )
    assert (invited.status, bool(invited.json["invitation"])) == (201, True)
    assert "Preference-Applied" not in invited.headers


def test_a_repeated_request_gets_the_answer_in_the_form_it_prefers_now(home: House, token: str) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = ask(home, token, "POST", "/v1/people", body={"name": "Ada"}, headers=key)
    again = ask(home, token, "POST", "/v1/people", prefer="", body={"name": "Ada"}, headers=key)
    third = ask(home, token, "POST", "/v1/people", body={"name": "Ada"}, headers=key)
    assert (first.text, third.text, again.json["name"]) == ("", "", "Ada")
    assert first.headers["Location"].endswith(again.json["id"])
    assert again.headers["Idempotency-Replayed"] == third.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    "prefer",
    [
        "return=minimal",
        "Return=minimal",
        "RETURN = minimal",
        'return="minimal"',
        "respond-async, return=minimal",
        "return=minimal; foo=bar, wait=10",
        'handling=lenient; note="a, b", return=minimal',
        "return=minimal, return=representation",
    ],
)
def test_the_preference_is_read_as_the_rfc_writes_it(prefer: str) -> None:
    assert wants_minimal(prefer)


@pytest.mark.parametrize(
    "prefer",
    [
        "",
        "return",
        "return=",
        "return=representation",
        "return=representation, return=minimal",
        "return=minimalist",
        "x-return=minimal",
        'note="return=minimal"',
        'note=", return=minimal, "',
        "minimal",
        "return=minimal" + " " * 1000,
        "return==minimal",
    ],
)
def test_what_is_no_such_preference_is_ignored(prefer: str) -> None:
    assert not wants_minimal(prefer)


@given(st.text(max_size=60))
def test_nothing_of_what_a_client_prefers_comes_back(text: str) -> None:
    assert wants_minimal(text) in {True, False}


def test_a_header_cannot_be_smuggled_through_a_preference(home: House, token: str) -> None:
    prefer = "return=minimal\r\nSet-Cookie: a=b"
    answer = ask(home, token, "POST", "/v1/people", prefer=prefer, body={"name": "Ada"})
    assert not any("Cookie" in value or "\n" in value for each in answer.headers.items() for value in each)
