"""A stack of its own for tests and benchmarks: deployed in full on a free port, and gone afterwards."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import cloud, deployment
from local.client import Client, sign_up
from local.place import HOST, STACK, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORKER = re.compile(r"/ministack-lambda-(?P<function>.+)-[^-/]+/_worker\.py$")


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def eventually[T](look: Callable[[], T], *, seconds: float = 30, what: str = "what was expected") -> T:
    """The first true value that `look` returns.

    Raises
    ------
    TimeoutError
        There was none within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            message = f"{what} did not come within {seconds} s; last seen: {found!r}"
            raise TimeoutError(message)
        time.sleep(0.1)
    return found


@dataclass(frozen=True, slots=True)
class Stack:
    """The deployed template on an embedded cloud of its own.

    Attributes
    ----------
    place
        Its port and folder.
    api
        The public API's base address.
    """

    place: Place
    api: str

    def aws(self, service: str) -> Any:
        """A boto3 client of the account's root user, who may all."""
        return deployment.client(self.place, service)

    def resource(self, logical_id: str) -> str:
        """The physical id of a resource of the template."""
        found = self.aws("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
        physical: str = found["StackResourceDetail"]["PhysicalResourceId"]
        return physical

    def new_workspace(self, slug: str = "", *, sign_in: bool = True) -> Client:
        """Sign a new workspace up through the public door; its owner comes back signed in unless told otherwise."""
        slug = slug or f"w{secrets.token_hex(5)}"
        client = sign_up(self.api, slug, slug.title(), f"owner@{slug}.example", secrets.token_urlsafe(18))
        return client.sign_in() if sign_in else client

    def restart(self, *, while_down: Callable[[], object] | None = None) -> None:
        """Stop the embedded cloud as `make down` does, and start it again: its state stays, its processes do not."""
        cloud.stop(self.place)
        if while_down is not None:
            while_down()
        cloud.start(self.place)

    def workers(self, function: str = "") -> list[int]:
        """Process ids of functions: of all, or of those whose name ends in `function` (such as ``-people``)."""
        server = cloud.pid_of(self.place)
        shown = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        found = []
        for line in shown.stdout.splitlines():
            pid, parent, arguments = line.split(maxsplit=2)
            match = _WORKER.search(arguments)
            if int(parent) == server and match and match["function"].endswith(function):
                found.append(int(pid))
        return found

    def kill_workers(self, function: str = "") -> int:
        """End functions' processes at once, as a crash does; returns how many there were."""
        doomed = self.workers(function)
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(doomed)


@contextmanager
def temporary_stack() -> Iterator[Stack]:
    """A freshly deployed stack in a temporary folder, stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="misentinel-stack-", ignore_cleanup_errors=True) as folder:
        place = Place(port=free_port(), folder=Path(folder))
        deployment.build()
        cloud.start(place)
        try:
            deployment.deploy(place)
            yield Stack(place, deployment.api_url(place))
        finally:
            cloud.stop(place)
