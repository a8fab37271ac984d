"""The doors' side of an export: asked for, how far it is, and a link to its file."""

from misentinel.access import Caller, Permission
from misentinel.api import caller
from misentinel.errors import Conflict, Forbidden
from misentinel.jobs import Jobs, Kind, Status, begin
from misentinel.people.declarations import declarations_of
from misentinel.transfers.columns import columns_for
from misentinel.transfers.files import EXPORT, TYPES, Files
from misentinel.transfers.layout import Format
from misentinel.transfers.model import DownloadLink, Export, NewExport


class Exports:
    """The exports of one tenant, for one caller."""

    def __init__(self, who: Caller) -> None:
        self._caller = who
        self._tenant = who.tenant
        self._jobs = Jobs(who.tenant)

    def create(self, new: NewExport) -> Export:
        """Begin an export, with the fields that the caller may read.

        Raises
        ------
        Forbidden
            It asks by a field that the caller may not read.
        Invalid
            It asks by a field that is not there, or for a value not of its type.
        """
        from misentinel.people.search import walk  # noqa: PLC0415 - heavy, and for this alone
        from misentinel.people.store import People  # noqa: PLC0415 - as above

        contact = self._caller.may(Permission.PEOPLE_CONTACT)
        walk(People(self._tenant, contact=contact), new.where)
        declared = declarations_of(self._tenant, fresh=True)
        names = sorted(name for name in declared.by_name if contact or name not in declared.personal)
        where = new.where.model_dump(mode="json", by_alias=True) if new.where else None
        job = begin(
            Kind.EXPORT,
            about={"format": new.format.value, "contact": contact},
            plan={"columns": columns_for(names, contact=contact), "where": where},
            counts={"rows": 0, "bytes": 0},
        )
        return Export.of(job)

    def get(self, job_id: str) -> Export:
        """One export.

        Raises
        ------
        NotFound
            No such export here.
        """
        return Export.of(self._jobs.get(job_id, self._caller, Kind.EXPORT))

    def file(self, job_id: str) -> DownloadLink:
        """A link to the file of an export that is done.

        Raises
        ------
        NotFound
            No such export here.
        Conflict
            It is not done, or so long ago that its file is gone.
        Forbidden
            It has fields that the caller may not read.
        """
        job = self._jobs.get(job_id, self._caller, Kind.EXPORT)
        if job.about["contact"] and not self._caller.may(Permission.PEOPLE_CONTACT):
            raise Forbidden(Permission.PEOPLE_CONTACT)
        if job.status is not Status.DONE:
            raise Conflict("The export is not done; ask again when its status is done.")
        files, form = Files(self._tenant, job.id), Format(job.about["format"])
        if files.find(EXPORT) is None:
            raise Conflict("The file is gone: files are kept for a week. Export again.")
        called = f"people-{job.created_at[:10]}.{form}"
        link = files.download_link(EXPORT, TYPES[form], called)
        return DownloadLink(url=link.url, expires_at=link.expires_at)


def exports_of_caller() -> Exports:
    """The exports of the workspace of whoever is calling."""
    return Exports(caller())
