"""The public API's client: a code is given out once."""

import time

import pyotp
import pytest

from local.client import Codes

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that moves only when somebody sleeps."""
    now = [1_234_567_890.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "sleep", sleep)
    return now


def test_the_first_code_is_the_one_on_the_clock(clock: list[float]) -> None:
    assert Codes(SECRET).next() == pyotp.TOTP(SECRET).at(int(clock[0])) == "005924"


def test_no_code_is_given_out_twice_and_each_is_in_time(clock: list[float]) -> None:
    codes = Codes(SECRET)
    seen = []
    for _ in range(6):
        seen.append(codes.next())
        assert pyotp.TOTP(SECRET).verify(seen[-1], for_time=int(clock[0]), valid_window=1)
    assert len(set(seen)) == len(seen)


def test_the_step_before_is_in_time_too(clock: list[float]) -> None:
    codes = Codes(SECRET)
    assert codes.next(earliest=-1) == pyotp.TOTP(SECRET).at(int(clock[0]) - 30)
    assert codes.next() == pyotp.TOTP(SECRET).at(int(clock[0]))
