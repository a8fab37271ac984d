"""PynamoDB models bound to one tenant, over one shared connection."""

from functools import lru_cache
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.connection.table import TableConnection
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from misentinel.settings import settings
from misentinel.tenancy.credentials import OutsideTenantError, acting_tenant, aws
from misentinel.tenancy.model import Suffix, table_name, tenant_of_table


class SharedConnection(Connection):
    """PynamoDB's connection on the environment's one DynamoDB client.

    PynamoDB opens a session per model and keeps the credentials it first saw; this one asks for the
    client, whose credentials follow the tenant, and refuses tables of a tenant that does not act:
    isolation is IAM's, and a slip in the code should not even ask.
    """

    @property
    def client(self) -> Any:
        """The shared botocore client."""
        return aws("dynamodb")

    def _make_api_call(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        for name in _tables_of(operation_kwargs):
            owner = tenant_of_table(name)
            if owner is not None and owner[0] != acting_tenant():
                message = f"{operation_name} on a tenant's -{owner[1]} outside that tenant"
                raise OutsideTenantError(message)
        result: dict[str, Any] = super()._make_api_call(operation_name, operation_kwargs)
        return result


def _tables_of(kwargs: dict[str, Any]) -> set[str]:
    if "TableName" in kwargs:
        return {kwargs["TableName"]}
    if "RequestItems" in kwargs:
        return set(kwargs["RequestItems"])
    return {operation["TableName"] for item in kwargs.get("TransactItems", ()) for operation in item.values()}


@lru_cache(maxsize=1)
def connection() -> SharedConnection:
    """The environment's shared connection."""
    return SharedConnection(region=settings().region)


class TenantModel(Model):
    """The base of every model of a tenant's tables; its Meta names the suffix, `bind` the table."""

    class Meta:
        """Which of the tenant's tables."""

        suffix: Suffix
        region = "eu-west-2"


class ByList(GlobalSecondaryIndex[Any]):
    """The one index of ``-data``, sparse: what is listed together, in its order."""

    class Meta:
        """Whole items, so that a listing is one query."""

        index_name = "by_list"
        projection = AllProjection()

    gsi1pk = UnicodeAttribute(hash_key=True)
    gsi1sk = UnicodeAttribute(range_key=True)


class DataModel(TenantModel):
    """An item of ``-data``: single-table design, a partition per thing."""

    class Meta(TenantModel.Meta):
        """The tenant's data."""

        suffix = Suffix.DATA

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    by_list = ByList()


@lru_cache(maxsize=8192)
def bind[M: Model](model: type[M], tenant: str) -> type[M]:
    """A subclass of a tenant model whose table is this tenant's.

    Raises
    ------
    ValueError
        Not a tenant id.
    """
    meta: Any = model.Meta
    return bind_table(model, table_name(tenant, meta.suffix))


@lru_cache(maxsize=8192)
def bind_table[M: Model](model: type[M], name: str) -> type[M]:
    """A subclass of a model on the table of this name, over the shared connection."""
    meta: Any = model.Meta
    bound: Any = type(model.__name__, (model,), {"Meta": type("Meta", (meta,), {"table_name": name})})
    shared = connection()
    own = bound._get_connection()  # noqa: SLF001 - PynamoDB has no public way to share a connection
    _learn(shared, own)
    own.connection = shared
    result: type[M] = bound
    return result


def _learn(shared: SharedConnection, own: TableConnection) -> None:
    """Teach the shared connection a table's keys; models of one table add their indexes to each other's."""
    known = shared._tables.get(own.table_name)  # noqa: SLF001 - as above
    fresh = own.get_meta_table()
    if known is None:
        shared.add_meta_table(fresh)
        return
    for part, key in (("GlobalSecondaryIndexes", "IndexName"), ("AttributeDefinitions", "AttributeName")):
        have = {entry[key] for entry in known.data.get(part, ())}
        known.data.setdefault(part, []).extend(e for e in fresh.data.get(part, ()) if e[key] not in have)
