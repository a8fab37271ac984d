"""From the client's request to the object in the archive, through the deployed stack."""

import base64
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import ocsf
import pytest
from deployed import Visitor, archived, items, settle, table, text_of

from local.client import Answer, Client, RefusedError
from local.stack import Stack, eventually

SECURITY_HEADERS = {
    "strict-transport-security",
    "cache-control",
    "x-content-type-options",
    "content-security-policy",
    "referrer-policy",
    "x-request-id",
}
PASSWORD = "gravel lantern orbit 44"


@pytest.fixture(scope="module")
def owner(stack: Stack) -> Client:
    """The owner of a workspace in which nothing happens but what these tests do."""
    return stack.new_workspace()


def member(stack: Stack, owner: Client, role: str) -> Client:
    """A member of the workspace with this role, invited, accepted and signed in."""
    email = f"{role}-{len(owner.get('/v1/members?limit=100').json['items'])}@{owner.workspace}.example"
    invited = owner.post("/v1/members", {"email": email, "role": role})
    assert invited.status == 201, invited.text
    body = {"workspace": owner.workspace, "invitation": invited.json["invitation"], "password": PASSWORD}
    accepted = Visitor(stack).ask("POST", "/v1/invitations/accept", body)
    assert accepted.status == 200, accepted.text
    return Client(stack.api, owner.workspace, email, PASSWORD, tenant=owner.tenant).sign_in()


def record_of(owner: Client, answer: Answer) -> dict[str, object]:
    """The one record of a request, found by its id among the workspace's latest."""
    wanted = answer.headers["x-request-id"]

    def look() -> list[dict[str, object]]:
        found = owner.get("/v1/audit/records?limit=100").json["items"]
        return [each for each in found if each["record"]["api"]["request"]["uid"] == wanted]

    (found,) = eventually(look, what=f"a record of request {wanted}")
    return found


def test_a_workspace_is_active_after_its_steps_are_done(stack: Stack, owner: Client) -> None:
    shown = Visitor(stack).ask("GET", f"/v1/workspaces/{owner.tenant}").json
    assert shown["status"] == "active"
    assert [step["status"] for step in shown["steps"]] == ["done"] * 4
    assert owner.email not in json.dumps(shown)


def test_a_person_is_created_read_changed_listed_and_deleted(owner: Client) -> None:
    created = owner.post("/v1/people", {"name": "Ada", "email": "ada@example.com", "external_id": "a-1"})
    assert created.status == 201
    path = created.headers["location"]
    read = owner.get(path)
    assert (read.status, read.json["name"], read.headers["etag"]) == (200, "Ada", created.headers["etag"])
    changed = owner.patch(path, {"name": "Ada L."}, headers={"If-Match": read.headers["etag"]})
    assert (changed.status, changed.json["name"], changed.json["email"]) == (200, "Ada L.", "ada@example.com")
    stale = owner.patch(path, {"name": "Eve"}, headers={"If-Match": read.headers["etag"]})
    assert (stale.status, stale.json["type"]) == (412, "urn:misentinel:problem:precondition-failed")
    listed = eventually(lambda: [each for each in owner.get("/v1/people").json["items"] if each["id"] in path])
    assert listed[0]["name"] == "Ada L."
    assert owner.delete(path).json == {"status": "done", "job": None}
    assert owner.get(path).status == 404


def test_each_action_is_on_record_by_its_request(owner: Client) -> None:
    created = owner.post("/v1/people", {"name": "Grace", "email": "grace@example.com"})
    person = created.json["id"]
    answers = {
        "people.create": created,
        "people.read": owner.get(f"/v1/people/{person}"),
        "people.update": owner.patch(f"/v1/people/{person}", {"name": "G."}),
        "people.list": owner.get("/v1/people"),
        "people.delete": owner.delete(f"/v1/people/{person}"),
    }
    for action, answer in answers.items():
        record = record_of(owner, answer)["record"]
        assert isinstance(record, dict)
        ocsf.validate(record)
        assert record["api"]["operation"] == action
        assert record["status"] == "Success"
        assert record["actor"]["user"]["uid"] == owner.tokens["member"]
        assert record["actor"]["session"]["uid"] == owner.tokens["session"]
        assert any(each["uid"] == person for each in record["resources"]), action
    update = record_of(owner, answers["people.update"])["record"]
    assert isinstance(update, dict)
    assert update["resources"][0]["data"] == {"fields": ["name"]}


