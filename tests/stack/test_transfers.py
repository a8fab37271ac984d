"""Imports and exports on the deployed stack: real links, a worker that dies, files that tenants cannot reach of others."""

import csv
import io
import json
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployed import function_role, items, root, settle, table
from transferring import Transfers, fetch, send

from local.client import Client, call
from local.stack import Stack

HEADER = "external_id,email,name,tags\n"


def content(count: int, first: int = 0) -> bytes:
    """So many people, and one row that is refused."""
    rows = (f"id{n},a{n}@x.example,Ann {n},vip|t{n % 7}\n" for n in range(first, first + count))
    return (HEADER + "".join(rows) + ",none@x.example,Nobody,\n").encode()


@pytest.fixture
def transfers(stack: Stack) -> Transfers:
    return Transfers(stack, stack.new_workspace())


def people(stack: Stack, tenant: str) -> dict[str, dict[str, Any]]:
    """Everybody in the table, by external id."""
    found = [item for item in items(stack, table(tenant, "data")) if item["sk"]["S"] == "person" and "name" in item]
    assert len({item["external_id"]["S"] for item in found}) == len(found)
    return {item["external_id"]["S"]: item for item in found}


def test_a_file_is_uploaded_imported_reported_and_changes_nothing_again(stack: Stack, transfers: Transfers) -> None:
    found = transfers.imported(content(150))
    assert found["status"] == "done"
    progress = found["progress"]
    assert (progress["created"], progress["refused"], progress["rows"]) == (150, 1, 151)
    assert progress["bytes"] == progress["total_bytes"]
    assert transfers.report(found["id"]).splitlines() == [
        "row,field,message",
        "152,external_id,is needed: by it the person is found",
    ]
    before = people(stack, transfers.client.tenant)
    assert len(before) == 150
    again = transfers.imported(content(150))
    assert (again["progress"]["unchanged"], again["progress"]["refused"]) == (150, 1)
    assert people(stack, transfers.client.tenant) == before
    listed = transfers.client.get("/v1/jobs").json["items"]
    assert [each["id"] for each in listed] == [again["id"], found["id"]]


def test_a_link_takes_the_file_that_was_said_and_nothing_else(transfers: Transfers) -> None:
    whole = content(3)
    made = transfers.post("/v1/imports", {"format": "csv", "bytes": len(whole)}).json
    link = made["upload"]
    assert send(link, whole + b"more", **{"Content-Length": str(len(whole) + 4)}) == 403
    assert send(link, whole, **{"Content-Type": "text/html"}) == 403
    assert fetch(link["url"])[0] == 403
    other = link["url"].replace("/source?", "/report?")
    assert send({**link, "url": other}, whole) == 403
    assert send(link, whole) == 200
    assert transfers.post(f"/v1/imports/{made['id']}/start").status == 202
    assert transfers.over(made["id"])["status"] == "done"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_files_from_spreadsheets_are_read_as_they_are(stack: Stack, transfers: Transfers, encoding: str) -> None:
    text = 'Nr;Name;Notiz\r\n1;"Müller; Jörg ""JM""\r\nzwei";x\r\n2;kurz\r\n3;Zoë;\r\n1;Müller;y\r\n'
    found = transfers.imported(text.encode(encoding), columns={"Nr": "external_id", "Name": "name"}, report="ndjson")
    assert (found["progress"]["created"], found["progress"]["updated"], found["progress"]["refused"]) == (2, 1, 1)
    assert found["ignored"] == ["Notiz"]
    assert json.loads(transfers.report(found["id"]))["row"] == 3
    names = {uid: item["name"]["S"] for uid, item in people(stack, transfers.client.tenant).items()}
    assert names == {"1": "Müller", "3": "Zoë"}


def test_a_dry_run_changes_nothing(stack: Stack, transfers: Transfers) -> None:
    found = transfers.imported(content(120), dry_run=True)
    assert (found["progress"]["created"], found["progress"]["refused"]) == (120, 1)
    assert people(stack, transfers.client.tenant) == {}


def test_a_worker_killed_again_and_again_imports_everybody_once(stack: Stack, transfers: Transfers) -> None:
    chance, count = random.Random(7), 700  # noqa: S311 - no secret
    job = transfers.started(content(count))
    killed = 0
    while killed < 6 and not transfers.seen(job)["finished_at"]:
        # Anywhere in the portions that follow.
        transfers.reached(job, transfers.seen(job)["progress"]["rows"] + chance.randrange(1, 60))
        killed += stack.kill_workers("-worker")
        transfers.send_on(job)
    found = transfers.over(job)
    assert killed >= 3
    assert (found["status"], found["progress"]["created"], found["progress"]["refused"]) == ("done", count, 1)
    assert found["progress"]["rows"] == count + 1
    assert people(stack, transfers.client.tenant).keys() == {f"id{n}" for n in range(count)}
    assert transfers.report(job).count("\n") == 2
    records = [r for r in settle(stack, transfers.client.tenant) if r["api"]["operation"] == "people.import"]
    done = [record for record in records if record["status"] == "Success"]
    assert sum(record.get("count", 0) for record in done) == count + 1
    named = Counter(each["uid"] for record in done for each in record["resources"] if each["type"] == "person")
    assert set(named.values()) == {1}
    assert len(named) == count


