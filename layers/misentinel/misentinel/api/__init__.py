"""The API: what every request needs, around the routes of a function."""

from aws_lambda_powertools.event_handler import Depends

from misentinel.api.api import Api
from misentinel.api.conditional import etag_of, if_match
from misentinel.api.cursor import Cursor
from misentinel.api.request import Request, caller, current_request
from misentinel.api.routes import Deprecation, Reply, Route
from misentinel.schema import Body, Page, Resource

__all__ = [
    "Api",
    "Body",
    "Cursor",
    "Depends",
    "Deprecation",
    "Page",
    "Reply",
    "Request",
    "Resource",
    "Route",
    "caller",
    "current_request",
    "etag_of",
    "if_match",
]
