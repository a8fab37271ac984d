"""The pages that document the API; all they need is served from here, and nothing else may be loaded."""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from misentinel.documentation.problems import problems_page
from misentinel.errors import NotFound

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the pages may load (CSP level 3): only what comes from here. Swagger UI's style sheet holds its icons as data."""

FOR_A_WHILE = "public, max-age=300"
"""How long anybody may keep what changes with a deployment."""

_FOR_GOOD = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_SWAGGER_UI = "aws_lambda_powertools.event_handler.openapi.swagger_ui"
_VENDORED = {"swagger-ui-bundle.js": "swagger-ui-bundle.min.js", "swagger-ui.css": "swagger-ui.min.css"}
"""Swagger UI (Apache License 2.0), as Powertools carries it."""

_OWN = ("docs.js", "docs.css", "icon.svg")


@dataclass(frozen=True, slots=True)
class Content:
    """Something to be served as it is."""

    text: str
    content_type: str
    headers: dict[str, str]


class Site:
    """The pages.

    Parameters
    ----------
    folder
        Where the document and the pages' own files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        found: dict[str, Any] = json.loads((self._folder / "openapi.json").read_text())
        return found

    def page(self) -> Content:
        """The page on which the document is read and tried out."""
        return self._html((self._folder / "page.html").read_text(), "docs/assets/")

    def problems(self) -> Content:
        """The page that explains every problem."""
        return self._html(problems_page(), "assets/")

    def asset(self, name: str) -> Content:
        """What a page is made of; its name has a hash of its content, so it can be kept for good.

        Raises
        ------
        NotFound
            There is none of this name: the page is an older one.
        """
        for plain, versioned in self.names.items():
            if versioned == name:
                return _content(self._text(plain), _TYPES[Path(plain).suffix], _FOR_GOOD)
        raise NotFound("asset")

    @cached_property
    def names(self) -> dict[str, str]:
        """What each asset is called at its address."""
        found = {}
        for plain in (*_VENDORED, *_OWN):
            stem, _, suffix = plain.rpartition(".")
            found[plain] = f"{stem}.{hashlib.sha256(self._text(plain).encode()).hexdigest()[:12]}.{suffix}"
        return found

    def _text(self, name: str) -> str:
        if name in _VENDORED:
            package = importlib.util.find_spec(_SWAGGER_UI)
            if package is None or package.origin is None:
                raise FileNotFoundError(_SWAGGER_UI)
            return (Path(package.origin).parent / _VENDORED[name]).read_text()
        return (self._folder / name).read_text()

    def _html(self, text: str, assets: str) -> Content:
        for plain, versioned in self.names.items():
            text = text.replace(f"{{{plain}}}", assets + versioned)
        return _content(text, "text/html; charset=utf-8", FOR_A_WHILE)


def _content(text: str, content_type: str, kept: str) -> Content:
    headers = {"Content-Type": content_type, "Content-Security-Policy": POLICY, "Cache-Control": kept}
    return Content(text, content_type, headers)
