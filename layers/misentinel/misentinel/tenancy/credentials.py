"""Credentials that follow the tenant: one botocore client per service, signed as whoever acts now."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials

from misentinel import clock
from misentinel.settings import settings
from misentinel.tenancy.model import Authority, is_tenant_id

RENEW_BEFORE = timedelta(minutes=5)
"""Assumed credentials are renewed this long before they expire."""

MAX_CACHED = 1024
"""Tenants and authorities whose credentials one environment keeps; the longest unused goes first."""

CALL_MS = 7_000
"""A call that is not answered is given up after about this long: two attempts of 3 seconds, and up to one between."""

_CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=32,
    parameter_validation=False,
)


class OutsideTenantError(RuntimeError):
    """A tenant's store was used while nobody acts for that tenant."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Who acts: a tenant, by one of its authorities."""

    tenant: str
    authority: Authority


_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)


@contextmanager
def acting_as(tenant: str, authority: Authority = Authority.TENANT) -> Iterator[None]:
    """Make every AWS call inside as this tenant's role; nests, and is per thread and task."""
    if not is_tenant_id(tenant):
        message = "not a tenant id"
        raise ValueError(message)
    token = _scope.set(Scope(tenant, authority))
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def as_function() -> Iterator[None]:
    """Make every AWS call inside as the function's own role, which reaches no tenant's table."""
    token = _scope.set(None)
    try:
        yield
    finally:
        _scope.reset(token)


def current_tenant() -> str:
    """The tenant that acts now.

    Raises
    ------
    OutsideTenantError
        Nobody does.
    """
    scope = _scope.get()
    if scope is None:
        message = "no tenant acts here"
        raise OutsideTenantError(message)
    return scope.tenant


def acting_tenant() -> str | None:
    """The tenant that acts now, or ``None``."""
    scope = _scope.get()
    return scope.tenant if scope else None


class _AssumedCredentials:
    """Credentials by tenant and authority, until shortly before they expire; safe across threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Scope, tuple[ReadOnlyCredentials, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, scope: Scope) -> ReadOnlyCredentials:
        with self._lock:
            kept = self._kept.get(scope)
            if kept and clock.now() < kept[1]:
                self._kept.move_to_end(scope)
                return kept[0]
        credentials, expiry = _assume(scope)
        with self._lock:
            self._kept[scope] = (credentials, expiry - RENEW_BEFORE)
            if len(self._kept) > MAX_CACHED:
                self._kept.popitem(last=False)
        return credentials

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()


assumed = _AssumedCredentials()


def _role_arn(authority: Authority) -> str:
    config = settings()
    match authority:
        case Authority.TENANT:
            return config.tenant_role_arn
        case Authority.SIGN_IN:
            return config.sign_in_role_arn
        case Authority.LOG:
            return config.log_role_arn


def _assume(scope: Scope) -> tuple[ReadOnlyCredentials, datetime]:
    """Assume the authority's role with the session tag ``tenant``, on which its policy is written."""
    with as_function():
        answer = aws("sts").assume_role(
            RoleArn=_role_arn(scope.authority),
            RoleSessionName=f"{settings().service}-{scope.tenant}"[:64],
            Tags=[{"Key": "tenant", "Value": scope.tenant}],
        )["Credentials"]
    frozen = ReadOnlyCredentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
    return frozen, answer["Expiration"]


class _ScopedCredentials(Credentials):
    """What the shared clients sign with: looked up for each request from who acts now."""

    def __init__(self, own: Credentials) -> None:
        frozen = own.get_frozen_credentials()
        super().__init__(frozen.access_key or "", frozen.secret_key or "", frozen.token, method="misentinel")
        self._own = own

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        scope = _scope.get()
        return self._own.get_frozen_credentials() if scope is None else assumed.of(scope)


class _ScopedProvider(CredentialProvider):
    METHOD = CANONICAL_NAME = "misentinel"

    def __init__(self, own: Credentials) -> None:
        super().__init__()
        self._own = own

    def load(self) -> Credentials:
        return _ScopedCredentials(self._own)


@lru_cache(maxsize=1)
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    chain = session.get_component("credential_provider")
    own = chain.load_credentials()
    if own is None:
        message = "no AWS credentials: a function has its role's, a laptop needs AWS_ACCESS_KEY_ID"
        raise RuntimeError(message)
    chain.insert_before("env", _ScopedProvider(own))
    return session


_clients_lock = threading.Lock()


@lru_cache(maxsize=16)
def _client(service: str) -> Any:
    return _session().create_client(service, settings().region, config=_CONFIG)


def aws(service: str) -> Any:
    """The environment's client of an AWS service; it signs as whoever acts when it is called."""
    with _clients_lock:
        return _client(service)
