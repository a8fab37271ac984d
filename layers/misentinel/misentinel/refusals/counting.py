"""Counting a batch of the queue."""

import time
from collections.abc import Mapping
from itertools import batched
from typing import Any

from pynamodb.exceptions import TransactWriteError

from misentinel import clock
from misentinel.observability import MetricUnit, logger, metrics
from misentinel.refusals import counters
from misentinel.refusals.model import Refused, UnreadableMessageError, from_message, tally
from misentinel.tenancy import PLATFORM, acting_as

PORTION = 100
"""Counters in one transaction: DynamoDB takes as many actions."""

ATTEMPTS = 5
"""How often a transaction that conflicts with another is tried."""

WAIT_SECONDS = 0.02
"""The first wait; it doubles."""


def count_batch(event: Mapping[str, Any]) -> dict[str, Any]:
    """Count the attempts of a batch (a Lambda event of SQS); the messages that failed come again.

    Returns
    -------
    dict
        ``batchItemFailures``, as SQS event source mappings take it.
    """
    attempts: dict[str, tuple[Refused, int]] = {}
    failed: list[str] = []
    for message in event["Records"]:
        try:
            attempts[message["messageId"]] = from_message(message["body"])
        except UnreadableMessageError:
            logger.error("not an attempt", message_id=message["messageId"])
            failed.append(message["messageId"])
    with acting_as(PLATFORM):
        for portion in batched(tally(attempts).items(), PORTION, strict=False):
            failed += _add(dict(portion))
    metrics.add_metric("RefusalsCounted", MetricUnit.Count, len(event["Records"]) - len(failed))
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def _add(groups: dict[Refused, dict[str, int]]) -> list[str]:
    """Add to the counters; the ids of the messages that were not counted."""
    for attempt in range(ATTEMPTS):
        try:
            counters.add(groups)
        except TransactWriteError as error:
            if attempt + 1 == ATTEMPTS or error.cause_response_code != "TransactionCanceledException":
                logger.error("attempts not counted", error=error.cause_response_code)
                break
            time.sleep(clock.jitter(WAIT_SECONDS * 2**attempt))
        else:
            return []
    return [message for group in groups.values() for message in group]
