"""The embedded cloud as a neighbour: what it listens on, and what its logs tell."""

import json
from pathlib import Path

import pytest
from doors import API_FUNCTIONS, module

from local import cloud, logs
from local.client import Client
from local.stack import Stack, eventually

LISTENING = "0A"
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


def _listening(pids: list[int]) -> set[tuple[str, int]]:
    """Address and port, as the kernel writes them, of all that these processes listen on."""
    sockets = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = str(descriptor.readlink()) if descriptor.is_symlink() else ""
            if target.startswith("socket:["):
                sockets.add(target[len("socket:[") : -1])
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in sockets and (fields[3] == LISTENING or table.startswith("udp")):
                address, port = fields[1].split(":")
                found.add((address, int(port, 16)))
    return found


def test_only_the_loopback_is_listened_on(stack: Stack, acme: Client) -> None:
    assert acme.get("/v1/people").status == 200
    server = cloud.pid_of(stack.place)
    assert server is not None
    found = _listening([server, *stack.workers()])
    assert {port for _, port in found} == {stack.place.port}
    assert {address for address, _ in found} <= LOOPBACK


def told(stack: Stack, request: str, functions: set[str]) -> list[dict[str, object]]:
    """The lines of a request, once there is one of each of these functions."""

    def all_told() -> list[dict[str, object]]:
        lines = [json.loads(line) for line in logs.follow(stack.place, request, forever=False)]
        return lines if functions <= {line["function"] for line in lines} else []

    return eventually(all_told, seconds=90, what=f"a line of each of {functions}")


def test_a_request_is_followed_through_every_function(stack: Stack, acme: Client) -> None:
    answer = acme.post("/v1/people", {"email": "followed@example.com"})
    assert answer.status == 201
    lines = told(stack, answer.headers["x-request-id"], {"people", "sequencer"})
    times = [str(line["timestamp"]) for line in lines]
    assert times == sorted(times)


def test_a_request_that_began_a_job_is_followed_to_the_worker(stack: Stack, acme: Client) -> None:
    answer = acme.post("/v1/exports", {"format": "csv"})
    assert answer.status == 202
    told(stack, answer.headers["x-request-id"], {"jobs", "sequencer", "worker"})


@pytest.mark.parametrize("function", API_FUNCTIONS)
def test_every_function_of_the_api_tells_of_a_request(stack: Stack, acme: Client, function: str) -> None:
    route = next(each for each in module(function).api.routes if "<" not in each.path)
    answer = acme.request(route.method, route.path, {} if route.method == "POST" else None)
    (line,) = [each for each in told(stack, answer.headers["x-request-id"], {function}) if each["message"] == "request"]
    assert (line["status"], line["operation"]) == (answer.status, route.action.name)
