"""Time, randomness and ids: the one place they come from, so that tests can set them."""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
"""A moment with its offset (RFC 3339, section 5.6)."""

_TIME = re.compile(TIME)
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(slots=True)
class Frozen:
    """A clock that stands still until it is told to move."""

    moment: datetime

    def tick(self, seconds: float) -> None:
        """Move on by so many seconds."""
        self.moment += timedelta(seconds=seconds)


_frozen: Frozen | None = None


@contextmanager
def at(moment: datetime) -> Iterator[Frozen]:
    """Freeze the clock, in every thread; for tests."""
    global _frozen  # noqa: PLW0603 - one clock for the process is what this module is for
    previous, _frozen = _frozen, Frozen(moment)
    try:
        yield _frozen
    finally:
        _frozen = previous


def epoch_ms() -> int:
    """Milliseconds since the Unix epoch."""
    if _frozen is not None:
        return round(_frozen.moment.timestamp() * 1000)
    return time.time_ns() // 1_000_000


def epoch() -> int:
    """Whole seconds since the Unix epoch."""
    return epoch_ms() // 1000


def now() -> datetime:
    """The present moment in UTC, to the millisecond."""
    return datetime.fromtimestamp(epoch_ms() / 1000, UTC)


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, e.g. ``2026-11-23T13:30:00.000Z``; sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The moment that an RFC 3339 text names, in UTC.

    Raises
    ------
    ValueError
        It names none.
    """
    if not _TIME.match(text):
        message = "give a time with its offset, such as 2026-11-23T13:30:00Z"
        raise ValueError(message)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        message = "there is no such time"
        raise ValueError(message) from None


def uuid7() -> str:
    """A UUIDv7 (RFC 9562, section 5.7): sorts by the millisecond of its making."""
    value = (epoch_ms() & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def made_at(uid: str) -> datetime:
    """When a UUIDv7 was made: the milliseconds in it (RFC 9562, section 5.7)."""
    return datetime.fromtimestamp(int(uid[:8] + uid[9:13], 16) / 1000, UTC)


def token(nbytes: int = 32) -> str:
    """An unguessable URL-safe text of so many random bytes."""
    return secrets.token_urlsafe(nbytes)


def base32(length: int = 16) -> str:
    """Random lowercase base32 (``a-z2-7``), 5 bits a character."""
    return "".join(secrets.choice(_BASE32) for _ in range(length))


def jitter(seconds: float) -> float:
    """A random wait between nothing and so many seconds ("full jitter", AWS Architecture Blog)."""
    return seconds * secrets.randbelow(1_000_000) / 1_000_000
