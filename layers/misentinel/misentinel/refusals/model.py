"""What is counted of an attempt by somebody unknown: nothing personal; pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from misentinel.audit.model import Action

MAX_LENGTH = 100
"""Characters of an address hash, an operation or a code at most."""

MAX_ATTEMPTS = 1_000_000
"""Attempts of which one message may speak."""


class UnreadableMessageError(ValueError):
    """A message of the queue that is no attempt; it holds nothing of its content."""


@dataclass(frozen=True, slots=True, order=True)
class Refused:
    """What is counted together: attempts from one address, at one operation, with one end, in one minute.

    ``address`` is a keyed hash, ``code`` the refusal's code, ``minute`` like ``2026-11-23T13:30``.
    """

    minute: str
    address: str
    operation: str
    code: str

    def as_message(self, attempts: int = 1) -> str:
        """The queue's message of so many alike attempts."""
        several = {"attempts": attempts} if attempts != 1 else {}
        return json.dumps({**asdict(self), **several}, separators=(",", ":"))

    @property
    def started_ms(self) -> int:
        """When its minute began, in milliseconds since the epoch."""
        return int(datetime.fromisoformat(f"{self.minute}:00Z").timestamp()) * 1000


def from_message(text: str) -> tuple[Refused, int]:
    """Read a message of the queue: what was attempted, and how often.

    Raises
    ------
    UnreadableMessageError
        It is no attempt.
    """
    try:
        said = json.loads(text)
        attempts = said.pop("attempts", 1)
        refused = Refused(**said)
        Action(refused.operation)
        fits = all(isinstance(each, str) and len(each) <= MAX_LENGTH for each in asdict(refused).values())
        counts = type(attempts) is int and 1 <= attempts <= MAX_ATTEMPTS
        if not fits or not counts or minute_of(refused.started_ms // 1000) != refused.minute:
            raise UnreadableMessageError
    except (AttributeError, ValueError, TypeError) as error:
        message = "not an attempt"
        raise UnreadableMessageError(message) from error
    return refused, attempts


def minute_of(epoch: int) -> str:
    """The minute of a moment (seconds since the epoch), in UTC; sorts as text."""
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M}"


def tally(messages: Mapping[str, tuple[Refused, int]]) -> dict[Refused, dict[str, int]]:
    """How many attempts each message tells, by message id, by what they count; in a fixed order."""
    groups: dict[Refused, dict[str, int]] = {}
    for message_id, (refused, attempts) in sorted(messages.items(), key=lambda each: (each[1][0], each[0])):
        groups.setdefault(refused, {})[message_id] = attempts
    return groups
