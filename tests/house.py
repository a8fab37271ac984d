"""A house under moto: keys, roles, the registry, a tenant's tables, and a way to knock at a door."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cache
from threading import RLock
from typing import Any
from unittest.mock import patch

import boto3
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

from misentinel import clock, refusals
from misentinel.access import Role, Session, permissions_of
from misentinel.access import settings as access_settings
from misentinel.access.store import member_key, session_key
from misentinel.access.tokens import issuer, public_keys
from misentinel.audit.model import MAX_RECORD_BYTES
from misentinel.audit.packing import unpacked
from misentinel.errors import TooManyRequests
from misentinel.limits import shares
from misentinel.members.store import new_member
from misentinel.settings import REGION, settings
from misentinel.tenancy import (
    PLATFORM,
    Registry,
    Suffix,
    acting_as,
    aws,
    bind,
    bound,
    connection,
    credentials,
    keys,
    new_tenant_id,
    registry,
    table_name,
)
from misentinel.tenancy.tables import table_definition

ACCOUNT = "123456789012"
DOMAIN = "api.misentinel.example"
"""The name by which the API is called."""

Door = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """What Lambda tells a function of its invocation."""

    function_name: str = "test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-2:123456789012:function:test:live"
    aws_request_id: str = "00000000-0000-7000-8000-000000000000"
    remaining_ms: int = 15_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a client sees it."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class House:
    """The cloud that a unit test runs in, and what it has seen."""

    aws: Callable[[str], Any]
    token_key: str
    calls: list[str] = field(default_factory=list)

    def tenant(self, slug: str = "acme") -> str:
        """A new workspace with its four tables; returns its id."""
        tenant = new_tenant_id()
        make_tables(tenant)
        Registry().create(tenant, slug, slug.title())
        for step in registry.STEPS:
            Registry().set_step(tenant, step)
        return tenant

    def employ(self, tenant: str, member: str, role: Role = Role.OWNER, status: str = "active") -> None:
        """A member with this role, from now on."""
        email, since = f"{member}@{tenant}.example", clock.rfc3339(clock.now())
        with acting_as(tenant):
            new_member(tenant, uid=member, email=email, role=role.value, status=status, created_at=since).save()

    def signed_in(self, tenant: str, role: Role = Role.OWNER, member: str = "", session: str = "") -> str:
        """An access token of a session of a member who has this role."""
        member, session = member or clock.uuid7(), session or clock.uuid7()
        self.employ(tenant, member, role)
        with acting_as(tenant):
            bind(Session, tenant)(
                member_key(member),
                session_key(session),
                id=session,
                member=member,
                role=role.value,
                permissions=sorted(permissions_of(role)),
                refresh_hash="-",
                created_at=clock.rfc3339(clock.now()),
                last_used_at=clock.rfc3339(clock.now()),
                expires_at=clock.epoch() + 86_400,
            ).save()
        return self.token(tenant, member, session)

    def token(self, whose: str, member: str, session: str, /, **claims: Any) -> str:
        """An access token as sign-in would issue it, with some claims changed."""
        now = clock.epoch()
        body = {
            "iss": issuer(),
            "aud": "misentinel-api",
            "sub": member,
            "sid": session,
            "tenant": whose,
            "iat": now,
            "exp": now + 600,
            **claims,
        }
        header = {"alg": "ES256", "kid": next(iter(public_keys())), "typ": "JWT"}
        message = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, body))
        der = self.aws("kms").sign(KeyId=self.token_key, Message=message, SigningAlgorithm="ECDSA_SHA_256")["Signature"]
        raw = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))
        return (message + b"." + base64.urlsafe_b64encode(raw).rstrip(b"=")).decode()

    def records(self, tenant: str) -> list[dict[str, Any]]:
        """The records that wait in a tenant's inbox, the oldest first."""
        items = self.aws("dynamodb").scan(TableName=table_name(tenant, Suffix.INBOX))["Items"]
        items.sort(key=lambda item: str(item["uid"]["S"]))
        return [json.loads(unpacked(bytes(item["record"]["B"]), MAX_RECORD_BYTES)) for item in items]

    def ask(
        self,
        door: Door,
        method: str,
        path: str,
        *,
        token: str = "",
        body: Any = None,
        raw: str | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, list[str]] | None = None,
        address: str = "192.0.2.7",
        context: LambdaContext | None = None,
    ) -> Reply:
        """Send a request through a function's door, as API Gateway would."""
        sent = {"Content-Type": "application/json", "User-Agent": "test", **(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        event = {
            "httpMethod": method,
            "path": path,
            "resource": path,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {name: values[-1] for name, values in (query or {}).items()} or None,
            "multiValueQueryStringParameters": query,
            "body": raw if raw is not None else (json.dumps(body) if body is not None else None),
            "isBase64Encoded": False,
            "requestContext": {
                "requestId": clock.uuid7(),
                "domainName": DOMAIN,
                "identity": {"sourceIp": address},
            },
        }
        answer = door(event, context or LambdaContext())
        return Reply(answer["statusCode"], answer["headers"], answer["body"])

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """The AWS calls made inside, as ``service:Operation``.

        No minute begins inside: what known workspaces may do in this one is taken before, and the clock stands still.
        """
        with nullcontext() if clock._frozen else clock.at(clock.now()):
            for tenant in list(shares.ENVIRONMENT._held):
                with suppress(TooManyRequests):
                    shares.ENVIRONMENT.take(tenant)
            start = len(self.calls)
            inside: list[str] = []
            yield inside
            inside.extend(self.calls[start:])


@cache
def _client(service: str) -> Any:
    """The tests' own client, made once: moto serves it inside each house."""
    make: Any = boto3.client
    return make(service, REGION, aws_access_key_id="testing", aws_secret_access_key="testing")


def make_tables(tenant: str) -> None:
    """A tenant's four tables, without the encryption that moto does not know."""
    dynamodb = _client("dynamodb")
    for suffix in Suffix:
        definition = table_definition(tenant, suffix)
        definition.pop("SSESpecification")
        definition["DeletionProtectionEnabled"] = False
        dynamodb.create_table(**definition)


def forget_environment() -> None:
    """What a function's environment remembers between requests, gone: as on a cold start."""
    for cached in (settings, connection, bound.bind, bound.bind_table, credentials._session, credentials._client):
        cached.cache_clear()
    for cached in (keys._stage_secret, keys.derive_key, public_keys):
        cached.cache_clear()
    credentials.assumed.forget()
    registry._active.clear()
    registry._since.clear()
    registry._limits.clear()
    shares.ENVIRONMENT.forget()
    access_settings.forget()
    refusals.FLOOD.forget()


@contextmanager
def house() -> Iterator[House]:
    """A fresh cloud with the platform's tables, the registry, keys, queues and the bus."""
    environment = {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "STAGE": "local",
        "REGISTRY_TABLE": "ms-local-tenants",
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "MiSentinel",
    }
    with patch.dict(os.environ, environment), mock_aws(), _one_call_at_a_time():
        environment = _resources()
        with patch.dict(os.environ, environment):
            forget_environment()
            made = House(aws=_client, token_key=environment["TOKEN_KEY_ARNS"])
            make_tables(PLATFORM)
            events = credentials._session().get_component("event_emitter")
            events.register(
                "before-call.*.*",
                lambda model, **_: made.calls.append(f"{model.service_model.service_name}:{model.name}"),
            )
            yield made
    forget_environment()


@contextmanager
def _one_call_at_a_time() -> Iterator[None]:
    """Serialise moto's DynamoDB: AWS's answers threads one by one, moto's tables change under a reader's hands."""
    lock, call = RLock(), DynamoHandler.call_action

    def alone(handler: DynamoHandler) -> Any:
        with lock:
            return call(handler)

    with patch.object(DynamoHandler, "call_action", alone):
        yield


def _files() -> str:
    name = "ms-local-files"
    _client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


def _resources() -> dict[str, str]:
    """What the template makes and tells its functions."""
    kms, sqs, iam = _client("kms"), _client("sqs"), _client("iam")
    _client("dynamodb").create_table(
        TableName="ms-local-tenants",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "tenant_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "tenant_id", "AttributeType": "S"}],
    )
    _client("events").create_event_bus(Name="ms-local")
    secret = _client("secretsmanager").create_secret(Name="ms-local", SecretString="k" * 64)
    arns = {
        f"{name}_ROLE_ARN": iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        for name in ("TENANT", "SIGN_IN", "LOG")
    }
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    symmetric = kms.create_key()["KeyMetadata"]["Arn"]
    return {
        **arns,
        "TOKEN_KEY_ARNS": signing,
        "SECRETS_KEY_ARN": symmetric,
        "TABLE_KEY_ARN": symmetric,
        "STAGE_SECRET_ARN": secret["ARN"],
        "EVENT_BUS_NAME": "ms-local",
        "REFUSALS_QUEUE_URL": sqs.create_queue(QueueName="ms-local-refusals")["QueueUrl"],
        "JOBS_QUEUE_URL": sqs.create_queue(QueueName="ms-local-jobs")["QueueUrl"],
        "FILES_BUCKET": _files(),
        "PROVISIONING_QUEUE_URL": sqs.create_queue(QueueName="ms-local-provisioning")["QueueUrl"],
        "SEQUENCER_ALIAS_ARN": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ms-local-sequencer:live",
        "SEQUENCER_DLQ_ARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:ms-local-sequencer-dlq",
    }


@contextmanager
def held_back(times: int, leaving: int = 0, hiding: int = 0) -> Iterator[list[Any]]:
    """Let so many of DynamoDB's next batches be told without their last items; the keys that each was asked for.

    What it leaves it says to be unprocessed; what it hides is not there yet.
    """
    asked: list[Any] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        (wanted,) = json.loads(params["body"])["RequestItems"].values()
        asked.append(wanted["Keys"])

    def hold(parsed: dict[str, Any], **_: Any) -> None:
        if len(asked) > times:
            return
        ((table, items),) = parsed["Responses"].items()
        items.sort(key=lambda item: str(item["sk"]["S"]))
        kept, left = items[: -leaving - hiding], items[-leaving - hiding :]
        parsed["Responses"] = {table: kept}
        if leaving:
            keys = [{name: item[name] for name in ("pk", "sk")} for item in left]
            parsed["UnprocessedKeys"] = {table: {"Keys": keys}}

    events = aws("dynamodb").meta.events
    events.register("before-call.dynamodb.BatchGetItem", note)
    events.register("after-call.dynamodb.BatchGetItem", hold)
    try:
        yield asked
    finally:
        events.unregister("before-call.dynamodb.BatchGetItem", note)
        events.unregister("after-call.dynamodb.BatchGetItem", hold)
