"""Functions of the embedded cloud: only their own layers to import from, unpacked once, and a queue when all are busy."""

from __future__ import annotations

import contextvars
import hashlib
import io
import os
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

# A function's processes on a laptop; on AWS its concurrency takes the place of this.
MOST_WORKERS = int(os.environ.get("MS_WORKERS", "6"))
_POLL_SECONDS = 0.005
_GATEWAY_SECONDS = 29.0
"""How long API Gateway waits for an answer."""
_spawning: contextvars.ContextVar[bool] = contextvars.ContextVar("spawning", default=False)


def runtime_of_their_own() -> None:
    """Take the developer's tools off a function's import path: what its layers lack must fail here as on AWS."""
    own_path_only = "import sys\nsys.path[:] = [p for p in sys.path if not p.endswith('site-packages')]\n"
    lambda_runtime._PYTHON_WORKER_SCRIPT = own_path_only + lambda_runtime._PYTHON_WORKER_SCRIPT


def _unpacked(content: bytes) -> Path:
    """The folder that holds this layer's `python/`, filled by whoever comes first."""
    folder = Path(tempfile.gettempdir()) / f"layer-{hashlib.sha256(content).hexdigest()[:16]}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent, delete=False) as fresh:
            zipfile.ZipFile(io.BytesIO(content)).extractall(fresh)
        try:
            Path(fresh).rename(folder)
        except OSError:
            if not folder.exists():
                raise
    return folder


def _pointer(folder: Path) -> bytes:
    """A layer of one line that sends Python to `folder`: a site directory's `.pth` file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("python/lib/python3.13/site-packages/layer.pth", f"{folder / 'python'}\n")
    return content.getvalue()


def layers_unpacked_once() -> None:
    """Give every process of every function one copy of a layer, so that its byte code is compiled once."""
    spawn = lambda_runtime.Worker._spawn
    resolve = lambda_svc._resolve_layer_zip
    pointers: dict[str, bytes] = {}

    def spawn_with_pointers(worker: Any) -> None:
        token = _spawning.set(True)
        try:
            spawn(worker)
        finally:
            _spawning.reset(token)

    def resolve_to_pointer(attachment: Any) -> bytes | None:
        if not _spawning.get():
            whole: bytes | None = resolve(attachment)
            return whole
        arn = attachment if isinstance(attachment, str) else attachment.get("Arn", "")
        if arn not in pointers:
            content = resolve(attachment)
            if content is None:
                return None
            pointers[arn] = _pointer(_unpacked(content))
        return pointers[arn]

    lambda_runtime.Worker._spawn = spawn_with_pointers
    lambda_svc._resolve_layer_zip = resolve_to_pointer


def queue_when_busy() -> None:
    """Let an invocation wait for a free process instead of starting one more than the laptop has room for."""
    acquire = lambda_runtime.acquire_worker

    def acquire_in_turn(
        name: str, config: dict[str, Any], code: bytes, qualifier: str = "$LATEST", max_concurrency: int | None = None
    ) -> tuple[Any, str]:
        deadline = time.monotonic() + max(float(config.get("Timeout", 3)), _GATEWAY_SECONDS)
        while True:
            worker, reason = acquire(name, config, code, qualifier, max_concurrency or MOST_WORKERS)
            if worker is not None or time.monotonic() > deadline:
                return worker, reason
            time.sleep(_POLL_SECONDS)

    lambda_svc.acquire_worker = acquire_in_turn
