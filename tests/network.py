"""A network that fails on command: between the deployed functions and what they call."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.place import HOST
from local.stack import Stack, eventually

SERVICES = ("DYNAMODB", "EVENTBRIDGE")
"""What functions reach over this network: the ends of botocore's variables AWS_ENDPOINT_URL_<service>."""

FORWARD_SECONDS = 60
_OF_THE_CONNECTION = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of AWS."""

    status: int
    headers: dict[str, str]
    body: bytes

    def altered(self, change: Callable[[dict[str, Any]], None]) -> "Response":
        """The same with its JSON changed."""
        content = json.loads(self.body)
        change(content)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "x-amz-crc32"}
        return Response(self.status, headers, json.dumps(content).encode())


def refusal(code: str, **more: Any) -> Response:
    """How DynamoDB refuses a request."""
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "made up by a test", **more}
    return Response(400, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(body).encode())


@dataclass(frozen=True, slots=True)
class Request:
    """A call of a function on its way to AWS."""

    port: int
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """Its name, such as ``PutItem``."""
        return self.headers.get("X-Amz-Target", "").rpartition(".")[2]

    @property
    def text(self) -> str:
        """Its body."""
        return self.body.decode()

    def forward(self) -> Response:
        """Have it executed."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=FORWARD_SECONDS)
        try:
            connection.request("POST", self.path, body=self.body, headers=self.headers)
            got = connection.getresponse()
            return Response(got.status, dict(got.getheaders()), got.read())
        finally:
            connection.close()


type Act = Callable[[Request], Response | None]
"""What happens to a request: its answer, or ``None`` when the connection breaks without one."""


def lost(_request: Request) -> None:
    """It never arrives."""


def answer_lost(request: Request) -> None:
    """It is executed, and nobody hears of it."""
    request.forward()


def late(seconds: float) -> Act:
    """It is executed at once and answered so late that nobody waits any more."""

    def act(request: Request) -> Response:
        got = request.forward()
        threading.Event().wait(seconds)
        return got

    return act


def stuck(seconds: float) -> Act:
    """It is executed so late that nobody waits any more."""

    def act(request: Request) -> Response:
        threading.Event().wait(seconds)
        return request.forward()

    return act


@dataclass(eq=False, slots=True)
class Fault:
    """What to do to which requests, and those it was done to."""

    matches: Callable[[Request], bool]
    act: Act
    times: int
    struck: list[Request] = field(default_factory=list)
    under_way: int = 0


class Network:
    """A proxy in front of a stack; transparent until it is told to fail."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """The address that functions are given instead of AWS's."""
        return f"http://{HOST}:{self._server.server_port}"

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def failing(self, operation: str, act: Act, *, having: str = "", times: int = 10**6) -> Iterator[Fault]:
        """Do this to the next requests of an operation whose body holds a text."""
        fault = Fault(lambda request: request.operation == operation and having in request.text, act, times)
        with self._lock:
            self._faults.append(fault)
        try:
            yield fault
        finally:
            with self._lock:
                self._faults.remove(fault)
            eventually(lambda: not fault.under_way, what="the end of what the fault does")

    def _fault_of(self, request: Request) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if len(fault.struck) < fault.times and fault.matches(request):
                    fault.struck.append(request)
                    fault.under_way += 1
                    return fault
        return None

    def _answer(self, request: Request) -> Response | None:
        fault = self._fault_of(request)
        try:
            return request.forward() if fault is None else fault.act(request)
        except OSError:
            return None
        finally:
            if fault is not None:
                with self._lock:
                    fault.under_way -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        network, port = self, self._stack.place.port

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                got = network._answer(Request(port, self.path, dict(self.headers), body))
                self.close_connection = got is None
                if got is None:
                    return
                with suppress(OSError):
                    self.send_response(got.status)
                    for name, value in got.headers.items():
                        if name.lower() not in _OF_THE_CONNECTION:
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(got.body)))
                    self.end_headers()
                    self.wfile.write(got.body)

            def log_message(self, *_: object) -> None:
                """Nothing: the tests tell what went wrong."""

        return Handler


@contextmanager
def rewired(stack: Stack, functions: tuple[str, ...]) -> Iterator[Network]:
    """Have functions reach AWS over a network that fails on command: new versions, behind the same alias."""
    network, awslambda = Network(stack), stack.aws("lambda")
    before: dict[str, tuple[dict[str, str], str]] = {}
    made: list[tuple[str, str]] = []
    try:
        for name in functions:
            variables = awslambda.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            version = awslambda.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
            before[name] = variables, version
            endpoints = {f"AWS_ENDPOINT_URL_{service}": network.endpoint for service in SERVICES}
            _configure(awslambda, name, {**variables, **endpoints})
            fresh = awslambda.publish_version(FunctionName=name)["Version"]
            made.append((name, fresh))
            awslambda.update_alias(FunctionName=name, Name="live", FunctionVersion=fresh)
        yield network
    finally:
        for name, (variables, version) in before.items():
            awslambda.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
            _configure(awslambda, name, variables)
            stack.kill_workers(name)
        for name, fresh in made:
            awslambda.delete_function(FunctionName=name, Qualifier=fresh)
        network.close()


def _configure(awslambda: Any, name: str, variables: dict[str, str]) -> None:
    awslambda.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    eventually(
        lambda: awslambda.get_function_configuration(FunctionName=name).get("LastUpdateStatus") != "InProgress",
        what=f"the new configuration of {name}",
    )
