"""Keys for MACs and keyed hashes, derived from the stage's one secret."""

import hashlib
import hmac
from functools import lru_cache

from misentinel.settings import settings
from misentinel.tenancy.credentials import as_function, aws


@lru_cache(maxsize=1)
def _stage_secret() -> bytes:
    with as_function():
        answer = aws("secretsmanager").get_secret_value(SecretId=settings().stage_secret_arn)
    return str(answer["SecretString"]).encode()


@lru_cache(maxsize=4096)
def derive_key(purpose: str, tenant: str = "") -> bytes:
    """A 32-byte key for one purpose of one tenant; fetched once per environment, derived by HMAC-SHA256.

    The stage's secret has 64 random characters, so HMAC alone is a sound key derivation
    (RFC 5869, section 3.3: extraction may be skipped for a uniformly random key).
    """
    return hmac.digest(_stage_secret(), f"misentinel/{purpose}/{tenant}".encode(), hashlib.sha256)


def keyed_hash(purpose: str, text: str, tenant: str = "") -> str:
    """A 32-digit keyed hash of something personal: recognisable here, meaningless to others."""
    return hmac.digest(derive_key(purpose, tenant), text.encode(), hashlib.sha256).hex()[:32]


def address_hash(address: str) -> str:
    """The keyed hash of a network address, the same in every workspace of a stage."""
    return keyed_hash("address", address)
