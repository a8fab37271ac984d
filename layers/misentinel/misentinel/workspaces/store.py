"""What provisioning knows of AWS: pending owners, the queue, tables and stream mappings."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from misentinel import clock
from misentinel.settings import settings
from misentinel.tenancy import (
    PLATFORM,
    Authority,
    DataModel,
    Suffix,
    TenantModel,
    acting_as,
    as_function,
    aws,
    bind,
    table_name,
)
from misentinel.tenancy.tables import TTL_ATTRIBUTE, table_definition

PENDING_SECONDS = 7 * 24 * 3600
"""How long an owner's credentials wait for the workspace to be ready."""

TICKET_SECONDS = 24 * 3600
"""How long a sign-up's ticket is kept: as long as the answer to its Idempotency-Key."""


@dataclass(frozen=True, slots=True)
class PendingOwner:
    """The first owner of a workspace that is not ready: kept with the platform's secrets, and not for long."""

    tenant: str
    member: str
    email: str
    password_hash: str


class Ticket(DataModel):
    """That a sign-up was accepted: what its record is committed with."""

    expires_at = NumberAttribute()


def ticket(tenant: str) -> Ticket:
    """The ticket of one workspace's sign-up."""
    expires_at = clock.epoch() + TICKET_SECONDS
    item: Ticket = bind(Ticket, PLATFORM)(f"sign-up#{tenant}", "sign-up", expires_at=expires_at)
    return item


class _Pending(TenantModel):
    class Meta(TenantModel.Meta):
        suffix = Suffix.SECRETS

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    member = UnicodeAttribute()
    email = UnicodeAttribute()
    password_hash = UnicodeAttribute()
    expires_at = NumberAttribute()


class PendingOwners:
    """The owners of workspaces that are not ready, in the platform's ``-secrets``."""

    def put(self, owner: PendingOwner) -> None:
        """Keep an owner until the workspace is ready."""
        item = bind(_Pending, PLATFORM)(
            *_pending_key(owner.tenant),
            member=owner.member,
            email=owner.email,
            password_hash=owner.password_hash,
            expires_at=clock.epoch() + PENDING_SECONDS,
        )
        with acting_as(PLATFORM, Authority.SIGN_IN):
            item.save()

    def get(self, tenant: str) -> PendingOwner | None:
        """The owner who waits for this workspace; nobody does once it is ready."""
        with acting_as(PLATFORM, Authority.SIGN_IN):
            try:
                item = bind(_Pending, PLATFORM).get(*_pending_key(tenant), consistent_read=True)
            except DoesNotExist:
                return None
        return PendingOwner(tenant, item.member, item.email, item.password_hash)

    def delete(self, tenant: str) -> None:
        """Forget an owner."""
        with acting_as(PLATFORM, Authority.SIGN_IN):
            bind(_Pending, PLATFORM)(*_pending_key(tenant)).delete()


def _pending_key(tenant: str) -> tuple[str, str]:
    return f"owner#{tenant}", "owner"


def has_ticket(tenant: str) -> bool:
    """Whether the sign-up of a workspace was committed with its record."""
    with acting_as(PLATFORM):
        try:
            bind(Ticket, PLATFORM).get(f"sign-up#{tenant}", "sign-up", consistent_read=True)
        except DoesNotExist:
            return False
    return True


def ask_for_provisioning(tenant: str, request_id: str = "") -> None:
    """Put a workspace on the provisioner's queue, for a request; asking twice does no harm."""
    with as_function():
        aws("sqs").send_message(
            QueueUrl=settings().provisioning_queue_url,
            MessageBody=json.dumps({"tenant": tenant, "request_id": request_id}),
        )


def make_tables(tenant: str) -> None:
    """Make the tenant's four tables, at the same time, and wait until all are active."""
    with ThreadPoolExecutor(max_workers=len(Suffix)) as pool:
        list(pool.map(lambda suffix: _make_table(tenant, suffix), Suffix))


def _make_table(tenant: str, suffix: Suffix) -> None:
    client, name = aws("dynamodb"), table_name(tenant, suffix)
    with as_function():
        _unless("ResourceInUseException", client.create_table, **table_definition(tenant, suffix))
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 45})
        client.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
        kept = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"]
        if kept not in {"ENABLED", "ENABLING"}:
            client.update_time_to_live(
                TableName=name,
                TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE},
            )


def stream_mapping(stream_arn: str) -> dict[str, Any]:
    """What ``CreateEventSourceMapping`` is given for an inbox's stream.

    Where the sequencer gives up on a batch, the sweeper finds its records in the inbox itself.
    """
    return {
        "EventSourceArn": stream_arn,
        "FunctionName": settings().sequencer_alias_arn,
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 1,
        "MaximumRetryAttempts": 5,
        "BisectBatchOnFunctionError": True,
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT"]})}]},
        "DestinationConfig": {"OnFailure": {"Destination": settings().sequencer_dlq_arn}},
    }


def map_stream(tenant: str) -> None:
    """Let the sequencer hear of the tenant's inbox."""
    with as_function():
        table = aws("dynamodb").describe_table(TableName=table_name(tenant, Suffix.INBOX))["Table"]
        mapping = stream_mapping(table["LatestStreamArn"])
        _unless("ResourceConflictException", aws("lambda").create_event_source_mapping, **mapping)


def _unless(code: str, call: Any, **arguments: Any) -> None:
    """Make a call whose work may have been done before: this error says that it was."""
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise
