"""Files that are written in parts, by several workers one after the other."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from misentinel.tenancy import aws
from misentinel.transfers.files import Files

PART = 8 << 20
"""Bytes of a part: S3 takes 5 MiB at least, and 10,000 parts."""


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
