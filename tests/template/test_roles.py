"""Who may do what: promises about every role of the template."""

import json
from typing import Any

import pytest
from translated import ACCOUNT, REGION, Deployed, Statement, deployed, statements

TENANT, OTHER, PLATFORM = "abcdefgh234567ab", "bbbbbbbb777777bb", "platformplatform"
API_FUNCTIONS = ("Workspaces", "Sessions", "Members", "Settings", "People", "Jobs", "Audit", "Docs")
FUNCTIONS = (*API_FUNCTIONS, "Provisioner", "Sequencer", "Sweeper", "Refusals", "Worker")
TENANT_ROLES = ("TenantRole", "SignInRole", "LogRole")
PLATFORM_FUNCTIONS = {"Workspaces", "Sessions", "Provisioner", "Sequencer", "Sweeper", "Refusals"}
SUFFIXES = ("data", "secrets", "inbox", "log")
READS = ("GetItem", "BatchGetItem", "Query", "Scan", "ConditionCheckItem", "PartiQLSelect")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete")
RUIN = ("DeleteTable", "RestoreTableToPointInTime", "ImportTable", "PutResourcePolicy", "DeleteBackup")
# What AWS offers no resource to narrow by, and why it is harmless.
ANYWHERE = {
    "xray:PutTraceSegments",  # only adds to traces
    "xray:PutTelemetryRecords",  # only adds to traces
    "lambda:CreateEventSourceMapping",  # narrowed by the function that it may call
}


@pytest.fixture(params=["local", "production"])
def stack(request: pytest.FixtureRequest) -> Deployed:
    return deployed(request.param)


def table(tenant: str, suffix: str, stage: str = "production") -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/ms-{stage}-{tenant}-{suffix}"


def allowed(stack: Deployed, role: str, actions: tuple[str, ...], resource: str, tenant: str = TENANT) -> set[str]:
    """Which actions any statement of a role allows on a resource, whatever its conditions."""
    given = stack.role_statements(role)
    return {name for name in actions if any(each.allows(f"dynamodb:{name}", resource, tenant=tenant) for each in given)}


def granting(stack: Deployed, role: str, action: str, resource: str) -> list[Statement]:
    return [each for each in stack.role_statements(role) if each.allows(action, resource, tenant=TENANT)]


def test_no_role_has_a_wildcard_action(stack: Deployed) -> None:
    for role in stack.of("AWS::IAM::Role"):
        for each in stack.role_statements(role):
            assert each.actions, role
            assert not [action for action in each.actions if "*" in action or "?" in action], role


def test_every_statement_names_its_resources(stack: Deployed) -> None:
    for role in stack.of("AWS::IAM::Role"):
        for each in stack.role_statements(role):
            if "*" in each.resources:
                assert set(each.actions) <= ANYWHERE, role


def test_every_function_has_a_role_of_its_own(stack: Deployed) -> None:
    roles = [each["Role"] for each in stack.of("AWS::Lambda::Function").values()]
    assert len(set(roles)) == len(roles) == len(FUNCTIONS)
    for name in FUNCTIONS:
        assert stack.of("AWS::Lambda::Function")[f"{name}Function"]["Role"] == stack.arn(f"{name}Role")


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_functions_own_role_reads_and_writes_no_table_of_a_tenant(name: str, suffix: str) -> None:
    for tenant in (TENANT, PLATFORM):
        for resource in (table(tenant, suffix), table(tenant, suffix) + "/index/by_list"):
            assert not allowed(deployed(), f"{name}Role", READS + WRITES + RUIN, resource)


@pytest.mark.parametrize("name", API_FUNCTIONS)
def test_every_function_behind_the_api_knows_what_a_workspace_may(name: str) -> None:
    stack = deployed()
    registry = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/ms-production-tenants"
    registry_or_name = {registry, stack.arn("RegistryTable")}
    assert any(allowed(stack, f"{name}Role", ("GetItem",), each) == {"GetItem"} for each in registry_or_name)
    key = stack.arn("TableKey")
    assert granting(stack, f"{name}Role", "kms:Decrypt", key)


