"""Bad input, made from a good request: what a body, a path, a query and headers can have wrong with them."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from recipes import Ask

TEXT = "application/json"
CARD = "4111 1111 1111 1111"
"""A payment card number that schemes publish for tests."""

_STRINGS = {
    "an empty string": "",
    "a huge string": "x" * 200_000,
    "NUL": "a\0b",
    "a control character": "a\x1bb",
    "a lone surrogate": "a\ud800b",
    "a card's number": CARD,
}
_NUMBERS = {
    "a number past 2^53": 2**53 + 1,
    "a number past minus 2^53": -(2**53) - 1,
    "a number past 2^64": 2**64,
    "a number of 400 digits": 10**400,
    "a fraction too large": 1e300,
}
_RAW_NUMBERS = {"a number past every float": b"1e999", "NaN": b"NaN", "Infinity": b"-Infinity"}
_PLACE = "qx9-here"

_RAW: dict[str, bytes] = {
    "half an object": b"{",
    "a body of blanks": b"   ",
    "null": b"null",
    "an array": b"[]",
    "a number": b"1",
    "a string": b'"text"',
    "two documents": b"{}{}",
    "a comma too many": b'{"name": "x",}',
    "single quotes": b"{'name': 'x'}",
    "a comment": b'{"name": "x" /* y */}',
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "an encoded surrogate": b'{"name": "\xed\xa0\x80"}',
    "an overlong form": b'{"name": "\xc0\x80"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"name": "x"}',
    "deep arrays": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"name":' * 5_000 + b"1" + b"}" * 5_000,
    "deep in a field": b'{"name":' + b"[" * 40 + b"]" * 40 + b"}",
    "1 MB and a byte": b'{"name": "' + b"x" * 999_990 + b'"}',
    "10 MB": b'{"name": "' + b"x" * 9_999_000 + b'"}',
}
_MEDIA = {
    "plain text": "text/plain",
    "a form": "application/x-www-form-urlencoded",
    "XML": "application/xml",
    "parts": "multipart/form-data; boundary=x",
}
_QUERIES = {
    "an unknown parameter": "nom=1",
    "a parameter without a name": "=1",
    "a parameter with NUL": "n%00m=1",
    "a parameter of no UTF-8": "%ff=%fe",
}
_LISTING = {
    "limit 0": "limit=0",
    "limit 101": "limit=101",
    "a negative limit": "limit=-1",
    "a limit past 2^64": f"limit={2**64}",
    "a limit that is a word": "limit=all",
    "a fraction as limit": "limit=1.5",
    "an empty limit": "limit=",
    "a made-up cursor": "cursor=bm90IGEgY3Vyc29y",
    "a cursor of no base64": "cursor=%25%25",
    "an empty cursor": "cursor=",
    "a huge cursor": f"cursor={'x' * 5_000}",
    "a cursor with NUL": "cursor=%00",
}
_IDS = {
    "a huge id": "x" * 3_000,
    "an id with NUL": "a%00b",
    "an id of no UTF-8": "%ff%fe",
    "an id with a key's mark": "a%23b",
    "an id with a blank": "a%20b",
    "an id of other digits": "%EF%BC%91",
    "an id that nothing has": "01900000-0000-7000-8000-000000000000",
}


@dataclass(frozen=True, slots=True)
class Bad:
    """A request that has one thing wrong with it."""

    name: str
    path: str
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


def bad_requests(
    ask: Ask,
    template: str,
    *,
    open_fields: tuple[str, ...] = (),
    may_be_empty: tuple[str, ...] = (),
    is_listing: bool = False,
) -> list[Bad]:
    """Everything that can be wrong with a good request.

    Parameters
    ----------
    ask
        The good request.
    template
        Its route's path.
    open_fields
        Dotted names of fields that take any text, such as a password; a name covers what is below it.
    may_be_empty
        Dotted names of fields whose text may be empty.
    is_listing
        Whether it takes ``limit`` and ``cursor``.
    """
    raw = None if ask.json is None else json.dumps(ask.json).encode()
    json_headers = {} if raw is None else {"Content-Type": TEXT}
    sign = "&" if "?" in ask.path else "?"
    queries = {**_QUERIES, **(_LISTING if is_listing else {})}
    found = [Bad(name, f"{ask.path}{sign}{query}", raw, json_headers) for name, query in queries.items()]
    found += [Bad(name, path, raw, json_headers) for name, path in _paths(ask.path, template)]
    if ask.json is None:
        return found
    found += [Bad(name, ask.path, body, json_headers) for name, body in _bodies(ask.json, open_fields, may_be_empty)]
    found += [Bad(f"sent as {name}", ask.path, raw, {"Content-Type": media}) for name, media in _MEDIA.items()]
    return found


def _paths(path: str, template: str) -> Iterator[tuple[str, str]]:
    """The path with each of its variable parts wrong in turn."""
    parts = path.split("/")
    for place, part in enumerate(template.split("/")):
        if part.startswith("<"):
            for name, bad in _IDS.items():
                yield f"{name} in {part[1:-1]}", "/".join([*parts[:place], bad, *parts[place + 1 :]])


def _bodies(good: Any, open_fields: tuple[str, ...], may_be_empty: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    yield from _RAW.items()
    if isinstance(good, dict):
        yield "an unknown field", json.dumps({**good, "nom": 1}).encode()
        first = json.dumps(next(iter(good)))
        yield "a name twice", f"{{{first}:1,".encode() + json.dumps(good).encode()[1:]
        for name in good:
            yield f"{name} is of a wrong type", _with(good, (name,), _of_another_type(good[name]))
    for path, value in _leaves(good):
        name = ".".join(map(str, path))
        if not _is_below(name, open_fields):
            for what, body in _wrong(good, path, value, may_be_empty=_is_below(name, may_be_empty)):
                yield f"{name} is {what}", body
    for path, value in _objects(good):
        for what in ("a huge string", "NUL", "a lone surrogate", "a card's number"):
            bad = {**value, _STRINGS[what]: next(iter(value.values()))}
            yield f"a name in {'.'.join(map(str, path))} is {what}", _with(good, path, bad)


def _wrong(good: Any, path: tuple[str | int, ...], value: Any, *, may_be_empty: bool) -> Iterator[tuple[str, bytes]]:
    """The good body with one text or number wrong."""
    if isinstance(value, str):
        for what, bad in _STRINGS.items():
            if bad or not may_be_empty:
                yield what, _with(good, path, bad)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        for what, number in _NUMBERS.items():
            yield what, _with(good, path, number)
        for what, text in _RAW_NUMBERS.items():
            yield what, _with(good, path, _PLACE).replace(f'"{_PLACE}"'.encode(), text)


def _is_below(name: str, fields: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"{each}.") for each in fields)


def _of_another_type(value: Any) -> Any:
    match value:
        case str():
            return {"x": 1}
        case bool():
            return "perhaps"
        case int() | float():
            return "much"
        case list():
            return {"x": 1}
        case _:
            return 17


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    match value:
        case dict():
            for name, each in value.items():
                yield from _leaves(each, (*path, name))
        case list():
            for place, each in enumerate(value[:1]):
                yield from _leaves(each, (*path, place))
        case _:
            yield path, value


def _objects(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """The objects inside a body."""
    match value:
        case dict():
            if path:
                yield path, value
            for name, each in value.items():
                yield from _objects(each, (*path, name))
        case list():
            for place, each in enumerate(value[:1]):
                yield from _objects(each, (*path, place))


def _with(good: Any, path: tuple[str | int, ...], bad: Any) -> bytes:
    """The good body with another value at one place."""
    body = copy.deepcopy(good)
    at = body
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = bad
    return json.dumps(body).encode()
