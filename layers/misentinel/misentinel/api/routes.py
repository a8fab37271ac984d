"""Routes: what each declares, and how its function is called."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, get_args, get_origin

from misentinel.access import Permission, Public
from misentinel.api.request import current_request
from misentinel.audit import Action
from misentinel.schema import Resource

PLACE = re.compile(r"<(\w+)>")
"""A variable part of a route's path."""

_ID = r"[A-Za-z0-9_.~-]{1,128}"
"""What stands in a path's variable part: ids of ours, and nothing that a decoder or a key might read otherwise."""


class Reply[T]:
    """An answer with headers of its own; a route that returns it is annotated ``-> Reply[Thing]``."""

    def __init__(self, body: T, *, status: int = 0, headers: dict[str, str] | None = None) -> None:
        self.body = body
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Deprecation:
    """That a route will go: since when it should not be used, until when it works, and where that is explained.

    Parameters
    ----------
    since
        From when on it is deprecated; may lie ahead (RFC 9745, section 2.1).
    page
        The address of a page that says what to use instead.
    sunset
        From when on it may not answer any more; never before ``since`` (RFC 9745, section 4).
    """

    since: datetime
    page: str
    sunset: datetime | None = None

    def __post_init__(self) -> None:
        if self.sunset is not None and self.sunset < self.since:
            message = "a route cannot go before it is deprecated"
            raise ValueError(message)

    def headers(self) -> dict[str, str]:
        """``Deprecation`` (RFC 9745), ``Sunset`` (RFC 8594, section 3) and the link that explains them."""
        found = {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Link": f'<{self.page}>; rel="deprecation"; type="text/html"',
        }
        if self.sunset is not None:
            found["Sunset"] = format_datetime(self.sunset.astimezone(UTC), usegmt=True)
        return found


@dataclass(frozen=True, slots=True)
class Route:
    """What a route declares: the permission it needs or PUBLIC, the action it is, what is never kept.

    ``status`` is that of its success, which may have others ``also``; ``deprecated`` says that it will go.
    """

    method: str
    path: str
    needs: Permission | Public
    action: Action
    status: int
    pattern: re.Pattern[str]
    function: Callable[..., Any]
    never_kept: tuple[str, ...]
    also: tuple[int, ...] = ()
    deprecated: Deprecation | None = None


def pattern_of(path: str) -> re.Pattern[str]:
    """What matches a route's path."""
    literals = PLACE.split(path)[::2]
    names = PLACE.findall(path)
    parts = [re.escape(literals[0])]
    for name, literal in zip(names, literals[1:], strict=True):
        parts += [f"(?P<{name}>{_ID})", re.escape(literal)]
    return re.compile("".join(parts))


def answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """A route whose answer's headers are noted before Powertools serialises its body."""

    @functools.wraps(function)
    def noted(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        request = current_request()
        if isinstance(result, Reply):
            request.reply_status = result.status
            request.reply_headers.update(result.headers)
            result = result.body
        if isinstance(result, Resource) and result.etag:
            request.reply_headers["ETag"] = result.etag
        return result

    signature = inspect.signature(function, eval_str=True)
    if get_origin(signature.return_annotation) is Reply:
        signature = signature.replace(return_annotation=get_args(signature.return_annotation)[0])
    noted.__dict__["__signature__"] = signature
    noted.__annotations__ = {
        **{name: each.annotation for name, each in signature.parameters.items()},
        "return": signature.return_annotation,
    }
    return noted


@functools.cache
def query_names(route: Route) -> frozenset[str]:
    """The query parameters a route takes; asked for the first time when a request has any."""
    from aws_lambda_powertools.event_handler.openapi.dependant import get_dependant  # noqa: PLC0415 - heavy

    dependant = get_dependant(path=PLACE.sub(r"{\1}", route.path), call=route.function)
    return frozenset(field.alias for field in dependant.query_params)
