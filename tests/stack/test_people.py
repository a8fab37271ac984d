"""People on the deployed stack: what is found, merged and deleted under the roles that hold there."""

import json
from itertools import batched
from typing import Any

from deployed import items, root, settle, table

from local.client import Client
from local.stack import Stack, eventually

MANY = 10_000


def things_of(stack: Stack, tenant: str, person: str) -> list[dict[str, Any]]:
    """What lies in a person's partition, and what says whose a value is or leads to the person."""
    return [item for item in items(stack, table(tenant, "data")) if person in json.dumps(item)]


def seed_events(stack: Stack, tenant: str, person: str, number: int) -> None:
    """Events as the store writes them, by nobody who leaves a record."""
    dynamodb, name = root(stack).aws("dynamodb"), table(tenant, "data")
    rows = [
        {
            "pk": {"S": f"person#{person}"},
            "sk": {"S": f"event#e-{n}"},
            "gsi1pk": {"S": f"events#{person}"},
            "gsi1sk": {"S": f"2026-11-01T00:00:00.000Z#e-{n}"},
            "id": {"S": f"e-{n}"},
            "name": {"S": "seen"},
            "time": {"S": "2026-11-01T00:00:00.000Z"},
        }
        for n in range(number)
    ]
    for some in batched(rows, 25, strict=False):
        dynamodb.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": row}} for row in some]})


def test_people_are_upserted_found_merged_and_deleted_where_roles_hold(stack: Stack, acme: Client) -> None:
    body = {"type": "number", "description": "Seats paid for.", "indexed": True}
    assert acme.request("PUT", "/v1/attributes/stack_seats", body).status == 200
    ada = {"external_id": "stack-ada", "tags": ["stack"], "attributes": {"stack_seats": 5}}
    first = acme.request("PUT", "/v1/people", ada)
    assert (first.status, acme.request("PUT", "/v1/people", ada).status) == (201, 200)
    bo = acme.request("PUT", "/v1/people", {"email": "stack-bo@x.example", "tags": ["stack"]}).json["id"]
    for field, value, expected in (
        ("tag", "stack", 2),
        ("attributes.stack_seats", 5, 1),
        ("email", "stack-bo@x.example", 1),
    ):
        where = {"field": field, "op": "eq", "value": value}
        assert len(acme.post("/v1/people/search", {"where": where}).json["items"]) == expected
    for person in (first.json["id"], bo):
        assert acme.post(f"/v1/people/{person}/events", {"id": "e", "name": "seen"}).json["added"] == ["e"]
    assert acme.post(f"/v1/people/{bo}/merge", {"from": first.json["id"]}).json["attributes"] == {"stack_seats": 5}
    assert len(acme.get(f"/v1/people/{bo}/events").json["items"]) == 2
    assert acme.delete(f"/v1/people/{bo}").json["status"] == "done"
    tenant = acme.tenant
    assert things_of(stack, tenant, bo) == things_of(stack, tenant, first.json["id"]) == []


def test_of_a_person_with_10000_items_nothing_is_left_when_the_job_says_so(stack: Stack, acme: Client) -> None:
    tenant = acme.tenant
    person = acme.post("/v1/people", {"email": "many@x.example", "tags": ["many"]}).json["id"]
    seed_events(stack, tenant, person, MANY)
    answer = acme.delete(f"/v1/people/{person}")
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    assert acme.get(f"/v1/people/{person}").status == 404
    assert acme.post(f"/v1/people/{person}/events", {"name": "late"}).status == 404
    where = answer.headers["location"]
    eventually(lambda: acme.get(where).json["finished_at"], seconds=180, what="the end of the deletion")
    job = acme.get(where).json
    assert (job["status"], job["progress"]["items"]) == ("done", MANY)
    assert things_of(stack, tenant, person) == []
    records = [each for each in settle(stack, tenant) if each["api"]["operation"] == "people.delete"]
    asked = next(each for each in records if each["status_code"] == "accepted")["api"]["request"]["uid"]
    assert sum(each["api"]["request"]["uid"] == asked for each in records) > MANY / 98
