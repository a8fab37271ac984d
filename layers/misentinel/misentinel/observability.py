"""Logs and metrics of a function: structured, by tenant, request and member id, and nothing personal."""

import threading
import traceback
from types import TracebackType
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import ClientError

from misentinel import clock

logger = Logger(use_rfc3339=True)
"""One JSON object a line; keys of a request are appended by whoever opens its unit of work."""

metrics = Metrics(namespace="MiSentinel")
"""Embedded metric format; no tenant is ever a dimension."""

CAUSES = 5
"""Errors that came of each other are named up to so many."""

_line = threading.Lock()
"""One line at a time: the metrics gathered are the environment's."""

__all__ = ["MetricUnit", "conclude", "error_name", "frames", "logger", "metrics"]


def conclude(message: str, **fields: Any) -> None:
    """Write the one line of what is done: what it was, and the metrics gathered meanwhile.

    Metrics in the embedded format may stand beside anything else (CloudWatch User Guide, "Embedded metric format
    specification"): a line of their own would cost as much again.
    """
    with _line:
        if not metrics.metric_set:
            logger.info(message, **fields)
            return
        lasting = {"level": "INFO", "message": message, "timestamp": clock.now().isoformat(timespec="milliseconds")}
        for name, value in {**lasting, **fields}.items():
            metrics.add_metadata(name, value)
        metrics.flush_metrics()


def frames(trace: TracebackType | None) -> list[str]:
    """Where an error came from, file by line; never its text, which may hold personal data."""
    return [
        f"{frame.filename.rpartition('/python/')[2]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(trace)
    ]


def error_name(error: BaseException) -> str:
    """What an error is and what it came of, with AWS's code; never its text, which may hold personal data.

    ``Unavailable < PutError < ReadTimeoutError``, or ``Unavailable < GetError < ClientError ThrottlingException``.
    """
    names: list[str] = []
    each: BaseException | None = error
    while each is not None and len(names) < CAUSES:
        if isinstance(each, ClientError):
            return " < ".join([*names, f"ClientError {each.response['Error']['Code']}"])
        names.append(type(each).__name__)
        each = getattr(each, "cause", None) or each.__cause__
    return " < ".join(names)
