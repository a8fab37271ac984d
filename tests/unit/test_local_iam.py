"""The embedded cloud's completed IAM: what it adds must never allow what AWS denies."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document
from ministack.services import dynamodb

from local import iam

TABLE = "arn:aws:dynamodb:eu-west-2:111122223333:table/ms-local-"


@pytest.fixture(scope="module", autouse=True)
def completed() -> Iterator[None]:
    names = {
        iam_evaluator: ("_first_match", "evaluate_trust_policy", "parse_policy_document", "enforce"),
        iam_actions: ("dynamodb_transaction_checks", "dynamodb_service_context", "request_tag_context"),
    }
    before = {(module, name): getattr(module, name) for module, listed in names.items() for name in listed}
    iam.policy_variables()
    iam.condition_keys()
    yield
    for (module, name), function in before.items():
        setattr(module, name, function)


def asked(resource: str, **keys: Any) -> EvalContext:
    return EvalContext(
        principal_arn="arn:aws:sts::111122223333:assumed-role/tenant/s",
        principal_type="AssumedRole",
        principal_account="111122223333",
        action="dynamodb:GetItem",
        resource_arn=resource,
        region="eu-west-2",
        principal_keys={f"aws:principaltag/{name}": value for name, value in keys.items()},
    )


def decision(ctx: EvalContext, *statements: dict[str, Any], version: str | None = "2012-10-17") -> str:
    document: dict[str, Any] = {"Statement": [{"Action": "dynamodb:*", "Resource": "*", **each} for each in statements]}
    if version:
        document["Version"] = version
    policies = [iam_evaluator.parse_policy_document(json.dumps(document))]
    return str(evaluate(ctx, policies).decision)


OWN_TABLE = {"Effect": "Allow", "Resource": TABLE + "${aws:PrincipalTag/tenant}-data"}


def test_a_variable_names_the_callers_own_table_and_no_other() -> None:
    assert decision(asked(TABLE + "acme-data", tenant="acme"), OWN_TABLE) == "Allow"
    assert decision(asked(TABLE + "globex-data", tenant="acme"), OWN_TABLE) == "ImplicitDeny"


@pytest.mark.parametrize(
    "tags", [{}, {"tenant": ["acme", "globex"]}, {"tenant": "*"}, {"tenant": "acm?"}, {"other": "acme"}]
)
def test_a_variable_without_one_plain_value_matches_nothing(tags: dict[str, Any]) -> None:
    assert decision(asked(TABLE + "acme-data", **tags), OWN_TABLE) == "ImplicitDeny"


def test_a_policy_of_an_older_version_has_no_variables() -> None:
    assert decision(asked(TABLE + "acme-data", tenant="acme"), OWN_TABLE, version=None) == "ImplicitDeny"
    assert decision(asked(TABLE + "acme-data", tenant="acme"), OWN_TABLE, version="2008-10-17") == "ImplicitDeny"


def test_not_equal_to_a_missing_value_never_allows_and_still_denies() -> None:
    unequal = {"Condition": {"StringNotEquals": {"aws:RequestedRegion": "${aws:PrincipalTag/region}"}}}
    allow_all = {"Effect": "Allow"}
    assert decision(asked("*"), {"Effect": "Allow", **unequal}) == "ImplicitDeny"
    assert decision(asked("*"), allow_all, {"Effect": "Deny", **unequal}) == "Deny"


def test_all_but_an_unknown_resource_never_allows() -> None:
    statement = {
        "Effect": "Allow",
        "Action": "dynamodb:GetItem",
        "NotResource": [TABLE + "${aws:PrincipalTag/tenant}-data"],
    }
    policies = [parse_policy_document({"Version": "2012-10-17", "Statement": [statement]})]
    assert evaluate(asked(TABLE + "acme-data"), policies).decision == "ImplicitDeny"


def test_a_trust_policys_conditions_have_variables_too() -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "*"},
            "Condition": {"StringEquals": {"aws:RequestTag/tenant": "${aws:PrincipalTag/tenant}"}},
        },
    }
    caller = asked("*", tenant="acme")
    caller.action = "sts:AssumeRole"
    for wanted, allowed in (("acme", True), ("globex", False)):
        caller.request_tags = {"tenant": wanted}
        assert iam_evaluator.evaluate_trust_policy(json.dumps(document), caller.principal_arn, caller) is allowed


@pytest.fixture
def log_table() -> Iterator[str]:
    name = "ms-local-acme-log"
    dynamodb._tables[name] = {"pk_name": "pk", "sk_name": "sk"}
    yield name
    del dynamodb._tables[name]


def test_each_item_of_a_transaction_carries_its_own_partition_key(log_table: str) -> None:
    def item(pk: str) -> dict[str, Any]:
        return {"pk": {"S": pk}, "sk": {"S": "-"}}

    body = {
        "TransactItems": [
            {"Put": {"TableName": log_table, "Item": item("records#1")}},
            {"Update": {"TableName": log_table, "Key": item("head")}},
            {"Delete": {"TableName": log_table, "Key": {"sk": {"S": "-"}}}},
        ]
    }
    checks = iam_actions.dynamodb_transaction_checks(
        "dynamodb:TransactWriteItems", json.dumps(body).encode(), "eu-west-2", "111122223333"
    )
    assert [arn.leading_keys for _, arn in checks] == [["records#1"], ["head"], [""]]


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        ("GetItem", {"TableName": "ms-local-acme-log", "Key": {"pk": {"S": "head"}}}, ["head"]),
        ("PutItem", {"TableName": "ms-local-acme-log", "Item": {"pk": {"S": "head"}}}, ["head"]),
        (
            "BatchWriteItem",
            {"RequestItems": {"ms-local-acme-log": [{"DeleteRequest": {"Key": {"pk": {"S": "a"}}}}]}},
            ["a"],
        ),
        (
            "BatchGetItem",
            {"RequestItems": {"ms-local-acme-log": {"Keys": [{"pk": {"S": "a"}}, {"pk": {"S": "b"}}]}}},
            ["a", "b"],
        ),
        ("Query", {"TableName": "ms-local-acme-log"}, [""]),
        ("Scan", {"TableName": "ms-local-acme-log"}, None),
    ],
)
def test_a_request_carries_its_partition_keys(
    log_table: str, operation: str, body: dict[str, Any], expected: list[str] | None
) -> None:
    assert log_table
    assert iam._leading_keys(operation, body) == expected


def test_a_kms_request_carries_its_encryption_context() -> None:
    body = json.dumps({"EncryptionContext": {"tenant": "acme"}}).encode()
    context = iam_actions.request_tag_context("kms", "kms:Decrypt", body, {})
    assert context["kms:EncryptionContext:tenant"] == "acme"
    assert context["kms:EncryptionContextKeys"] == ["tenant"]
