"""Refusals: counted as they come, recorded once a minute."""

from typing import Any

from misentinel.observability import logger, metrics
from misentinel.refusals.closing import close_minutes
from misentinel.refusals.counting import count_batch


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any] | None:  # noqa: ARG001 - Lambda's signature
    """Take a batch of the queue, or the schedule's call."""
    if "Records" in event:
        return count_batch(event)
    close_minutes()
    return None
