"""The worker's queue: records of accepted requests from the bus, and what a worker sends itself to go on."""

import json
from collections.abc import Mapping
from typing import Any

from misentinel import clock
from misentinel.jobs.model import Kind
from misentinel.jobs.running import Task, run
from misentinel.observability import error_name, frames, logger
from misentinel.schema import JsonObject
from misentinel.settings import settings
from misentinel.tenancy import as_function, aws

TURN_MS = 60_000
"""A worker's turn at a job: then it goes to the queue's end, so that no workspace keeps the others waiting."""

SPARE_MS = 40_000
"""No portion begins so shortly before the function's time is up."""

GRACE_SECONDS = 10
"""A message whose worker died is seen again so long after that worker's time would have been up."""

AGAIN_SECONDS = 15
"""A message whose worker failed is seen again after so long for each time it was seen."""


def serve(event: JsonObject, context: Any, tasks: Mapping[Kind, Task]) -> JsonObject:
    """Take the messages of an event of SQS, one job each.

    Returns
    -------
    dict
        What SQS is to bring again (``ReportBatchItemFailures``).
    """
    failed = []
    for message in event["Records"]:
        left = context.get_remaining_time_in_millis()
        _hide(message, left // 1000 + GRACE_SECONDS)
        try:
            _work(message, clock.epoch_ms() + left, min(TURN_MS, left - SPARE_MS), tasks)
        except Exception as error:  # noqa: BLE001 - whatever it was: the message comes again
            logger.error("a job failed", error=error_name(error), frames=frames(error.__traceback__))
            _hide(message, AGAIN_SECONDS * int(message["attributes"]["ApproximateReceiveCount"]))
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def _work(message: JsonObject, deadline_ms: int, turn_ms: int, tasks: Mapping[Kind, Task]) -> None:
    tenant, job = _named(json.loads(message["body"]))
    with logger.append_context_keys(tenant=tenant, job=job):
        over = run(tenant, job, tasks, until_ms=clock.epoch_ms() + turn_ms, deadline_ms=deadline_ms)
        if not over:
            _send_on(tenant, job)


def _named(body: JsonObject) -> tuple[str, str]:
    """Whose job it is, and which: by its own words, or those of the record that accepted it, in its event or not."""
    body = body.get("detail", {}).get("record", body)
    if "job" in body:
        return str(body["tenant"]), str(body["job"])
    (job,) = (each["uid"] for each in body["resources"] if each["type"] == "job")
    return str(body["metadata"]["tenant_uid"]), str(job)


def _send_on(tenant: str, job: str) -> None:
    body = json.dumps({"tenant": tenant, "job": job})
    with as_function():
        aws("sqs").send_message(QueueUrl=settings().jobs_queue_url, MessageBody=body)


def _hide(message: JsonObject, seconds: int) -> None:
    """Say when a message may be seen again; if that is not heard, the queue's own time holds."""
    try:
        with as_function():
            aws("sqs").change_message_visibility(
                QueueUrl=settings().jobs_queue_url,
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=seconds,
            )
    except Exception as error:  # noqa: BLE001 - a comfort, nothing depends on it
        logger.warning("a message's time was not changed", error=error_name(error))
