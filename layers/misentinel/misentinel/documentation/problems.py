"""The page of all problems: what each type means, and what to do."""

import html
import re

from misentinel.api.problem import TYPE
from misentinel.errors import Refusal

_CODE = re.compile(r"`([^`]+)`")

_PAGE = """<!DOCTYPE html>
<html lang="en-GB">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>MiSentinel API: problems</title>
  <link rel="icon" href="{icon.svg}">
  <link rel="stylesheet" href="{docs.css}">
</head>
<body>
  <header><h1>Problems</h1><nav><a href="../docs">The API</a></nav></header>
  <main class="problems">
    <p>A refusal is an <code>application/problem+json</code> (RFC 9457). Its <code>type</code> is stable: programs
    may decide by it. Its <code>detail</code> says what to do about the case at hand.</p>
    ENTRIES
  </main>
</body>
</html>
"""


def problems_page() -> str:
    """The page, with places for the assets' addresses."""
    found = {kind.code: kind for kind in reversed(_kinds(Refusal)) if kind.__module__ == Refusal.__module__}
    ordered = sorted(found.values(), key=lambda kind: (kind.status, kind.code))
    return _PAGE.replace("ENTRIES", "\n    ".join(_entry(kind) for kind in ordered))


def _kinds(base: type[Refusal]) -> list[type[Refusal]]:
    return [base] + [each for kind in base.__subclasses__() for each in _kinds(kind)]


def _entry(kind: type[Refusal]) -> str:
    return (
        f'<section id="{kind.code}"><h2>{kind.status} {_words(kind.title)}</h2>'
        f"<p><code>{TYPE}{kind.code}</code></p><p>{_words(kind.when)}</p><p>{_words(kind.advice)}</p></section>"
    )


def _words(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", html.escape(text, quote=False))
