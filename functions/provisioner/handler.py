"""Provisioner: makes workspaces ready, finds those that were lost, and forgets the logins of removed members."""

import json
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from misentinel.members.forgetting import forget
from misentinel.observability import error_name, frames, logger
from misentinel.workspaces.provisioning import provision, sweep

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def _provision(record: SQSRecord) -> None:
    """One workspace; a failure is logged without its text, and the queue brings the message again."""
    try:
        message = json.loads(record.body)
        provision(message["tenant"], message.get("request_id", ""))
    except Exception as error:
        logger.error("provisioning failed", error=error_name(error), frames=frames(error.__traceback__))
        raise


def handler(event: dict[str, Any], context: Any) -> Any:
    """Serve the queue of sign-ups, the bus's records of removed members, or the schedule."""
    if "Records" in event:
        return process_partial_response(event=event, record_handler=_provision, processor=processor, context=context)
    if event.get("detail-type") == "AuditRecord":
        metadata = event["detail"]["record"]["metadata"]
        return forget(metadata["tenant_uid"], metadata["uid"])
    return sweep()
