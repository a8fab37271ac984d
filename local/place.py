"""Where one embedded cloud lives: its port, its folder, and what its clients must be told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_PORT = 4566
_PORTS = range(1024, 65536)
HOST = "127.0.0.1"
REGION = "eu-west-2"
# AWS's own example account. The embedded cloud takes it for the root user's access key too.
ACCOUNT = "111122223333"
STACK = "misentinel-local"


class SetUpError(Exception):
    """What `make` was asked for did not work; the message is one sentence for the person at the keyboard."""


@dataclass(frozen=True, slots=True)
class Place:
    """One embedded cloud: the laptop's own under `.local/`, or a test run's in a folder of its own."""

    port: int
    folder: Path

    @property
    def endpoint(self) -> str:
        """The address that AWS clients use."""
        return f"http://{HOST}:{self.port}"

    @property
    def state(self) -> Path:
        """What survives a restart, buckets apart."""
        return self.folder / "state"

    @property
    def buckets(self) -> Path:
        """The objects of all buckets."""
        return self.folder / "s3"

    @property
    def scratch(self) -> Path:
        """Unpacked functions and layers; of no value once the cloud has stopped."""
        return self.folder / "tmp"

    @property
    def log(self) -> Path:
        """The embedded cloud's own log."""
        return self.folder / "cloud.log"

    @property
    def pid_file(self) -> Path:
        """Process id and start time of the running cloud."""
        return self.folder / "cloud.pid"

    @property
    def demo(self) -> Path:
        """The demo workspaces' credentials."""
        return self.folder / "demo.json"

    def environment(self) -> dict[str, str]:
        """Variables for an AWS client, SAM included, that talks to this cloud as its root user."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Nothing of the developer's own AWS set-up may leak in: neither a profile nor a session.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


def clean_environment() -> dict[str, str]:
    """The caller's environment without any setting of its own for AWS or for Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}


def own_place() -> Place:
    """The laptop's own cloud, on `MS_PORT` or the default port.

    Raises
    ------
    SetUpError
        `MS_PORT` is not a port.
    """
    text = os.environ.get("MS_PORT", str(DEFAULT_PORT))
    if not text.isdecimal() or int(text) not in _PORTS:
        message = f"MS_PORT must be a port from 1024 to 65535, not {text!r}."
        raise SetUpError(message)
    return Place(port=int(text), folder=ROOT / ".local")
