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

LINK_SECONDS = 15 * 60
"""How long a link is good for."""

BLOCK = 1 << 20
"""Bytes of a file that are read at a time."""

PART = 8 << 20
"""Bytes of a part of a file that is written in parts: S3 takes 5 MiB at least, and 10,000 parts."""

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


@dataclass(slots=True)
class Upload:
    """A file that is written in parts, by several workers one after the other.

    ``state`` is what the next one goes on from; a part that was sent and not noted there is sent again.
    """

    files: Files
    name: str
    content_type: str
    id: str = ""
    etags: tuple[str, ...] = ()

    @property
    def state(self) -> dict[str, Any]:
        """What to keep of it."""
        return {"upload": self.id, "etags": list(self.etags)}

    @classmethod
    def resumed(cls, files: Files, name: str, content_type: str, state: dict[str, Any]) -> "Upload":
        """Go on from what was kept, or begin."""
        return cls(files, name, content_type, state.get("upload", ""), tuple(state.get("etags", ())))

    def add(self, content: bytes) -> None:
        """Send a part of at least 5 MiB."""
        if not self.id:
            answer = aws("s3").create_multipart_upload(**self.files.named(self.name), ContentType=self.content_type)
            self.id = str(answer["UploadId"])
        answer = aws("s3").upload_part(
            **self.files.named(self.name),
            UploadId=self.id,
            PartNumber=len(self.etags) + 1,
            Body=content,
        )
        self.etags = (*self.etags, str(answer["ETag"]))

    def finish(self, rest: bytes) -> None:
        """Send what is left, of any size, and make it one file; again changes nothing."""
        if not self.id:
            self.files.put(self.name, rest, self.content_type)
            return
        if self.files.find(self.name) is not None:
            return  # by a worker that was stopped right after this
        try:
            if rest:
                self.add(rest)
            parts = [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(self.etags, 1)]
            aws("s3").complete_multipart_upload(
                **self.files.named(self.name),
                UploadId=self.id,
                MultipartUpload={"Parts": parts},
            )
        except ClientError as error:
            # Another worker made it one file just now.
            if error.response["Error"]["Code"] != "NoSuchUpload" or self.files.find(self.name) is None:
                raise


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
