"""The log's metrics (CloudWatch EMF): of a function, never of a tenant."""

from misentinel.observability import MetricUnit, metrics


def count_received(records: int) -> None:
    """Note records that a stream brought, those that come again included."""
    metrics.add_metric("Received", MetricUnit.Count, records)


def count_sequenced(records: int, lag_ms: int) -> None:
    """Note records placed, and how long the oldest of them waited."""
    metrics.add_metric("Sequenced", MetricUnit.Count, records)
    if records:
        metrics.add_metric("SequencingLag", MetricUnit.Milliseconds, lag_ms)


def count_published(records: int) -> None:
    """Note records put on the bus."""
    metrics.add_metric("Published", MetricUnit.Count, records)


def count_waiting(records: int) -> None:
    """Note records that a sweep found in an inbox."""
    metrics.add_metric("InboxSize", MetricUnit.Count, records)


def count_unreadable(records: int) -> None:
    """Note what stands in an inbox and is no record."""
    metrics.add_metric("UnreadableRecords", MetricUnit.Count, records)
