"""The deployed stack as its tests see it from behind: logs, the archive, and the credentials that functions have."""

import gzip
import io
import json
import secrets
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from threading import Barrier
from typing import TYPE_CHECKING, Any

import boto3
import ocsf
import urllib3
from botocore.config import Config

from local.client import Answer
from local.place import ACCOUNT, REGION
from local.stack import Stack, eventually
from misentinel.audit.packing import unpacked

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "ms-local"
PLATFORM = "platformplatform"
SUFFIXES = ("data", "secrets", "inbox", "log")

_PROBE = "import os\ndef handler(event, context):\n    return {name: os.environ[name] for name in event}\n"
_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def table(tenant: str, suffix: str) -> str:
    """The name of a tenant's table."""
    return f"{PREFIX}-{tenant}-{suffix}"


def items(stack: Stack, name: str) -> list[dict[str, Any]]:
    """All items of a table."""
    pages = root(stack).aws("dynamodb").get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def head(stack: Stack, tenant: str) -> dict[str, int]:
    """How far a tenant's log is."""
    keys = {"pk": {"S": "head"}, "sk": {"S": "head"}}
    found = root(stack).aws("dynamodb").get_item(TableName=table(tenant, "log"), Key=keys, ConsistentRead=True)
    return {name: int(value["N"]) for name, value in found.get("Item", {}).items() if "N" in value}


def settle(stack: Stack, tenant: str, *, seconds: float = 60) -> list[dict[str, Any]]:
    """Wait until all that happened in a workspace has its place and is on the bus; returns its records in order."""

    def settled() -> bool:
        # The inbox first: what leaves it after a look at the head would be placed and not yet published.
        if items(stack, table(tenant, "inbox")):
            return False
        now = head(stack, tenant)
        return bool(now) and now["published"] == now["size"]

    eventually(settled, seconds=seconds, what=f"an empty inbox and a published log of {tenant}")
    return records(stack, tenant)


def records(stack: Stack, tenant: str) -> list[dict[str, Any]]:
    """The records of a tenant's log, in their order; each is one of OCSF's."""
    found = [json.loads(text_of(item)) for item in items(stack, table(tenant, "log")) if "record" in item]
    for record in found:
        ocsf.validate(record)
    return sorted(found, key=lambda record: int(record["metadata"]["sequence"]))


def text_of(item: dict[str, Any], attribute: str = "record") -> str:
    """What an item of a log or an inbox holds packed."""
    return unpacked(bytes(item[attribute]["B"]), 1_000_000)


def forget_addresses(stack: Stack) -> None:
    """Let the windows of all address limits pass: every test comes from the one address of this machine."""
    name, dynamodb = table(PLATFORM, "secrets"), root(stack).aws("dynamodb")
    for item in items(stack, name):
        if item["pk"]["S"].startswith("address#"):
            dynamodb.delete_item(TableName=name, Key={key: item[key] for key in ("pk", "sk")})


def archive_objects(stack: Stack, tenant: str = "") -> Iterator[tuple[str, str]]:
    """Key and text of each object of the archive; with a tenant, those of its partition."""
    s3, bucket = root(stack).aws("s3"), stack.resource("ArchiveBucket")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for each in page.get("Contents", []):
            if tenant and f"tenant={tenant[0]}/" not in each["Key"]:
                continue
            content = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
            yield each["Key"], (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()


def archived(stack: Stack, tenant: str) -> dict[str, list[dict[str, Any]]]:
    """A tenant's records in the archive by uid; delivery is at least once, so one may be there twice."""
    found: dict[str, list[dict[str, Any]]] = {}
    decoder = json.JSONDecoder()
    for _, text in archive_objects(stack, tenant):
        place = 0
        while place < len(text):
            record, place = decoder.raw_decode(text, place)
            place += len(text[place:]) - len(text[place:].lstrip())
            if record["metadata"]["tenant_uid"] == tenant:
                found.setdefault(record["metadata"]["uid"], []).append(record)
    return found


def at_once(times: int, call: "Callable[[int], Any]") -> list[Any]:
    """Make so many calls at the same time, each in a thread of its own."""
    start = Barrier(times)

    def wait_and_call(number: int) -> Any:
        start.wait(timeout=60)
        return call(number)

    with ThreadPoolExecutor(max_workers=times) as pool:
        return list(pool.map(wait_and_call, range(times)))


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody with AWS credentials."""

    stack: Stack
    key: str
    secret: str
    token: str

    def aws(self, service: str) -> Any:
        """A client of an AWS service that signs as this identity."""
        return _client(self.stack.place.endpoint, service, self.key, self.secret, self.token)

    def assume(self, role: str, tenant: str = "", **more: Any) -> "Identity":
        """Assume one of a tenant's roles (``tenant``, ``sign-in``, ``log``), with the tenant's tag if there is one.

        Raises
        ------
        botocore.exceptions.ClientError
            It may not.
        """
        tags = more.pop("tags", [("tenant", tenant)] if tenant else [])
        answer = self.aws("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{role}",
            RoleSessionName="attempt",
            Tags=[{"Key": key, "Value": value} for key, value in tags],
            **more,
        )["Credentials"]
        return Identity(self.stack, answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])


@lru_cache(maxsize=256)
def _client(endpoint: str, service: str, key: str, secret: str, token: str) -> Any:
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token or None,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def root(stack: Stack) -> Identity:
    """The account's root user, who may all: the control of what nobody else may."""
    return Identity(stack, ACCOUNT, "local", "")


@lru_cache(maxsize=32)
def function_role(stack: Stack, function: str) -> Identity:
    """A function's own role: its credentials, as a function of the test's own with that role is given them."""
    awslambda, name = root(stack).aws("lambda"), f"probe-{function}-{secrets.token_hex(3)}"
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("probe.py", _PROBE)
    awslambda.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="probe.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{function}",
        Code={"ZipFile": code.getvalue()},
    )
    try:
        payload = awslambda.invoke(FunctionName=name, Payload=json.dumps(_NAMES))["Payload"].read()
    finally:
        awslambda.delete_function(FunctionName=name)
    found = json.loads(payload)
    return Identity(stack, *(found[each] for each in _NAMES))


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at the public door, with a network address and a browser of their own."""

    stack: Stack
    address: str = "127.0.0.1"
    user_agent: str = "tests"

    def ask(self, method: str, path: str, json: object = None, **more: Any) -> Answer:
        """One request; ``token`` is an access token, ``raw`` a body sent as it is."""
        return _ask(self, method, path, json, **more)


def _ask(
    who: Visitor,
    method: str,
    path: str,
    body: object = None,
    *,
    token: str = "",
    raw: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    sent = {"User-Agent": who.user_agent, **(headers or {})}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    if body is not None:
        raw = json.dumps(body).encode()
    if raw is not None:
        sent.setdefault("Content-Type", "application/json")
    got = _pool(who.address).request(method, f"{who.stack.api}{path}", body=raw, headers=sent, redirect=False)
    return Answer(got.status, {name.lower(): value for name, value in got.headers.items()}, got.data.decode())


@lru_cache(maxsize=16)
def _pool(address: str) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        maxsize=256, retries=False, timeout=urllib3.Timeout(connect=10, read=60), source_address=(address, 0)
    )