def test_a_refusal_is_on_record_too(owner: Client) -> None:
    answers = {
        "not-found": owner.get("/v1/people/01900000-0000-7000-8000-000000000000"),
        "invalid": owner.post("/v1/people", {"nom": "unknown field"}),
        "precondition-failed": owner.patch(
            owner.post("/v1/people", {"name": "X"}).headers["location"], {"name": "Y"}, headers={"If-Match": '"none"'}
        ),
        "method-not-allowed": owner.request("DELETE", "/v1/people"),
        "bad-request": owner.request("POST", "/v1/people", body=b"{", headers={"Content-Type": "application/json"}),
        "unsupported-media-type": owner.request(
            "POST", "/v1/people", body=b"x", headers={"Content-Type": "text/plain"}
        ),
    }
    for code, answer in answers.items():
        assert answer.json["type"] == f"urn:misentinel:problem:{code}"
        record = record_of(owner, answer)["record"]
        assert isinstance(record, dict)
        assert (record["status"], record["status_code"]) == ("Failure", code)


def test_a_record_is_found_by_time_actor_resource_action_outcome_and_class(owner: Client) -> None:
    made = owner.post("/v1/people", {"name": "Needle"})
    person, wanted = made.json["id"], made.headers["x-request-id"]
    record_of(owner, made)
    now = datetime.now(UTC)
    start = quote((now - timedelta(minutes=5)).isoformat())
    soon, later = quote((now + timedelta(minutes=5)).isoformat()), quote((now + timedelta(hours=1)).isoformat())

    def found(query: str) -> set[str]:
        answer = owner.get(f"/v1/audit/records?limit=100&{query}")
        assert answer.status == 200, answer.text
        return {each["record"]["api"]["request"]["uid"] for each in answer.json["items"]}

    for query in (
        f"from={start}&to={soon}",
        f"actor={owner.tokens['member']}",
        f"resource={quote(f'person:{person}')}",
        "action=people.create",
        "outcome=success&action=people.create",
        "class=6003&action=people.create",
        f"from={start}&actor={owner.tokens['member']}&resource={quote(f'person:{person}')}&action=people.create",
    ):
        assert wanted in found(query), query
    for query in (
        f"from={soon}&to={later}",
        "actor=01900000-0000-7000-8000-000000000000",
        "resource=person:01900000-0000-7000-8000-000000000000",
        "action=people.delete",
        "outcome=failure",
        "class=3002",
    ):
        assert wanted not in found(query), query


def test_a_record_is_read_by_its_uid_with_its_context(stack: Stack, owner: Client) -> None:
    visitor = Visitor(stack, user_agent="a-browser/1.0")
    answer = visitor.ask("GET", "/v1/people", token=owner.tokens["access_token"])
    found = record_of(owner, answer)
    record = found["record"]
    assert isinstance(record, dict)
    assert found.get("context") is None
    read = owner.get(f"/v1/audit/records/{record['metadata']['uid']}")
    assert read.status == 200
    assert read.json["record"] == record
    assert read.json["context"]["user_agent"] == "a-browser/1.0"
    assert owner.get("/v1/audit/records/01900000-0000-7000-8000-000000000000").status == 404


