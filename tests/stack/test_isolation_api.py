"""Through the public door, what belongs to another workspace is not there."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from deployed import Visitor, settle

from local.client import Answer, Client
from local.stack import Stack, eventually


@dataclass
class Scene:
    """Two workspaces, and what one of them has."""

    stack: Stack
    owner: Client
    stranger: Client
    person: str
    person_etag: str
    strangers_person: str
    record: str

    @property
    def member(self) -> str:
        """The owner's own member id."""
        return str(self.owner.tokens["member"])

    @property
    def session(self) -> str:
        """The owner's session."""
        return str(self.owner.tokens["session"])


@pytest.fixture(scope="module")
def scene(stack: Stack) -> Scene:
    """Two workspaces, each with people, members and records."""
    owner, stranger = stack.new_workspace(), stack.new_workspace()
    made = [owner.post("/v1/people", {"name": f"Person {number}"}) for number in range(3)]
    strangers = [stranger.post("/v1/people", {"name": f"Person {number}"}) for number in range(3)]
    for each in (owner, stranger):
        for number in range(2):
            body = {"email": f"m{number}@{each.workspace}.example", "role": "analyst"}
            assert each.post("/v1/members", body).status == 201
    record = settle(stack, owner.tenant)[-1]["metadata"]["uid"]
    settle(stack, stranger.tenant)
    return Scene(
        stack,
        owner,
        stranger,
        person=made[0].json["id"],
        person_etag=made[0].headers["etag"],
        strangers_person=strangers[0].json["id"],
        record=record,
    )


def visit(scene: Scene, who: Client, method: str, path: str, json: object = None, **headers: str) -> Answer:
    """A request with this client's access token and these headers on top."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Visitor(scene.stack).ask(method, path, json, token=who.tokens["access_token"], headers=sent)


OF_ANOTHER: dict[str, tuple[str, Callable[[Scene], str], object, int]] = {
    "read a person": ("GET", lambda s: f"/v1/people/{s.person}", None, 200),
    "change a person": ("PATCH", lambda s: f"/v1/people/{s.person}", {"name": "Changed"}, 200),
    "read a member": ("GET", lambda s: f"/v1/members/{s.member}", None, 200),
    "change a member": ("PATCH", lambda s: f"/v1/members/{_invited(s)}", {"role": "auditor"}, 200),
    "invite a member again": ("POST", lambda s: f"/v1/members/{_invited(s)}/invitation", None, 201),
    "end a member's sessions": ("DELETE", lambda s: f"/v1/members/{_invited(s)}/sessions", None, 204),
    "remove a member": ("DELETE", lambda s: f"/v1/members/{_invited(s)}", None, 204),
    "read a record": ("GET", lambda s: f"/v1/audit/records/{s.record}", None, 200),
    "end a session": ("DELETE", lambda s: f"/v1/sessions/{_second_session(s)}", None, 204),
    "delete a person": ("DELETE", lambda s: f"/v1/people/{_new_person(s)}", None, 200),
}


def _invited(scene: Scene) -> str:
    """A member of the owner's workspace who has not accepted yet: the youngest."""
    listed = scene.owner.get("/v1/members?limit=100").json["items"]
    return str(next(each["id"] for each in reversed(listed) if each["status"] == "invited"))


def _new_person(scene: Scene) -> str:
    return str(scene.owner.post("/v1/people", {"name": "Nobody"}).json["id"])


def _second_session(scene: Scene) -> str:
    other = Client(scene.stack.api, scene.owner.workspace, scene.owner.email, scene.owner.password)
    other.totp_secret, other.codes = scene.owner.totp_secret, scene.owner.codes
    return str(other.sign_in().tokens["session"])


@pytest.mark.parametrize("name", OF_ANOTHER)
def test_an_id_of_another_workspace_is_not_found(scene: Scene, name: str) -> None:
    method, where, body, status = OF_ANOTHER[name]
    path = where(scene)
    refused = visit(scene, scene.stranger, method, path, body)
    assert (refused.status, refused.json["type"]) == (404, "urn:misentinel:problem:not-found")
    assert visit(scene, scene.owner, method, path, body).status == status


@pytest.mark.parametrize("kind", ["resource", "actor"])
def test_a_search_finds_nothing_of_another_workspace(scene: Scene, kind: str) -> None:
    wanted = f"person:{scene.person}" if kind == "resource" else scene.member
    path = f"/v1/audit/records?{kind}={quote(wanted)}"
    assert scene.stranger.get(path).json["items"] == []
    assert eventually(lambda: scene.owner.get(path).json["items"])


