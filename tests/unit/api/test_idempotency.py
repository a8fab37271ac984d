"""An answer that belongs to something is kept with it, and goes with it."""

import json
from typing import Any

import pytest
from house import House

from misentinel import clock
from misentinel.access import Permission
from misentinel.api import Api, Body, Resource, current_request
from misentinel.audit import unit
from misentinel.tenancy import DataModel, Suffix, bind, current_tenant, table_name

KEY = {"Idempotency-Key": "k-1"}


class NewThing(Body):
    """What a client sends."""

    name: str


class Thing(Resource):
    """What it gets."""

    id: str
    name: str


@pytest.fixture
def door() -> Any:
    """A function with one route, whose answers belong to what it makes."""
    api = Api()

    @api.post("/v1/things", needs=Permission.PEOPLE_WRITE, action="things.create", status=201)
    def make(new: NewThing) -> Thing:
        """Make one."""
        uid = clock.uuid7()
        unit().put(bind(DataModel, current_tenant())(f"thing#{uid}", "thing"), condition=DataModel.pk.does_not_exist())
        current_request().answer_belongs_to(f"thing#{uid}")
        return Thing(id=uid, name=new.name)

    return api.handler


def items(home: House, tenant: str) -> list[dict[str, Any]]:
    found = home.aws("dynamodb").scan(TableName=table_name(tenant, Suffix.DATA))["Items"]
    return [item for item in found if item["pk"]["S"].startswith(("thing#", "idempotency#"))]


def test_the_answer_lies_with_its_thing_and_is_given_again(home: House, door: Any) -> None:
    tenant = home.tenant()
    token = home.signed_in(tenant)
    first = home.ask(door, "POST", "/v1/things", token=token, body={"name": "Ada"}, headers=KEY)
    again = home.ask(door, "POST", "/v1/things", token=token, body={"name": "Ada"}, headers=KEY)
    assert (again.status, again.json) == (first.status, first.json) == (201, {"id": first.json["id"], "name": "Ada"})
    assert again.headers["Idempotency-Replayed"] == "true"
    other = home.ask(door, "POST", "/v1/things", token=token, body={"name": "Bo"}, headers=KEY)
    assert other.json["type"].endswith("idempotency-key-reused")
    assert sorted(item["pk"]["S"].partition("#")[0] for item in items(home, tenant)) == [
        "idempotency",
        "thing",
        "thing",
    ]


def test_nothing_of_the_thing_is_left_when_its_partition_is_gone(home: House, door: Any) -> None:
    tenant = home.tenant()
    token = home.signed_in(tenant)
    made = home.ask(door, "POST", "/v1/things", token=token, body={"name": "Ada"}, headers=KEY).json
    for item in items(home, tenant):
        if item["pk"]["S"] == f"thing#{made['id']}":
            home.aws("dynamodb").delete_item(
                TableName=table_name(tenant, Suffix.DATA), Key={name: item[name] for name in ("pk", "sk")}
            )
    (left,) = items(home, tenant)
    assert made["id"] not in json.dumps(left)
    assert "Ada" not in json.dumps(left)
    late = home.ask(door, "POST", "/v1/things", token=token, body={"name": "Ada"}, headers=KEY)
    assert (late.status, late.json["type"]) == (409, "urn:misentinel:problem:conflict")
    assert "deleted" in late.json["detail"]
    assert len(items(home, tenant)) == 1
