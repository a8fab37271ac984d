"""What wakes somebody: promises about alarms, the runbook and the dashboard."""

import json
import re

import pytest
from translated import ROOT, deployed

RUNBOOK = (ROOT / "docs/runbook.md").read_text()
ALARMS = tuple(sorted(each["AlarmName"] for each in deployed().of("AWS::CloudWatch::Alarm").values()))


def watched(metric: str) -> set[str]:
    """What alarms on a metric watch: the values of their dimensions."""
    alarms = deployed().of("AWS::CloudWatch::Alarm").values()
    return {each["Value"] for alarm in alarms if alarm["MetricName"] == metric for each in alarm["Dimensions"]}


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_has_a_line_in_the_runbook(name: str) -> None:
    short = name.removeprefix("ms-production-")
    assert re.search(rf"^\| `{re.escape(short)}` \| \S.{{20,}} \|$", RUNBOOK, re.MULTILINE)


def test_the_runbook_speaks_of_no_alarm_that_is_not_there() -> None:
    written = re.findall(r"^\| `([a-z-]+)` \|", RUNBOOK, re.MULTILINE)
    assert sorted(f"ms-production-{name}" for name in written) == list(ALARMS)


def test_every_alarm_tells_somebody_and_is_quiet_without_data() -> None:
    stack = deployed()
    for name, each in stack.of("AWS::CloudWatch::Alarm").items():
        assert each["AlarmActions"] == each["OKActions"] == [stack.arn("AlarmTopic")], name
        assert each["TreatMissingData"] == "notBreaching"
        assert each["AlarmDescription"]


def test_every_dead_letter_queue_has_an_alarm() -> None:
    queues = {each["QueueName"] for name, each in deployed().of("AWS::SQS::Queue").items() if name.endswith("Dlq")}
    assert queues == watched("ApproximateNumberOfMessagesVisible")


def test_every_queue_with_work_has_an_alarm_on_its_oldest_message() -> None:
    queues = {each["QueueName"] for name, each in deployed().of("AWS::SQS::Queue").items() if name.endswith("Queue")}
    assert queues == watched("ApproximateAgeOfOldestMessage")


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_has_an_alarm(metric: str) -> None:
    assert watched(metric) == {each["FunctionName"] for each in deployed().of("AWS::Lambda::Function").values()}


def test_lag_of_the_sequencer_and_of_the_archive_has_an_alarm() -> None:
    assert watched("IteratorAge") == {"ms-production-sequencer"}
    assert watched("DeliveryToS3.DataFreshness") == {"ms-production-archive"}


def test_the_topic_of_alarms_is_encrypted_under_a_key_that_alarms_may_use() -> None:
    stack = deployed()
    assert stack.of("AWS::SNS::Topic")["AlarmTopic"]["KmsMasterKeyId"] == "OperationsKey"
    policy = stack.of("AWS::KMS::Key")["OperationsKey"]["KeyPolicy"]["Statement"]
    (alarms,) = [each for each in policy if each["Principal"] == {"Service": "cloudwatch.amazonaws.com"}]
    assert set(alarms["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_the_dashboard_shows_what_the_stack_has() -> None:
    stack = deployed()
    body = json.loads(stack.of("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"])
    every = [metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]
    metrics = [metric for metric in every if isinstance(metric[0], str)]
    shown = {(metric[0], metric[1]) for metric in metrics}
    functions = {each["FunctionName"] for each in stack.of("AWS::Lambda::Function").values()}
    assert {metric[3] for metric in metrics if metric[1] == "Errors"} == functions
    assert {("AWS/ApiGateway", name) for name in ("Count", "Latency", "5XXError")} <= shown
    assert {("AWS/Lambda", "IteratorAge"), ("MiSentinel", "SequencingLag"), ("MiSentinel", "InboxSize")} <= shown
    queues = {metric[3] for metric in metrics if metric[0] == "AWS/SQS"}
    assert queues <= {each["QueueName"] for each in stack.of("AWS::SQS::Queue").values()}
    assert watched("ApproximateNumberOfMessagesVisible") <= queues


def test_the_dashboard_shows_what_is_paid_for() -> None:
    body = json.loads(deployed().of("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"])
    text = json.dumps(body)
    for metric in ("ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits", "Duration", "Published", "IncomingBytes"):
        assert metric in text
    names = [metric[0]["id"] for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])
             if isinstance(metric[0], dict)]  # fmt: skip
    assert len(names) == len(set(names)) == 6