def test_a_search_goes_on_behind_its_cursor(owner: Client) -> None:
    for _ in range(5):
        owner.get("/v1/people")
    seen: list[int] = []
    path = f"/v1/audit/records?action=people.list&limit=2&actor={owner.tokens['member']}"
    settled = eventually(lambda: len(owner.get(f"{path.replace('limit=2', 'limit=100')}").json["items"]) >= 5)
    assert settled
    cursor: str | None = ""
    while cursor is not None:
        page = owner.get(path + (f"&cursor={cursor}" if cursor else "")).json
        assert len(page["items"]) <= 2
        seen += [each["sequence"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) >= 5
    assert seen == sorted(set(seen), reverse=True)


def test_the_role_decides_and_its_change_holds_on_the_next_request(stack: Stack, owner: Client) -> None:
    helper = member(stack, owner, "support")
    uid = helper.tokens["member"]
    assert helper.post("/v1/people", {"name": "By support"}).status == 201
    assert helper.get("/v1/members").status == 403
    assert owner.patch(f"/v1/members/{uid}", {"role": "analyst"}).status == 200
    refused = helper.post("/v1/people", {"name": "By analyst"})
    assert (refused.status, refused.json["permission"]) == (403, "people:write")
    assert helper.get("/v1/people").status == 200
    assert owner.patch(f"/v1/members/{uid}", {"role": "auditor"}).status == 200
    assert helper.get("/v1/people").status == 403
    assert helper.get("/v1/audit/records").status == 200


def test_revocation_holds_on_the_next_request(stack: Stack, owner: Client) -> None:
    helper = member(stack, owner, "support")
    uid = helper.tokens["member"]
    assert helper.get("/v1/people").status == 200
    assert owner.delete(f"/v1/members/{uid}/sessions").status == 204
    assert helper.get("/v1/people").status == 401
    again = helper.sign_in()
    assert again.get("/v1/people").status == 200
    assert again.delete("/v1/sessions/current").status == 204
    assert again.get("/v1/people").status == 401
    again.sign_in()
    assert owner.delete(f"/v1/members/{uid}").status == 204
    assert again.get("/v1/people").status == 401
    with pytest.raises(RefusedError):
        again.sign_in()


def test_no_path_gives_a_session_without_the_code(stack: Stack, owner: Client) -> None:
    body = {"workspace": owner.workspace, "email": owner.email, "password": owner.password}
    first = Visitor(stack).ask("POST", "/v1/sessions", body)
    assert set(first.json) == {"challenge", "expires_in", "enrolment"}
    assert first.json["enrolment"] is None
    challenge = first.json["challenge"]
    assert Visitor(stack).ask("GET", "/v1/people", token=challenge).status == 401
    assert Visitor(stack).ask("POST", "/v1/sessions/refresh", {"refresh_token": challenge}).status == 401
    for code in ("", "000000 ", "abcdef", None, 123456, "٠١٢٣٤٥"):
        answer = Visitor(stack).ask("POST", "/v1/sessions/verify", {"challenge": challenge, "code": code})
        assert answer.status in {401, 422}
        assert "access_token" not in answer.text
    for body_without in ({"challenge": challenge}, {"code": "123456"}, {}):
        assert Visitor(stack).ask("POST", "/v1/sessions/verify", body_without).status == 422
    accept = {"workspace": owner.workspace, "invitation": "none", "password": PASSWORD}
    assert "access_token" not in Visitor(stack).ask("POST", "/v1/invitations/accept", accept).text


def test_an_invited_member_has_no_session_before_both_factors(stack: Stack, owner: Client) -> None:
    invited = owner.post("/v1/members", {"email": f"new@{owner.workspace}.example", "role": "support"}).json
    body = {"workspace": owner.workspace, "email": f"new@{owner.workspace}.example", "password": PASSWORD}
    assert Visitor(stack).ask("POST", "/v1/sessions", body).status == 401
    accept = {"workspace": owner.workspace, "invitation": invited["invitation"], "password": PASSWORD}
    accepted = Visitor(stack).ask("POST", "/v1/invitations/accept", accept)
    assert set(accepted.json) == {"member", "status"}
    assert Visitor(stack).ask("POST", "/v1/invitations/accept", accept).status == 404
    assert set(Visitor(stack).ask("POST", "/v1/sessions", body).json) == {"challenge", "expires_in", "enrolment"}


GATEWAYS = {
    "no such path": ("GET", "/v1/nothing"),
    "no such root": ("GET", "/nothing"),
    "below a leaf": ("GET", "/v2/people"),
}


@pytest.mark.parametrize("name", GATEWAYS)
def test_what_the_gateway_refuses_has_the_form_of_every_error(stack: Stack, name: str) -> None:
    method, path = GATEWAYS[name]
    answer = Visitor(stack).ask(method, path)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json) >= {"type", "title", "status", "detail", "request_id"}
    assert answer.json["type"].startswith("urn:misentinel:problem:")
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert answer.headers.keys() >= SECURITY_HEADERS


