"""The tokens of sign-in: challenges and refresh tokens with a MAC of ours, access tokens signed by KMS."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from misentinel import clock
from misentinel.access.tokens import ALGORITHM, AUDIENCE, LIFETIME, issuer, jwk, public_keys
from misentinel.settings import settings
from misentinel.tenancy import as_function, aws, derive_key, is_tenant_id

CHALLENGE_LIFETIME = 300
"""Seconds between the first factor and the second."""

MAX_LENGTH = 1024
"""Characters of a challenge or refresh token at most: longer ones are refused unread."""

_COORDINATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Challenge:
    """Proof that the first factor was right: for this login of this member, with the password of then."""

    tenant: str
    login: str
    member: str
    stamp: str
    expires_at: int

    @classmethod
    def read(cls, token: str) -> Self | None:
        """The challenge that a token holds, or ``None`` when it is not ours or its time is over."""
        fields = _opened("challenge", token)
        if fields is None:
            return None
        tenant, login, member, stamp, expires_at, _ = fields
        found = cls(tenant, login, member, stamp, int(expires_at))
        return found if found.expires_at > clock.epoch() else None

    def token(self) -> str:
        """The token that is given to the client; no two are alike."""
        fields = (self.tenant, self.login, self.member, self.stamp, str(self.expires_at), clock.token(12))
        return _sealed("challenge", fields)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What renews a session, once. The MAC lets a forged one be refused before any AWS call."""

    tenant: str
    member: str
    session: str
    secret: str

    @classmethod
    def read(cls, token: str) -> Self | None:
        """The refresh token in a text, or ``None`` when it is not ours."""
        fields = _opened("refresh", token)
        return None if fields is None else cls(*fields)

    @classmethod
    def new(cls, tenant: str, member: str, session: str) -> Self:
        """A new refresh token of a session."""
        return cls(tenant, member, session, clock.token(32))

    @property
    def hash(self) -> str:
        """What is stored of it: SHA-256 of its 256 random bits."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def token(self) -> str:
        """The token that is given to the client."""
        return _sealed("refresh", (self.tenant, self.member, self.session, self.secret))


def stamp_of(password_hash: str) -> str:
    """What ties a challenge to the password of its moment: a digest of the stored hash."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


def access_token(tenant: str, member: str, session: str) -> str:
    """A new access token: a JSON Web Token (RFC 7519) signed by KMS with ES256 (RFC 7518, section 3.4)."""
    now = clock.epoch()
    kid = next(iter(public_keys()))
    header = {"alg": ALGORITHM, "kid": kid, "typ": "JWT"}
    claims = {
        "iss": issuer(),
        "aud": AUDIENCE,
        "sub": member,
        "tenant": tenant,
        "sid": session,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": clock.uuid7(),
    }
    signed = f"{_text(_json(header))}.{_text(_json(claims))}"
    with as_function():
        answer = aws("kms").sign(
            KeyId=settings().token_key_arns[0],
            Message=signed.encode(),
            MessageType="RAW",
            SigningAlgorithm="ECDSA_SHA_256",
        )
    return f"{signed}.{_text(raw_signature(answer['Signature']))}"


def raw_signature(der: bytes) -> bytes:
    """A DER signature, as KMS gives it, as the r||s of 64 bytes that a JWT carries."""
    return b"".join(part.to_bytes(_COORDINATE_BYTES) for part in decode_dss_signature(der))


def key_set() -> dict[str, Any]:
    """The stage's public keys as a JSON Web Key Set (RFC 7517)."""
    return {
        "keys": [{**jwk(key), "kid": kid, "use": "sig", "alg": ALGORITHM} for kid, key in public_keys().items()],
    }


def _sealed(purpose: str, fields: tuple[str, ...]) -> str:
    """Fields as ``tenant.rest.mac``: the tenant in clear, for its key verifies the rest."""
    tenant, *rest = fields
    signed = f"{tenant}.{_text(_json(rest))}"
    return f"{signed}.{_text(_mac(purpose, tenant, signed))}"


def _opened(purpose: str, token: str) -> list[str] | None:
    """The fields of a token, or ``None`` if its MAC is wrong: nothing is read before that is known."""
    signed, _, mac = token.rpartition(".")
    tenant, _, rest = signed.partition(".")
    if len(token) > MAX_LENGTH or not token.isascii() or not is_tenant_id(tenant):
        return None
    if not hmac.compare_digest(mac, _text(_mac(purpose, tenant, signed))):
        return None
    fields: list[str] = json.loads(base64.urlsafe_b64decode(rest + "=" * (-len(rest) % 4)))
    return [tenant, *fields]


def _mac(purpose: str, tenant: str, body: str) -> bytes:
    return hmac.digest(derive_key(purpose, tenant), body.encode(), hashlib.sha256)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
