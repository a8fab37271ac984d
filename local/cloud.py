"""Start and stop an embedded cloud: one process on the loopback, known by its pid file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from local.place import ACCOUNT, HOST, REGION, ROOT, SetUpError, clean_environment

if TYPE_CHECKING:
    from local.place import Place

READY_SECONDS = 60
STOP_SECONDS = 60

_children: dict[int, subprocess.Popen[bytes]] = {}
"""The clouds that this process started, to be waited for when they end."""


def _server_environment(place: Place) -> dict[str, str]:
    return clean_environment() | {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(place.port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        # Invocations wait in threads of this pool while the functions that they wait for need threads too.
        "MINISTACK_WORKER_THREADS": "512",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(place.state),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(place.buckets),
        "TMPDIR": str(place.scratch),
        # Neither Docker nor the listeners beside the one port.
        "DOCKER_HOST": f"unix://{place.folder}/no-docker.sock",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def _started_at(pid: int) -> str | None:
    """When process `pid` started, in the kernel's ticks; None when there is no such process or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _started_at_by_ps(pid)
    return None if fields[0] == "Z" else fields[19]


def _started_at_by_ps(pid: int) -> str | None:
    """The same where there is no /proc, as on macOS."""
    if Path("/proc/self/stat").exists():
        return None
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip() or None


def pid_of(place: Place) -> int | None:
    """The running cloud's process id; None when it is down or the number now belongs to another process."""
    try:
        noted = json.loads(place.pid_file.read_text())
    except (OSError, ValueError):
        return None
    return noted["pid"] if _started_at(noted["pid"]) == noted["started"] else None


def is_ready(place: Place) -> bool:
    """Whether the cloud answers."""
    try:
        with urllib.request.urlopen(f"{place.endpoint}/_ministack/ready", timeout=2) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False


def port_is_taken(port: int) -> bool:
    """Whether some program listens on `port` of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def check_port(place: Place) -> None:
    """See that the cloud runs or can be started.

    Raises
    ------
    SetUpError
        The port is taken by somebody else.
    """
    if pid_of(place) is None and port_is_taken(place.port):
        message = f"Port {place.port} is taken by another program: stop it, or choose another with MS_PORT=<port>."
        raise SetUpError(message)


def start(place: Place) -> bool:
    """Start the cloud unless it runs, and wait until it answers.

    Returns
    -------
    bool
        Whether it was this call that started it.

    Raises
    ------
    SetUpError
        The port is taken, or the cloud does not come up. Nothing is left running then.
    """
    if pid_of(place) is not None:
        _wait_ready(place)
        return False
    check_port(place)
    shutil.rmtree(place.scratch, ignore_errors=True)
    for folder in (place.state, place.buckets, place.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    with place.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.server"],
            cwd=ROOT,
            env=_server_environment(place),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Its own group: a Ctrl-C at `make logs` is not meant for it, and its workers end with it.
            start_new_session=True,
        )
    _children[process.pid] = process
    place.pid_file.write_text(json.dumps({"pid": process.pid, "started": _started_at(process.pid)}))
    try:
        _wait_ready(place, process)
    except BaseException:
        stop(place)
        raise
    return True


def _wait_ready(place: Place, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready(place):
        if (process is not None and process.poll() is not None) or time.monotonic() > deadline:
            message = f"The embedded cloud did not come up; its log is {place.log}."
            raise SetUpError(message)
        time.sleep(0.1)


def stop(place: Place) -> bool:
    """Stop the cloud and the functions' processes, saving its state; True when it was running."""
    pid = pid_of(place)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        if not _gone(pid, STOP_SECONDS):
            kill(place)
    place.pid_file.unlink(missing_ok=True)
    shutil.rmtree(place.scratch, ignore_errors=True)
    return pid is not None


def kill(place: Place) -> None:
    """End the cloud's whole process group at once, its state unsaved."""
    pid = pid_of(place)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        _gone(pid, STOP_SECONDS)


def _gone(pid: int, seconds: float) -> bool:
    """Wait for the process to end, at most so long; a child of this process is reaped."""
    child = _children.get(pid)
    deadline = time.monotonic() + seconds
    while (child.poll() is None) if child else (_started_at(pid) is not None):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    _children.pop(pid, None)
    return True
