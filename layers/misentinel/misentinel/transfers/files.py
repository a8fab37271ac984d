"""Files in S3: uploaded and fetched by links, read and written in portions, all below the tenant's own prefix."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from misentinel import clock
from misentinel.settings import settings
from misentinel.tenancy import aws, sign_for
from misentinel.transfers.layout import Format

SOURCE, REPORT, EXPORT = "source", "report", "export"
"""What files are called in their job's folder: what was uploaded, who was refused, what was exported."""

TYPES = {Format.CSV: "text/csv; charset=utf-8", Format.NDJSON: "application/x-ndjson"}
"""What files of a format are."""

LINK_SECONDS = 15 * 60
"""How long a link is good for."""

BLOCK = 1 << 20
"""Bytes of a file that are read at a time."""

_ABSENT = {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}
"""What S3 answers for an object that is not there: the latter to whoever may not list the bucket."""


class FileChangedError(RuntimeError):
    """A file is gone or another one since it was first looked at."""


@dataclass(frozen=True, slots=True)
class Link:
    """A signed address: good for one method, one object and a quarter of an hour."""

    url: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is there: its bytes, and the tag that tells its content from another."""

    size: int
    etag: str


class Files:
    """The files of one job; every call is signed as the tenant, whose role reaches its own prefix alone."""

    def __init__(self, tenant: str, job: str) -> None:
        self._prefix = f"{tenant}/{job}/"

    def named(self, name: str) -> dict[str, Any]:
        """Where a file is, as S3's calls name it."""
        return {"Bucket": settings().files_bucket, "Key": self._prefix + name}

    def upload_link(self, name: str, size: int, content_type: str) -> Link:
        """A link to put a file of exactly this size and type: both are signed."""
        return self._link("put_object", **self.named(name), ContentLength=size, ContentType=content_type)

    def download_link(self, name: str, content_type: str, called: str) -> Link:
        """A link to fetch a file; browsers keep it under the name that it is ``called``."""
        disposition = f'attachment; filename="{called}"'
        return self._link(
            "get_object",
            **self.named(name),
            ResponseContentType=content_type,
            ResponseContentDisposition=disposition,
        )

    @staticmethod
    def _link(method: str, **parameters: Any) -> Link:
        sign_for(LINK_SECONDS + 60)
        url = aws("s3").generate_presigned_url(method, Params=parameters, ExpiresIn=LINK_SECONDS)
        return Link(url, clock.rfc3339(clock.now() + timedelta(seconds=LINK_SECONDS)))

    def find(self, name: str) -> Found | None:
        """A file, or ``None`` if there is none."""
        try:
            answer = aws("s3").head_object(**self.named(name))
        except ClientError as error:
            if _status(error) in _ABSENT:
                return None
            raise
        return Found(int(answer["ContentLength"]), str(answer["ETag"]))

    def read(self, name: str, start: int, length: int, etag: str = "") -> bytes:
        """So many bytes of a file, fewer at its end.

        Raises
        ------
        FileChangedError
            It is gone, or not the one of this tag.
        """
        which = {"IfMatch": etag} if etag else {}
        try:
            answer = aws("s3").get_object(**self.named(name), Range=f"bytes={start}-{start + length - 1}", **which)
        except ClientError as error:
            if _status(error) in {*_ABSENT, HTTPStatus.PRECONDITION_FAILED}:
                raise FileChangedError from error
            raise
        content: bytes = answer["Body"].read()
        return content

    def blocks(self, name: str, start: int, found: Found) -> Iterator[bytes]:
        """A file from a byte on, block by block; nothing more of it is held."""
        while start < found.size:
            content = self.read(name, start, min(BLOCK, found.size - start), found.etag)
            start += len(content)
            yield content

    def put(self, name: str, content: bytes, content_type: str) -> None:
        """Write a small file whole."""
        aws("s3").put_object(**self.named(name), Body=content, ContentType=content_type)

    def delete(self, *names: str) -> None:
        """Delete files; those that are not there too."""
        for name in names:
            aws("s3").delete_object(**self.named(name))


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
