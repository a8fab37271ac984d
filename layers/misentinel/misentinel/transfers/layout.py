"""How a file is written: its encoding, its delimiter and its header, found from its beginning or given."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

SAMPLE = 64 * 1024
"""Bytes from a file's beginning that are looked at to find out how it is written."""

DELIMITERS = (",", ";", "\t", "|")
"""What separates cells, the commonest first."""

MAX_COLUMNS = 400
"""Cells of a row at most: all fields and 250 attributes, and columns that nobody asks for."""


class Format(StrEnum):
    """What a file is: comma-separated values (RFC 4180, and what spreadsheets make of it), or a JSON object a line."""

    CSV = "csv"
    NDJSON = "ndjson"


class Encoding(StrEnum):
    """How text is written as bytes."""

    UTF_8 = "utf-8"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    WINDOWS = "windows-1252"
    LATIN_1 = "iso-8859-1"
    EITHER = "utf-8-or-windows-1252"

    @property
    def unit(self) -> int:
        """Bytes of its smallest unit."""
        return 2 if self in {Encoding.UTF_16_LE, Encoding.UTF_16_BE} else 1

    def bytes_of(self, text: str) -> bytes:
        """ASCII text in this encoding."""
        return text.encode("utf-8" if self is Encoding.EITHER else self.value)

    def text_of(self, content: bytes) -> str:
        """A whole row's text.

        `EITHER` takes a row that is not valid UTF-8 for Windows-1252, and its five holes for the C1 controls that
        Latin-1 has there (as the WHATWG's Encoding Standard does): a file that begins in plain ASCII may turn out
        to be either.

        Raises
        ------
        UnicodeDecodeError
            It is not written in this encoding.
        """
        if self is Encoding.EITHER:
            try:
                return content.decode()
            except UnicodeDecodeError:
                return Encoding.WINDOWS.text_of(content)
        if self is Encoding.WINDOWS:
            try:
                return content.decode("cp1252")
            except UnicodeDecodeError:
                return content.decode("latin-1")
        return content.decode(self.value)


class UnreadableError(ValueError):
    """A file's beginning does not say how to read it; the message says why, and holds nothing of the file."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written.

    Attributes
    ----------
    newline
        What ends a line: line feeds (after carriage returns or not), or carriage returns alone.
    header
        Names of the columns of a CSV file.
    start
        The byte at which the first row begins.
    number
        That row's number, counted as a spreadsheet does: a header is row 1.
    """

    format: Format
    encoding: Encoding
    delimiter: str = ","
    newline: str = "\n"
    header: tuple[str, ...] = ()
    start: int = 0
    number: int = 1


_BOMS = (
    (b"\xff\xfe\x00\x00", None),
    (b"\x00\x00\xfe\xff", None),
    (b"\xef\xbb\xbf", Encoding.UTF_8),
    (b"\xff\xfe", Encoding.UTF_16_LE),
    (b"\xfe\xff", Encoding.UTF_16_BE),
)
_HINT = re.compile(r"sep=(.)\r?$", re.IGNORECASE)


def layout_of(
    sample: bytes, form: Format, *, encoding: Encoding | None = None, delimiter: str = "", whole: bool = False
) -> Layout:
    """Find out how a file is written from its first `SAMPLE` bytes.

    Parameters
    ----------
    encoding, delimiter
        What is known of it; nothing is guessed then. A byte order mark is passed over all the same.
    whole
        Whether the sample is all there is.

    Raises
    ------
    UnreadableError
        It is empty, in UTF-32, or has no header that fits into the sample.
    """
    mark, found = _mark(sample)
    chosen = encoding or found or _guess(sample)
    newline = _newline(sample, chosen)
    if form is Format.NDJSON:
        return Layout(form, chosen, newline=newline, start=mark)
    return _csv_layout(sample, mark, chosen, newline, delimiter, whole=whole)


def _mark(sample: bytes) -> tuple[int, Encoding | None]:
    """The byte order mark's length and what it says (Unicode, section 23.8)."""
    for mark, encoding in _BOMS:
        if sample.startswith(mark):
            if encoding is None:
                raise UnreadableError("The file is in UTF-32; save it as UTF-8.")
            return len(mark), encoding
    return 0, None


def _guess(sample: bytes) -> Encoding:
    """UTF-16 has a zero in nearly every other byte of what Europe writes; all else is told row by row."""
    half = max(len(sample) // 2, 1)
    if sample[1::2].count(0) > half * 0.4 > sample[::2].count(0):
        return Encoding.UTF_16_LE
    if sample[::2].count(0) > half * 0.4 > sample[1::2].count(0):
        return Encoding.UTF_16_BE
    return Encoding.EITHER


def _newline(sample: bytes, encoding: Encoding) -> str:
    feed, back = encoding.bytes_of("\n"), encoding.bytes_of("\r")
    return "\r" if feed not in sample and back in sample else "\n"


def _csv_layout(sample: bytes, mark: int, encoding: Encoding, newline: str, delimiter: str, *, whole: bool) -> Layout:
    lines = list(_lines(sample, mark, encoding, newline, whole=whole))
    first = 0
    while first < len(lines) and not lines[first][0].strip():
        first += 1
    if first < len(lines) and (hint := _HINT.fullmatch(lines[first][0].rstrip("\r\n"))):
        delimiter, first = delimiter or hint[1], first + 1
    texts = [text for text, _ in lines[first:]]
    if not texts:
        raise UnreadableError(
            "The file has no header that ends within its first 64 KiB." if sample[mark:] else "The file is empty."
        )
    delimiter = delimiter or _delimiter(texts)
    used, header = _header(texts, delimiter)
    return Layout(
        format=Format.CSV,
        encoding=encoding,
        delimiter=delimiter,
        newline=newline,
        header=tuple(name.strip() for name in header),
        start=lines[first + used - 1][1],
        number=first + 2,
    )


def _lines(sample: bytes, start: int, encoding: Encoding, newline: str, *, whole: bool) -> Iterator[tuple[str, int]]:
    """The sample's whole lines as text, and where each ends."""
    end = encoding.bytes_of(newline)
    place = start
    while place < len(sample):
        found = sample.find(end, place)
        while found >= 0 and (found - start) % encoding.unit:
            found = sample.find(end, found + 1)
        if found < 0:
            if not whole:
                return
            found = len(sample) - len(end)
        after = found + len(end)
        try:
            yield encoding.text_of(sample[place:after]), after
        except UnicodeDecodeError:
            raise UnreadableError(f"The file's beginning is not {encoding}; give its encoding.") from None
        place = after


def _header(texts: Sequence[str], delimiter: str) -> tuple[int, list[str]]:
    """How many lines the header takes, and its cells."""
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    try:
        header = next(reader)
    except (csv.Error, StopIteration):
        raise UnreadableError("The file's header cannot be read; its quotes may not be closed.") from None
    if len(header) > MAX_COLUMNS:
        raise UnreadableError(f"The file has more than {MAX_COLUMNS} columns.")
    return reader.line_num, header


def _delimiter(texts: Sequence[str]) -> str:
    """The delimiter by which most rows are as wide as the header; of equals, that which makes more columns."""
    best, score = DELIMITERS[0], (0.0, 1)
    for each in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(texts[:100], delimiter=each) if row]
        except csv.Error:
            continue
        agreeing = round(sum(width == widths[0] for width in widths) / len(widths), 1)
        if widths[0] > 1 and (agreeing, widths[0]) > score:
            best, score = each, (agreeing, widths[0])
    return best
