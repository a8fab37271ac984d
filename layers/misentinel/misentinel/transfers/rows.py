"""Rows of a file of any size, each with the byte at which the next begins: read anew from any of them."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from misentinel.transfers.layout import Format, Layout

MAX_ROW = 1_000_000
"""Bytes of a row at most; a longer one is refused, and what follows it is read."""

MAX_SKIPPED = 100_000_000
"""Bytes after which a row that does not end is given up, and the file with it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number, the byte after it, and either its cells by column or why it cannot be read."""

    number: int
    end: int
    cells: dict[str, Any]
    problem: str = ""


def rows(layout: Layout, blocks: Iterable[bytes], offset: int, number: int) -> Iterator[Row]:
    """Read rows from a file's bytes; blank lines have a number and are passed over.

    Parameters
    ----------
    blocks
        The file's bytes from ``offset`` on, in pieces of any size.
    offset
        The byte at which a row begins.
    number
        That row's number.
    """
    pieces = _pieces(layout, blocks, offset)
    if layout.format is Format.NDJSON:
        yield from _objects(layout, pieces, number)
    else:
        yield from _records(layout, pieces, number)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A line or, of one that is too long, a part; ``whole`` is the line's last."""

    content: bytes
    end: int
    whole: bool


def _pieces(layout: Layout, blocks: Iterable[bytes], offset: int) -> Iterator[_Piece]:
    newline, unit = layout.encoding.bytes_of(layout.newline), layout.encoding.unit
    rest, cut_off = b"", False
    for block in blocks:
        rest += block
        place = searched = 0
        while (found := rest.find(newline, searched)) >= 0:
            searched = found + 1
            if (found - place) % unit:
                continue
            searched = found + len(newline)
            yield _Piece(rest[place:searched], offset + searched, whole=True)
            place, cut_off = searched, False
        offset, rest = offset + place, rest[place:]
        if len(rest) > MAX_ROW:
            cut = len(rest) - len(rest) % unit
            offset += cut
            yield _Piece(rest[:cut], offset, whole=False)
            rest, cut_off = rest[cut:], True
    if rest or cut_off:
        yield _Piece(rest, offset + len(rest), whole=True)


class _Place(Enum):
    """Where in a row of CSV a reader stands."""

    START = auto()
    PLAIN = auto()
    QUOTED = auto()
    QUOTE = auto()


class _Quoting:
    """Follows quotes as Python's csv module does, over text in pieces: whether a newline ends the row."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._opening = delimiter + '"'
        self._place = _Place.START

    @property
    def is_open(self) -> bool:
        """Whether a newline now belongs to the cell."""
        return self._place is _Place.QUOTED

    def feed(self, text: str) -> None:
        """Go on over text without its newline."""
        at, length = 0, len(text)
        while at < length:
            match self._place:
                case _Place.START | _Place.QUOTE if text[at] == '"':
                    self._place = _Place.QUOTED
                    at += 1
                case _Place.QUOTED:
                    found = text.find('"', at)
                    if found < 0:
                        return
                    self._place = _Place.QUOTE
                    at = found + 1
                case _:
                    found = text.find(self._opening, at)
                    if found < 0:
                        self._place = _Place.START if text.endswith(self._delimiter) else _Place.PLAIN
                        return
                    self._place = _Place.QUOTED
                    at = found + 2


def _records(layout: Layout, pieces: Iterator[_Piece], number: int) -> Iterator[Row]:
    quoting = _Quoting(layout.delimiter)
    quote = layout.encoding.bytes_of('"')
    kept, size, end = list[bytes](), 0, 0
    for piece in pieces:
        if quote in piece.content or kept or not piece.whole:
            quoting.feed(_scanned(layout, piece))
        size += len(piece.content)
        kept.append(piece.content if size <= MAX_ROW else b"")
        end = piece.end
        if size > MAX_SKIPPED:
            break
        if piece.whole and not quoting.is_open:
            yield from _record(layout, kept, size, number, end)
            quoting, kept, size, number = _Quoting(layout.delimiter), [], 0, number + 1
    if kept:
        yield Row(number, end, {}, "opens a quote that is never closed")


def _scanned(layout: Layout, piece: _Piece) -> str:
    """A piece's text as far as quotes and delimiters go, which are ASCII in every encoding; without its newline."""
    encoding = layout.encoding
    text = piece.content.decode("latin-1" if encoding.unit == 1 else encoding.value, errors="replace")
    return text.removesuffix(layout.newline) if piece.whole else text


def _record(layout: Layout, kept: list[bytes], size: int, number: int, end: int) -> Iterator[Row]:
    if size > MAX_ROW:
        yield Row(number, end, {}, f"is longer than {MAX_ROW} bytes")
        return
    try:
        text = layout.encoding.text_of(b"".join(kept))
    except UnicodeDecodeError:
        yield Row(number, end, {}, f"is not written in {layout.encoding}")
        return
    try:
        cells = next(csv.reader([text], delimiter=layout.delimiter), [])
    except csv.Error:
        yield Row(number, end, {}, "has a line break outside quotes, or a cell longer than 131072 characters")
        return
    width = len(layout.header)
    if any(cells[width:]) or 0 < len(cells) < width:
        yield Row(number, end, {}, f"has {len(cells)} cells where the header has {width}")
    elif any(cell.strip() for cell in cells):
        yield Row(number, end, dict(zip(layout.header, cells, strict=False)))


def _objects(layout: Layout, pieces: Iterator[_Piece], number: int) -> Iterator[Row]:
    kept, size = list[bytes](), 0
    for piece in pieces:
        size += len(piece.content)
        kept.append(piece.content if size <= MAX_ROW else b"")
        if not piece.whole:
            continue
        if size > MAX_ROW:
            yield Row(number, piece.end, {}, f"is longer than {MAX_ROW} bytes")
        else:
            yield from _object(layout, b"".join(kept), number, piece.end)
        kept, size, number = [], 0, number + 1


def _object(layout: Layout, content: bytes, number: int, end: int) -> Iterator[Row]:
    try:
        text = layout.encoding.text_of(content)
        if not text.strip():
            return
        found = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except UnicodeDecodeError:
        yield Row(number, end, {}, f"is not written in {layout.encoding}")
    except (ValueError, RecursionError):
        yield Row(number, end, {}, "is not JSON (RFC 8259)")
    else:
        if isinstance(found, dict):
            yield Row(number, end, found)
        else:
            yield Row(number, end, {}, "is not a JSON object")


def _refuse(name: str) -> Any:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a name twice in one object"
        raise ValueError(message)
    return found
