"""What runs: promises about every function."""

import re

import pytest
from translated import ROOT, deployed, source

NAMES = tuple(sorted(each.parent.name for each in (ROOT / "functions").glob("*/handler.py")))
EVENT_FUNCTIONS = {"provisioner", "sequencer", "sweeper", "refusals", "worker"}


def test_every_folder_is_a_function_and_every_function_a_folder() -> None:
    names = {each["FunctionName"] for each in deployed().of("AWS::Lambda::Function").values()}
    assert names == {f"ms-production-{name}" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_function_runs_the_same_way(name: str) -> None:
    stack = deployed()
    function = stack.of("AWS::Lambda::Function")[f"{name.capitalize()}Function"]
    assert function["Runtime"] == "python3.13"
    assert function["Handler"] == "handler.handler"
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert [layer[:5] for layer in function["Layers"]] == ["Depen", "Misen"]
    assert function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == name
    alias = stack.of("AWS::Lambda::Alias")[f"{name.capitalize()}FunctionAliaslive"]
    assert alias["Name"] == "live"


@pytest.mark.parametrize("name", NAMES)
def test_every_function_writes_to_its_own_log_group_alone(name: str) -> None:
    stack = deployed()
    group = stack.of("AWS::Logs::LogGroup")[f"{name.capitalize()}Logs"]["LogGroupName"]
    assert group == f"/aws/lambda/ms-production-{name}"
    assert stack.of("AWS::Lambda::Function")[f"{name.capitalize()}Function"]["LoggingConfig"] == {
        "LogGroup": group,
        "LogFormat": "JSON",
        "ApplicationLogLevel": "DEBUG",
        "SystemLogLevel": "WARN",
    }
    writes = [each for each in stack.role_statements(f"{name.capitalize()}Role") if "logs:PutLogEvents" in each.actions]
    assert [each.resources for each in writes] == [(stack.arn(f"{name.capitalize()}Logs"),)]


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_the_architecture_is_a_parameter_and_layers_are_built_for_it(architecture: str) -> None:
    stack = deployed("staging", architecture)
    for each in stack.of("AWS::Lambda::Function").values():
        assert each["Architectures"] == [architecture]
    for name, each in source()["Resources"].items():
        if each["Type"] == "AWS::Serverless::LayerVersion":
            assert each["Metadata"]["BuildArchitecture"] == {"Ref": "Architecture"}, name
    for each in stack.of("AWS::Lambda::LayerVersion").values():
        assert each["CompatibleArchitectures"] == [architecture]


def test_a_change_of_a_layer_reaches_the_alias() -> None:
    for name, each in source()["Resources"].items():
        if each["Type"] == "AWS::Serverless::Function":
            assert each["Properties"]["AutoPublishAliasAllProperties"] is True, name


def test_every_setting_that_code_reads_is_given_by_the_template() -> None:
    code = (ROOT / "layers/misentinel/misentinel/settings.py").read_text()
    read = set(re.findall(r'environ\.get\("([A-Z_]+)"', code)) - {"AWS_REGION", "AWS_DEFAULT_REGION"}
    functions = deployed().of("AWS::Lambda::Function")
    given = {name: set(each["Environment"]["Variables"]) for name, each in functions.items()}
    own = {"PROVISIONING_QUEUE_URL", "SEQUENCER_ALIAS_ARN", "SEQUENCER_DLQ_ARN"}
    files = {"FILES_BUCKET", "JOBS_QUEUE_URL"}
    for name, variables in given.items():
        assert read - own - files <= variables, name
    assert files <= given["WorkerFunction"]
    assert "FILES_BUCKET" in given["JobsFunction"]
    assert own <= given["ProvisionerFunction"]
    assert "PROVISIONING_QUEUE_URL" in given["WorkspacesFunction"]


@pytest.mark.parametrize("name", sorted(EVENT_FUNCTIONS - {"sequencer", "worker"}))
def test_a_tick_that_fails_is_not_lost_unseen(name: str) -> None:
    stack = deployed()
    dead = {"Destination": stack.arn("ScheduleDlq")}
    config = stack.of("AWS::Lambda::EventInvokeConfig")[f"{name.capitalize()}FunctionEventInvokeConfig"]
    assert config["DestinationConfig"] == {"OnFailure": dead}
    rule = stack.of("AWS::Events::Rule")[f"{name.capitalize()}FunctionEveryMinute"]
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert [each["DeadLetterConfig"] for each in rule["Targets"]] == [{"Arn": stack.arn("ScheduleDlq")}]


def test_only_the_alias_is_called() -> None:
    stack = deployed()
    aliases = {stack.arn(name) for name in stack.of("AWS::Lambda::Alias")}
    for kind in ("Permission", "EventSourceMapping"):
        for each in stack.of(f"AWS::Lambda::{kind}").values():
            assert each["FunctionName"] in aliases
