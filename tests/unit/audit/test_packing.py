"""Records and contexts as they are stored: small, whole, and readable for as long as they are kept."""

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misentinel import clock
from misentinel.audit import Action, Actor, Happening, canonical, record
from misentinel.audit.packing import DICTIONARIES, VERSION, UnreadablePackError, packed, unpacked


@given(st.text())
def test_what_is_packed_comes_back(text: str) -> None:
    assert unpacked(packed(text), len(text.encode())) == text


@given(st.binary(max_size=80))
def test_whatever_else_is_stored_is_told_apart(data: bytes) -> None:
    with pytest.raises(UnreadablePackError):
        unpacked(data, 1000)


def test_every_damaged_byte_is_noticed() -> None:
    whole = packed('{"activity_id":2}')
    for place in range(len(whole)):
        with pytest.raises(UnreadablePackError):
            unpacked(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :], 1000)
        with pytest.raises(UnreadablePackError):
            unpacked(whole[:place], 1000)
    with pytest.raises(UnreadablePackError):
        unpacked(whole + b"more", 1000)


def test_no_more_is_unpacked_than_allowed() -> None:
    bomb = packed("x" * 50_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(UnreadablePackError, match="65536"):
        unpacked(bomb, 65_536)


@pytest.mark.parametrize(
    ("version", "digest"), [(1, "764fd922cf3b7704ffa6467ab36f28ad8eec770c4967514b62f754f5c67c14d4")]
)
def test_a_dictionary_never_changes(version: int, digest: str) -> None:
    """What is in the logs was packed with these very bytes: change them, and it can be read no more."""
    assert hashlib.sha256(DICTIONARIES[version]).hexdigest() == digest


def test_a_usual_record_takes_a_third_of_its_text() -> None:
    happening = Happening(
        tenant="a2b3c4d5e6f7g2h3",
        action=Action("people.update"),
        request_id=clock.uuid7(),
        actor=Actor(clock.uuid7(), clock.uuid7(), is_mfa=True),
        address_hash="9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    )
    happening.touch("person", clock.uuid7(), ["locale", "name"])
    text = canonical(record(happening, clock.uuid7()))
    assert len(packed(text)) < len(text) / 3
    assert len(packed(text)) < len(zlib.compress(text.encode(), 9)) * 0.6
    assert packed(text)[0] == VERSION
