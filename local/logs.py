"""One request's log lines from every function, in time order."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local import deployment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.place import Place

_POLL_SECONDS = 0.5


def _events(logs: Any, request: str) -> Iterator[tuple[str, str]]:
    """Each line with its own time: the log's is that of the invocation's end, the same for all its lines."""
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group["logGroupName"], filterPattern=f'"{request}"'
            )
            for event in (each for found in pages for each in found["events"]):
                line = event["message"].strip()
                if request in line and line.startswith("{"):
                    told = {"function": group["logGroupName"].rpartition("/")[2].removeprefix("ms-local-")}
                    told |= json.loads(line)
                    yield told.get("timestamp") or _written(event["timestamp"]), json.dumps(told, ensure_ascii=False)


def _written(milliseconds: int) -> str:
    """A time as the functions' lines have it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def follow(place: Place, request: str, *, forever: bool) -> Iterator[str]:
    """The structured lines that name `request`, each with its function, oldest first; with `forever`, later ones as they come."""
    # A listing fails there while a group is being made.
    logs = deployment.client(place, "logs", attempts=5)
    seen: set[tuple[str, str]] = set()
    while True:
        for event in sorted(set(_events(logs, request)) - seen):
            seen.add(event)
            yield event[1]
        if not forever:
            return
        time.sleep(_POLL_SECONDS)
