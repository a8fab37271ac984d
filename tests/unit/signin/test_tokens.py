"""Access tokens: signed by KMS, verified by anybody with the public keys, and nothing else is one."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from front_door import FrontDoor, Person
from hypothesis import given
from hypothesis import strategies as st

from misentinel import clock
from misentinel.access.tokens import public_keys, thumbprint
from misentinel.signin.tokens import raw_signature

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def owner(front: FrontDoor) -> Person:
    return front.sign_in(front.workspace())


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def ask(front: FrontDoor, token: str) -> int:
    return front.knock("sessions", "GET", "/v1/sessions", token=token).status


def test_anybody_can_verify_a_token_with_the_published_keys(front: FrontDoor, owner: Person) -> None:
    reply = front.knock("sessions", "GET", "/.well-known/jwks.json")
    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "public, max-age=300"
    keys = jwt.PyJWKSet.from_dict(reply.json)
    key = keys[jwt.get_unverified_header(owner.access)["kid"]]
    claims = jwt.decode(owner.access, key, algorithms=["ES256"], audience="misentinel-api", issuer="misentinel:local")
    assert (claims["tenant"], claims["sub"], claims["sid"]) == (owner.tenant, owner.member, owner.session)
    assert claims["exp"] - claims["iat"] == 600
    assert claims["jti"]
    assert not {name for each in reply.json["keys"] for name in each} - {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_the_key_id_is_the_thumbprint_of_rfc_7638() -> None:
    key = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }
    assert thumbprint({**key, "use": "sig"}) == thumbprint(key) == "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"


@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_a_der_signature_becomes_64_bytes(r: int, s: int) -> None:
    assert raw_signature(encode_dss_signature(r, s)) == r.to_bytes(32) + s.to_bytes(32)


def test_tokens_that_are_not_ours_are_refused(front: FrontDoor, owner: Person) -> None:
    head, body, signature = owner.access.split(".")
    header, claims = (
        jwt.get_unverified_header(owner.access),
        jwt.decode(owner.access, options={"verify_signature": False}),
    )
    public = next(iter(public_keys().values()))
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    foreign = ec.generate_private_key(ec.SECP256R1())
    hs256 = encoded({**header, "alg": "HS256"})
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(f"{hs256}.{body}".encode(), pem)
    refused = {
        "alg none": f"{encoded({**header, 'alg': 'none'})}.{body}.",
        "alg none, with the signature": f"{encoded({**header, 'alg': 'none'})}.{body}.{signature}",
        "HS256 with the public key": f"{hs256}.{body}.{base64.urlsafe_b64encode(hmac).rstrip(b'=').decode()}",
        "a foreign key": jwt.encode(claims, foreign, "ES256", {"kid": header["kid"]}),
        "a foreign key under its own kid": jwt.encode(claims, foreign, "ES256", {"kid": "foreign"}),
        "no kid": jwt.encode(claims, foreign, "ES256"),
        "other claims": f"{head}.{encoded({**claims, 'sub': 'another'})}.{signature}",
        "no signature": f"{head}.{body}.",
        "nothing": "",
        "junk": "a.b.c",
        "the refresh token": owner.refresh,
        "too long": "a" * 5000,
    }
    assert {name: ask(front, token) for name, token in refused.items()} == dict.fromkeys(refused, 401)
    assert ask(front, owner.access) == 200


def test_tokens_whose_time_is_not_now_are_refused(front: FrontDoor, owner: Person) -> None:
    now = clock.epoch()

    def status(**claims: Any) -> int:
        return ask(front, front.home.token(owner.tenant, owner.member, owner.session, **claims))

    assert status() == 200
    assert status(iat=now - 700, exp=now - 100) == 401
    assert status(iat=now + 60, exp=now + 660) == 401
    assert status(exp=now + 86_400) == 401
    assert status(aud="another-api") == 401
    assert status(iss="misentinel:production") == 401
    assert status(tenant="platform-platform") == 401


def test_a_token_of_another_tenant_opens_nothing_here(front: FrontDoor, owner: Person) -> None:
    other = front.sign_in(front.workspace("other", "owner@other.example"))
    crossed = front.home.token(other.tenant, owner.member, owner.session)
    assert ask(front, crossed) == 401


def test_an_access_token_lives_ten_minutes(front: FrontDoor) -> None:
    with clock.at(NOON) as time:
        owner = front.sign_in(front.workspace())
        time.tick(590)
        assert ask(front, owner.access) == 200
        time.tick(20)
        assert ask(front, owner.access) == 401
