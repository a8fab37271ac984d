"""Windows, quotas, and what is told of them; pure."""

from dataclasses import dataclass

WINDOW_SECONDS = 60
"""A window begins with each minute of the clock."""

QUOTAS = {"trial": 12_000, "standard": 30_000, "scale": 120_000}
"""Requests a minute by plan."""

SHARES = 50
"""An environment takes about one such part of the quota at a time."""

CARE = 10
"""And no more than one such part of what is left, so that little lies idle in others' hands at the end."""

POLICY = "workspace"
"""The name of the policy in the header fields."""


@dataclass(frozen=True, slots=True)
class Window:
    """One minute of the clock."""

    number: int

    @classmethod
    def at(cls, epoch: int) -> "Window":
        """The window of a moment, in seconds since the epoch."""
        return cls(epoch // WINDOW_SECONDS)

    @property
    def ends(self) -> int:
        """When it is over, in seconds since the epoch."""
        return (self.number + 1) * WINDOW_SECONDS


@dataclass(frozen=True, slots=True)
class Standing:
    """How a workspace stands: its quota, about how much of it is left, and the seconds until it is whole again.

    What is left is known to an environment as of when it last took a share; others may have taken theirs since.
    """

    quota: int
    left: int
    resets_in: int

    def headers(self) -> dict[str, str]:
        """``RateLimit-Policy`` and ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4)."""
        return {
            "RateLimit-Policy": f'"{POLICY}";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{POLICY}";r={self.left};t={self.resets_in}',
        }


def quota_of(plan: str, own: int | None) -> int:
    """A workspace's requests a minute: what was agreed with it, else its plan's."""
    return own if own is not None else QUOTAS.get(plan, QUOTAS["trial"])


def share_of(quota: int, used: int) -> int:
    """How much of a quota to take at once when so much of it is used; nothing when all is."""
    left = quota - used
    return min(max(1, quota // SHARES), max(1, left // CARE)) if left > 0 else 0