def test_only_the_sequencers_own_role_reads_streams_and_only_those_of_inboxes() -> None:
    stack, actions = deployed(), ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
    for role in stack.of("AWS::IAM::Role"):
        for suffix in SUFFIXES:
            may = allowed(stack, role, actions, table(TENANT, suffix) + "/stream/2026")
            assert bool(may) == (role == "SequencerRole" and suffix == "inbox"), (role, suffix)


def test_only_the_provisioner_makes_tables_and_only_a_tenants() -> None:
    stack = deployed()
    for role in stack.of("AWS::IAM::Role"):
        for suffix in SUFFIXES:
            assert bool(allowed(stack, role, ("CreateTable",), table(TENANT, suffix))) == (role == "ProvisionerRole")
        for other in ("tenants", f"{TENANT}x-data", f"{TENANT}-data-more", "short-data", f"{TENANT}-other"):
            resource = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/ms-production-{other}"
            assert not allowed(stack, role, ("CreateTable", "UpdateTable"), resource), (role, other)


def test_no_role_deletes_a_table_or_restores_over_it(stack: Deployed) -> None:
    for role in stack.of("AWS::IAM::Role"):
        for suffix in SUFFIXES:
            assert not allowed(stack, role, RUIN, table(TENANT, suffix)), role


@pytest.mark.parametrize("role", TENANT_ROLES)
def test_a_tenants_session_reaches_no_table_of_another(role: str) -> None:
    stack = deployed()
    names = [f"{OTHER}-{suffix}" for suffix in SUFFIXES] + [f"{PLATFORM}-{suffix}" for suffix in SUFFIXES]
    names += [f"{TENANT}{extra}-{suffix}" for extra in ("x", "-x") for suffix in SUFFIXES] + ["tenants"]
    for name in names:
        resource = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/ms-production-{name}"
        assert not allowed(stack, role, READS + WRITES, resource), name
        assert not allowed(stack, role, READS + WRITES, resource + "/index/by_list"), name
    for suffix in SUFFIXES:
        assert not allowed(stack, role, READS + WRITES, table(TENANT, suffix, stage="staging"))


@pytest.mark.parametrize(
    ("role", "suffix", "reads", "writes"),
    [
        (
            "TenantRole",
            "data",
            {"GetItem", "BatchGetItem", "Query", "ConditionCheckItem"},
            {"PutItem", "UpdateItem", "DeleteItem"},
        ),
        ("TenantRole", "secrets", set(), set()),
        ("TenantRole", "inbox", set(), {"PutItem"}),
        ("TenantRole", "log", {"GetItem", "BatchGetItem", "Query"}, set()),
        ("SignInRole", "data", set(), set()),
        ("SignInRole", "secrets", {"GetItem", "Query", "ConditionCheckItem"}, {"PutItem", "UpdateItem", "DeleteItem"}),
        ("SignInRole", "inbox", set(), set()),
        ("SignInRole", "log", set(), set()),
        ("LogRole", "data", set(), set()),
        ("LogRole", "secrets", set(), set()),
        ("LogRole", "inbox", {"GetItem", "BatchGetItem", "Query", "Scan"}, {"DeleteItem"}),
        ("LogRole", "log", {"GetItem", "BatchGetItem", "Query"}, {"PutItem", "UpdateItem"}),
    ],
)
def test_the_suffix_says_who_may(role: str, suffix: str, reads: set[str], writes: set[str]) -> None:
    assert allowed(deployed(), role, READS, table(TENANT, suffix)) == reads
    assert allowed(deployed(), role, WRITES, table(TENANT, suffix)) == writes


def test_data_is_written_inside_a_transaction_only() -> None:
    for action in ("PutItem", "UpdateItem", "DeleteItem"):
        (grant,) = granting(deployed(), "TenantRole", f"dynamodb:{action}", table(TENANT, "data"))
        assert grant.condition == {"ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": ["TransactWriteItems"]}}


