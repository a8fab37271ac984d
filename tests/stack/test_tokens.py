"""Tokens at the deployed door: only what KMS signed for a session that lives is let in, and a refresh token once."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from deployed import Visitor, at_once, root, settle

from local.client import Client
from local.stack import Stack


def text(data: bytes) -> str:
    """Base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(token: str, place: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a token."""
    found = token.split(".")[place]
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(found + "=" * (-len(found) % 4)))
    return content


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """What a signature is made of."""
    return f"{text(json.dumps(header).encode())}.{text(json.dumps(claims).encode())}"


def raw(der: bytes) -> str:
    """An ECDSA signature as a token carries it."""
    return text(b"".join(number.to_bytes(32) for number in decode_dss_signature(der)))


def signed_by_kms(stack: Stack, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token signed with the stage's own key, which nobody but sign-in has: what a bug there could issue."""
    body = unsigned(header, claims)
    answer = (
        root(stack)
        .aws("kms")
        .sign(KeyId="alias/ms-local-tokens", Message=body.encode(), MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256")
    )
    return f"{body}.{raw(answer['Signature'])}"


def by_a_key_of_ones_own(_stack: Stack, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token signed with a key that nobody knows."""
    body = unsigned(header, claims)
    signature = ec.generate_private_key(ec.SECP256R1()).sign(body.encode(), ec.ECDSA(hashes.SHA256()))
    return f"{body}.{raw(signature)}"


def by_the_public_key(stack: Stack, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token whose HMAC has the public key as its secret (RFC 8725, section 2.1)."""
    der = root(stack).aws("kms").get_public_key(KeyId="alias/ms-local-tokens")["PublicKey"]
    pem = load_der_public_key(der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = unsigned(header, claims)
    return f"{body}.{text(hmac.digest(pem, body.encode(), hashlib.sha256))}"


def by_nobody(_stack: Stack, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token without a signature."""
    return f"{unsigned(header, claims)}."


@dataclass(frozen=True, slots=True)
class Forgery:
    """How a token that lives is changed and who signs it; ``None`` takes a member away, times count from now."""

    sign: Callable[[Stack, dict[str, Any], dict[str, Any]], str]
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)

    def of(self, stack: Stack, token: str) -> str:
        """The forged token."""
        times = {name: int(time.time()) + value for name, value in self.claims.items() if isinstance(value, int)}
        header = {**part(token, 0), **self.header}
        claims = {**part(token, 1), **self.claims, **times}
        return self.sign(
            stack, *({name: each for name, each in of.items() if each is not None} for of in (header, claims))
        )


NOBODY = "01900000-0000-7000-8000-000000000000"
FORGERIES = {
    "alg none": Forgery(by_nobody, {"alg": "none"}),
    "alg None with the signature": Forgery(signed_by_kms, {"alg": "None"}),
    "HS256 with the public key": Forgery(by_the_public_key, {"alg": "HS256"}),
    "ES384 in the header": Forgery(signed_by_kms, {"alg": "ES384"}),
    "a foreign key under our kid": Forgery(by_a_key_of_ones_own),
    "a foreign kid": Forgery(by_a_key_of_ones_own, {"kid": "elsewhere"}),
    "our key under a foreign kid": Forgery(signed_by_kms, {"kid": "elsewhere"}),
    "no kid": Forgery(signed_by_kms, {"kid": None}),
    "a key in the header": Forgery(by_a_key_of_ones_own, {"jwk": {"kty": "EC"}, "jku": "https://x.example"}),
    "expired": Forgery(signed_by_kms, {}, {"iat": -3600, "exp": -3000}),
    "expired a moment ago": Forgery(signed_by_kms, {}, {"iat": -600, "exp": -6}),
    "from the future": Forgery(signed_by_kms, {}, {"iat": 3600, "exp": 4200}),
    "for longer than ten minutes": Forgery(signed_by_kms, {}, {"iat": 0, "exp": 86_400}),
    "for ever": Forgery(signed_by_kms, {}, {"exp": None}),
    "another audience": Forgery(signed_by_kms, {}, {"aud": "another-api"}),
    "another stage": Forgery(signed_by_kms, {}, {"iss": "misentinel:production"}),
    "a tenant that is not there": Forgery(signed_by_kms, {}, {"tenant": "aaaaaaaaaaaaaaaa"}),
    "the platform": Forgery(signed_by_kms, {}, {"tenant": "platformplatform"}),
    "a tenant that is none": Forgery(signed_by_kms, {}, {"tenant": "ms-local-data"}),
    "another member": Forgery(signed_by_kms, {}, {"sub": NOBODY}),
    "another session": Forgery(signed_by_kms, {}, {"sid": NOBODY}),
    "the member itself for a session": Forgery(signed_by_kms, {}, {"sid": "../member"}),
    "too long": Forgery(signed_by_kms, {"x": "x" * 5000}),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_access_token_opens_nothing(stack: Stack, acme: Client, name: str) -> None:
    acme.get("/v1/people")  # a token that lives
    own = acme.tokens["access_token"]
    forged = FORGERIES[name].of(stack, own)
    answer = Visitor(stack).ask("GET", "/v1/people", headers={"Authorization": f"Bearer {forged}"})
    # A signed token of a tenant that is not there, or is not this function's to act for, fails at its first read.
    if name in {"a tenant that is not there", "the platform"}:
        assert answer.status in {401, 503}
    else:
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "items" not in answer.json
    whole = Forgery(signed_by_kms).of(stack, own)
    assert Visitor(stack).ask("GET", "/v1/people", token=whole).status == 200


@pytest.mark.parametrize(
    "form",
    ["{token}", "Basic {token}", "Bearer", "Bearer  ", "Bearer {token} {token}", "Token {token}", "Bearer,{token}"],
)
def test_a_token_is_read_from_a_bearer_header_only(stack: Stack, acme: Client, form: str) -> None:
    acme.get("/v1/people")
    own = acme.tokens["access_token"]
    sent = {"Authorization": form.format(token=own)}
    assert Visitor(stack).ask("GET", "/v1/people", headers=sent).status == 401
    assert Visitor(stack).ask("GET", f"/v1/people?access_token={own}").status == 401
    assert Visitor(stack).ask("GET", "/v1/people", token=own).status == 200


def test_a_refresh_token_that_comes_again_ends_the_session(stack: Stack) -> None:
    owner = stack.new_workspace()
    used, first = owner.tokens["refresh_token"], owner.tokens["access_token"]
    owner.refresh()
    assert owner.tokens["refresh_token"] != used
    assert owner.get("/v1/people").status == 200
    assert Visitor(stack).ask("POST", "/v1/sessions/refresh", {"refresh_token": used}).status == 401
    for token in (first, owner.tokens["access_token"]):
        assert Visitor(stack).ask("GET", "/v1/people", token=token).status == 401
    newest = {"refresh_token": owner.tokens["refresh_token"]}
    assert Visitor(stack).ask("POST", "/v1/sessions/refresh", newest).status == 401
    done = [(record["api"]["operation"], record["status"]) for record in settle(stack, owner.tenant)]
    assert ("sessions.revoke", "Success") in done
    assert done.count(("sessions.refresh", "Success")) == 1


def test_of_many_uses_of_one_refresh_token_at_most_one_wins(stack: Stack) -> None:
    owner = stack.new_workspace()
    body = {"refresh_token": owner.tokens["refresh_token"]}
    answers = at_once(30, lambda _: Visitor(stack).ask("POST", "/v1/sessions/refresh", body).status)
    assert answers.count(200) <= 1
    assert set(answers) <= {200, 401, 409}
    # The thief and the owner cannot be told apart: the session is over for both.
    assert Visitor(stack).ask("GET", "/v1/people", token=owner.tokens["access_token"]).status == 401


def test_of_100_uses_of_one_code_one_session_comes(stack: Stack) -> None:
    owner = stack.new_workspace()
    body = {"workspace": owner.workspace, "email": owner.email, "password": owner.password}
    challenge = Visitor(stack).ask("POST", "/v1/sessions", body).json["challenge"]
    assert owner.codes is not None
    proof = {"challenge": challenge, "code": owner.codes.next()}
    answers = at_once(100, lambda _: Visitor(stack).ask("POST", "/v1/sessions/verify", proof))
    (won,) = [answer for answer in answers if answer.status == 201]
    assert {answer.status for answer in answers} <= {201, 401, 429}
    listed = {each["id"] for each in owner.get("/v1/sessions").json["items"]}
    assert listed == {owner.tokens["session"], won.json["session"]}
    opened = [each for each in settle(stack, owner.tenant) if each["api"]["operation"] == "sessions.create"]
    assert [each["status"] for each in opened].count("Success") == 2
