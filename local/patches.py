"""What the embedded cloud lacks of AWS and this template needs; no patch allows what AWS would deny."""

from __future__ import annotations

from local import buckets, capacity, collections, gateway, iam, queues, targets, workers


def apply() -> None:
    """Put all patches in place; call it before the embedded cloud serves."""
    iam.policy_variables()
    iam.condition_keys()
    iam.stream_arns()
    gateway.whole_definitions()
    gateway.address_of_the_connection()
    buckets.object_lock_of_templates()
    capacity.by_size()
    collections.keep_in_order()
    queues.keep_their_address()
    targets.firehose_from_event_bus()
    workers.runtime_of_their_own()
    workers.layers_unpacked_once()
    workers.queue_when_busy()
