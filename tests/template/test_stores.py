"""What keeps data: promises about tables, queues, buckets, keys and log groups."""

from collections.abc import Iterator
from typing import Any

import pytest
from translated import ACCOUNT, REGION, Deployed, deployed, statements

from misentinel.settings import settings
from misentinel.tenancy import PLATFORM, Suffix
from misentinel.tenancy.tables import TTL_ATTRIBUTE, table_definition
from misentinel.workspaces.store import stream_mapping


@pytest.fixture(params=["local", "production"])
def stack(request: pytest.FixtureRequest) -> Deployed:
    return deployed(request.param)


@pytest.fixture
def provisioner(stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """The provisioner's own environment, as the template gives it."""
    function = stack.of("AWS::Lambda::Function")["ProvisionerFunction"]
    for name, value in function["Environment"]["Variables"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", REGION)
    settings.cache_clear()
    yield stack
    settings.cache_clear()


def test_every_table_is_encrypted_restorable_and_expires_items(stack: Deployed) -> None:
    for name, each in stack.of("AWS::DynamoDB::Table").items():
        assert each["SSESpecification"] == {
            "SSEEnabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": stack.arn("TableKey"),
        }
        assert each["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert each["TimeToLiveSpecification"] == {"AttributeName": TTL_ATTRIBUTE, "Enabled": True}
        assert each["BillingMode"] == "PAY_PER_REQUEST", name
        assert [tag["Key"] for tag in each["Tags"]] == ["tenant"]


def test_no_table_is_deleted_by_mistake() -> None:
    for name, each in deployed("production").of("AWS::DynamoDB::Table").items():
        assert each["DeletionProtectionEnabled"] is True, name


@pytest.mark.parametrize("kind", ["DynamoDB::Table", "S3::Bucket", "KMS::Key", "SecretsManager::Secret"])
def test_what_cannot_be_made_again_outlives_the_stack(kind: str) -> None:
    stack = deployed()
    for name in stack.of(f"AWS::{kind}"):
        assert stack.resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert stack.resources[name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("suffix", Suffix)
def test_the_platforms_tables_are_what_provisioning_makes_for_every_tenant(
    provisioner: Deployed, suffix: Suffix
) -> None:
    written = provisioner.of("AWS::DynamoDB::Table")[f"Platform{suffix.capitalize()}Table"]
    made = table_definition(PLATFORM, suffix)
    assert _of_template(written) == _of_api(made)


def _of_template(table: dict[str, Any]) -> dict[str, Any]:
    """A table of the template in the words of `CreateTable`, lists in one order."""
    kept = {
        name: each
        for name, each in table.items()
        if name not in {"PointInTimeRecoverySpecification", "TimeToLiveSpecification"}
    }
    encryption = kept["SSESpecification"]
    kept["SSESpecification"] = {
        ("Enabled" if name == "SSEEnabled" else name): each for name, each in encryption.items()
    }
    if "StreamSpecification" in kept:
        kept["StreamSpecification"] = {"StreamEnabled": True, **kept["StreamSpecification"]}
    return _of_api(kept)


def _of_api(table: dict[str, Any]) -> dict[str, Any]:
    attributes = sorted(table["AttributeDefinitions"], key=lambda each: str(each["AttributeName"]))
    indexes = sorted(table.get("GlobalSecondaryIndexes", []), key=lambda each: str(each["IndexName"]))
    return {**table, "AttributeDefinitions": attributes, "GlobalSecondaryIndexes": indexes}


def test_the_platforms_inbox_is_mapped_as_provisioning_maps_every_tenants(provisioner: Deployed) -> None:
    written = provisioner.of("AWS::Lambda::EventSourceMapping")["SequencerFunctionPlatformInbox"]
    assert written == stream_mapping(written["EventSourceArn"])


def test_every_queue_ends_in_a_dead_letter_queue_that_takes_letters_from_it_alone(stack: Deployed) -> None:
    queues = stack.of("AWS::SQS::Queue")
    arns = {stack.arn(name): name for name in queues}
    for name, each in queues.items():
        if name.endswith("Dlq"):
            continue
        dead = arns[each["RedrivePolicy"]["deadLetterTargetArn"]]
        assert queues[dead]["RedriveAllowPolicy"] == {
            "redrivePermission": "byQueue",
            "sourceQueueArns": [stack.arn(name)],
        }


def test_every_queue_is_encrypted_keeps_messages_for_two_weeks_and_speaks_tls_only() -> None:
    stack = deployed()
    policies = {name: each for each in stack.of("AWS::SQS::QueuePolicy").values() for name in each["Queues"]}
    for name, each in stack.of("AWS::SQS::Queue").items():
        assert each["SqsManagedSseEnabled"] is True
        assert each["MessageRetentionPeriod"] == 14 * 86_400
        first = statements(policies[each["QueueName"]]["PolicyDocument"])[0]
        assert (first.effect, first.principal, first.actions) == ("Deny", "*", ("sqs:*",))
        assert first.resources == (stack.arn(name),)
        assert first.condition == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_message_stays_hidden_for_six_times_its_functions_timeout() -> None:
    stack = deployed()
    queues = {stack.arn(name): each for name, each in stack.of("AWS::SQS::Queue").items()}
    functions = stack.of("AWS::Lambda::Function")
    for name, each in stack.of("AWS::Lambda::EventSourceMapping").items():
        if each["EventSourceArn"] in queues:
            timeout = functions[name.removesuffix("Queue")]["Timeout"]
            assert queues[each["EventSourceArn"]]["VisibilityTimeout"] >= 6 * timeout
            assert each["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_bucket_is_private_encrypted_speaks_tls_only_and_keeps_versions_of_what_is_to_stay() -> None:
    stack = deployed()
    policies = {each["Bucket"]: each for each in stack.of("AWS::S3::BucketPolicy").values()}
    for name, each in stack.of("AWS::S3::Bucket").items():
        assert set(each["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(each["PublicAccessBlockConfiguration"]) == 4
        assert each.get("VersioningConfiguration") == (None if name == "FilesBucket" else {"Status": "Enabled"})
        assert each["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert each["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        first = statements(policies[each["BucketName"]]["PolicyDocument"])[0]
        assert (first.effect, first.principal, first.actions) == ("Deny", "*", ("s3:*",))
        assert first.resources == (stack.arn(name), stack.arn(name) + "/*")
        assert first.condition == {"Bool": {"aws:SecureTransport": "false"}}


def test_plain_http_is_let_through_on_the_loopback_of_a_laptop_only() -> None:
    stack = deployed("local")
    for kind in ("SQS::Queue", "S3::Bucket"):
        for each in stack.of(f"AWS::{kind}Policy").values():
            first = statements(each["PolicyDocument"])[0]
            loopback = {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
            assert first.condition == {"Bool": {"aws:SecureTransport": "false"}, **loopback}


def test_the_archive_is_locked_and_goes_to_the_glacier() -> None:
    stack = deployed()
    bucket = stack.of("AWS::S3::Bucket")["ArchiveBucket"]
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"].keys() == {"Mode", "Days"}
    moves = [move for rule in bucket["LifecycleConfiguration"]["Rules"] for move in rule.get("Transitions", ())]
    assert moves == [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 90}]
    assert not [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == stack.arn("ArchiveKey")


def test_files_go_after_a_week_and_who_fetched_them_is_noted() -> None:
    stack = deployed()
    bucket = stack.of("AWS::S3::Bucket")["FilesBucket"]
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert {"Id": "forget", "Status": "Enabled", "ExpirationInDays": 7} in rules
    assert [each["AbortIncompleteMultipartUpload"] for each in rules if "AbortIncompleteMultipartUpload" in each]
    assert bucket["LoggingConfiguration"]["LogFilePrefix"] == "files/"
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == stack.arn("FilesKey")
    # Each object's own ARN is the context then, by which the tenant's role is held to its own.
    assert encryption["BucketKeyEnabled"] is False


def test_the_worker_gets_the_record_that_accepted_a_job_and_never_its_context() -> None:
    stack = deployed()
    rule = stack.of("AWS::Events::Rule")["JobsRule"]
    assert rule["EventPattern"]["detail"] == {"record": {"status_code": ["accepted"]}}
    (target,) = rule["Targets"]
    assert (target["InputPath"], target["Arn"]) == ("$.detail.record", stack.arn("JobsQueue"))
    assert target["DeadLetterConfig"] == {"Arn": stack.arn("JobsDlq")}


def test_the_archive_gets_the_record_and_never_its_context() -> None:
    stack = deployed()
    (target,) = stack.of("AWS::Events::Rule")["ArchiveRule"]["Targets"]
    assert target["InputPath"] == "$.detail.record"
    assert target["Arn"] == stack.arn("ArchiveStream")
    assert target["DeadLetterConfig"] == {"Arn": stack.arn("ArchiveDlq")}


def test_the_archive_is_gzip_with_a_record_a_line_by_day_and_part_of_the_tenants() -> None:
    stream = deployed().of("AWS::KinesisFirehose::DeliveryStream")["ArchiveStream"][
        "ExtendedS3DestinationConfiguration"
    ]
    assert stream["CompressionFormat"] == "GZIP"
    assert stream["Prefix"] == "records/day=!{timestamp:yyyy-MM-dd}/tenant=!{partitionKeyFromQuery:tenant}/"
    processors = {each["Type"]: each["Parameters"] for each in stream["ProcessingConfiguration"]["Processors"]}
    query = {each["ParameterName"]: each["ParameterValue"] for each in processors["MetadataExtraction"]}
    assert query["MetadataExtractionQuery"] == "{tenant: .metadata.tenant_uid[0:1]}"
    assert processors["AppendDelimiterToRecord"] == [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}]


def test_keys_rotate_and_have_a_name() -> None:
    stack = deployed()
    aliased = {each["TargetKeyId"] for each in stack.of("AWS::KMS::Alias").values()}
    for name, each in stack.of("AWS::KMS::Key").items():
        assert name in aliased
        if each.get("KeyUsage") == "SIGN_VERIFY":
            assert each["KeySpec"] == "ECC_NIST_P256"
        else:
            assert each["EnableKeyRotation"] is True
        services = [line.principal for line in statements(each["KeyPolicy"])]
        assert {"AWS": f"arn:aws:iam::{ACCOUNT}:root"} in services


def test_every_log_group_forgets_and_is_encrypted(stack: Deployed) -> None:
    for name, each in stack.of("AWS::Logs::LogGroup").items():
        assert int(each["RetentionInDays"]) > 0, name
        assert each["KmsKeyId"] == stack.arn("OperationsKey")


def test_the_stages_secret_is_made_by_aws_and_known_to_nobody() -> None:
    stack = deployed()
    (secret,) = stack.of("AWS::SecretsManager::Secret").values()
    assert secret["GenerateSecretString"]["PasswordLength"] == 64
    assert "SecretString" not in secret
    assert secret["KmsKeyId"] == "SecretsKey"
