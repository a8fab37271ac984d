"""How it is deployed: promises about the region, the stages and the template's own soundness."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from translated import REGION, ROOT, deployed, source

STAGES = ("local", "staging", "production")
CONFIG: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text())


def test_the_stack_is_refused_outside_london() -> None:
    (assertion,) = deployed().rules["OnlyInLondon"]["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "AWS::Region"}, REGION]}


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_deployed_to_london_under_its_own_name(stage: str) -> None:
    chosen = CONFIG[stage]
    assert chosen["global"]["parameters"] == {"region": REGION, "stack_name": f"misentinel-{stage}"}
    assert chosen["deploy"]["parameters"]["resolve_s3"] is True
    parameters = dict(each.split("=", 1) for each in chosen["deploy"]["parameters"]["parameter_overrides"])
    assert parameters["Stage"] == stage
    for name, value in parameters.items():
        allowed = source()["Parameters"][name].get("AllowedValues")
        assert allowed is None or value in map(str, allowed)


def test_production_asks_first_and_its_archive_is_locked_for_years_by_nobody_to_be_shortened() -> None:
    production = CONFIG["production"]["deploy"]["parameters"]
    assert production["confirm_changeset"] is True
    parameters = dict(each.split("=", 1) for each in production["parameter_overrides"])
    assert parameters["ArchiveLockMode"] == "COMPLIANCE"
    assert int(parameters["ArchiveLockDays"]) >= 7 * 365


@pytest.mark.parametrize("stage", STAGES)
def test_names_carry_the_stage_so_that_two_stages_never_meet(stage: str) -> None:
    stack = deployed(stage)
    named = {
        "AWS::DynamoDB::Table": "TableName",
        "AWS::IAM::Role": "RoleName",
        "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
        "AWS::Lambda::Function": "FunctionName",
        "AWS::SQS::Queue": "QueueName",
        "AWS::S3::Bucket": "BucketName",
        "AWS::CloudWatch::Alarm": "AlarmName",
        "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    }
    for kind, name in named.items():
        for each in stack.of(kind).values():
            assert each[name].startswith(f"ms-{stage}-")


def test_there_are_as_many_resources_as_a_stack_may_have_and_more_to_come() -> None:
    assert len(deployed().resources) < 400  # of 500
    assert len((ROOT / "template.yaml").read_bytes()) < 1_000_000  # what CloudFormation takes from a bucket


def test_the_template_is_sound() -> None:
    program = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own tool
    assert done.returncode == 0, done.stdout + done.stderr
