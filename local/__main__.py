"""What `make up`, `make down`, `make code` and `make logs` run."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from local import cloud, demo, deployment, logs
from local.place import Place, SetUpError, own_place


def _say(text: str) -> None:
    print(f"==> {text}", flush=True)


def _up(place: Place) -> None:
    began = time.monotonic()
    cloud.check_port(place)
    _say("Building the functions and their layers")
    deployment.build()
    _say(f"Starting the embedded cloud on port {place.port}")
    started = cloud.start(place)
    try:
        _say("Deploying template.yaml")
        if deployment.deploy(place):
            place.demo.unlink(missing_ok=True)
        _say("Creating two demo workspaces through the public API")
        shown = demo.ensure(place, deployment.api_url(place))
    except BaseException:
        if started:
            cloud.stop(place)
        raise
    _say(f"Up in {time.monotonic() - began:.0f} s")
    _explain(place, shown)


def _explain(place: Place, shown: dict[str, Any]) -> None:
    workspaces = shown["workspaces"]
    print(f"\nAPI        {shown['api']}")
    print(f"Docs       {shown['api']}/docs")
    for each in workspaces:
        print(f"Workspace  {each['workspace']:<12} {each['email']}")
    print(
        f"""
Sign in with POST /v1/sessions (workspace, email, password: they are in {os.path.relpath(place.demo)}),
then POST /v1/sessions/verify with the challenge and a code:  make code WORKSPACE={workspaces[0]["workspace"]}
Follow one request through every function:  make logs REQUEST=<x-request-id of the answer>
Stop it with make down; make clean forgets its data too."""
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="build, start, deploy, create demo workspaces")
    commands.add_parser("down", help="stop; the data stays")
    code = commands.add_parser("code", help="a fresh TOTP code for a demo workspace's owner")
    code.add_argument("workspace", nargs="?", default="")
    lines = commands.add_parser("logs", help="one request's log lines")
    lines.add_argument("request")
    lines.add_argument("--follow", action="store_true")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> None:
    place = own_place()
    match arguments.command:
        case "up":
            _up(place)
        case "down":
            print("Stopped; the data stays." if cloud.stop(place) else "It was not running.")
        case "code":
            print(demo.code(place, arguments.workspace))
        case "logs":
            _logs(place, arguments.request, forever=arguments.follow)


def _logs(place: Place, request: str, *, forever: bool) -> None:
    if not request:
        message = "Say which request: make logs REQUEST=<id>, the x-request-id of its answer."
        raise SetUpError(message)
    if cloud.pid_of(place) is None:
        message = "The embedded cloud is not running: make up starts it."
        raise SetUpError(message)
    # Ctrl-C is how following ends.
    with suppress(KeyboardInterrupt):
        for line in logs.follow(place, request, forever=forever):
            print(line, flush=True)


def main() -> int:
    """Run one command; the exit code is 0 when it did what was asked."""
    # So that a terminated `make up` cleans up after itself as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        _run(_arguments())
    except SetUpError as failed:
        print(f"\n{failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
