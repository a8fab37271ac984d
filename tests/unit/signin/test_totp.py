"""One-time codes by time."""

import base64
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from misentinel.signin import totp

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEED = base64.b32encode(b"12345678901234567890").decode()
"""The seed of RFC 6238, appendix B."""


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert totp.matching_step(SEED, code[-6:], at) == seconds // 30


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_one_step_either_way_is_accepted(steps: int) -> None:
    code = pyotp.TOTP(SEED).at(NOON + timedelta(seconds=30 * steps))
    assert totp.matching_step(SEED, code, NOON) == int(NOON.timestamp()) // 30 + steps


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_no_other_step_is(steps: int) -> None:
    code = pyotp.TOTP(SEED).at(NOON + timedelta(seconds=30 * steps))
    assert totp.matching_step(SEED, code, NOON) is None


@given(st.text(max_size=8))
def test_nothing_but_the_windows_own_codes_matches(code: str) -> None:
    own = {pyotp.TOTP(SEED).at(NOON + timedelta(seconds=30 * step)) for step in (-1, 0, 1)}
    assert (totp.matching_step(SEED, code, NOON) is not None) == (code in own)


def test_a_seed_has_160_bits_and_no_two_are_alike() -> None:
    seeds = {totp.new_seed() for _ in range(50)}
    assert len(seeds) == 50
    assert {len(base64.b32decode(seed)) for seed in seeds} == {20}


def test_an_app_reads_the_uri() -> None:
    uri = totp.otpauth_uri(SEED, workspace="acme", email="jo+x@acme.example")
    read = pyotp.parse_uri(uri)
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.name, read.issuer) == (SEED, "jo+x@acme.example", "MiSentinel acme")
    assert (read.digits, read.interval) == (6, 30)
