"""The counters in the platform's ``-data``: one per address, minute, operation and end."""

from collections.abc import Iterator, Mapping
from hashlib import sha256

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from misentinel.refusals.model import Refused
from misentinel.tenancy import PLATFORM, DataModel, bind, connection

LISTED = "refusals"


class Counter(DataModel):
    """How many alike attempts there were in a minute; it goes when they are recorded."""

    gsi1pk = UnicodeAttribute(default=LISTED)
    gsi1sk = UnicodeAttribute()
    minute = UnicodeAttribute()
    address = UnicodeAttribute()
    operation = UnicodeAttribute()
    code = UnicodeAttribute()
    attempts = NumberAttribute()


def add(groups: Mapping[Refused, Mapping[str, int]]) -> None:
    """Add to at most 100 counters in one transaction, once for the same messages.

    The token (valid for 10 minutes, TransactWriteItems) makes a batch that is delivered again change nothing.

    Parameters
    ----------
    groups
        How many attempts each message tells, by message id, by what they count.
    """
    ids = sorted(each for group in groups.values() for each in group)
    token = sha256("\n".join(ids).encode()).hexdigest()[:36]
    with TransactWrite(connection=connection(), client_request_token=token) as transaction:
        for refused, messages in groups.items():
            transaction.update(
                counter_of(refused),
                actions=[
                    Counter.gsi1pk.set(LISTED),
                    Counter.gsi1sk.set(f"{refused.minute}#{_name(refused)}"),
                    Counter.minute.set(refused.minute),
                    Counter.address.set(refused.address),
                    Counter.operation.set(refused.operation),
                    Counter.code.set(refused.code),
                    Counter.attempts.add(sum(messages.values())),
                ],
            )


def before(minute: str, limit: int) -> Iterator[tuple[Refused, int]]:
    """The counters of minutes before this one, the oldest first, and what they stand at."""
    model = bind(Counter, PLATFORM)
    for item in model.by_list.query(LISTED, Counter.gsi1sk < minute, limit=limit):
        yield Refused(item.minute, item.address, item.operation, item.code), int(item.attempts)


def counter_of(refused: Refused) -> Counter:
    """The counter's item: its keys alone."""
    counter: Counter = bind(Counter, PLATFORM)(f"refusals#{refused.minute}", _name(refused))
    return counter


def _name(refused: Refused) -> str:
    return f"{refused.address}#{refused.operation}#{refused.code}"
