"""The worker's side of an import: rows from the file, people into the unit of work, refusals into the report."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from misentinel.audit import Unit, unit, working
from misentinel.jobs import Job, Step
from misentinel.people.attributes import Declarations
from misentinel.people.declarations import declarations_of
from misentinel.people.portions import Match, PersonRow, Portion, RowInvalidError, RowRefusal, upsert_rows
from misentinel.people.store import People
from misentinel.transfers.files import SOURCE, FileChangedError, Files, Found
from misentinel.transfers.layout import Encoding, Format, Layout
from misentinel.transfers.model import MAX_ROWS
from misentinel.transfers.report import Report
from misentinel.transfers.rows import Row, rows
from misentinel.transfers.saying import said_by, said_by_cells

VALID_ROWS = 100
"""Valid rows that are looked at together; as many as fit are taken."""

LOOKED_AT = 1_000
"""Rows of any kind that one portion goes over."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A row that was read: what it says, or why it is refused."""

    row: Row
    person: PersonRow | None
    refusal: RowRefusal | None = None


class Importing:
    """One worker's turn at an import; what it read ahead is kept between portions."""

    def __init__(self, job: Job) -> None:
        tenant = unit().tenant
        self._tenant = tenant
        self._people = People(tenant)
        self._files = Files(tenant, job.id)
        self._match = Match(job.about["match"])
        self._dry = bool(job.about["dry_run"])
        self._form = Format(job.about.get("report") or job.about["format"])
        self._columns: dict[str, str] | None = job.about.get("columns")
        self._layout = layout_from(job.plan["layout"])
        self._found = Found(int(job.plan["size"]), job.plan["etag"])
        self._rows = self._from(job)
        self._ahead: list[_Candidate] = []
        self._ended = False

    def __call__(self, job: Job) -> Step:
        """Do one portion."""
        report = Report(self._files, self._form, job.place.get("report", {}))
        if "assembly" in job.place:
            return self._assemble(report, job.place)
        report.flush()
        try:
            self._look_ahead()
        except FileChangedError:
            return self._finish(report, job.place, {}, "file-changed")
        if job.counts.get("rows", 0) + len(self._ahead) > MAX_ROWS:
            return self._finish(report, job.place, {}, "too-many-rows")
        return self._take(job, report)

    def _from(self, job: Job) -> Iterator[Row]:
        offset = int(job.place.get("offset", self._layout.start))
        number = int(job.place.get("row", self._layout.number))
        return rows(self._layout, self._files.blocks(SOURCE, offset, self._found), offset, number)

    def _look_ahead(self) -> None:
        """Read on until there are enough valid rows for a transaction."""
        valid = sum(each.person is not None for each in self._ahead)
        declared = declarations_of(self._tenant)
        while valid < VALID_ROWS and len(self._ahead) < LOOKED_AT:
            row = next(self._rows, None)
            if row is None:
                self._ended = True
                return
            candidate = self._candidate(row, declared)
            valid += candidate.person is not None
            self._ahead.append(candidate)

    def _candidate(self, row: Row, declared: Declarations) -> _Candidate:
        if row.problem:
            return _Candidate(row, None, RowRefusal(row.number, "", row.problem))
        try:
            return _Candidate(row, PersonRow.of(self._said(row.cells), declared))
        except RowInvalidError as error:
            return _Candidate(row, None, RowRefusal(row.number, error.field, error.message))

    def _said(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        if self._layout.format is Format.CSV:
            return dict(said_by_cells(cells, self._columns or {}))
        return said_by(cells, self._columns)

    def _take(self, job: Job, report: Report) -> Step:
        valid = [(each.row.number, each.person) for each in self._ahead if each.person is not None]
        portion = self._upsert(valid) if valid else Portion()
        left = {number for number, _ in valid[portion.taken :]}
        length = next((place for place, each in enumerate(self._ahead) if each.row.number in left), len(self._ahead))
        taken, self._ahead = self._ahead[:length], self._ahead[length:]
        refused = [*(each.refusal for each in taken if each.refusal), *portion.refused]
        report.add(sorted(refused, key=lambda each: each.number))
        offset = int(job.place.get("offset", self._layout.start))
        end = taken[-1].row.end if taken else offset
        over = self._ended and not self._ahead
        counts = {
            "rows": len(taken),
            "created": portion.created,
            "updated": portion.updated,
            "unchanged": portion.unchanged,
            "refused": len(refused),
            "bytes": (self._found.size if over else end) - int(job.counts.get("bytes", 0)),
        }
        if over:
            return self._finish(report, job.place, counts)
        place = {"offset": end, "row": taken[-1].row.number + 1, "report": report.place}
        return Step(place, counts, paced=0 if self._dry else portion.created + portion.updated)

    def _upsert(self, valid: list[tuple[int, PersonRow]]) -> Portion:
        if not self._dry:
            return upsert_rows(self._people, valid, self._match, spare=0)
        scratch = Unit(unit().happening, max_writes=len(valid) * 100)
        with working(scratch):
            return upsert_rows(self._people, valid, self._match, spare=0, dry=True)

    def _finish(self, report: Report, place: Mapping[str, Any], counts: Mapping[str, int], error: str = "") -> Step:
        """Nothing is left to read: what is known is committed, then the report made of it."""
        paced = 0 if self._dry else counts.get("created", 0) + counts.get("updated", 0)
        return Step({**place, "report": report.place, "assembly": {}, "error": error}, counts, paced=paced)

    def _assemble(self, report: Report, place: Mapping[str, Any]) -> Step:
        state = report.assemble(place["assembly"])
        if state is not None:
            return Step({**place, "assembly": state})

        def forget() -> None:
            self._files.delete(SOURCE)
            report.forget()

        error = str(place["error"])
        return Step({}, done=not error, error=error, afterwards=forget)


def layout_from(kept: Mapping[str, Any]) -> Layout:
    """A layout as a job's plan keeps it."""
    return Layout(
        **{
            **kept,
            "format": Format(kept["format"]),
            "encoding": Encoding(kept["encoding"]),
            "header": tuple(kept["header"]),
        }
    )
