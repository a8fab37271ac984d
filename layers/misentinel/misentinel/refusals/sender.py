"""Sending an attempt to be counted: one message, nothing personal in it."""

from misentinel import clock
from misentinel.refusals.model import Refused, minute_of
from misentinel.settings import settings
from misentinel.tenancy import as_function, aws


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
    message = Refused(minute_of(clock.epoch()), address, operation, code).as_message()
    with as_function():
        aws("sqs").send_message(QueueUrl=settings().refusals_queue_url, MessageBody=message)
