"""What an inbox's stream brings: sequenced, then published."""

from base64 import b64decode
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from misentinel.auditlog.metrics import count_published, count_received, count_sequenced, count_unreadable
from misentinel.auditlog.model import Arrival, UnreadableRecordError, arrival
from misentinel.auditlog.publisher import publish
from misentinel.auditlog.sequencer import sequence
from misentinel.auditlog.store import Log, Waiting
from misentinel.observability import conclude
from misentinel.tenancy import Authority, Suffix, acting_as
from misentinel.tenancy.model import tenant_of_table


class ForeignStreamError(ValueError):
    """The stream is of no tenant's inbox."""


def on_inserts(event: Mapping[str, Any]) -> None:
    """Sequence and publish a batch of inserts into inboxes (a Lambda event of DynamoDB streams).

    A batch delivered again changes nothing.

    Raises
    ------
    ExceptionGroup
        Something in the batch is no record. All others are sequenced and published; the mapping bisects the batch
        until what is left goes to the dead-letter queue.
    """
    count_received(len(event["Records"]))
    batches = defaultdict[str, list[Waiting]](list)
    for record in event["Records"]:
        batches[tenant_of_stream(record["eventSourceARN"])].append(_waiting(record["dynamodb"]))
    unreadable: list[UnreadableRecordError] = []
    told: dict[str, Any] = {}
    try:
        for tenant, batch in batches.items():
            arrivals, refused = read(tenant, batch)
            unreadable += refused
            with acting_as(tenant, Authority.LOG):
                log = Log(tenant)
                done = sequence(log, arrivals)
                count_sequenced(done.count, done.lag_ms)
                told |= {"tenant": tenant, **done.told()}
                count_published(publish(log, done.placed))
        if unreadable:
            count_unreadable(len(unreadable))
            message = "what is in the inbox is no record"
            raise ExceptionGroup(message, unreadable)
    finally:
        conclude("records placed", **told)


def read(tenant: str, batch: Sequence[Waiting]) -> tuple[list[Arrival], list[UnreadableRecordError]]:
    """Read what waits in a tenant's inbox: the records, and what is none."""
    arrivals: list[Arrival] = []
    unreadable: list[UnreadableRecordError] = []
    for each in batch:
        try:
            arrivals.append(arrival(tenant, each.uid, each.record, each.context))
        except UnreadableRecordError as error:
            unreadable.append(error)
    return arrivals, unreadable


def tenant_of_stream(arn: str) -> str:
    """Whose inbox a stream is of, by its ARN: ``…:table/<table>/stream/<label>``.

    Raises
    ------
    ForeignStreamError
        Nobody's.
    """
    table = arn.partition(":table/")[2].partition("/")[0]
    owner = tenant_of_table(table)
    if owner is None or owner[1] is not Suffix.INBOX:
        message = f"{arn} is no inbox's stream"
        raise ForeignStreamError(message)
    return owner[0]


def _waiting(change: Mapping[str, Any]) -> Waiting:
    image = change.get("NewImage", {})
    record, context = (_bytes(image.get(name, {})) for name in ("record", "context"))
    return Waiting(change["Keys"]["uid"]["S"], record, context)


def _bytes(value: Mapping[str, Any]) -> bytes:
    """A binary attribute of a stream's event; whatever else stands there is nothing."""
    return b64decode(value.get("B") or "")