def test_no_role_that_serves_requests_can_change_or_delete_what_is_sequenced() -> None:
    stack = deployed()
    reachable = {f"{name}Role" for name in API_FUNCTIONS}
    for role in TENANT_ROLES:
        trusted = {arn for each in stack.trust_statements(role) for arn in each.principal["AWS"]}
        if trusted & {stack.arn(name) for name in reachable}:
            reachable.add(role)
    assert reachable == {f"{name}Role" for name in API_FUNCTIONS} | {"TenantRole", "SignInRole"}
    for role in reachable:
        for tenant in (TENANT, PLATFORM):
            assert not allowed(stack, role, WRITES + RUIN, table(tenant, "log"), tenant), role
            assert not allowed(stack, role, tuple(set(WRITES) - {"PutItem"}), table(tenant, "inbox"), tenant), role
        bucket = stack.arn("ArchiveBucket")
        for each in stack.role_statements(role):
            assert not any(resource.startswith(bucket) for resource in each.resources), role


def test_the_sequencer_adds_in_transactions_moves_the_head_and_deletes_nothing() -> None:
    conditions: dict[str, Any] = {}
    for action in ("PutItem", "UpdateItem"):
        (grant,) = granting(deployed(), "LogRole", f"dynamodb:{action}", table(TENANT, "log"))
        conditions[action] = grant.condition
    known = {"Null": {"dynamodb:LeadingKeys": "false"}}
    assert conditions == {
        "PutItem": {"ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": ["TransactWriteItems"]}},
        "UpdateItem": {**known, "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["head"]}},
    }


@pytest.mark.parametrize("role", TENANT_ROLES)
def test_a_tenants_role_is_assumed_with_the_tenants_tag_alone(role: str) -> None:
    for each in deployed().trust_statements(role):
        assert set(each.actions) == {"sts:AssumeRole", "sts:TagSession"}
        assert each.condition["Null"] == {"aws:RequestTag/tenant": "false"}
        assert each.condition["ForAllValues:StringEquals"] == {"aws:TagKeys": ["tenant"]}


@pytest.mark.parametrize(
    ("role", "functions"),
    [
        ("TenantRole", {*API_FUNCTIONS, "Provisioner", "Refusals", "Worker"}),
        ("SignInRole", {"Workspaces", "Sessions", "Provisioner"}),
        ("LogRole", {"Sequencer", "Sweeper"}),
    ],
)
def test_only_the_functions_that_need_a_role_may_assume_it(role: str, functions: set[str]) -> None:
    stack = deployed()
    trusted = [arn for each in stack.trust_statements(role) for arn in each.principal["AWS"]]
    assert sorted(trusted) == sorted(stack.arn(f"{name}Role") for name in functions)
    for name in FUNCTIONS:
        may = [each for each in stack.role_statements(f"{name}Role") if each.allows("sts:AssumeRole", stack.arn(role))]
        assert bool(may) == (name in functions)


def test_only_platform_functions_may_act_as_the_platform() -> None:
    stack = deployed()
    for role in TENANT_ROLES:
        for each in stack.trust_statements(role):
            names = {name for name in FUNCTIONS if stack.arn(f"{name}Role") in each.principal["AWS"]}
            if not names <= PLATFORM_FUNCTIONS:
                assert not names & PLATFORM_FUNCTIONS
                assert each.condition["StringNotEquals"] == {"aws:RequestTag/tenant": PLATFORM}
            if "Refusals" in names:
                assert each.condition["StringEquals"] == {"aws:RequestTag/tenant": PLATFORM}


def test_a_tenants_session_reaches_files_below_its_own_prefix_alone() -> None:
    stack = deployed()
    bucket, actions = stack.arn("FilesBucket"), ("GetObject", "PutObject", "DeleteObject")
    for role in stack.of("AWS::IAM::Role"):
        given = stack.role_statements(role)
        for action in (*actions, "ListBucket", "PutObjectAcl", "PutBucketPolicy", "DeleteObjectVersion"):
            for key in ("", f"/{TENANT}/job/source", f"/{OTHER}/job/source", f"/{TENANT}x/job/source", "/job"):
                may = any(each.allows(f"s3:{action}", bucket + key, tenant=TENANT) for each in given)
                own = role == "TenantRole" and action in actions and key == f"/{TENANT}/job/source"
                assert may == own, (role, action, key)
    decrypts = [
        each for each in stack.role_statements("TenantRole") if each.allows("kms:Decrypt", stack.arn("FilesKey"))
    ]
    (grant,) = decrypts
    assert grant.condition == {
        "StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": bucket + "/${aws:PrincipalTag/tenant}/*"},
    }


