"""Access tokens: ES256 JSON Web Tokens (RFC 7519), verified with KMS's public keys and nothing else."""

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt.algorithms import ECAlgorithm

from misentinel import clock
from misentinel.errors import Unauthenticated
from misentinel.settings import settings
from misentinel.tenancy import as_function, aws, is_tenant_id

ALGORITHM = "ES256"
AUDIENCE = "misentinel-api"
LIFETIME = 600
"""Seconds that an access token is good for."""

LEEWAY = 5
"""Seconds by which the clocks of two functions may differ."""

MAX_TOKEN = 4096
"""Characters of a token at most: longer ones are refused unread."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says: which session of which member of which tenant."""

    tenant: str
    member: str
    session: str


def issuer() -> str:
    """The ``iss`` of this stage's tokens."""
    return f"misentinel:{settings().stage}"


@lru_cache(maxsize=1)
def public_keys() -> dict[str, EllipticCurvePublicKey]:
    """The stage's verification keys by key id, the current one first; one KMS call each per environment."""
    keys: dict[str, EllipticCurvePublicKey] = {}
    with as_function():
        for arn in settings().token_key_arns:
            key = load_der_public_key(aws("kms").get_public_key(KeyId=arn)["PublicKey"])
            if not isinstance(key, EllipticCurvePublicKey):
                message = "a token key is not an elliptic curve key"
                raise TypeError(message)
            keys[thumbprint(jwk(key))] = key
    return keys


def jwk(key: EllipticCurvePublicKey) -> dict[str, Any]:
    """A public key as a JSON Web Key (RFC 7517)."""
    found: dict[str, Any] = ECAlgorithm.to_jwk(key, as_dict=True)
    return found


def thumbprint(key: dict[str, Any]) -> str:
    """The key id: the SHA-256 thumbprint of an EC JSON Web Key (RFC 7638, section 3.2)."""
    members = json.dumps({name: key[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()


def verify_token(token: str) -> Claims:
    """Verify an access token; costs no AWS call once the keys are known.

    Raises
    ------
    Unauthenticated
        Not a token of ours, or not good any more.
    """
    if len(token) > MAX_TOKEN:
        raise Unauthenticated
    try:
        key = public_keys()[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=issuer(),
            options={"require": ["exp", "iat", "sub", "sid", "tenant"], "verify_exp": False, "verify_iat": False},
        )
        found = Claims(str(claims["tenant"]), str(claims["sub"]), str(claims["sid"]))
        issued, expires = int(claims["iat"]), int(claims["exp"])
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        raise Unauthenticated from None
    now = clock.epoch()
    if (
        not is_tenant_id(found.tenant)
        or issued > now + LEEWAY
        or expires <= now - LEEWAY
        or expires - issued > LIFETIME
    ):
        raise Unauthenticated("The access token is over; get a new one with POST /v1/sessions/refresh.")
    return found
