"""Seeds, signing keys, secrets and the services around the tables answer only those who need them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployed import Identity, function_role, items, root, table
from isolation_attempts import is_denied

from local.client import Client
from local.stack import Stack


@pytest.fixture(scope="module")
def seed(stack: Stack, acme: Client) -> dict[str, Any]:
    """The sealed TOTP seed of a member of acme, with the context that opens it."""
    (login,) = [item for item in items(stack, table(acme.tenant, "secrets")) if "totp_seed" in item]
    return {
        "CiphertextBlob": login["totp_seed"]["B"],
        "EncryptionContext": {"tenant": acme.tenant, "member": login["member"]["S"]},
        "KeyId": root(stack).aws("kms").describe_key(KeyId="alias/ms-local-secrets")["KeyMetadata"]["Arn"],
    }


def open_with(who: Identity, seed: dict[str, Any], **changed: Any) -> Any:
    """Decrypt a seed, in a context with these entries changed or, where they are ``None``, left out."""
    context = {name: value for name, value in {**seed["EncryptionContext"], **changed}.items() if value}
    return who.aws("kms").decrypt(**{**seed, "EncryptionContext": context})


def is_shut(call: Callable[[], Any]) -> bool:
    """Whether a decryption is refused, by IAM or because the context is not the one it was sealed in."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in {"AccessDeniedException", "InvalidCiphertextException"}
    return False


def test_a_seed_opens_for_its_own_tenants_sign_in_only(
    stack: Stack, acme: Client, globex: Client, seed: dict[str, Any]
) -> None:
    sessions = function_role(stack, "sessions")
    own, foreign = sessions.assume("sign-in", acme.tenant), sessions.assume("sign-in", globex.tenant)
    assert is_denied(lambda: open_with(foreign, seed))
    assert is_denied(lambda: open_with(foreign, seed, tenant=None))
    assert is_denied(lambda: open_with(foreign, seed, tenant=None, member=None))
    assert is_shut(lambda: open_with(foreign, seed, tenant=globex.tenant))
    assert is_shut(lambda: open_with(own, seed, member="somebody-else"))
    assert open_with(own, seed)["Plaintext"].decode() == acme.totp_secret


@pytest.mark.parametrize(
    "role",
    ["tenant", "log", "sessions", "people", "members", "settings", "jobs", "worker", "docs", "workspaces", "sequencer"],
)
def test_no_other_role_opens_a_seed(stack: Stack, acme: Client, seed: dict[str, Any], role: str) -> None:
    takes = {"tenant": "sessions", "log": "sequencer"}.get(role)
    who = function_role(stack, takes).assume(role, acme.tenant) if takes else function_role(stack, role)
    assert is_denied(lambda: open_with(who, seed))
    assert open_with(function_role(stack, "sessions").assume("sign-in", acme.tenant), seed)["Plaintext"]


def test_a_seed_is_not_sealed_for_another_tenant(
    stack: Stack, acme: Client, globex: Client, seed: dict[str, Any]
) -> None:
    def seal(who: Identity) -> Any:
        context = {"tenant": acme.tenant, "member": "m"}
        return who.aws("kms").encrypt(KeyId=seed["KeyId"], Plaintext=b"seed", EncryptionContext=context)

    sessions = function_role(stack, "sessions")
    assert is_denied(lambda: seal(sessions.assume("sign-in", globex.tenant)))
    assert seal(sessions.assume("sign-in", acme.tenant))["CiphertextBlob"]


def test_a_seed_cannot_be_moved_to_another_member(stack: Stack, acme: Client, seed: dict[str, Any]) -> None:
    sign_in = function_role(stack, "sessions").assume("sign-in", acme.tenant)
    with pytest.raises(ClientError, match="InvalidCiphertext"):
        open_with(sign_in, seed, member="01900000-0000-7000-8000-000000000000")
    assert open_with(sign_in, seed)["Plaintext"]


def sign(who: Identity) -> Any:
    """Sign something with the key of access tokens."""
    key = root(who.stack).aws("kms").describe_key(KeyId="alias/ms-local-tokens")["KeyMetadata"]["Arn"]
    return who.aws("kms").sign(KeyId=key, Message=b"token", MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256")


@pytest.mark.parametrize(
    "function",
    [
        *("people", "members", "settings", "jobs", "worker", "docs", "audit"),
        *("workspaces", "provisioner", "sequencer", "sweeper", "refusals"),
    ],
)
def test_access_tokens_are_signed_by_sign_in_only(stack: Stack, function: str) -> None:
    assert is_denied(lambda: sign(function_role(stack, function)))
    assert sign(function_role(stack, "sessions"))["Signature"]


@pytest.mark.parametrize("role", ["tenant", "sign-in"])
def test_no_tenants_role_signs_access_tokens(stack: Stack, acme: Client, role: str) -> None:
    assert is_denied(lambda: sign(function_role(stack, "sessions").assume(role, acme.tenant)))
    assert sign(function_role(stack, "sessions"))["Signature"]


AROUND: dict[str, Callable[[Identity], Any]] = {
    "read the stage's secret": lambda who: who.aws("secretsmanager").get_secret_value(SecretId="ms-local-stage"),
    "read the registry": lambda who: who.aws("dynamodb").scan(TableName="ms-local-tenants"),
    "list the archive": lambda who: who.aws("s3").list_objects_v2(Bucket=who.stack.resource("ArchiveBucket")),
    "read the archive": lambda who: who.aws("s3").get_object(
        Bucket=who.stack.resource("ArchiveBucket"), Key=_first(who)
    ),
    "publish on the bus": lambda who: who.aws("events").put_events(
        Entries=[{"EventBusName": "ms-local", "Source": "tests", "DetailType": "Attempt", "Detail": "{}"}]
    ),
    "read the provisioning queue": lambda who: who.aws("sqs").get_queue_attributes(
        QueueUrl=who.stack.resource("ProvisioningQueue"), AttributeNames=["All"]
    ),
    "read functions' logs": lambda who: who.aws("logs").filter_log_events(logGroupName="/aws/lambda/ms-local-people"),
    "call another function": lambda who: who.aws("lambda").get_function(FunctionName="ms-local-people"),
    "list tables": lambda who: who.aws("dynamodb").list_tables(),
    "read a role": lambda who: who.aws("iam").get_role(RoleName="ms-local-tenant"),
}


def _first(who: Identity) -> str:
    found = root(who.stack).aws("s3").list_objects_v2(Bucket=who.stack.resource("ArchiveBucket"), MaxKeys=1)
    key: str = found["Contents"][0]["Key"]
    return key


@pytest.mark.parametrize("role", ["tenant", "sign-in", "log"])
@pytest.mark.parametrize("attempt", AROUND)
def test_a_tenants_role_reaches_nothing_but_its_tables(stack: Stack, acme: Client, role: str, attempt: str) -> None:
    takes = "sequencer" if role == "log" else "sessions"
    who = function_role(stack, takes).assume(role, acme.tenant)
    assert is_denied(lambda: AROUND[attempt](who))
    assert AROUND[attempt](root(stack))


def test_no_policy_of_ours_allows_every_action(stack: Stack) -> None:
    iam = root(stack).aws("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if not role["RoleName"].startswith("ms-local-"):
                continue
            for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
                statements = (document if isinstance(document, dict) else json.loads(document))["Statement"]
                for each in [statements] if isinstance(statements, dict) else statements:
                    actions = [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
                    assert not [action for action in actions if "*" in action], (role["RoleName"], each)
