"""The counter of a window in the workspace's ``-data``: how much of the quota environments have taken."""

from botocore.exceptions import ClientError
from pynamodb.attributes import NumberAttribute
from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.transactions import TransactWrite

from misentinel.limits.model import WINDOW_SECONDS, Window
from misentinel.tenancy import DataModel, acting_as, bind, connection

KEPT_SECONDS = 10 * WINDOW_SECONDS
"""A counter goes so long after its window."""


class Counter(DataModel):
    """What is taken of a window's quota."""

    used = NumberAttribute()
    expires_at = NumberAttribute()


def used(tenant: str, window: Window) -> int:
    """How much is taken."""
    with acting_as(tenant):
        try:
            counter: Counter = bind(Counter, tenant).get(_key(window), "rate", consistent_read=True)
        except DoesNotExist:
            return 0
    return int(counter.used)


def take(tenant: str, window: Window, share: int, quota: int) -> bool:
    """Take a share of the quota if so much is left; two environments never get the same part of it.

    Returns
    -------
    bool
        Whether it was taken: not if others came first.
    """
    fits = Counter.used.does_not_exist() | (Counter.used <= quota - share)
    counter: Counter = bind(Counter, tenant)(_key(window), "rate")
    try:
        with acting_as(tenant), TransactWrite(connection=connection()) as transaction:
            transaction.update(
                counter,
                actions=[Counter.used.add(share), Counter.expires_at.set(window.ends + KEPT_SECONDS)],
                condition=fits,
            )
    except TransactWriteError as error:
        if isinstance(error.cause, ClientError) and error.cause_response_code == "TransactionCanceledException":
            return False
        raise
    return True


def _key(window: Window) -> str:
    return f"rate#{window.number}"
