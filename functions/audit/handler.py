"""Audit log: the records of a workspace, searched and read."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query as Parameter

from misentinel import clock
from misentinel.access import Permission
from misentinel.api import Api, Depends, Page
from misentinel.audit import EventClass
from misentinel.auditlog.search import Found, FoundWithContext, OutcomeFilter, Query, Records, bound, records_of_tenant

api = Api()
Log = Annotated[Records, Depends(records_of_tenant)]
Limit = Annotated[int, Parameter(ge=1, le=100)]
From = Annotated[
    str | None,
    Parameter(
        alias="from",
        pattern=clock.TIME,
        description="A time (RFC 3339); 31 days before `to` if not given",
        examples=["2026-11-01T00:00:00Z"],
    ),
]
To = Annotated[
    str | None,
    Parameter(
        pattern=clock.TIME,
        description="A time (RFC 3339), not included; now if not given",
        examples=["2026-11-24T00:00:00Z"],
    ),
]
Actor = Annotated[str | None, Parameter(max_length=512, description="A member's id, or `unknown`")]
Thing = Annotated[str | None, Parameter(max_length=512, pattern=r"^[a-z_]+:.+$", description="`type:uid`")]
Outcome = Annotated[OutcomeFilter | None, Parameter(description="How the action ended")]
Action = Annotated[str | None, Parameter(max_length=100, description="Such as `people.update`")]
Kind = Annotated[EventClass | None, Parameter(alias="class", description="OCSF class_uid")]


@api.get("/v1/audit/records", needs=Permission.AUDIT_READ, action="audit.search")
def search_records(
    records: Log,
    *,
    start: From = None,
    to: To = None,
    actor: Actor = None,
    resource: Thing = None,
    action: Action = None,
    outcome: Outcome = None,
    event_class: Kind = None,
    limit: Limit = 20,
    cursor: str | None = None,
) -> Page[Found]:
    """Records made from `from` up to, not including, `to`, the newest first."""
    return records.search(
        Query(bound("from", start), bound("to", to), actor, resource, action, outcome, event_class), limit, cursor
    )


@api.get("/v1/audit/records/<uid>", needs=Permission.AUDIT_READ, action="audit.read")
def read_record(uid: str, records: Log) -> FoundWithContext:
    """One record, with its context while that is kept."""
    return records.get(uid)


handler = api.handler
