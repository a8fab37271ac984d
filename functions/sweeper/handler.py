"""The sweeper: every minute, what waits in inboxes and what is not on the bus yet."""

from typing import Any

from misentinel.auditlog.sweep import sweep
from misentinel.observability import logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ARG001 - Lambda's signature
    """Sweep every log of the cell."""
    sweep()
