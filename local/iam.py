"""IAM of the embedded cloud: policy variables, and the condition keys of DynamoDB and KMS that it does not fill in."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import dynamodb, dynamodb_streams

if TYPE_CHECKING:
    from ministack.core.iam_evaluator import EvalContext, ParsedStatement

_VARIABLE = re.compile(r"\$\{([^},]+)\}")
_NEGATED = re.compile(r"(^|:)(String|Numeric|Date|Arn)?Not", re.IGNORECASE)
_LITERALS = frozenset("*?$")


def _value_of(match: re.Match[str], ctx: EvalContext) -> str:
    if match[1] in _LITERALS:
        return match[0]
    value = iam_evaluator._resolve_condition_key(match[1], ctx)
    # AWS takes a wildcard in a variable's value literally; the matcher here would not.
    if not isinstance(value, str) or _LITERALS & set(value):
        raise LookupError(match[1])
    return value


def _expanded(values: Any, ctx: EvalContext) -> tuple[list[str], bool]:
    """The values whose variables all have one value in this request, and whether any was left out."""
    texts = [str(each) for each in (values if isinstance(values, list) else [values])]
    kept = []
    for text in texts:
        try:
            kept.append(_VARIABLE.sub(lambda match: _value_of(match, ctx), text))
        except LookupError:
            continue
    return kept, len(kept) < len(texts)


def _conditions(conditions: dict[str, Any], ctx: EvalContext, effect: str) -> dict[str, Any] | None:
    """The conditions with their variables expanded; None when they cannot hold."""
    expanded: dict[str, Any] = {}
    for operator, block in (conditions or {}).items():
        if not isinstance(block, dict):
            continue
        expanded[operator] = {}
        for key, values in block.items():
            expanded[operator][key], lost = _expanded(values, ctx)
            # "Not equal to nothing" holds for everything: enough to deny by, never to allow by.
            if lost and effect == "Allow" and _NEGATED.search(operator):
                return None
    return expanded


def _statement(statement: ParsedStatement, ctx: EvalContext) -> ParsedStatement | None:
    """The statement with its variables expanded; None when it matches nothing."""
    resources, _ = _expanded(statement.resources, ctx)
    not_resources, lost = _expanded(statement.not_resources, ctx)
    conditions = _conditions(statement.conditions, ctx, statement.effect)
    if conditions is None or (statement.resources and not resources) or (lost and statement.effect == "Allow"):
        return None
    return replace(statement, resources=resources, not_resources=not_resources, conditions=conditions)


def policy_variables() -> None:
    """Expand variables such as `${aws:PrincipalTag/tenant}` in resources and condition values.

    A variable without a value makes its element match nothing (IAM User Guide, "Policy elements: variables and
    tags"). Only documents of version 2012-10-17 have variables; in an older one the text stands for itself.
    """
    first_match = iam_evaluator._first_match
    trust = iam_evaluator.evaluate_trust_policy
    parse = iam_evaluator.parse_policy_document

    def first_match_expanded(
        ctx: EvalContext, statements: list[ParsedStatement], effect: str
    ) -> ParsedStatement | None:
        expanded = (_statement(each, ctx) for each in statements if each.effect == effect)
        found: ParsedStatement | None = first_match(ctx, [each for each in expanded if each], effect)
        return found

    def trust_expanded(document: Any, caller_arn: str, ctx: EvalContext | None = None) -> bool:
        content = json.loads(document) if isinstance(document, str) else document
        if ctx is None or not isinstance(content, dict):
            return bool(trust(document, caller_arn, ctx))
        statements = content.get("Statement", [])
        kept = []
        for each in [statements] if isinstance(statements, dict) else statements:
            conditions = _conditions(each.get("Condition", {}), ctx, each.get("Effect", ""))
            if conditions is not None:
                kept.append({**each, "Condition": conditions})
        return bool(trust({**content, "Statement": kept}, caller_arn, ctx))

    def parse_by_version(document: Any) -> list[ParsedStatement]:
        statements: list[ParsedStatement] = parse(document)
        # A resource's own policy comes here as a part of its document, without the version.
        if isinstance(document, str) and '"2012-10-17"' not in document:
            return [each for each in statements if each.effect == "Deny" or "${" not in str(each)]
        return statements

    iam_evaluator._first_match = first_match_expanded
    iam_evaluator.evaluate_trust_policy = trust_expanded
    iam_evaluator.parse_policy_document = parse_by_version


class ItemArn(str):
    """A table's ARN as one item of a transaction names it, with that item's partition key."""

    __slots__ = ("leading_keys",)

    leading_keys: list[str]


def _partition_key(table: object, attributes: object) -> list[str]:
    """The partition key's value in a `Key` or an `Item`; an empty text, which equals nothing, when it is missing."""
    record = dynamodb._tables.get(str(table)) or {}
    value = attributes.get(record.get("pk_name", "")) if isinstance(attributes, dict) else None
    return [str(next(iter(value.values())))] if isinstance(value, dict) and value else [""]


def _leading_keys(operation: str, body: dict[str, Any]) -> list[str] | None:
    """`dynamodb:LeadingKeys` of one request, as the service authorization reference has it; None for a Scan."""
    match operation:
        case "GetItem" | "UpdateItem" | "DeleteItem":
            return _partition_key(body.get("TableName"), body.get("Key"))
        case "PutItem":
            return _partition_key(body.get("TableName"), body.get("Item"))
        case "BatchGetItem":
            requests = body.get("RequestItems") or {}
            return [key for name, each in requests.items() for item in each.get("Keys", [])
                    for key in _partition_key(name, item)]  # fmt: skip
        case "BatchWriteItem":
            requests = body.get("RequestItems") or {}
            return [key for name, each in requests.items() for write in each for member in write.values()
                    for key in _partition_key(name, member.get("Item") or member.get("Key"))]  # fmt: skip
        case "Query" | "PartiQLSelect" | "PartiQLInsert" | "PartiQLUpdate" | "PartiQLDelete":
            return [""]
        case _:
            return None


def _json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _transaction_arns(body: bytes, checks: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The checks of a transaction, each ARN carrying its own item's partition key."""
    members = [detail for item in _json(body).get("TransactItems", []) if isinstance(item, dict)
               for detail in item.values() if isinstance(detail, dict) and detail.get("TableName")]  # fmt: skip
    if len(members) != len(checks):
        return checks
    carried: list[tuple[str, str]] = []
    for (action, arn), detail in zip(checks, members, strict=True):
        item_arn = ItemArn(arn)
        item_arn.leading_keys = _partition_key(detail["TableName"], detail.get("Key") or detail.get("Item"))
        carried.append((action, item_arn))
    return carried


def condition_keys() -> None:
    """Fill in `dynamodb:LeadingKeys`, `kms:EncryptionContext:<key>`, `kms:EncryptionContextKeys`, `lambda:FunctionArn`."""
    enforce = iam_evaluator.enforce
    dynamodb_context = iam_actions.dynamodb_service_context
    checks_of = iam_actions.dynamodb_transaction_checks
    tag_context = iam_actions.request_tag_context

    def checks_with_keys(action: str, body: bytes, region: str, account: str) -> list[tuple[str, str]]:
        return _transaction_arns(body, checks_of(action, body, region, account))

    def dynamodb_with_body(body: bytes) -> dict[str, Any]:
        return {**dynamodb_context(body), "misentinel:body": body}

    def tags_and_kms(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = tag_context(service, action, body, params)
        if service == "kms" and (pairs := _json(body).get("EncryptionContext")):
            context |= {f"kms:EncryptionContext:{key}": value for key, value in pairs.items()}
            context["kms:EncryptionContextKeys"] = list(pairs)
        if action == "lambda:CreateEventSourceMapping" and (function := _json(body).get("FunctionName")):
            context["lambda:FunctionArn"] = function
        return context

    def enforce_with_keys(access_key: str, action: str, service: str, region: str, **rest: Any) -> Any:
        context = dict(rest.pop("service_context", None) or {})
        body = context.pop("misentinel:body", None)
        arn = rest.get("resource_arn", "*")
        keys = None
        if isinstance(arn, ItemArn):
            keys = arn.leading_keys
        elif body is not None:
            keys = _leading_keys(action.partition(":")[2], _json(body))
        if keys is not None:
            context["dynamodb:LeadingKeys"] = keys
        return enforce(access_key, action, service, region, service_context=context, **rest)

    iam_actions.dynamodb_transaction_checks = checks_with_keys
    iam_actions.dynamodb_service_context = dynamodb_with_body
    iam_actions.request_tag_context = tags_and_kms
    iam_evaluator.enforce = enforce_with_keys


def stream_arns() -> None:
    """Ask IAM about the stream that a DynamoDB Streams request names, itself or by its iterator; not about any."""
    arn_of = iam_actions.extract_resource_arn

    def arn_or_stream(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
        if service == "dynamodbstreams":
            request = _json(body)
            iterator = dynamodb_streams._decode_iterator(str(request.get("ShardIterator", ""))) or {}
            if named := request.get("StreamArn") or iterator.get("arn"):
                return str(named)
        arn: str = arn_of(service, method, path, headers, body, *rest)
        return arn

    iam_actions.extract_resource_arn = arn_or_stream
