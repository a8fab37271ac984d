"""The sequencer: gives the records of an inbox's stream their places and publishes them."""

from typing import Any

from misentinel.auditlog.stream import on_inserts
from misentinel.observability import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ARG001 - Lambda's signature
    """Take a batch of an inbox's stream."""
    on_inserts(event)