@pytest.mark.parametrize("path", ["/v1/people", "/v1/members", "/v1/audit/records", "/v1/sessions"])
def test_every_answer_has_the_security_headers(stack: Stack, owner: Client, path: str) -> None:
    for answer in (owner.get(path), Visitor(stack).ask("GET", path)):
        assert answer.headers.keys() >= SECURITY_HEADERS
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "max-age=" in answer.headers["strict-transport-security"]


def test_a_body_over_a_megabyte_is_refused_with_413(owner: Client) -> None:
    body = json.dumps({"name": "x" * 1_000_001}).encode()
    answer = owner.request("POST", "/v1/people", body=body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["type"]) == (413, "urn:misentinel:problem:payload-too-large")


def test_the_public_keys_are_there_for_everybody(stack: Stack, owner: Client) -> None:
    answer = Visitor(stack).ask("GET", "/.well-known/jwks.json")
    (key, *_) = answer.json["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key
    head = json.loads(base64url(owner.tokens["access_token"].split(".")[0]))
    assert head["kid"] in {each["kid"] for each in answer.json["keys"]}


def base64url(text: str) -> bytes:
    """Base64url without its padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_every_record_has_its_place_and_is_in_the_archive(stack: Stack, owner: Client) -> None:
    for number in range(20):
        owner.post("/v1/people", {"name": f"Person {number}"})
    records = settle(stack, owner.tenant)
    assert [record["metadata"]["sequence"] for record in records] == list(range(len(records)))
    assert all(record["metadata"]["tenant_uid"] == owner.tenant for record in records)
    uids = Counter(record["metadata"]["uid"] for record in records)
    assert set(uids.values()) == {1}

    def delivered() -> dict[str, list[dict[str, object]]]:
        found = archived(stack, owner.tenant)
        return found if uids.keys() <= found.keys() else {}

    archive = eventually(delivered, seconds=60, what="every record in the archive")
    assert archive.keys() == uids.keys()
    by_uid = {record["metadata"]["uid"]: record for record in records}
    for uid, copies in archive.items():
        assert all(copy == by_uid[uid] for copy in copies)


def test_the_platforms_own_log_is_kept_the_same_way(stack: Stack, owner: Client) -> None:
    Visitor(stack).ask("GET", f"/v1/workspaces/{owner.tenant}")
    records = settle(stack, "platformplatform", seconds=90)
    assert [record["metadata"]["sequence"] for record in records] == list(range(len(records)))
    assert any(record["api"]["operation"] == "workspaces.create" for record in records)
    archive = eventually(
        lambda: (
            (found := archived(stack, "platformplatform"))
            and {record["metadata"]["uid"] for record in records} <= found.keys()
            and found
        )
    )
    assert archive


def test_the_records_text_is_canonical(stack: Stack, owner: Client) -> None:
    settle(stack, owner.tenant)
    for item in items(stack, table(owner.tenant, "log")):
        if "record" in item:
            text = text_of(item)
            assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
