"""Provisioning: steps that can be cut anywhere and done again."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from doors import door
from front_door import PASSWORD, FrontDoor, Person, sqs_event
from house import LambdaContext

from misentinel import clock
from misentinel.settings import settings
from misentinel.tenancy import PLATFORM, Suffix, aws, table_name
from misentinel.tenancy.tables import table_definition

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FAULTS = (
    ("dynamodb", "CreateTable"),
    ("dynamodb", "DescribeTable"),
    ("dynamodb", "UpdateContinuousBackups"),
    ("dynamodb", "UpdateTimeToLive"),
    ("lambda", "CreateEventSourceMapping"),
    ("dynamodb", "TransactWriteItems"),
    ("dynamodb", "UpdateItem"),
    ("dynamodb", "DeleteItem"),
)


def sign_up(front: FrontDoor) -> str:
    body = {"slug": "acme", "name": "Acme", "email": "owner@acme.example", "password": PASSWORD}
    tenant: str = front.knock("workspaces", "POST", "/v1/workspaces", body=body).json["id"]
    return tenant


def deliver(tenant: str) -> list[Any]:
    failures: list[Any] = door("provisioner")(sqs_event(json.dumps({"tenant": tenant})), LambdaContext())[
        "batchItemFailures"
    ]
    return failures


def status(front: FrontDoor, tenant: str) -> str:
    found: str = front.knock("workspaces", "GET", f"/v1/workspaces/{tenant}").json["status"]
    return found


def test_a_sign_up_that_died_before_its_record_is_recorded_by_the_provisioner(front: FrontDoor) -> None:
    tenant = sign_up(front)
    platform = table_name(PLATFORM, Suffix.DATA)
    front.home.aws("dynamodb").delete_item(
        TableName=platform, Key={"pk": {"S": f"sign-up#{tenant}"}, "sk": {"S": "sign-up"}}
    )
    before = len(front.home.records(PLATFORM))
    assert deliver(tenant) == []
    (made,) = front.home.records(PLATFORM)[before:]
    assert made["actor"] == {"app_name": "provisioner"}
    assert made["resources"][0]["uid"] == tenant
    assert deliver(tenant) == []
    assert len(front.home.records(PLATFORM)) == before + 1


@pytest.mark.parametrize(("service", "operation"), FAULTS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_that_fails_is_done_again(front: FrontDoor, service: str, operation: str, when: str) -> None:
    tenant = sign_up(front)
    left = [1]

    def fail(**_: Any) -> None:
        if left:
            left.clear()
            raise ReadTimeoutError(endpoint_url="https://aws")

    event = f"before-call.{service}.{operation}" if when == "before" else f"after-call.{service}.{operation}"
    aws(service).meta.events.register_first(event, fail)
    attempts = 1
    while deliver(tenant):
        attempts += 1
        assert attempts < 4
    assert not left
    assert status(front, tenant) == "active"
    front.sign_in(Person("acme", "owner@acme.example", PASSWORD))
    done = [each["api"]["operation"] for each in front.home.records(tenant) if each["status"] == "Success"]
    assert done.count("workspaces.create") == 1


def test_a_message_that_comes_three_times_makes_one_workspace(front: FrontDoor) -> None:
    tenant = sign_up(front)
    assert [deliver(tenant) for _ in range(3)] == [[], [], []]
    assert len(front.mappings) == 1
    (created,) = front.home.records(tenant)
    assert created["api"]["operation"] == "workspaces.create"
    assert created["actor"] == {"app_name": "provisioner"}
    items = front.home.aws("dynamodb").scan(TableName=table_name(tenant, Suffix.DATA))["Items"]
    assert sorted(item["sk"]["S"] for item in items) == ["email", "member", "owners"]


def test_one_bad_message_does_not_hold_up_the_others(front: FrontDoor) -> None:
    tenant = sign_up(front)
    event = sqs_event("not json", json.dumps({"tenant": "aaaaaaaaaaaaaaaa"}), json.dumps({"tenant": tenant}))
    answer = door("provisioner")(event, LambdaContext())
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["message-0", "message-1"]
    assert status(front, tenant) == "active"


def test_the_tables_are_what_they_are_said_to_be(front: FrontDoor) -> None:
    tenant = sign_up(front)
    deliver(tenant)
    dynamodb = front.home.aws("dynamodb")
    for suffix in Suffix:
        name = table_name(tenant, suffix)
        table, wanted = dynamodb.describe_table(TableName=name)["Table"], table_definition(tenant, suffix)
        assert table["KeySchema"] == wanted["KeySchema"]
        assert {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])} == {
            index["IndexName"] for index in wanted.get("GlobalSecondaryIndexes", [])
        }
        assert table["SSEDescription"]["KMSMasterKeyArn"] == wanted["SSESpecification"]["KMSMasterKeyId"]
        assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"] == {
            "TimeToLiveStatus": "ENABLED",
            "AttributeName": "expires_at",
        }
        recovery = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        assert dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == [
            {"Key": "tenant", "Value": tenant}
        ]


def test_the_inbox_is_mapped_to_the_sequencer(front: FrontDoor) -> None:
    tenant = sign_up(front)
    deliver(tenant)
    (mapping,) = front.mappings
    assert f"table/{table_name(tenant, Suffix.INBOX)}/stream/" in mapping["EventSourceArn"]
    assert mapping["FunctionName"].endswith("function:ms-local-sequencer:live")
    assert mapping["FilterCriteria"] == {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}
    assert mapping["BisectBatchOnFunctionError"] is True
    assert (mapping["BatchSize"], mapping["StartingPosition"]) == (100, "TRIM_HORIZON")
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"].endswith("ms-local-sequencer-dlq")


@pytest.mark.parametrize(("stage", "protected"), [("local", False), ("staging", True), ("production", True)])
@pytest.mark.usefixtures("home")
def test_tables_are_protected_from_deletion_but_on_a_laptop(
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    protected: bool,  # noqa: FBT001 - a case of the table above
) -> None:
    monkeypatch.setenv("STAGE", stage)
    settings.cache_clear()
    definitions = [table_definition(PLATFORM, suffix) for suffix in Suffix]
    assert {each["DeletionProtectionEnabled"] for each in definitions} == {protected}
    assert {each["BillingMode"] for each in definitions} == {"PAY_PER_REQUEST"}
    assert all(each["TableName"].startswith(f"ms-{stage}-platformplatform-") for each in definitions)


def test_a_workspace_whose_owner_is_not_kept_any_more_has_failed(front: FrontDoor) -> None:
    with clock.at(NOON) as time:
        tenant = sign_up(front)
        key = {"pk": {"S": f"owner#{tenant}"}, "sk": {"S": "owner"}}
        front.home.aws("dynamodb").delete_item(TableName=table_name(PLATFORM, Suffix.SECRETS), Key=key)
        assert deliver(tenant)
        time.tick(8 * 86_400)
        front.tick()
        assert status(front, tenant) == "failed"
        (given_up,) = [each for each in front.home.records(PLATFORM) if each["api"]["operation"] == "workspaces.fail"]
        assert given_up["resources"][0] == {"type": "workspace", "uid": tenant, "data": {"fields": ["status"]}}
        assert deliver(tenant) == []
        assert status(front, tenant) == "failed"
