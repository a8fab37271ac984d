"""Tenancy: whose data it is, and that nobody else reaches it."""

from misentinel.tenancy.bound import DataModel, TenantModel, bind, connection
from misentinel.tenancy.credentials import (
    CALL_MS,
    OutsideTenantError,
    acting_as,
    as_function,
    aws,
    current_tenant,
    sent_once,
    sign_for,
)
from misentinel.tenancy.keys import address_hash, derive_key, keyed_hash
from misentinel.tenancy.model import (
    PLATFORM,
    Authority,
    Status,
    Suffix,
    Tenant,
    is_tenant_id,
    new_tenant_id,
    table_name,
)
from misentinel.tenancy.registry import Registry
from misentinel.tenancy.together import key_of, raw_together, read_together

__all__ = [
    "CALL_MS",
    "PLATFORM",
    "Authority",
    "DataModel",
    "OutsideTenantError",
    "Registry",
    "Status",
    "Suffix",
    "Tenant",
    "TenantModel",
    "acting_as",
    "address_hash",
    "as_function",
    "aws",
    "bind",
    "connection",
    "current_tenant",
    "derive_key",
    "is_tenant_id",
    "key_of",
    "keyed_hash",
    "new_tenant_id",
    "raw_together",
    "read_together",
    "sent_once",
    "sign_for",
    "table_name",
]
