"""What is counted of an attempt by somebody unknown: nothing personal; pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from misentinel.audit.model import Action

MAX_LENGTH = 100
"""Characters of an address hash, an operation or a code at most."""


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

    def as_message(self) -> str:
        """The queue's message."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def started_ms(self) -> int:
        """When its minute began, in milliseconds since the epoch."""
        return int(datetime.fromisoformat(f"{self.minute}:00Z").timestamp()) * 1000


def from_message(text: str) -> Refused:
    """Read a message of the queue.

    Raises
    ------
    UnreadableMessageError
        It is no attempt.
    """
    try:
        refused = Refused(**json.loads(text))
        Action(refused.operation)
        fits = all(isinstance(each, str) and len(each) <= MAX_LENGTH for each in asdict(refused).values())
        if not fits or minute_of(refused.started_ms // 1000) != refused.minute:
            raise UnreadableMessageError
    except (ValueError, TypeError) as error:
        message = "not an attempt"
        raise UnreadableMessageError(message) from error
    return refused


def minute_of(epoch: int) -> str:
    """The minute of a moment (seconds since the epoch), in UTC; sorts as text."""
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M}"


def tally(attempts: Mapping[str, Refused]) -> dict[Refused, list[str]]:
    """Message ids by what they count, in a fixed order."""
    groups: dict[Refused, list[str]] = {}
    for message_id, refused in sorted(attempts.items(), key=lambda each: (each[1], each[0])):
        groups.setdefault(refused, []).append(message_id)
    return groups
