"""Access tokens: only ours, only now, only this tenant's."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from house import House

from misentinel import clock
from misentinel.access import Permission, Role, permissions_of, verify_token
from misentinel.access.tokens import jwk, public_keys, thumbprint
from misentinel.errors import Unauthenticated

TENANT = "a" * 16


def claims(**changes: object) -> dict[str, object]:
    now = clock.epoch()
    return {
        "iss": "misentinel:local",
        "aud": "misentinel-api",
        "sub": "m",
        "sid": "s",
        "tenant": TENANT,
        "iat": now,
        "exp": now + 600,
        **changes,
    }


def test_a_token_of_ours_is_read(home: House) -> None:
    found = verify_token(home.token(TENANT, "m", "s"))
    assert (found.tenant, found.member, found.session) == (TENANT, "m", "s")


def test_verifying_costs_one_call_for_the_keys_and_then_none(home: House) -> None:
    token = home.token(TENANT, "m", "s")
    public_keys.cache_clear()
    with home.counted() as calls:
        verify_token(token)
        verify_token(token)
    assert calls == ["kms:GetPublicKey"]


@pytest.mark.parametrize(
    "change",
    [
        {"exp": 1},
        {"iat": 2**33, "exp": 2**33 + 600},
        {"iat": 0, "exp": 2**33},
        {"aud": "other"},
        {"iss": "misentinel:production"},
        {"tenant": "../../other"},
        {"tenant": "A" * 16},
        {"exp": "soon"},
    ],
)
def test_a_signed_token_that_is_over_early_or_for_somebody_else_is_refused(
    home: House, change: dict[str, object]
) -> None:
    token = home.token(TENANT, "m", "s", **change)
    with pytest.raises(Unauthenticated):
        verify_token(token)


def test_a_token_ends_ten_minutes_after_it_was_issued(home: House) -> None:
    token = home.token(TENANT, "m", "s")
    with clock.at(datetime.now(UTC) + timedelta(seconds=595)):
        verify_token(token)
    with clock.at(datetime.now(UTC) + timedelta(seconds=606)), pytest.raises(Unauthenticated):
        verify_token(token)


@pytest.mark.usefixtures("home")
def test_alg_none_hs256_with_the_public_key_and_foreign_keys_are_refused() -> None:
    kid, key = next(iter(public_keys().items()))
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    foreign = ec.generate_private_key(ec.SECP256R1())
    b64 = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": kid}, claims())
    ]
    mac = base64.urlsafe_b64encode(hmac.digest(pem, b".".join(b64), "sha256")).rstrip(b"=")
    forged = [
        jwt.encode(claims(), "", algorithm="none", headers={"kid": kid}),
        b".".join((*b64, mac)).decode(),
        jwt.encode(claims(), foreign, algorithm="ES256", headers={"kid": kid}),
        jwt.encode(claims(), foreign, algorithm="ES256", headers={"kid": thumbprint(jwk(foreign.public_key()))}),
        jwt.encode(claims(), foreign, algorithm="ES256"),
        jwt.encode(claims(), foreign, algorithm="ES256", headers={"kid": kid, "jwk": jwk(foreign.public_key())}),
        "",
        "a.b",
        "x" * 5000,
    ]
    for token in forged:
        with pytest.raises(Unauthenticated):
            verify_token(token)


def test_the_key_id_is_the_thumbprint_of_rfc_7638() -> None:
    key = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }
    assert len(thumbprint(key)) == 43
    assert thumbprint({**key, "use": "sig", "kid": "x"}) == thumbprint(key)
    assert thumbprint({**key, "x": "A" + key["x"][1:]}) != thumbprint(key)


def test_roles_have_what_their_names_say() -> None:
    assert permissions_of(Role.OWNER) == frozenset(Permission)
    assert Permission.BILLING_WRITE not in permissions_of(Role.ADMIN)
    assert Permission.PEOPLE_READ not in permissions_of(Role.BILLING)
    assert Permission.MESSAGES_SEND in permissions_of(Role.SUPPORT)
    assert Permission.AUTOMATIONS_WRITE not in permissions_of(Role.SUPPORT)
    assert not {each for each in permissions_of(Role.ANALYST) if each.endswith((":write", ":send"))}
    assert not {each for each in permissions_of(Role.AUDITOR) if each.endswith((":write", ":send"))}
    assert Permission.PEOPLE_READ not in permissions_of(Role.AUDITOR) | permissions_of(Role.SECURITY)
    for role in Role:
        assert Permission.SESSIONS_OWN in permissions_of(role)
