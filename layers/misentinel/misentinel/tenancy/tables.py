"""The four tables of a tenant: the one place that says what they look like."""

from typing import Any

from misentinel.settings import settings
from misentinel.tenancy.model import Suffix, table_name

TTL_ATTRIBUTE = "expires_at"
"""Items with this attribute (epoch seconds) go when it has passed; the inbox never sets it."""

UNPROTECTED_STAGE = "local"
"""The one stage whose tables may be deleted without lifting a protection first: a laptop's."""

_KEYS: dict[Suffix, tuple[str, ...]] = {
    Suffix.DATA: ("pk", "sk"),
    Suffix.SECRETS: ("pk", "sk"),
    Suffix.INBOX: ("uid",),
    Suffix.LOG: ("pk", "sk"),
}
_INDEXES: dict[Suffix, dict[str, tuple[str, str, str]]] = {
    Suffix.DATA: {"by_list": ("gsi1pk", "gsi1sk", "ALL")},
    Suffix.LOG: {
        "by_actor": ("actor_month", "time_key", "KEYS_ONLY"),
        "by_resource": ("resource_month", "time_key", "KEYS_ONLY"),
    },
}


def table_definition(tenant: str, suffix: Suffix) -> dict[str, Any]:
    """What ``CreateTable`` is given for a tenant's table.

    Point-in-time recovery and the TTL are switched on apart: `CreateTable` does not take them.
    """
    keys = _KEYS[suffix]
    indexes = _INDEXES.get(suffix, {})
    attributes = dict.fromkeys((*keys, *(name for index in indexes.values() for name in index[:2])))
    definition: dict[str, Any] = {
        "TableName": table_name(tenant, suffix),
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in attributes],
        "KeySchema": _key_schema(*keys),
        "SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": settings().table_key_arn},
        "DeletionProtectionEnabled": settings().stage != UNPROTECTED_STAGE,
        "Tags": [{"Key": "tenant", "Value": tenant}],
    }
    if indexes:
        definition["GlobalSecondaryIndexes"] = [
            {
                "IndexName": name,
                "KeySchema": _key_schema(partition, sort),
                "Projection": {"ProjectionType": projection},
            }
            for name, (partition, sort, projection) in indexes.items()
        ]
    if suffix is Suffix.INBOX:
        definition["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    return definition


def _key_schema(partition: str, sort: str = "") -> list[dict[str, str]]:
    schema = [{"AttributeName": partition, "KeyType": "HASH"}]
    if sort:
        schema.append({"AttributeName": sort, "KeyType": "RANGE"})
    return schema
