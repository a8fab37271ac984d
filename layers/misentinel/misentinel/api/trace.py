"""Traces: one id for a request through many systems (W3C Trace Context, level 1)."""

import re
import secrets
from dataclasses import dataclass

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a request stands in its trace. ``given`` tells whether the client sent the trace's id."""

    trace: str
    span: str
    sampled: bool
    given: bool

    @classmethod
    def of(cls, traceparent: str | None) -> "Trace":
        """Go on with a client's trace, or begin one: what is malformed is ignored (section 3.2.2.3)."""
        span = _random(8)
        found = _TRACEPARENT.fullmatch(traceparent) if traceparent and len(traceparent) <= MAX_LENGTH else None
        if (
            found is None
            or found["version"] == "ff"
            or (found["version"] == "00" and found["more"])
            or not int(found["trace"], 16)
            or not int(found["span"], 16)
        ):
            return cls(_random(16), span, sampled=False, given=False)
        return cls(found["trace"], span, sampled=bool(int(found["flags"], 16) & 1), given=True)

    @property
    def header(self) -> str:
        """The answer's ``traceparent``: the trace, and this request's own span in it."""
        return f"00-{self.trace}-{self.span}-{int(self.sampled):02x}"


MAX_LENGTH = 512
"""Characters of a future version's header that are looked at."""


def _random(nbytes: int) -> str:
    while not int(found := secrets.token_hex(nbytes), 16):
        pass  # all zeros mean "none"
    return found
