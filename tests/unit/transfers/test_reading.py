"""Files as they come: every promise about reading them, by bytes of any cut and from any row on."""

import csv
import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misentinel.transfers.layout import SAMPLE, Encoding, Format, Layout, UnreadableError, layout_of
from misentinel.transfers.rows import MAX_ROW, Row, rows

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252")


def cut(content: bytes, size: int) -> Iterator[bytes]:
    for place in range(0, len(content), size):
        yield content[place : place + size]


def layout(content: bytes, form: Format = Format.CSV) -> Layout:
    return layout_of(content[:SAMPLE], form, whole=len(content) <= SAMPLE)


def read(content: bytes, form: Format = Format.CSV, size: int = 7919) -> list[Row]:
    found = layout(content, form)
    return list(rows(found, cut(content[found.start :], size), found.start, found.number))


def cells(content: bytes) -> list[dict[str, str]]:
    return [row.cells for row in read(content) if not row.problem]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_usual_encoding_delimiter_and_newline_is_found(encoding: str, delimiter: str, newline: str) -> None:
    text = newline.join(
        delimiter.join(row) for row in (("email", "name"), ("a@x.example", "Zoë"), ("b@x.example", "Özil"))
    )
    assert cells(text.encode(encoding)) == [
        {"email": "a@x.example", "name": "Zoë"},
        {"email": "b@x.example", "name": "Özil"},
    ]


def test_a_file_of_plain_ascii_at_first_may_turn_out_to_be_latin_1() -> None:
    text = "name,external_id\n" + "".join(f"Ann,{number}\n" for number in range(10_000)) + "Zoë,z\n"
    found = cells(text.encode("latin-1"))
    assert found[-1] == {"name": "Zoë", "external_id": "z"}
    assert cells(text.encode()) == found


def test_an_encoding_that_is_given_is_kept_to() -> None:
    content = "name,id\nZoë,1\nAnn,2\n".encode("latin-1")
    with pytest.raises(UnreadableError, match="utf-8"):
        layout_of(content, Format.CSV, encoding=Encoding.UTF_8, whole=True)


def test_a_row_that_is_not_written_in_the_files_encoding_is_refused_alone() -> None:
    content = b"\xef\xbb\xbfname,id\nAnn,1\nZo\xeb,2\nBob,3\n"
    head = layout_of(content[:20], Format.CSV)
    found = list(rows(head, [content[head.start :]], head.start, head.number))
    assert [(row.number, row.problem) for row in found] == [(2, ""), (3, "is not written in utf-8"), (4, "")]


def test_quoted_newlines_quotes_and_delimiters_belong_to_their_cell() -> None:
    content = b'name,note\r\n"Ann ""A"" Lee","two\r\nlines, one cell"\r\nBob,5" pipe\r\n"x"y,"a,\n""b"""\r\n'
    assert cells(content) == [
        {"name": 'Ann "A" Lee', "note": "two\r\nlines, one cell"},
        {"name": "Bob", "note": '5" pipe'},
        {"name": "xy", "note": 'a,\n"b"'},
    ]


def test_ragged_rows_are_refused_and_a_tail_of_empty_cells_is_not() -> None:
    found = read(b"a,b\n1\n1,2\n1,2,3\n1,2,,\n\n,\n3,4\n")
    assert [(row.number, row.problem) for row in found] == [
        (2, "has 1 cells where the header has 2"),
        (3, ""),
        (4, "has 3 cells where the header has 2"),
        (5, ""),
        (8, ""),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "field", ['"' + "x," * 5_000_000 + '"', '"' + ('a ""b""' + "x" * 80 + "\n") * 115_000 + '"', "y" * 10_000_000]
)
def test_a_cell_of_ten_megabytes_is_refused_alone_and_never_held(encoding: str, field: str) -> None:
    content = f"name,id\nAnn,1\n{field},2\nBob,3\n".encode(encoding)
    found = read(content, size=1 << 20)
    assert [(row.number, row.problem) for row in found] == [(2, ""), (3, f"is longer than {MAX_ROW} bytes"), (4, "")]
    assert found[2].cells == {"name": "Bob", "id": "3"}


def test_a_line_without_end_that_is_too_long_is_one_refusal() -> None:
    (row,) = read(b'{"a":"' + b"x" * 3_000_000, Format.NDJSON, size=1_000_001)
    assert row.problem == f"is longer than {MAX_ROW} bytes"


def test_a_quote_that_is_never_closed_is_told() -> None:
    found = read(b'a,b\n1,2\n"3,4\n5,6\n')
    assert [(row.number, row.problem) for row in found] == [(2, ""), (3, "opens a quote that is never closed")]


def test_excels_hint_of_the_delimiter_is_no_header() -> None:
    assert cells(b"sep=;\nname;id\nAnn;1\n") == [{"name": "Ann", "id": "1"}]


@pytest.mark.parametrize(
    "content", [b"", b"\xef\xbb\xbf", b"\n\n", b"\xff\xfe\x00\x00a\x00\x00\x00", b'"open', b"x" * SAMPLE]
)
def test_what_has_no_readable_header_is_told(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        layout_of(content, Format.CSV, whole=len(content) < SAMPLE)


def test_json_lines_are_objects_or_refused_one_by_one() -> None:
    lines = ['{"a":1}', "", "[]", "nonsense", '{"a":1,"a":2}', '{"a":NaN}', '{"a":"ü"}']
    found = read("\n".join(lines).encode(), Format.NDJSON)
    assert [(row.number, row.problem) for row in found] == [
        (1, ""),
        (3, "is not a JSON object"),
        (4, "is not JSON (RFC 8259)"),
        (5, "is not JSON (RFC 8259)"),
        (6, "is not JSON (RFC 8259)"),
        (7, ""),
    ]
    assert found[-1].cells == {"a": "ü"}


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=12)


@given(
    table=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=12),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    size=st.integers(1, 40),
)
def test_rows_are_those_of_pythons_reader_and_can_be_read_from_any_of_them_on(
    table: list[list[str]], encoding: str, delimiter: str, newline: str, size: int
) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=newline).writerows([["a", "b", "c"], *table])
    content = out.getvalue().encode(encoding)
    found = layout_of(content, Format.CSV, delimiter=delimiter, whole=True)
    every = list(rows(found, cut(content[found.start :], size), found.start, found.number))
    assert [list(row.cells.values()) for row in every] == [row for row in table if any(cell.strip() for cell in row)]
    assert not [row for row in every if row.problem]
    for place, row in enumerate(every):
        rest = list(rows(found, cut(content[row.end :], size + 1), row.end, row.number + 1))
        assert [(each.end, each.cells) for each in rest] == [(each.end, each.cells) for each in every[place + 1 :]]


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=10), max_size=3), max_size=8), st.integers(1, 50))
def test_json_lines_can_be_read_from_any_of_them_on(objects: list[dict[str, str]], size: int) -> None:
    content = "\n".join(json.dumps(each) for each in objects).encode()
    every = read(content, Format.NDJSON, size)
    assert [row.cells for row in every] == objects
    for place, row in enumerate(every):
        rest = rows(layout(content, Format.NDJSON), cut(content[row.end :], size), row.end, row.number + 1)
        assert [each.cells for each in rest] == objects[place + 1 :]