LISTINGS = {
    "people": "/v1/people?limit=1",
    "members": "/v1/members?limit=1",
    "records": "/v1/audit/records?limit=1",
}


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_cursor_of_another_workspace_opens_nothing(scene: Scene, listing: str) -> None:
    path = LISTINGS[listing]
    cursor = scene.owner.get(path).json["next_cursor"]
    assert visit(scene, scene.stranger, "GET", f"{path}&cursor={cursor}").status == 422
    assert visit(scene, scene.owner, "GET", f"{path}&cursor={cursor}").status == 200


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_cursor_opens_the_listing_that_it_came_from_only(scene: Scene, listing: str) -> None:
    cursor = scene.owner.get(LISTINGS[listing]).json["next_cursor"]
    for other, path in LISTINGS.items():
        expected = 200 if other == listing else 422
        assert visit(scene, scene.owner, "GET", f"{path}&cursor={cursor}").status == expected


def test_a_cursor_that_was_changed_opens_nothing(scene: Scene) -> None:
    cursor = str(scene.owner.get(LISTINGS["people"]).json["next_cursor"])
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for place in (0, 12, len(raw) - 1):
        bent = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        text = base64.urlsafe_b64encode(bent).decode().rstrip("=")
        assert visit(scene, scene.owner, "GET", f"{LISTINGS['people']}&cursor={text}").status == 422
    assert visit(scene, scene.owner, "GET", f"{LISTINGS['people']}&cursor={cursor}").status == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_etag_of_another_workspace_matches_nothing(scene: Scene, method: str) -> None:
    path = f"/v1/people/{scene.strangers_person}"
    body = {"name": "Changed"} if method == "PATCH" else None
    etag = scene.owner.get(f"/v1/people/{scene.person}").headers["etag"]
    assert visit(scene, scene.stranger, method, path, body, If_Match=etag).status == 412
    own = scene.stranger.get(path).headers["etag"]
    assert visit(scene, scene.stranger, "PATCH", path, {"name": "Again"}, If_Match=own).status == 200


def test_an_etag_says_nothing_across_workspaces(scene: Scene) -> None:
    owners = scene.owner.get(f"/v1/people/{scene.person}").headers["etag"]
    strangers = scene.stranger.get(f"/v1/people/{scene.strangers_person}").headers["etag"]
    assert owners != strangers


def test_an_idempotency_key_of_another_workspace_is_another_key(scene: Scene) -> None:
    body, key = {"name": "Once"}, "the-same-key-for-both"
    first = visit(scene, scene.owner, "POST", "/v1/people", body, Idempotency_Key=key)
    foreign = visit(scene, scene.stranger, "POST", "/v1/people", body, Idempotency_Key=key)
    again = visit(scene, scene.owner, "POST", "/v1/people", body, Idempotency_Key=key)
    assert (first.status, foreign.status, again.status) == (201, 201, 201)
    assert foreign.json["id"] != first.json["id"] == again.json["id"]
    assert "idempotency-replayed" not in foreign.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert visit(scene, scene.stranger, "GET", f"/v1/people/{first.json['id']}").status == 404


FORGED = [
    "{person}%23person",
    "person%23{person}",
    "{person}%2F",
    "{person}%2fperson",
    "..%2Fpeople%2F{person}",
    "%2e%2e%2fmembers%2f{member}",
    "{person}%00",
    "{person}%20",
    "{person}%0a",
    "{upper}",
    "{person}?",
    "%7B{person}%7D",
    "{fullwidth}",
    "member%23{member}",
    "{member}",
    "ms-local-{tenant}-data",
    "*",
    "%25",
    "%ff%fe",
    "a" * 3000,
    "{person}%2C{person}",
    '"{person}"',
]


@pytest.mark.parametrize("form", FORGED)
@pytest.mark.parametrize("kind", ["owner", "stranger"])
def test_a_forged_id_finds_nothing(scene: Scene, kind: str, form: str) -> None:
    fullwidth = quote("".join(chr(ord(each) + 0xFEE0) if each.isdigit() else each for each in scene.person))
    forged = form.format(
        person=scene.person,
        upper=scene.person.upper(),
        member=scene.member,
        fullwidth=fullwidth,
        tenant=scene.owner.tenant,
    )
    who = scene.owner if kind == "owner" else scene.stranger
    answer = visit(scene, who, "GET", f"/v1/people/{forged}")
    if form == "{person}?" and kind == "owner":  # an empty query: the id itself is the right one
        assert answer.status == 200
        return
    assert answer.status in {400, 404, 414, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert visit(scene, scene.owner, "GET", f"/v1/people/{scene.person}").status == 200


TRICKS = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "{owner}.example",
    "Forwarded": "for=127.0.0.1;host={owner}",
    "Host": "{owner}.example",
    "X-Tenant": "{tenant}",
    "X-Tenant-Id": "{tenant}",
    "X-Workspace": "{owner}",
    "X-Original-URL": "/v1/people/{strangers_person}",
    "X-Rewrite-URL": "/v1/people/{strangers_person}",
    "X-HTTP-Method-Override": "DELETE",
    "X-Amz-Security-Token": "{token}",
    "X-Amzn-Oidc-Data": "{token}",
    "Cookie": "session={session}",
    "Proxy-Authorization": "Bearer {token}",
}


