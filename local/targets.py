"""Firehose as a target of the event bus, which the embedded cloud does not know."""

from __future__ import annotations

import base64
import json
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, firehose, iam

_SERVICE = "events.amazonaws.com"
_FIRST_ERROR = 400


def _role_allows(role_arn: str, stream_arn: str) -> bool:
    """Whether the target's role trusts the event bus and may put records in the stream, as AWS demands."""
    name = role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get(name)
    if not role:
        return False
    trust = json.loads(role.get("AssumeRolePolicyDocument") or "{}")
    statements = trust.get("Statement", [])
    trusted = any(
        each.get("Effect") == "Allow" and iam_evaluator._service_principal_matches(each.get("Principal"), _SERVICE)
        for each in ([statements] if isinstance(statements, dict) else statements)
    )
    ctx = EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action="firehose:PutRecord",
        resource_arn=stream_arn,
        region=get_region(),
    )
    policies = iam_evaluator._gather_role_policies(name, get_account_id())
    return trusted and iam_evaluator.evaluate(ctx, policies).decision == "Allow"


def _at_path(event: Any, path: str) -> Any:
    """What a JSON path of plain names (`$.detail.record`) points at; the whole event when it points at nothing."""
    found = event
    for part in path.removeprefix("$").strip(".").split("."):
        if not part:
            continue
        if not isinstance(found, dict) or part not in found:
            return event
        found = found[part]
    return found


def firehose_from_event_bus() -> None:
    """Deliver a matched event to a Firehose target, honouring `InputPath` and the target's role."""
    invoke = eventbridge._invoke_target

    def invoke_or_put(target: dict[str, Any], event: Any, rule: Any, view: Any = None) -> None:
        arn = target.get("Arn", "")
        if not arn.startswith("arn:aws:firehose:"):
            invoke(target, event, rule, view)
            return
        if not _role_allows(target.get("RoleArn", ""), arn):
            eventbridge.logger.warning("EventBridge: the role of target %s may not put records in it", arn)
            return
        view = view or eventbridge._pattern_event_view(event)
        payload = _at_path(json.loads(json.dumps(view.event_with_detail())), target.get("InputPath") or "$")
        data = base64.b64encode(json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()).decode()
        status, _, answer = firehose._put_record(
            {"DeliveryStreamName": arn.rpartition("/")[2], "Record": {"Data": data}}
        )
        if status >= _FIRST_ERROR:
            eventbridge.logger.error("EventBridge: Firehose refused a record: %s", answer)

    eventbridge._invoke_target = invoke_or_put
