"""The report of an import: each row that was refused, and why; never what was in it."""

import base64
import csv
import io
import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from misentinel.people.portions import RowRefusal
from misentinel.transfers.files import REPORT, TYPES, Files
from misentinel.transfers.layout import Format
from misentinel.transfers.parts import PART, Upload

WAITING = 200
"""Refusals that are kept with the job; more become a piece of the report. Packed, each is a few bytes."""

_HEADER = {Format.CSV: "row,field,message\r\n", Format.NDJSON: ""}


class Report:
    """A report under way: pieces in S3, and behind them what waits to become one, kept with the job's place.

    What is written to S3 was committed before, by the portion that went before: two workers at one portion write the
    same, whoever of them commits.
    """

    def __init__(self, files: Files, form: Format, place: dict[str, Any]) -> None:
        self._files = files
        self._form = form
        self._pieces = int(place.get("pieces", 0))
        self._waiting: list[list[Any]] = _unpacked(place["waiting"]) if place.get("waiting") else []

    @property
    def place(self) -> dict[str, Any]:
        """What to keep with the job."""
        return {"pieces": self._pieces, "waiting": _packed(self._waiting) if self._waiting else ""}

    def flush(self) -> None:
        """Make a piece of what waits, if it is much; before anything is added."""
        if len(self._waiting) > WAITING:
            self._files.put(_piece(self._pieces), self._text().encode(), TYPES[self._form])
            self._pieces, self._waiting = self._pieces + 1, []

    def add(self, refused: Iterable[RowRefusal]) -> None:
        """Note refusals."""
        self._waiting += [[each.number, each.field, each.message] for each in refused]

    def assemble(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """Make one file of the pieces, a part at a time.

        Parameters
        ----------
        state
            What the last call returned; nothing at first.

        Returns
        -------
        dict
            What to go on from; ``None`` when it is one file.
        """
        upload = Upload.resumed(self._files, REPORT, TYPES[self._form], state)
        number = int(state.get("piece", 0))
        content = bytearray(b"" if number else _HEADER[self._form].encode())
        while number < self._pieces:
            content += self._files.read(_piece(number), 0, PART)
            number += 1
            if len(content) >= PART:
                upload.add(bytes(content))
                return {**upload.state, "piece": number}
        upload.finish(bytes(content) + self._text().encode())
        return None

    def forget(self) -> None:
        """Delete the pieces; what is missed goes with the bucket's lifecycle."""
        self._files.delete(*(_piece(number) for number in range(self._pieces)))

    def _text(self) -> str:
        if self._form is Format.CSV:
            out = io.StringIO()
            csv.writer(out, lineterminator="\r\n").writerows(self._waiting)
            return out.getvalue()
        names = ("row", "field", "message")
        return "".join(json.dumps(dict(zip(names, each, strict=True))) + "\n" for each in self._waiting)


def _packed(waiting: Sequence[Sequence[Any]]) -> str:
    return base64.b85encode(zlib.compress(json.dumps(waiting, separators=(",", ":")).encode())).decode()


def _unpacked(text: str) -> list[list[Any]]:
    found: list[list[Any]] = json.loads(zlib.decompress(base64.b85decode(text)))
    return found


def _piece(number: int) -> str:
    return f"{REPORT}-{number:06d}"
