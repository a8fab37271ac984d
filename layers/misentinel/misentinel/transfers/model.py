"""Imports and exports as clients ask for them and see them."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from misentinel.jobs import Job, JobView
from misentinel.people.fields import Match
from misentinel.people.query import Where, require_bounds
from misentinel.schema import Body, Resource, refuse_card_numbers, refuse_control_characters
from misentinel.transfers.layout import Encoding, Format

MAX_BYTES = 1_000_000_000
"""Bytes of a file at most."""

MAX_ROWS = 1_000_000
"""Rows of a file at most."""

_FORMAT = "`csv` (RFC 4180 and what spreadsheets make of it) or `ndjson` (a JSON object a line)"
_URL = "https://ms-production-files.s3.eu-west-2.amazonaws.com/..."
ColumnName = Annotated[
    str, Field(max_length=200), AfterValidator(refuse_control_characters), AfterValidator(refuse_card_numbers)
]
FieldName = Annotated[str, Field(max_length=100, pattern=r"^[a-z_]{1,20}(\.[a-z][a-z0-9_]{0,49})?$")]


class UploadRequest(Body):
    """What a link to upload a file is asked for with."""

    bytes: int = Field(
        ge=1, le=MAX_BYTES, description="The file's exact length; the upload must have it.", examples=[81_920]
    )


class NewImport(UploadRequest):
    """What it takes to import people from a file."""

    format: Format = Field(strict=False, description=f"What the file is: {_FORMAT}.", examples=["csv"])
    match: Match = Field(
        default=Match.EXTERNAL_ID,
        strict=False,
        description="The field by which a row finds its person; without one it creates it.",
        examples=["external_id"],
    )
    columns: dict[ColumnName, FieldName] | None = Field(
        default=None,
        min_length=1,
        max_length=400,
        description="Which column (or member, in NDJSON) holds which field: one of a person, `tags`, or "
        "`attributes.<name>`. Columns that are not named are ignored. Without it, those that are called like a field.",
        examples=[{"Customer no.": "external_id", "E-mail": "email"}],
    )
    dry_run: bool = Field(
        default=False, description="Whether to find out only what would happen, and change nothing.", examples=[True]
    )
    encoding: Encoding | None = Field(
        default=None,
        strict=False,
        description="How the text is encoded; found out if it is not given.",
        examples=["utf-8"],
    )
    delimiter: Annotated[str, Field(pattern=r"^[,;\t|]$")] | None = Field(
        default=None, description="What separates cells; found out if it is not given.", examples=[";"]
    )
    report: Format | None = Field(
        default=None,
        strict=False,
        description="The format of the report of refused rows; the file's if not given.",
        examples=["csv"],
    )


class UploadLink(Resource):
    """Where the file is to be sent within a quarter of an hour."""

    method: str = Field(description="The HTTP method.", examples=["PUT"])
    url: str = Field(description="The signed address.", examples=[_URL])
    headers: dict[str, str] = Field(
        description="Headers that are signed: send exactly these.",
        examples=[{"Content-Type": "text/csv", "Content-Length": "81920"}],
    )
    expires_at: str = Field(description="Until when (RFC 3339).", examples=["2026-11-23T13:45:00.000Z"])


class DownloadLink(Resource):
    """Where a file is to be fetched within a quarter of an hour."""

    url: str = Field(description="The signed address.", examples=[_URL])
    expires_at: str = Field(description="Until when (RFC 3339).", examples=["2026-11-23T13:45:00.000Z"])


class Import(JobView):
    """An import as clients see it.

    ``progress``: ``rows`` read, of which ``created``, ``updated``, ``unchanged`` and ``refused``; ``bytes`` of
    ``total_bytes`` done.
    """

    format: Format = Field(description="What the file is.", examples=["csv"])
    match: Match = Field(description="The field by which a row finds its person.", examples=["external_id"])
    dry_run: bool = Field(description="Whether nothing is changed.", examples=[False])
    columns: dict[str, str] | None = Field(
        description="Which column holds which field; known once it was started.",
        examples=[{"Customer no.": "external_id", "E-mail": "email"}],
    )
    ignored: list[str] = Field(description="Columns that no field is taken from.", examples=[["Notes"]])
    upload: UploadLink | None = Field(
        default=None, description="Where to send the file; told when it is asked for.", examples=[None]
    )

    @classmethod
    def of(cls, job: Job, upload: UploadLink | None = None) -> "Import":
        """The import that a job is."""
        return cls(
            **job.view().model_dump(),
            format=Format(job.about["format"]),
            match=Match(job.about["match"]),
            dry_run=job.about["dry_run"],
            columns=job.about.get("columns"),
            ignored=job.about.get("ignored", []),
            upload=upload,
        )


class NewExport(Body):
    """What it takes to export people into a file."""

    format: Format = Field(strict=False, description=f"What the file is to be: {_FORMAT}.", examples=["csv"])
    where: Where | None = Field(
        default=None,
        description="Whom: a condition as in POST /v1/people/search; everybody without one.",
        examples=[{"field": "tag", "op": "eq", "value": "vip"}],
    )

    @model_validator(mode="after")
    def _bounded(self) -> "NewExport":
        if self.where is not None:
            require_bounds(self.where)
        return self


class Export(JobView):
    """An export as clients see it. ``progress``: ``rows`` written, and their ``bytes``."""

    format: Format = Field(description="What the file is.", examples=["csv"])
    contact: bool = Field(description="Whether it has the fields that only people:contact shows.", examples=[True])

    @classmethod
    def of(cls, job: Job) -> "Export":
        """The export that a job is."""
        return cls(**job.view().model_dump(), format=Format(job.about["format"]), contact=job.about["contact"])