def test_a_cancelled_import_stops(stack: Stack, transfers: Transfers) -> None:
    job = transfers.started(content(2_000))
    transfers.reached(job, 1)
    assert transfers.post(f"/v1/jobs/{job}/cancel").json["status"] == "cancelled"
    found = transfers.seen(job)
    assert 0 < found["progress"]["created"] < 2_000
    settle(stack, transfers.client.tenant)
    assert len(people(stack, transfers.client.tenant)) == found["progress"]["created"]
    assert transfers.seen(job) == found


def test_an_import_of_a_member_who_is_removed_stops(stack: Stack, transfers: Transfers) -> None:
    owner, password = transfers.client, secrets.token_urlsafe(18)
    email = f"mate@{owner.workspace}.example"
    invited = owner.post("/v1/members", {"email": email, "role": "marketer"}).json
    body = {"workspace": owner.workspace, "invitation": invited["invitation"], "password": password}
    assert call(stack.api, "POST", "/v1/invitations/accept", json=body).status == 200
    mate = Transfers(stack, Client(stack.api, owner.workspace, email, password, tenant=owner.tenant))
    job = mate.started(content(8_000))
    mate.reached(job, 1)
    assert owner.delete(f"/v1/members/{invited['member']['id']}").status == 204
    found = transfers.over(job)
    assert (found["status"], found["error"]) == ("failed", "no-longer-permitted")
    assert 0 < found["progress"]["created"] < 8_000
    portions = [each for each in settle(stack, owner.tenant) if each["api"]["operation"] == "people.import"]
    assert (portions[-1]["status"], portions[-1]["status_code"]) == ("Failure", "no-longer-permitted")
    assert len(people(stack, owner.tenant)) == found["progress"]["created"]
    assert transfers.client.get(f"/v1/imports/{job}/report").status == 409


def test_what_is_exported_is_everybody_and_comes_back_the_same(stack: Stack, transfers: Transfers) -> None:
    transfers.imported(content(130) + b'=cmd(),"c@x.example","-2+3",t1\n')
    whole = transfers.exported()
    rows = list(csv.DictReader(io.StringIO(whole.decode("utf-8-sig"), newline="")))
    assert len(rows) == 131
    assert {row["external_id"] for row in rows} >= {"'=cmd()", "id0", "id129"}
    some = transfers.exported(format="ndjson", where={"field": "tag", "op": "eq", "value": "t1"})
    wanted = {
        item["id"]["S"] for item in people(stack, transfers.client.tenant).values() if {"S": "t1"} in item["tags"]["L"]
    }
    assert {json.loads(line)["id"] for line in some.decode().splitlines()} == wanted
    again = transfers.imported(whole)
    assert (again["progress"]["unchanged"], again["progress"]["refused"]) == (131, 0)


def attempts(s3: Any, bucket: str, key: str, own: str) -> Iterator[Callable[[], Any]]:
    """Every way to a file that there is."""
    yield lambda: s3.get_object(Bucket=bucket, Key=key)
    yield lambda: s3.head_object(Bucket=bucket, Key=key)
    yield lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"theirs")
    yield lambda: s3.delete_object(Bucket=bucket, Key=key)
    yield lambda: s3.create_multipart_upload(Bucket=bucket, Key=key)
    yield lambda: s3.copy_object(Bucket=bucket, Key=own, CopySource={"Bucket": bucket, "Key": key})
    yield lambda: s3.list_objects_v2(Bucket=bucket, Prefix=key)
    yield lambda: s3.list_objects_v2(Bucket=bucket, Prefix=own)


def test_no_tenant_reaches_the_files_of_another(stack: Stack, acme: Client, globex: Client) -> None:
    job = Transfers(stack, acme).imported(content(2))["id"]
    bucket, key = stack.resource("FilesBucket"), f"{acme.tenant}/{job}/report"
    for function in ("jobs", "worker"):
        role = function_role(stack, function)
        owner, stranger = role.assume("tenant", acme.tenant), role.assume("tenant", globex.tenant)
        assert owner.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        for who in (role, stranger):
            for attempt in attempts(who.aws("s3"), bucket, key, f"{globex.tenant}/x"):
                with pytest.raises(ClientError) as denied:
                    attempt()
                assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        link = stranger.aws("s3").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        assert fetch(link)[0] == 403
    assert root(stack).aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read().startswith(b"row,field,message")
    for path in (f"/v1/imports/{job}", f"/v1/jobs/{job}", f"/v1/imports/{job}/report"):
        assert globex.get(path).status == 404


def test_files_lie_below_their_tenant_and_are_named_by_ids_alone(stack: Stack, transfers: Transfers) -> None:
    transfers.imported(content(5))
    transfers.exported()
    pages = root(stack).aws("s3").get_paginator("list_objects_v2").paginate(Bucket=stack.resource("FilesBucket"))
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    mine = [key for key in keys if key.startswith(f"{transfers.client.tenant}/")]
    assert sorted(key.rpartition("/")[2] for key in mine) == ["export", "report"]
    for key in keys:
        assert all(part.isascii() and len(part) <= 48 for part in key.split("/"))
