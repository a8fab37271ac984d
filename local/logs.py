"""One request's log lines from every function, in time order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from local import deployment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.place import Place

_POLL_SECONDS = 0.5


def _events(logs: Any, request: str) -> Iterator[tuple[int, str]]:
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            for events in pages:
                for event in events["events"]:
                    if request in event["message"] and event["message"].startswith("{"):
                        yield event["timestamp"], event["message"].strip()


def follow(place: Place, request: str, *, forever: bool) -> Iterator[str]:
    """The structured lines that name `request`, oldest first; with `forever`, later ones as they come."""
    logs = deployment.client(place, "logs")
    seen: set[tuple[int, str]] = set()
    while True:
        for event in sorted(set(_events(logs, request)) - seen):
            seen.add(event)
            yield event[1]
        if not forever:
            return
        time.sleep(_POLL_SECONDS)
