"""The worker's side of an export: people from a walk, into a file written in parts."""

import json
import time
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from misentinel.audit import unit
from misentinel.errors import Conflict
from misentinel.jobs import Job, Step
from misentinel.people.model import Person
from misentinel.people.query import Where
from misentinel.people.search import walk
from misentinel.people.store import People
from misentinel.transfers.cells import lines
from misentinel.transfers.files import EXPORT, TYPES, FileChangedError, Files
from misentinel.transfers.layout import Format
from misentinel.transfers.parts import PART, Upload

PORTION_SECONDS = 5
"""A portion that did not fill a part by then is kept as it is: progress is seen, a cancellation too."""

MARK = "\ufeff"
"""At the beginning of CSV: without it spreadsheets take UTF-8 for something else."""

_WHERE: TypeAdapter[Any] = TypeAdapter(Where)


class Exporting:
    """One worker's turn at an export.

    What a portion collects is kept as a file of its own, by a name that no other portion has. Once that is committed,
    the next portion makes a part of the whole of it, or goes on from it while it is too little: two workers at one
    portion write the same, whoever of them commits.
    """

    def __init__(self, job: Job) -> None:
        tenant = unit().tenant
        self._files = Files(tenant, job.id)
        self._form = Format(job.about["format"])
        self._columns: list[str] = job.plan["columns"]
        self._people = People(tenant, contact=bool(job.about["contact"]))
        where = job.plan.get("where")
        self._where: Any = _WHERE.validate_python(where) if where else None
        self._tail: tuple[str, bytes] = ("", b"")

    def __call__(self, job: Job) -> Step:
        """Do one portion."""
        before = str(job.place.get("tail", ""))
        upload = Upload.resumed(self._files, EXPORT, TYPES[self._form], job.place)
        kept = self._kept(before) if job.place else self._header()

        def forget() -> None:
            self._files.delete(*filter(None, [before]))

        if job.place.get("ended"):
            upload.finish(kept)
            return Step({}, done=True, afterwards=forget)
        if len(kept) >= PART:
            upload.add(kept)
            kept = b""
        content, rows, resume = self._collect(kept, job.place.get("resume"))
        self._tail = (f"tail-{unit().uid}", content) if content else ("", b"")
        if content:
            self._files.put(*self._tail, TYPES[self._form])
        place = {**upload.state, "tail": self._tail[0], "resume": resume, "ended": resume is None}
        counts = {"rows": rows, "bytes": len(content) - (len(kept) if job.place else 0)}
        return Step(place, counts, afterwards=forget)

    def _header(self) -> bytes:
        if self._form is Format.NDJSON:
            return b""
        return (MARK + lines(self._columns, [{name: name for name in self._columns}])).encode()

    def _kept(self, tail: str) -> bytes:
        """What the portion before collected.

        Raises
        ------
        Conflict
            It is gone: another worker went on already.
        """
        if tail == self._tail[0]:
            return self._tail[1]
        try:
            return self._files.read(tail, 0, 8 * PART)
        except FileChangedError:
            raise Conflict("Another worker is at this export.") from None

    def _collect(self, kept: bytes, resume: dict[str, Any] | None) -> tuple[bytes, int, dict[str, Any] | None]:
        """Walk on from a place; what is collected behind what was kept, how many people, and where to go on."""
        content, rows = bytearray(kept), 0
        until = time.monotonic() + PORTION_SECONDS
        for stretch in walk(self._people, self._where, resume):
            content += self._text(stretch.people).encode()
            rows, resume = rows + len(stretch.people), stretch.resume
            if len(content) >= PART or time.monotonic() > until:
                break
        return bytes(content), rows, resume

    def _text(self, people: Sequence[Person]) -> str:
        found = [each.model_dump(mode="json") for each in people]
        if self._form is Format.NDJSON:
            return "".join(json.dumps(each, separators=(",", ":"), ensure_ascii=False) + "\n" for each in found)
        return lines(self._columns, [_flat(each) for each in found])


def _flat(person: dict[str, Any]) -> dict[str, Any]:
    attributes = person.pop("attributes")
    return {**person, **{f"attributes.{name}": value for name, value in attributes.items()}}
