"""Cells of CSV: no spreadsheet takes one for a formula, and what was done for that is undone on the way back."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_DANGEROUS = re.compile(r"'*[=+\-@\t\r]")
"""What a spreadsheet may take for a formula (OWASP, CSV Injection), whatever apostrophes go before it."""


def defused(text: str) -> str:
    """A text with an apostrophe before it if a spreadsheet might run it; `fused` takes exactly that away."""
    return f"'{text}" if _DANGEROUS.match(text) else text


def fused(text: str) -> str:
    """A text without the apostrophe that `defused` put before it."""
    return text[1:] if text[:1] == "'" and _DANGEROUS.match(text) else text


def cell(value: Any) -> str:
    """A value as a cell: nothing for ``None``, ``true`` and ``false``, tags with commas; texts are defused."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case list() | tuple():
            return defused(",".join(value))
        case _:
            return defused(str(value))


def lines(columns: Sequence[str], table: Iterable[Mapping[str, Any]]) -> str:
    """Rows of CSV (RFC 4180) with these columns; what a row does not have is an empty cell."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([cell(row.get(name)) for name in columns] for row in table)
    return out.getvalue()
