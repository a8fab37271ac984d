"""Jobs: their kinds, how far they are, and what a portion of one did."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import Field

from misentinel import clock
from misentinel.access import Permission
from misentinel.audit import Actor
from misentinel.schema import JsonObject, Resource

Counts = Mapping[str, int]
"""How much of what was done, by name: ``rows``, ``created``..."""


class Kind(StrEnum):
    """What a job does."""

    IMPORT = "import"
    EXPORT = "export"
    DELETION = "deletion"


class Status(StrEnum):
    """How far a job is: an import waits for its file, a queued job for the worker."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be done."""
        return self in {Status.DONE, Status.FAILED, Status.CANCELLED}


NEEDS: Mapping[Kind, Permission] = {
    Kind.IMPORT: Permission.PEOPLE_IMPORT,
    Kind.EXPORT: Permission.PEOPLE_EXPORT,
    Kind.DELETION: Permission.PEOPLE_WRITE,
}
"""Who may see jobs of a kind: who may ask for them."""

ACTIONS: Mapping[Kind, str] = {
    Kind.IMPORT: "people.import",
    Kind.EXPORT: "people.export",
    Kind.DELETION: "people.delete",
}
"""The action that the records of a job's portions bear."""


NO_LONGER_PERMITTED = "no-longer-permitted"
"""The error of a job whose member was removed meanwhile, or may not ask for such a job any more."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a portion did.

    Attributes
    ----------
    place
        Where the next portion goes on; kept with the job, so small.
    counts
        What to add to the job's counts.
    done
        Whether nothing is left.
    error
        Why the job cannot go on: a code that the API documents. It is over then.
    paced
        Rows that were written: so many at most are written a second.
    afterwards
        What follows the commit; it may be lost, and something else must then do it in time.
    """

    place: JsonObject
    counts: Counts = field(default_factory=dict)
    done: bool = False
    error: str = ""
    paced: int = 0
    afterwards: Callable[[], object] | None = None


class JobView(Resource):
    """A job as clients see it."""

    id: str = Field(description="The job's id.", examples=["0192f0c1-2d3e-7f40-8a5b-6c7d8e9f0a1b"])
    kind: Kind = Field(description="What it does.", examples=["import"])
    status: Status = Field(description="How far it is.", examples=["running"])
    progress: dict[str, int] = Field(
        description="How much of what was done so far; the names depend on the kind.",
        examples=[{"rows": 1200, "created": 1100, "updated": 60, "unchanged": 30, "refused": 10}],
    )
    created_by: str = Field(
        description="The member who asked for it.", examples=["0192f0c1-2d3e-7f40-8a5b-6c7d8e9f0a1c"]
    )
    created_at: str = Field(description="When it was asked for (RFC 3339).", examples=["2026-11-23T13:30:00.000Z"])
    updated_at: str = Field(
        description="When it last moved (RFC 3339). A running job moves every few seconds while it has its turn.",
        examples=["2026-11-23T13:31:10.000Z"],
    )
    finished_at: str | None = Field(description="When it was over.", examples=["2026-11-23T13:31:10.000Z"])
    error: str | None = Field(
        description="Why it failed, by a code: `file-changed` (the file is not the one that was there at the start), "
        "`too-many-rows`, `no-longer-permitted` (the member who asked for it was removed, or may not do it any more).",
        examples=["file-changed"],
    )


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is kept.

    Attributes
    ----------
    asked_by, session, request_id
        Who handed it to the worker, and by which request.
    about
        What its clients may know of it for as long as it is kept; nothing personal.
    plan
        What the worker needs to know; gone when the job is over.
    place
        Where the next portion goes on; gone when the job is over.
    step
        How many portions were committed; each is, on condition that this is what it read.
    moved_by
        The uid of the unit of work that left it so.
    """

    id: str
    kind: Kind
    status: Status
    created_by: str
    created_at: str
    asked_by: str
    session: str
    request_id: str
    about: JsonObject = field(default_factory=dict)
    plan: JsonObject = field(default_factory=dict)
    place: JsonObject = field(default_factory=dict)
    counts: Counts = field(default_factory=dict)
    step: int = 0
    moved_by: str = ""
    finished_at: str = ""
    error: str = ""

    @property
    def path(self) -> str:
        """Where a client asks how far it is."""
        return f"/v1/jobs/{self.id}"

    @property
    def needs(self) -> frozenset[Permission]:
        """What the member who asked for it must be permitted for as long as it runs."""
        contact = self.kind is Kind.EXPORT and self.about.get("contact")
        return frozenset({NEEDS[self.kind], *([Permission.PEOPLE_CONTACT] if contact else [])})

    @property
    def updated_at(self) -> str:
        """When it last moved: the unit of work that moved it began a little before it said when it was over."""
        return max(self.created_at, clock.rfc3339(clock.made_at(self.moved_by)), self.finished_at)

    @property
    def actor(self) -> Actor:
        """On whose behalf it runs."""
        return Actor(member=self.asked_by, session=self.session, is_mfa=True)

    def view(self) -> JobView:
        """What clients see of it."""
        return JobView(
            id=self.id,
            kind=self.kind,
            status=self.status,
            progress=dict(self.counts),
            created_by=self.created_by,
            created_at=self.created_at,
            updated_at=self.updated_at,
            finished_at=self.finished_at or None,
            error=self.error or None,
        )