def test_a_seed_is_sealed_and_opened_with_its_tenant_as_context_only() -> None:
    stack = deployed()
    key = stack.arn("SecretsKey")
    for role in stack.of("AWS::IAM::Role"):
        for each in stack.role_statements(role):
            if not (each.allows("kms:Decrypt", key) or each.allows("kms:Encrypt", key)):
                continue
            equal = each.condition["StringEquals"]
            if role == "SignInRole":
                assert equal == {"kms:EncryptionContext:tenant": "${aws:PrincipalTag/tenant}"}
            else:
                assert equal["kms:ViaService"] == f"secretsmanager.{REGION}.amazonaws.com"
                assert equal["kms:EncryptionContext:SecretARN"] == stack.arn("StageSecret")


def test_only_sign_in_signs_tokens() -> None:
    stack = deployed()
    signers = {
        role
        for role in stack.of("AWS::IAM::Role")
        if any(each.allows("kms:Sign", stack.arn("TokenKey")) for each in stack.role_statements(role))
    }
    assert signers == {"SessionsRole"}


def test_only_what_publishes_records_may_put_events() -> None:
    stack = deployed()
    publishers = {
        role
        for role in stack.of("AWS::IAM::Role")
        if any(each.allows("events:PutEvents", stack.arn("Bus")) for each in stack.role_statements(role))
    }
    assert publishers == {"SequencerRole", "SweeperRole"}


def test_a_service_is_trusted_by_name_and_nobody_by_wildcard(stack: Deployed) -> None:
    for role in stack.of("AWS::IAM::Role"):
        for each in stack.trust_statements(role):
            assert each.effect == "Allow"
            assert isinstance(each.principal, dict)
            assert not [arn for arn in each.principal.get("AWS", ()) if "*" in arn or arn.endswith(":root")]


def test_policies_stay_below_what_iam_takes(stack: Deployed) -> None:
    for role, each in stack.of("AWS::IAM::Role").items():
        assert _size(each["AssumeRolePolicyDocument"]) < 2_048, role
        assert sum(_size(policy["PolicyDocument"]) for policy in each.get("Policies", ())) < 10_240, role
        assert len(each["RoleName"]) <= 64


def _size(document: dict[str, Any]) -> int:
    """A policy's size as IAM counts it: without white space."""
    return len(json.dumps(document, separators=(",", ":")))


def test_no_resources_policy_allows_everybody(stack: Deployed) -> None:
    documents = [
        each["PolicyDocument"]
        for kind in ("SQS::Queue", "S3::Bucket", "SNS::Topic")
        for each in stack.of(f"AWS::{kind}Policy").values()
    ]
    documents += [each["KeyPolicy"] for each in stack.of("AWS::KMS::Key").values()]
    for document in documents:
        for each in statements(document):
            if each.effect == "Allow":
                assert each.principal != "*"
                assert each.principal.get("AWS", f"arn:aws:iam::{ACCOUNT}:root") == f"arn:aws:iam::{ACCOUNT}:root"


def test_every_policy_is_written_in_the_language_that_knows_variables(stack: Deployed) -> None:
    for name, role in stack.of("AWS::IAM::Role").items():
        documents = [role["AssumeRolePolicyDocument"], *(each["PolicyDocument"] for each in role.get("Policies", []))]
        assert {document["Version"] for document in documents} == {"2012-10-17"}, name
    for name, policy in stack.of("AWS::IAM::ManagedPolicy").items():
        assert policy["PolicyDocument"]["Version"] == "2012-10-17", name
