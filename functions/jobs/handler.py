"""Jobs: imports and exports of people, and how far whatever takes long is."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from misentinel.access import Caller, Permission
from misentinel.api import Api, Depends, Page, Reply, caller
from misentinel.jobs import Jobs, JobView, jobs_of_tenant
from misentinel.transfers.exports import Exports, exports_of_caller
from misentinel.transfers.imports import Imports, imports_of_caller
from misentinel.transfers.model import DownloadLink, Export, Import, NewExport, NewImport, UploadRequest

api = Api()
Me = Annotated[Caller, Depends(caller)]
AllJobs = Annotated[Jobs, Depends(jobs_of_tenant)]
AllExports = Annotated[Exports, Depends(exports_of_caller)]
AllImports = Annotated[Imports, Depends(imports_of_caller)]
Limit = Annotated[int, Query(ge=1, le=100)]


@api.get("/v1/jobs", needs=Permission.PEOPLE_READ, action="jobs.list")
def list_jobs(jobs: AllJobs, me: Me, limit: Limit = 20, cursor: str | None = None) -> Page[JobView]:
    """The jobs that the caller might have asked for, the newest first."""
    return jobs.page(me, limit, cursor)


@api.get("/v1/jobs/<job_id>", needs=Permission.PEOPLE_READ, action="jobs.read")
def read_job(job_id: str, jobs: AllJobs, me: Me) -> JobView:
    """How far a job is."""
    return jobs.get(job_id, me).view()


@api.post("/v1/jobs/<job_id>/cancel", needs=Permission.PEOPLE_READ, action="jobs.cancel")
def cancel_job(job_id: str, jobs: AllJobs, me: Me) -> JobView:
    """End an import or an export where it is; what it did so far stays."""
    return jobs.cancel(jobs.get(job_id, me)).view()


@api.post("/v1/imports", needs=Permission.PEOPLE_IMPORT, action="imports.create", status=201, never_kept=("upload",))
def create_import(new: NewImport, imports: AllImports) -> Reply[Import]:
    """Begin an import: the answer says where to send the file."""
    made = imports.create(new)
    return Reply(made, headers={"Location": f"/v1/imports/{made.id}"})


@api.get("/v1/imports/<import_id>", needs=Permission.PEOPLE_IMPORT, action="imports.read")
def read_import(import_id: str, imports: AllImports) -> Import:
    """How far an import is."""
    return imports.get(import_id)


@api.post(
    "/v1/imports/<import_id>/upload", needs=Permission.PEOPLE_IMPORT, action="imports.upload", never_kept=("upload",)
)
def ask_for_upload(import_id: str, asked: UploadRequest, imports: AllImports) -> Import:
    """Another link to send the file to, while the import was not started."""
    return imports.ask_upload(import_id, asked.bytes)


@api.post("/v1/imports/<import_id>/start", needs=Permission.PEOPLE_IMPORT, action="imports.start", status=202)
def start_import(import_id: str, imports: AllImports) -> Reply[Import]:
    """Start an import once its file was sent; what is wrong with file or columns as a whole is told at once."""
    started = imports.start(import_id)
    return Reply(started, headers={"Location": f"/v1/imports/{started.id}"})


@api.get("/v1/imports/<import_id>/report", needs=Permission.PEOPLE_IMPORT, action="imports.report")
def read_report(import_id: str, imports: AllImports) -> DownloadLink:
    """A link to the report: each row that was refused, and why."""
    return imports.report(import_id)


@api.post("/v1/exports", needs=Permission.PEOPLE_EXPORT, action="exports.create", status=202)
def create_export(new: NewExport, exports: AllExports) -> Reply[Export]:
    """Export people, with the fields that the caller may read: formula cells defused, in CSV with a byte order mark."""
    made = exports.create(new)
    return Reply(made, headers={"Location": f"/v1/exports/{made.id}"})


@api.get("/v1/exports/<export_id>", needs=Permission.PEOPLE_EXPORT, action="exports.read")
def read_export(export_id: str, exports: AllExports) -> Export:
    """How far an export is."""
    return exports.get(export_id)


@api.get("/v1/exports/<export_id>/file", needs=Permission.PEOPLE_EXPORT, action="exports.file")
def read_export_file(export_id: str, exports: AllExports) -> DownloadLink:
    """A link to the file of an export that is done; the file is kept for a week."""
    return exports.file(export_id)


handler = api.handler
