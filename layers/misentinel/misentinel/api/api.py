"""The wrapper of every API function: who is calling, may they, do it, record it, answer."""

import functools
import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.api_gateway import Response

from misentinel import clock, limits, refusals
from misentinel.access import Permission, Public, find_caller, verify_token
from misentinel.api import origins, preference
from misentinel.api.idempotency import Answer, Idempotency
from misentinel.api.problem import SECURITY_HEADERS
from misentinel.api.refusing import UNKNOWN, kept_answer, refused
from misentinel.api.request import Request, current_request, reset_current, set_current, strict_json
from misentinel.api.routes import Deprecation, Route, answering, pattern_of, query_names
from misentinel.api.trace import Trace
from misentinel.audit import Action, Actor, Happening, Outcome, Unit, working
from misentinel.errors import Forbidden, Invalid, MethodNotAllowed, NotFound
from misentinel.observability import MetricUnit, conclude, logger, metrics
from misentinel.tenancy import acting_as, address_hash

_PREFLIGHT = Action("requests.preflight")

_CHANGES = {"POST", "PUT", "PATCH"}
"""Methods whose answers may be minimal."""


class Api:
    """The routes of one function, and around them what every request needs.

    A route that declares neither a permission nor PUBLIC, or no action, does not import.
    """

    def __init__(self) -> None:
        self.resolver = APIGatewayRestResolver(enable_validation=True, json_body_deserializer=strict_json)
        self.resolver.exception_handler(Exception)(_keep_failure)
        self.routes: list[Route] = []
        self.get = functools.partial(self._route, "GET")
        self.post = functools.partial(self._route, "POST")
        self.put = functools.partial(self._route, "PUT")
        self.patch = functools.partial(self._route, "PATCH")
        self.delete = functools.partial(self._route, "DELETE")

    def _route(
        self,
        method: str,
        path: str,
        *,
        needs: object,
        action: str,
        status: int = 200,
        also: tuple[int, ...] = (),
        never_kept: tuple[str, ...] = (),
        deprecated: Deprecation | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a route.

        Parameters
        ----------
        path
            With ``<name>`` for its variable parts.
        needs
            The permission that the caller must have, or PUBLIC.
        action
            The dotted name that its records bear.
        status
            The HTTP status of its success.
        also
            Other statuses that its success may have; its reply says which.
        never_kept
            Fields of the answer that are secret: the answer kept for an Idempotency-Key is without them.
        deprecated
            That the route will go: its answers say so, and its description too.
        """
        if not isinstance(needs, Permission | Public):
            message = f"{method} {path} must need a Permission or be PUBLIC"
            raise TypeError(message)

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            wrapped = answering(function)
            self.resolver.route(path, method, status_code=status, deprecated=deprecated is not None)(wrapped)
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    needs=needs,
                    action=Action(action),
                    status=status,
                    also=also,
                    pattern=pattern_of(path),
                    function=wrapped,
                    never_kept=never_kept,
                    deprecated=deprecated,
                )
            )
            self.routes.sort(key=lambda route: "<" in route.path)
            return function

        return declare

    def handler(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answer one request: the Lambda handler."""
        started = clock.epoch_ms()
        request = Request.of(event)
        trace = Trace.of(request.headers.get("traceparent"))
        request.every_answer["traceparent"] = trace.header
        happening = Happening(
            tenant="",
            action=UNKNOWN,
            request_id=request.request_id,
            context={"address": request.address, "user_agent": request.headers.get("user-agent", "")[:400]},
            correlation=trace.trace if trace.given else "",
        )
        unit = Unit(happening, deadline_ms=started + context.get_remaining_time_in_millis())
        with logger.append_context_keys(request_id=request.request_id, trace_id=trace.trace):
            answer = self._answer(request, unit, event, context)
            _observe(request, unit, trace.trace, answer.status, clock.epoch_ms() - started)
        return {
            "statusCode": answer.status,
            "headers": {
                **SECURITY_HEADERS,
                **answer.headers,
                **request.every_answer,
                "X-Request-Id": request.request_id,
            },
            "body": "" if request.method == "HEAD" else answer.body,
            "isBase64Encoded": False,
        }

    def _answer(self, request: Request, unit: Unit, event: dict[str, Any], context: Any) -> Answer:
        token = set_current(request)
        try:
            with unit.watched(), working(unit), ExitStack() as scope:
                unit.happening.address_hash = address_hash(request.address)
                origins.greet(request)
                if origins.is_preflight(request):
                    return _preflight(unit)
                route = self._admit(request, unit, scope)
                answer = self._resolve(request, event, context)
                if request.method == "POST" and request.idempotency_key:
                    answer = _once(request, unit, route, answer)
                else:
                    _commit(unit)
        except Exception as error:  # noqa: BLE001 - the one place where every error becomes an answer
            answer = refused(request, unit, error)
        finally:
            reset_current(token)
        return preference.minimal(answer) if _may_be_minimal(request, unit) else answer

    def _admit(self, request: Request, unit: Unit, scope: ExitStack) -> Route:
        """Find the route, and let in whoever may use it; a path without a route is told to members only."""
        here = self._at(request.path)
        route = next((route for route in here if route.method == request.method), None)
        if route is not None:
            unit.happening.action = route.action
            request.answer_is_needed = bool(route.never_kept)
            if route.deprecated is not None:
                request.every_answer.update(route.deprecated.headers())
        if route is None or isinstance(route.needs, Permission):
            claims = verify_token(request.bearer)
            unit.direct(claims.tenant)
            unit.actor = Actor(member=claims.member, session=claims.session, is_mfa=True)
            request.every_answer.update(limits.take(claims.tenant).headers())
            scope.enter_context(acting_as(claims.tenant))
            request.caller = find_caller(claims)
            origins.admit(request, claims.tenant)
        if route is None:
            raise MethodNotAllowed(sorted({each.method for each in here})) if here else NotFound("path")
        if isinstance(route.needs, Permission) and not (request.caller and request.caller.may(route.needs)):
            raise Forbidden(route.needs)
        if request.query and (wrong := _wrong_in_query(request, route)):
            raise Invalid(errors=wrong[:10])
        return route

    def _at(self, path: str) -> list[Route]:
        """The routes of a path; one that is spelt out is never another's variable part."""
        here = [route for route in self.routes if route.pattern.fullmatch(path)]
        return [route for route in here if route.path == path] or here

    def _resolve(self, request: Request, event: dict[str, Any], context: Any) -> Answer:
        """Run the route through Powertools' resolver: it validates, calls and serialises."""
        request.read_body(event)
        request.check_idempotency_key()
        response = self.resolver.resolve(_plain(event, request), context)
        if request.failure is not None:
            raise request.failure
        status = request.reply_status or int(response["statusCode"])
        if status == 204:  # noqa: PLR2004 - no content, and no type of it (RFC 9110, 15.3.5)
            return Answer(status, dict(request.reply_headers), "")
        headers = {"Content-Type": "application/json", **request.reply_headers}
        return Answer(status, headers, str(response.get("body") or ""))


def _wrong_in_query(request: Request, route: Route) -> list[dict[str, str]]:
    """Parameters that the route does not take, or takes once: of two, somebody else might read the other one."""
    known = query_names(route)
    wrong = {
        name: "no such parameter" if name not in known else "given more than once"
        for name, values in sorted(request.query.items())
        if name not in known or len(values) > 1
    }
    return [{"field": name[:80], "message": message} for name, message in wrong.items()]


def _plain(event: dict[str, Any], request: Request) -> dict[str, Any]:
    """The event as the resolver shall read it: the body is text, and JSON, for `Request.read_body` saw to both."""
    headers = {**(event.get("headers") or {}), "content-type": "application/json"}
    headers = {name: value for name, value in headers.items() if name.lower() != "content-type" or name.islower()}
    return {**event, "headers": headers, "body": request.body or None, "isBase64Encoded": False}


def _keep_failure(error: Exception) -> Response[str]:
    current_request().failure = error
    return Response(status_code=500, content_type="application/json", body="{}")


def _once(request: Request, unit: Unit, route: Route, answer: Answer) -> Answer:
    """End a request that has a key: its answer is kept with what it wrote.

    What wrote nothing found it done, perhaps by the same request before: then that one's answer is the answer.
    """
    if unit.writes:
        idempotency = Idempotency(request, unit.tenant)
        idempotency.keep(unit, _without(answer, route.never_kept))
        unit.commit(happened=lambda: idempotency.is_of(unit))
        return answer
    kept = kept_answer(request, unit)
    if kept is None:
        _commit(unit)
        return answer
    unit.conclude("replayed", Outcome.SUCCESS)
    return kept


def _commit(unit: Unit) -> None:
    """End a success: with its record, or counted where nobody known asked and nothing changed."""
    if unit.tenant:
        unit.commit()
    else:
        refusals.count(unit.happening.address_hash, unit.happening.action.name, "ok")


def _preflight(unit: Unit) -> Answer:
    """Answer a browser that asks if it may ask; counted, as all that nobody known asks."""
    unit.happening.action = _PREFLIGHT
    refusals.FLOOD.count(unit.happening.address_hash, _PREFLIGHT.name, "ok")
    return Answer(204, origins.preflight_headers(), "")


def _may_be_minimal(request: Request, unit: Unit) -> bool:
    """Whether the client wants no body, and the answer is one of a change that needs none."""
    changed = request.method in _CHANGES and (request.method != "POST" or unit.writes > 0)
    return changed and not request.answer_is_needed and preference.wants_minimal(request.headers.get("prefer", ""))


def _without(answer: Answer, names: tuple[str, ...]) -> Answer:
    """An answer without its secret fields, to be kept."""
    if not names:
        return answer
    body = {name: value for name, value in json.loads(answer.body).items() if name not in names}
    return Answer(answer.status, answer.headers, json.dumps(body, separators=(",", ":"), ensure_ascii=False))


def _observe(request: Request, unit: Unit, trace: str, status: int, duration_ms: int) -> None:
    """Write the request's one line, its metrics in it; there were as many requests as `Latency` has samples."""
    metrics.add_metric("Latency", MetricUnit.Milliseconds, duration_ms)
    if status >= 500:  # noqa: PLR2004 - HTTP's class of our own errors
        metrics.add_metric("ServerErrors", MetricUnit.Count, 1)
    conclude(
        "request",
        request_id=request.request_id,
        trace_id=trace,
        operation=unit.happening.action.name,
        method=request.method,
        status=status,
        tenant=unit.tenant,
        member=unit.actor.member,
        outcome=unit.happening.status_code,
    )
