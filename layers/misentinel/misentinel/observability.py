"""Logs and metrics of a function: structured, by tenant, request and member id, and nothing personal."""

import traceback
from types import TracebackType

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
"""One JSON object a line; keys of a request are appended by whoever opens its unit of work."""

metrics = Metrics(namespace="MiSentinel")
"""Embedded metric format; no tenant is ever a dimension."""

__all__ = ["MetricUnit", "frames", "logger", "metrics"]


def frames(trace: TracebackType | None) -> list[str]:
    """Where an error came from, file by line; never its text, which may hold personal data."""
    return [
        f"{frame.filename.rpartition('/python/')[2]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(trace)
    ]
