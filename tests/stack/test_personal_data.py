"""What is personal or secret stays where it belongs: marked data goes in at every door and is looked for everywhere."""

import json
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyotp
import pytest
from deployed import PLATFORM, Visitor, archive_objects, items, root, settle, table, text_of
from doors import API_FUNCTIONS, module
from transferring import fetch, send

from local.client import Answer
from local.stack import Stack, eventually

MARK = "zq7x"
"""Begins everything that is marked."""

PASSWORD = f"{MARK}-password gravel lantern 44"
OTHER_PASSWORD = f"{MARK}-wrong gravel lantern 45"


def marked_address() -> str:
    """An address of this machine's own that nobody else uses; where the system knows only one, that one."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.77.66.55", 0))
        except OSError:
            return "127.0.0.1"
    return "127.77.66.55"


@dataclass
class Spy:
    """Somebody who sends marked data, notes each secret that comes back and each route that was used."""

    stack: Stack
    heard: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    used: set[tuple[str, str]] = field(default_factory=set)
    seeds: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def __post_init__(self) -> None:
        self.visitor = Visitor(self.stack, address=marked_address(), user_agent=f"{MARK}-browser/1.0 ({MARK} OS)")
        self.routes = [route for function in API_FUNCTIONS for route in module(function).api.routes]

    def ask(self, method: str, path: str, json: object = None, **more: Any) -> Answer:
        """One request with the marks of a browser on it; its tokens and codes are noted."""
        more.setdefault("token", self.token)
        headers = {
            "X-Forwarded-For": "203.0.113.77",
            "Referer": f"https://{MARK}-referer.example",
            **more.pop("headers", {}),
        }
        answer = self.visitor.ask(method, path, json, headers=headers, **more)
        bare = path.partition("?")[0]
        self.used |= {
            (each.method, each.path) for each in self.routes if each.method == method and each.pattern.fullmatch(bare)
        }
        body = answer.json if answer.text.startswith("{") else {}
        for name in ("access_token", "refresh_token", "challenge", "invitation"):
            if name in body:
                self.heard.add(body[name])
                self.heard.add(body[name].rpartition(".")[2])
        if body.get("enrolment"):
            self.heard.add(body["enrolment"]["secret"])
        return answer

    def sign_in(self, workspace: str, email: str, password: str, *, ahead: int = 0) -> dict[str, Any]:
        """Both factors, enrolling the first time; the code, of so many seconds later, is noted."""
        credentials = {"workspace": workspace, "email": email, "password": password}
        first = self.ask("POST", "/v1/sessions", credentials, token="")
        assert first.status == 200, first.text
        if first.json["enrolment"]:
            self.seeds[email] = first.json["enrolment"]["secret"]
        code = pyotp.TOTP(self.seeds[email]).at(int(time.time()) + ahead)
        self.codes.add(code)
        second = self.ask("POST", "/v1/sessions/verify", {"challenge": first.json["challenge"], "code": code}, token="")
        assert second.status == 201, second.text
        tokens: dict[str, Any] = second.json
        return tokens


@contextmanager
def held(stack: Stack, queue: str) -> Iterator[Callable[[], list[str]]]:
    """A queue that nobody consumes meanwhile; gives what reads all its messages and leaves them there."""
    awslambda, sqs = root(stack).aws("lambda"), root(stack).aws("sqs")
    url = stack.resource(queue)
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    (mapping,) = awslambda.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    awslambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        eventually(lambda: awslambda.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Disabled")
        yield lambda: [
            message["Body"]
            for _ in range(5)
            for message in sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, AttributeNames=["All"]
            ).get("Messages", [])
        ]
    finally:
        awslambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


@dataclass
class Story:
    """What was done with marked data, and what the queues held of it meanwhile."""

    spy: Spy
    tenant: str
    messages: list[str]


@pytest.fixture(scope="module")
def story(stack: Stack) -> Story:
    """Marked data through every route of every function, in success and in refusal."""
    spy, slug = Spy(stack), f"marked-{secrets.token_hex(4)}"
    email = f"{MARK}-owner@{MARK}-mail.example"
    body = {"slug": slug, "name": f"{MARK}-company", "email": email, "password": PASSWORD}
    with held(stack, "ProvisioningQueue") as waiting:
        made = spy.ask("POST", "/v1/workspaces", body)
        assert made.status == 202, made.text
        messages = eventually(waiting)
    tenant = made.json["id"]
    eventually(lambda: spy.ask("GET", f"/v1/workspaces/{tenant}").json["status"] == "active", seconds=120)
    tokens = spy.sign_in(slug, email, PASSWORD)
    spy.token = tokens["access_token"]
    walk(spy, slug, tokens)
    with held(stack, "RefusalsQueue") as waiting:
        trip(spy, slug, email)
        messages += eventually(waiting)
    settle(stack, tenant)
    return Story(spy, tenant, messages)


def walk(spy: Spy, slug: str, tokens: dict[str, Any]) -> None:
    """Every route, with success."""
    person = {"email": f"{MARK}-ada@{MARK}.example", "name": f"{MARK}-Ada", "external_id": f"{MARK}-external"}
    key = {"Idempotency-Key": f"{MARK}-key"}
    path = spy.ask("POST", "/v1/people", person, headers=key).headers["location"]
    spy.ask("POST", "/v1/people", person, headers=key)
    spy.ask("GET", path)
    spy.ask("PATCH", path, {"name": f"{MARK}-Lovelace", "external_id": f"{MARK}-changed"})
    spy.ask("GET", "/v1/people?limit=1")
    declared = {"type": "string", "description": f"{MARK}-meaning", "indexed": True, "personal": True}
    assert spy.ask("PUT", "/v1/attributes/plan", declared).status == 200
    spy.ask("GET", "/v1/attributes")
    marked = {"phone": "+447700900123", "tags": [MARK], "attributes": {"plan": f"{MARK}-plan"}}
    other = spy.ask("PUT", "/v1/people", {"email": f"{MARK}-bo@{MARK}.example", **marked}).json["id"]
    where = {"or": [{"field": "tag", "op": "eq", "value": MARK}, {"field": "name", "op": "prefix", "value": MARK}]}
    assert len(spy.ask("POST", "/v1/people/search", {"where": where}).json["items"]) == 2
    event = {"id": f"{MARK}-event", "name": f"{MARK}-seen", "properties": {f"{MARK}-what": f"{MARK}-value"}}
    assert spy.ask("POST", f"{path}/events", event, headers=key).status == 200
    spy.ask("GET", f"{path}/events")
    assert spy.ask("POST", f"{path}/merge", {"from": other}, headers=key).status == 200
    assert spy.ask("DELETE", path).json["status"] == "done"
    spy.ask("PUT", "/v1/people", person)
    guest = f"{MARK}-guest@{MARK}.example"
    invited = spy.ask("POST", "/v1/members", {"email": guest, "role": "analyst"}).json
    spy.heard.add(invited["invitation"])
    uid = invited["member"]["id"]
    again = spy.ask("POST", f"/v1/members/{uid}/invitation").json
    body = {"workspace": slug, "invitation": again["invitation"], "password": PASSWORD}
    assert spy.ask("POST", "/v1/invitations/accept", body, token="").status == 200
    theirs = spy.sign_in(slug, guest, PASSWORD)
    spy.ask("GET", "/v1/members")
    spy.ask("GET", f"/v1/members/{uid}")
    spy.ask("PATCH", f"/v1/members/{uid}", {"role": "support"})
    renewed = spy.ask("POST", "/v1/sessions/refresh", {"refresh_token": theirs["refresh_token"]}, token="")
    spy.ask("GET", "/v1/sessions", token=renewed.json["access_token"])
    spy.ask("DELETE", f"/v1/members/{uid}/sessions")
    spy.ask("DELETE", f"/v1/members/{uid}")
    spy.ask("GET", "/v1/settings")
    page = f"https://{MARK}-app.example"
    assert spy.ask("PATCH", "/v1/settings", {"allowed_origins": [page]}).status == 200
    spy.ask("GET", "/v1/settings", headers={"Origin": page, "Prefer": f"{MARK}={MARK}", "traceparent": f"00-{MARK}"})
    spy.ask("GET", "/.well-known/jwks.json")
    transfer(spy)
    for path in ("/v1/openapi.json", "/docs", "/docs/problems", f"/docs/assets/{MARK}.js"):
        spy.ask("GET", path)
    found = eventually(lambda: spy.ask("GET", f"/v1/audit/records?actor={tokens['member']}").json["items"])
    spy.ask("GET", f"/v1/audit/records/{found[0]['record']['metadata']['uid']}")
    spy.ask("DELETE", "/v1/sessions/current")
    # The code of the step that comes next: the one before was used to enrol.
    spy.token = spy.sign_in(slug, f"{MARK}-owner@{MARK}-mail.example", PASSWORD, ahead=30)["access_token"]


def transfer(spy: Spy) -> None:
    """A file with marked rows in and out, through every route of jobs."""
    rows = f"external_id,email,{MARK}-column\n{MARK}-one,{MARK}-one@{MARK}.example,x\n{MARK}-two,{MARK} broken,x\n".encode()
    made = spy.ask("POST", "/v1/imports", {"format": "csv", "bytes": 1, "report": "ndjson"})
    path = made.headers["location"]
    link = spy.ask("POST", f"{path}/upload", {"bytes": len(rows)}).json["upload"]
    spy.heard.add(link["url"].rpartition("X-Amz-Signature=")[2].partition("&")[0])
    assert send(link, rows) == 200
    assert spy.ask("POST", f"{path}/start").status == 202
    eventually(lambda: spy.ask("GET", path).json["finished_at"], seconds=60, what="the end of an import")
    status, report = fetch(spy.ask("GET", f"{path}/report").json["url"])
    assert (status, MARK in report.decode(), report.count(b"\n")) == (200, False, 1)
    where = {"field": "email", "op": "eq", "value": f"{MARK}-one@{MARK}.example"}
    wanted = spy.ask("POST", "/v1/exports", {"format": "csv", "where": where}).headers["location"]
    eventually(lambda: spy.ask("GET", wanted).json["finished_at"], seconds=60, what="the end of an export")
    assert MARK in fetch(spy.ask("GET", f"{wanted}/file").json["url"])[1].decode()
    spy.ask("GET", "/v1/jobs")
    job = wanted.replace("exports", "jobs")
    spy.ask("GET", job)
    spy.ask("POST", f"{job}/cancel")


def trip(spy: Spy, slug: str, email: str) -> None:
    """Every route, refused: by the body, the path, the query, the headers, and for want of a token."""
    wrong = {"workspace": slug, "email": email, "password": OTHER_PASSWORD}
    spy.ask("POST", "/v1/sessions", wrong, token="")
    spy.ask("POST", "/v1/sessions", {**wrong, "email": f"{MARK}-nobody@{MARK}.example"}, token="")
    spy.ask("POST", "/v1/sessions", {**wrong, "workspace": f"{MARK}-nowhere"}, token="")
    right = spy.ask("POST", "/v1/sessions", {**wrong, "password": PASSWORD}, token="").json
    spy.codes.add("135790")
    spy.ask("POST", "/v1/sessions/verify", {"challenge": right["challenge"], "code": "135790"}, token="")
    bodies: list[bytes] = [
        json.dumps({f"{MARK}-field": f"{MARK}-value", "email": f"{MARK}@{MARK}.example"}).encode(),
        json.dumps({"email": f"{MARK} no address", "name": f"{MARK}\0", "password": PASSWORD, "role": MARK}).encode(),
        json.dumps({"slug": MARK.upper(), "name": [MARK], "email": 1, "password": PASSWORD[:11]}).encode(),
        f'{{"email": "{MARK}@{MARK}.example", "name": "{MARK}'.encode(),
        f"{MARK} no JSON at all".encode(),
        json.dumps([MARK]).encode(),
    ]
    marked = {"If-Match": f'"{MARK}"', "Idempotency-Key": f"{MARK}-other"}
    spy.ask("GET", "/v1/people", headers={"Origin": f"https://{MARK}-stranger.example"})
    spy.ask("GET", "/v1/people", headers={"Origin": f"{MARK} no origin"})
    asked = {"Origin": f"https://{MARK}.example", "Access-Control-Request-Method": MARK}
    spy.ask("OPTIONS", f"/v1/people/{MARK}", headers=asked, token="")
    for route in spy.routes:
        path = re.sub(r"<\w+>", f"{MARK}-id", route.path)
        for token in (spy.token, "", f"{MARK}.{MARK}.{MARK}"):
            spy.ask(route.method, f"{path}?{MARK}={MARK}&cursor={MARK}", token=token)
            spy.ask(route.method, f"{path}/{MARK}@{MARK}.example", token=token)
        if route.method in {"POST", "PATCH", "PUT"}:
            for raw in bodies:
                spy.ask(route.method, path, raw=raw, headers=marked)
        spy.ask(route.method, path, headers={**marked, "Content-Type": f"{MARK}/{MARK}"}, raw=MARK.encode())
    spy.ask("GET", f"/v1/audit/records?actor={MARK}&resource=person:{MARK}&action={MARK}")
    spy.ask("GET", f"/v1/{MARK}-nothing/{MARK}")


def leaks(story: Story, text: str, *, address: bool = True) -> set[str]:
    """What of the marked data and of the secrets is in a text."""
    found = {MARK} if MARK in text else set()
    found |= {secret for secret in story.spy.heard if len(secret) >= 16 and secret in text}
    found |= {code for code in story.spy.codes if re.search(rf"(?<![\w.-]){code}(?![\w.-])", text)}
    if address:
        found |= {each for each in (story.spy.visitor.address, "203.0.113.77") if each in text}
    return found


def test_every_route_was_used(story: Story) -> None:
    missing = {(route.method, route.path) for route in story.spy.routes} - story.spy.used
    assert not missing
    assert len(story.spy.heard) > 15


@pytest.mark.parametrize("tenant", ["own", "platform"])
def test_no_record_holds_personal_data(stack: Stack, story: Story, tenant: str) -> None:
    name = story.tenant if tenant == "own" else PLATFORM
    # What is counted is recorded when its minute is closed, two minutes after its end.
    eventually(lambda: len(settle(stack, name, seconds=120)) > 5, seconds=300, what=f"the records of {tenant}")
    for record in settle(stack, name):
        assert not leaks(story, json.dumps(record, ensure_ascii=False)), record["api"]["operation"]


@pytest.mark.parametrize("tenant", ["own", "platform"])
def test_what_is_personal_about_a_record_expires(stack: Stack, story: Story, tenant: str) -> None:
    found = 0
    for item in items(stack, table(story.tenant if tenant == "own" else PLATFORM, "log")):
        if item["sk"]["S"] == "contexts":
            found += MARK in text_of(item, "contexts")
            assert int(item["expires_at"]["N"]) > 0
            continue
        if "record" in item:
            assert not leaks(story, text_of(item))
        assert not leaks(story, json.dumps(item, default=str))
    assert found or tenant == "platform"


def test_no_object_of_the_archive_holds_personal_data(stack: Stack, story: Story) -> None:
    uids = {record["metadata"]["uid"] for record in settle(stack, story.tenant)}

    def delivered() -> bool:
        texts = "".join(text for _, text in archive_objects(stack, story.tenant))
        return all(uid in texts for uid in uids)

    eventually(delivered, seconds=60, what="the archive of the story")
    for key, text in archive_objects(stack):
        assert not leaks(story, key)
        assert not leaks(story, text)


def test_no_log_line_holds_personal_data(stack: Stack, story: Story) -> None:
    logs, lines = root(stack).aws("logs"), 0
    for groups in logs.get_paginator("describe_log_groups").paginate():
        for group in groups["logGroups"]:
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
                for event in page["events"]:
                    lines += 1
                    assert not leaks(story, event["message"]), (group["logGroupName"], event["message"])
                    assert not leaks(story, event["logStreamName"])
    assert lines > 100


def test_no_metric_holds_personal_data_or_a_tenant(stack: Stack, story: Story) -> None:
    pages = root(stack).aws("cloudwatch").get_paginator("list_metrics").paginate()
    for metric in (each for page in pages for each in page["Metrics"]):
        text = json.dumps(metric)
        assert not leaks(story, text)
        assert story.tenant not in text


def test_no_name_of_a_file_holds_personal_data(stack: Stack, story: Story) -> None:
    pages = root(stack).aws("s3").get_paginator("list_objects_v2").paginate(Bucket=stack.resource("FilesBucket"))
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    assert [key for key in keys if key.startswith(story.tenant)]
    assert not leaks(story, json.dumps(keys))


def test_no_name_of_a_table_or_queue_holds_personal_data(stack: Stack, story: Story) -> None:
    for page in root(stack).aws("dynamodb").get_paginator("list_tables").paginate():
        assert not leaks(story, json.dumps(page["TableNames"]))
    assert not leaks(story, json.dumps(root(stack).aws("sqs").list_queues().get("QueueUrls", [])), address=False)


def test_no_message_of_a_queue_holds_personal_data(stack: Stack, story: Story) -> None:
    sqs, messages = root(stack).aws("sqs"), list(story.messages)
    assert len(messages) >= 2
    for queue in sqs.list_queues()["QueueUrls"]:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
        messages += [message["Body"] for message in received.get("Messages", [])]
    for message in messages:
        assert not leaks(story, message), message


@pytest.mark.parametrize("tenant", ["own", "platform"])
def test_secrets_are_kept_hashed_or_sealed(stack: Stack, story: Story, tenant: str) -> None:
    text = json.dumps(items(stack, table(story.tenant if tenant == "own" else PLATFORM, "secrets")), default=str)
    assert not leaks(story, text)


def test_data_holds_no_password_code_or_token(stack: Stack, story: Story) -> None:
    text = json.dumps(items(stack, table(story.tenant, "data")), default=str)
    assert MARK in text
    for secret in {*story.spy.heard, PASSWORD, OTHER_PASSWORD}:
        assert secret not in text
