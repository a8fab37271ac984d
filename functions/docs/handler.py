"""Documentation: the API's document, the page that shows it, and the problems explained."""

from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Response

from misentinel.access import PUBLIC
from misentinel.api import Api, Reply
from misentinel.documentation import FOR_A_WHILE, Content, Site

api = Api()
site = Site(Path(__file__).parent)


@api.get("/v1/openapi.json", needs=PUBLIC, action="docs.document")
def read_document() -> Reply[dict[str, Any]]:
    """The OpenAPI document: all operations, what they take and answer, and how they refuse."""
    return Reply(site.document(), headers={"Cache-Control": FOR_A_WHILE})


@api.get("/docs", needs=PUBLIC, action="docs.page")
def read_page() -> Reply[Response[str]]:
    """The page on which the document is read and tried out."""
    return _answer(site.page())


@api.get("/docs/problems", needs=PUBLIC, action="docs.problems")
def read_problems() -> Reply[Response[str]]:
    """The page of all problems."""
    return _answer(site.problems())


@api.get("/docs/assets/<name>", needs=PUBLIC, action="docs.asset")
def read_asset(name: str) -> Reply[Response[str]]:
    """What the pages are made of."""
    return _answer(site.asset(name))


def _answer(page: Content) -> Reply[Response[str]]:
    return Reply(Response(200, page.content_type, page.text), headers=page.headers)


handler = api.handler
