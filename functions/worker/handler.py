"""The worker: portion after portion of imports, exports and deletions."""

from collections.abc import Mapping
from typing import Any

from misentinel.jobs import Kind
from misentinel.jobs.queue import serve
from misentinel.jobs.running import Task
from misentinel.observability import logger
from misentinel.people.removal import deletion_portion
from misentinel.transfers.exporting import Exporting
from misentinel.transfers.importing import Importing

TASKS: Mapping[Kind, Task] = {
    Kind.IMPORT: Importing,
    Kind.EXPORT: Exporting,
    Kind.DELETION: lambda _: deletion_portion,
}


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take a message of the queue."""
    return serve(event, context, TASKS)
