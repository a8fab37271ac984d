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
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

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


_once: ContextVar[bool] = ContextVar("once", default=False)


@contextmanager
def sent_once() -> Iterator[None]:
    """Send no call inside again that may have been done: its outcome stays unknown, and is an error.

    What surely was not done (throttled, refused, never connected) is sent again as ever.
    """
    token = _once.set(True)
    try:
        yield
    finally:
        _once.reset(token)


def _not_again(caught_exception: Exception | None, response: Any, operation: Any, **_: Any) -> None:
    """Botocore asks whether to send again: raise what would be answered otherwise."""
    if not _once.get():
        return
    if caught_exception is not None and not isinstance(caught_exception, _NEVER_SENT):
        raise caught_exception
    if response is not None and response[0].status_code >= 500:  # noqa: PLR2004 - HTTP's class of server errors
        raise ClientError(response[1], operation.name)


_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError)


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

    def renew(self, scope: Scope, seconds: int) -> None:
        with self._lock:
            kept = self._kept.get(scope)
            if kept and clock.now() + timedelta(seconds=seconds) > kept[1] + RENEW_BEFORE:
                del self._kept[scope]

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()


assumed = _AssumedCredentials()


def sign_for(seconds: int) -> None:
    """See that what is signed from now on is good for so long: a link outlives the credentials that signed it by nothing.

    Raises
    ------
    OutsideTenantError
        Nobody acts.
    """
    scope = _scope.get()
    if scope is None:
        message = "no tenant acts here"
        raise OutsideTenantError(message)
    assumed.renew(scope, seconds)


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
    client = _session().create_client(service, settings().region, config=_CONFIG)
    client.meta.events.register_first(f"needs-retry.{service}", _not_again)
    return client


def aws(service: str) -> Any:
    """The environment's client of an AWS service; it signs as whoever acts when it is called."""
    with _clients_lock:
        return _client(service)
