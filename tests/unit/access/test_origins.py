"""What is a website's origin, and how a workspace lists one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misentinel.access.origins import is_origin, listed_form

WELL_FORMED = [
    "https://app.example.com",
    "https://app.example.com:8443",
    "http://localhost:3000",
    "http://[::1]:3000",
    "https://192.0.2.7",
    "https://xn--bcher-kva.example",
    "http://under_score.example",
]
MALFORMED = [
    "",
    "null",
    "*",
    "https://",
    "https://*.example.com",
    "https://app.example.com/",
    "https://app.example.com/path",
    "https://user@app.example.com",
    "https://app.example.com:",
    "https://app.example.com:0",
    "https://app.example.com:123456",
    "https://app.example.com https://evil.example",
    "https://app.example.com, https://evil.example",
    "https://app.example.com\r\nSet-Cookie: a=b",
    "https://app.example.com\n",
    "https://b\u00fccher.example",
    "HTTPS://app.example.com",
    "ftp://app.example.com",
    "file://",
    "chrome-extension://abcdefghijklmnop",
    "https://-app.example.com",
    "https://app..example.com",
    f"https://{'a' * 250}.example.com",
]


@pytest.mark.parametrize("text", WELL_FORMED)
def test_a_websites_origin_is_known(text: str) -> None:
    assert is_origin(text)


@pytest.mark.parametrize("text", MALFORMED)
def test_what_no_browser_sends_is_none(text: str) -> None:
    assert not is_origin(text)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://App.Example.com", "https://app.example.com"),
        (" https://app.example.com/ ", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("https://app.example.com:8443", "https://app.example.com:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:80", "http://localhost"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(written: str, kept: str) -> None:
    assert listed_form(written) == kept


@pytest.mark.parametrize(
    "text",
    [
        *(each for each in MALFORMED if not each.lower().startswith("https://app.example.com") or " " in each),
        "http://app.example.com",
        "http://localhost.evil.example:3000",
        "http://127.0.0.1.evil.example",
    ],
)
def test_what_could_never_match_or_is_unencrypted_cannot_be_listed(text: str) -> None:
    with pytest.raises(ValueError, match=r"write an origin|only https"):
        listed_form(text)


@given(st.text(max_size=80))
def test_what_is_kept_is_an_origin_and_keeping_it_again_changes_nothing(text: str) -> None:
    for written in (text, f"https://{text}", f"http://localhost:{text}"):
        try:
            kept = listed_form(written)
        except ValueError:
            continue
        assert is_origin(kept)
        assert listed_form(kept) == kept
