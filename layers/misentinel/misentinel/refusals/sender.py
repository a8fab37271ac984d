"""Sending attempts to be counted: a message each, or one for many; nothing personal in it."""

import threading
from collections import Counter

from botocore.exceptions import BotoCoreError, ClientError

from misentinel import clock
from misentinel.observability import error_name, logger
from misentinel.refusals.model import MAX_ATTEMPTS, Refused, minute_of
from misentinel.settings import settings
from misentinel.tenancy import as_function, aws

GATHERED_SECONDS = 1.0
"""How long attempts are gathered before one message tells them all."""

MAX_GATHERED = 1_000
"""How many kinds of attempts are gathered; one more is sent by itself."""


def count(address: str, operation: str, code: str) -> None:
    """Have an attempt by somebody unknown counted.

    Parameters
    ----------
    address
        The keyed hash of the address it came from.
    operation
        The action it was, or ``requests.unknown``.
    code
        How it ended: the refusal's code, or ``ok``.

    Raises
    ------
    botocore.exceptions.ClientError
        The queue did not take it: no record, no answer.
    """
    _send(Refused(minute_of(clock.epoch()), address, operation, code), 1)


def _send(refused: Refused, attempts: int) -> None:
    with as_function():
        aws("sqs").send_message(QueueUrl=settings().refusals_queue_url, MessageBody=refused.as_message(attempts))


class Gathering:
    """Attempts that come in floods: the first of a kind is sent at once, those after it in one message a second.

    An environment that is ended within that second takes what it gathered with it: that is what a flood may cost.
    """

    def __init__(self) -> None:
        self._waiting: Counter[Refused] = Counter()
        self._sent_in = ""
        self._sent: set[Refused] = set()
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def count(self, address: str, operation: str, code: str) -> None:
        """Have an attempt counted, soon; parameters and errors as those of `count`."""
        refused = Refused(minute_of(clock.epoch()), address, operation, code)
        with self._lock:
            if refused.minute != self._sent_in:
                self._sent_in, self._sent = refused.minute, set()
            if refused in self._sent and self._waiting[refused] < MAX_ATTEMPTS:
                self._waiting[refused] += 1
                self._wake()
                return
        _send(refused, 1)
        with self._lock:
            if len(self._sent) < MAX_GATHERED:
                self._sent.add(refused)

    def flush(self) -> None:
        """Send what was gathered; what the queue does not take waits for the next time."""
        with self._lock:
            waiting, self._waiting = self._waiting, Counter()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for refused, attempts in waiting.items():
            try:
                _send(refused, attempts)
            except (BotoCoreError, ClientError) as error:
                logger.error("attempts could not be sent", error=error_name(error), attempts=attempts)
                with self._lock:
                    self._waiting[refused] += attempts
                    self._wake()

    def forget(self) -> None:
        """Forget what was gathered; for tests."""
        with self._lock:
            self._waiting.clear()
            self._sent.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _wake(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(GATHERED_SECONDS, self.flush)
            self._timer.daemon = True
            self._timer.start()


FLOOD = Gathering()
"""What this environment gathers."""