@pytest.mark.parametrize("header", TRICKS)
def test_a_header_makes_nobody_of_another_workspace(scene: Scene, header: str) -> None:
    value = TRICKS[header].format(
        owner=scene.owner.workspace,
        tenant=scene.owner.tenant,
        token=scene.owner.tokens["access_token"],
        session=scene.session,
        strangers_person=scene.strangers_person,
    )
    path = f"/v1/people/{scene.person}"
    token = scene.stranger.tokens["access_token"]
    answer = Visitor(scene.stack).ask("GET", path, token=token, headers={header: value})
    # A Host that is no API's is answered by no function at all.
    assert answer.status in ({404} if header != "Host" else {403, 404})
    assert scene.person not in answer.text
    assert visit(scene, scene.owner, "GET", path).status == 200


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@pytest.mark.parametrize("claim", ["tenant", "sub", "sid"])
def test_a_token_with_a_claim_of_another_workspace_is_refused(scene: Scene, claim: str) -> None:
    head, _, signature = scene.stranger.tokens["access_token"].split(".")
    owners = claims_of(scene.owner.tokens["access_token"])
    bent = {**claims_of(scene.stranger.tokens["access_token"]), claim: owners[claim]}
    body = base64.urlsafe_b64encode(json.dumps(bent).encode()).decode().rstrip("=")
    answer = Visitor(scene.stack).ask("GET", f"/v1/people/{scene.person}", token=f"{head}.{body}.{signature}")
    assert answer.status == 401
    assert visit(scene, scene.owner, "GET", f"/v1/people/{scene.person}").status == 200


def test_a_refresh_token_is_good_in_its_own_workspace_only(scene: Scene) -> None:
    other = scene.stack.new_workspace()
    token = other.tokens["refresh_token"]
    _, rest, mac = token.split(".")
    for forged in (f"{scene.owner.tenant}.{rest}.{mac}", f"{other.tenant}.{rest}x.{mac}", f"{rest}.{mac}", token[:-2]):
        answer = Visitor(scene.stack).ask("POST", "/v1/sessions/refresh", {"refresh_token": forged})
        assert answer.status == 401
    other.refresh()


def test_a_challenge_is_good_in_its_own_workspace_only(scene: Scene) -> None:
    one = scene.owner
    body = {"workspace": one.workspace, "email": one.email, "password": one.password}
    challenge = Visitor(scene.stack).ask("POST", "/v1/sessions", body).json["challenge"]
    assert one.codes is not None
    code = one.codes.next()
    _, rest, mac = challenge.split(".")
    for forged in (f"{scene.stranger.tenant}.{rest}.{mac}", f"platformplatform.{rest}.{mac}", challenge[:-2]):
        answer = Visitor(scene.stack).ask("POST", "/v1/sessions/verify", {"challenge": forged, "code": code})
        assert answer.status == 401
    assert Visitor(scene.stack).ask("POST", "/v1/sessions/verify", {"challenge": challenge, "code": code}).status == 201


def test_an_invitation_is_good_in_its_own_workspace_only(scene: Scene) -> None:
    email = "guest@elsewhere.example"
    invitation = scene.owner.post("/v1/members", {"email": email, "role": "support"}).json["invitation"]

    def accept(workspace: str) -> int:
        body = {"workspace": workspace, "invitation": invitation, "password": "gravel lantern orbit 44"}
        return Visitor(scene.stack).ask("POST", "/v1/invitations/accept", body).status

    assert accept(scene.stranger.workspace) == 404
    assert accept(scene.owner.workspace) == 200


def slugs_like(slug: str) -> dict[str, str]:
    """What a hurried reader, or a careless lookup, takes for a slug."""
    return {
        "upper case": slug.upper(),
        "a space after it": f"{slug} ",
        "a zero-width space in it": f"{slug[:3]}\u200b{slug[3:]}",
        "a full-width letter": chr(ord(slug[0]) + 0xFEE0) + slug[1:],
        "a Cyrillic letter": "\u0461" + slug[1:],
        "a NUL after it": f"{slug}\0",
        "a prefix": slug[:-1],
        "a key of the registry": f"slug#{slug}",
        "a hyphen after it": f"{slug}-",
    }


@pytest.mark.parametrize("form", slugs_like("wabcdef"))
def test_a_slug_that_looks_alike_is_another_workspace(scene: Scene, form: str) -> None:
    one = scene.owner
    body = {"workspace": slugs_like(one.workspace)[form], "email": one.email, "password": one.password}
    assert Visitor(scene.stack).ask("POST", "/v1/sessions", body).status in {401, 422}
    assert Visitor(scene.stack).ask("POST", "/v1/sessions", {**body, "workspace": one.workspace}).status == 200


def test_a_taken_slug_is_not_given_away(scene: Scene) -> None:
    body = {
        "slug": scene.owner.workspace,
        "name": "Mine",
        "email": "me@mine.example",
        "password": "velvet anchor 1987 q",
    }
    assert Visitor(scene.stack).ask("POST", "/v1/workspaces", body).status == 409
