"""The doors' side of an import: a link for its file, its start, how far it is, its report."""

from dataclasses import asdict, replace

from misentinel.access import Caller
from misentinel.api import caller
from misentinel.audit import unit
from misentinel.errors import Conflict, Invalid
from misentinel.jobs import NO_LONGER_PERMITTED, Job, Jobs, Kind, Status, begin
from misentinel.people.declarations import declarations_of
from misentinel.people.fields import Match, targets
from misentinel.schema import JsonObject
from misentinel.transfers.columns import columns_of
from misentinel.transfers.files import REPORT, SOURCE, TYPES, FileChangedError, Files, Found
from misentinel.transfers.layout import SAMPLE, Encoding, Format, Layout, UnreadableError, layout_of
from misentinel.transfers.model import DownloadLink, Import, NewImport, UploadLink

COUNTED = ("rows", "created", "updated", "unchanged", "refused", "bytes")
"""What an import's progress tells, before how much there is."""


class Imports:
    """The imports of one tenant, for one caller."""

    def __init__(self, who: Caller) -> None:
        self._caller = who
        self._tenant = who.tenant
        self._jobs = Jobs(who.tenant)

    def create(self, new: NewImport) -> Import:
        """Begin an import: it waits for its file, which the link in the answer takes."""
        about: JsonObject = {"format": new.format.value, "match": new.match.value, "dry_run": new.dry_run}
        if new.report:
            about["report"] = new.report.value
        asked: JsonObject = {"columns": new.columns, "encoding": new.encoding, "delimiter": new.delimiter}
        job = begin(Kind.IMPORT, about=about, plan={**asked, "bytes": new.bytes}, waits=True)
        return Import.of(job, self._link(job, new.bytes))

    def ask_upload(self, job_id: str, size: int) -> Import:
        """Another link for the file of an import that waits; the former's length does not count any more.

        Raises
        ------
        NotFound
            No such import here.
        Conflict
            It was started.
        """
        job = self._waiting(job_id)
        unit().touch("job", job.id, ("bytes",))
        moved = self._jobs.move(job, plan={**job.plan, "bytes": size})
        return Import.of(moved, self._link(moved, size))

    def start(self, job_id: str) -> Import:
        """Hand the uploaded file to the worker, once it is seen how it is written and what its columns are.

        Raises
        ------
        NotFound
            No such import here.
        Conflict
            It was started, or the file is not there yet.
        Invalid
            The file cannot be read, or its columns do not fit.
        """
        job = self._waiting(job_id)
        files = Files(self._tenant, job.id)
        found = files.find(SOURCE)
        if found is None:
            raise Conflict("The file is not there yet; send it to the link first.")
        if found.size != job.plan["bytes"]:
            raise Conflict("The file has another length than was said; send it again.")
        layout = self._layout(job, files, found)
        about = self._about(job, layout)
        plan = {"layout": asdict(layout), "size": found.size, "etag": found.etag}
        counts = {**dict.fromkeys(COUNTED, 0), "total_bytes": found.size}
        return Import.of(self._jobs.start(replace(job, about=about), plan, counts))

    def get(self, job_id: str) -> Import:
        """One import.

        Raises
        ------
        NotFound
            No such import here.
        """
        return Import.of(self._jobs.get(job_id, self._caller, Kind.IMPORT))

    def report(self, job_id: str) -> DownloadLink:
        """A link to the report of an import that is over.

        Raises
        ------
        NotFound
            No such import here.
        Conflict
            It is not over, or was ended before its report was made.
        """
        job = self._jobs.get(job_id, self._caller, Kind.IMPORT)
        if job.status is Status.CANCELLED:
            raise Conflict("The import was cancelled: there is no report.")
        if job.error == NO_LONGER_PERMITTED:
            raise Conflict("The import was ended, for its member may not import any more: there is no report.")
        if not job.status.is_over:
            raise Conflict("The import is not over yet; ask again when its status is done or failed.")
        form = Format(job.about.get("report") or job.about["format"])
        link = Files(self._tenant, job.id).download_link(REPORT, TYPES[form], f"report.{form}")
        return DownloadLink(url=link.url, expires_at=link.expires_at)

    def _waiting(self, job_id: str) -> Job:
        job = self._jobs.get(job_id, self._caller, Kind.IMPORT)
        if job.status is not Status.WAITING:
            raise Conflict(f"The import was started or ended before; see GET /v1/imports/{job.id}.")
        return job

    def _link(self, job: Job, size: int) -> UploadLink:
        content_type = TYPES[Format(job.about["format"])].partition(";")[0]
        link = Files(self._tenant, job.id).upload_link(SOURCE, size, content_type)
        headers = {"Content-Type": content_type, "Content-Length": str(size)}
        return UploadLink(method="PUT", url=link.url, headers=headers, expires_at=link.expires_at)

    @staticmethod
    def _layout(job: Job, files: Files, found: Found) -> Layout:
        encoding = job.plan.get("encoding")
        try:
            sample = files.read(SOURCE, 0, SAMPLE, found.etag)
            return layout_of(
                sample,
                Format(job.about["format"]),
                encoding=Encoding(encoding) if encoding else None,
                delimiter=job.plan.get("delimiter") or "",
                whole=len(sample) == found.size,
            )
        except UnreadableError as error:
            raise Invalid(str(error)) from None
        except FileChangedError:
            raise Conflict("The file changed just now; send the request again.") from None

    def _about(self, job: Job, layout: Layout) -> JsonObject:
        """What is kept of it: which columns are taken, and which are not."""
        wanted, is_csv = job.plan.get("columns"), layout.format is Format.CSV
        known = targets(declarations_of(self._tenant, fresh=True))
        header = layout.header if is_csv else None
        columns = columns_of(wanted, header, known, Match(job.about["match"]))
        ignored = [name[:200] for name in layout.header if name and name not in columns]
        return {**job.about, "columns": columns if is_csv or wanted else None, "ignored": ignored[:50]}


def imports_of_caller() -> Imports:
    """The imports of the workspace of whoever is calling."""
    return Imports(caller())
