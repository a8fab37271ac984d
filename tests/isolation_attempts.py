"""Ways to reach a table, one by one: each is tried by somebody who may not, then by somebody who may."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from deployed import SUFFIXES, Identity, items, root, table

from local.stack import Stack
from misentinel import clock
from misentinel.audit import Action, Happening, canonical, record
from misentinel.audit.packing import packed

ITEM = {"pk": {"S": "attempt"}, "sk": {"S": "attempt"}}
"""What lies in each tenant's ``-data`` and ``-secrets`` for attempts to reach for."""

RECORD = {"pk": {"S": "records#0000000000"}, "sk": {"S": "000000000000"}}
"""The first record of a log."""

HEAD = {"pk": {"S": "head"}, "sk": {"S": "head"}}
UNTOUCHED = {"S": "untouched"}
DENIED = {"AccessDenied", "AccessDeniedException"}

Call = Callable[[Identity, str, str], Any]
"""Who calls, the caller's own tenant, and the tenant whose tables it is about."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call with one role's credentials; ``may`` is the role for which the same call succeeds."""

    role: str
    name: str
    call: Call
    may: str

    def __str__(self) -> str:
        return f"{self.role}: {self.name}"


def seed(stack: Stack, *tenants: str) -> None:
    """Lay out what attempts reach for."""
    for tenant in tenants:
        for suffix in ("data", "secrets"):
            keys = {"gsi1pk": ITEM["pk"], "gsi1sk": ITEM["sk"]} if suffix == "data" else {}
            root(stack).aws("dynamodb").put_item(
                TableName=table(tenant, suffix), Item={**ITEM, **keys, "value": UNTOUCHED}
            )


def snapshot(stack: Stack, tenant: str) -> dict[str, Any]:
    """All that a tenant's tables hold."""
    found = {}
    for suffix in SUFFIXES:
        found[suffix] = sorted((sorted(item.items()) for item in items(stack, table(tenant, suffix))), key=repr)
    return found


def is_denied(call: Callable[[], Any]) -> bool:
    """Whether IAM refuses a call; any other error is raised, and no answer may come with it."""
    try:
        answer = call()
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return True
        if error.response["Error"]["Code"] == "TransactionCanceledException":
            reasons = error.response.get("CancellationReasons", [])
            return any(reason.get("Code") in DENIED for reason in reasons)
        raise
    statements = answer.get("Responses", []) if isinstance(answer, dict) else []
    return (
        bool(statements)
        and isinstance(statements, list)
        and all(each.get("Error", {}).get("Code") in DENIED for each in statements)
    )


def _found(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer that shows something: a control that finds nothing proves nothing."""
    responses = answer.get("Responses")
    shown = answer.get("Item") or answer.get("Items") or answer.get("Attributes")
    if isinstance(responses, dict):
        shown = all(responses.values())
    elif responses:
        shown = all(each.get("Item") for each in responses)
    assert shown, f"nothing was found: {answer}"
    return answer


def _key(suffix: str) -> dict[str, Any]:
    return {"data": ITEM, "secrets": ITEM, "log": RECORD, "inbox": {"uid": {"S": clock.uuid7()}}}[suffix]


def get(suffix: str) -> Call:
    return lambda who, _own, aim: _found(
        who.aws("dynamodb").get_item(TableName=table(aim, suffix), Key=_key(suffix), ConsistentRead=True)
    )


def batch_get(suffix: str, *, with_own: bool = False) -> Call:
    def call(who: Identity, own: str, aim: str) -> Any:
        names = {table(aim, suffix)} | ({table(own, suffix)} if with_own else set())
        wanted = {name: {"Keys": [_key(suffix)]} for name in names}
        return _found(who.aws("dynamodb").batch_get_item(RequestItems=wanted))

    return call


def transact_get(suffix: str, *, with_own: bool = False) -> Call:
    def call(who: Identity, own: str, aim: str) -> Any:
        names = [table(own, suffix)] if with_own and own != aim else []
        wanted = [{"Get": {"TableName": name, "Key": _key(suffix)}} for name in (*names, table(aim, suffix))]
        return _found(who.aws("dynamodb").transact_get_items(TransactItems=wanted))

    return call


def query(suffix: str, partition: dict[str, Any] | None = None, index: str = "") -> Call:
    """A query of a table by the partition of what lies there, or of an index by any partition of it."""

    def call(who: Identity, _own: str, aim: str) -> Any:
        name, value = next(iter((partition or {"pk": _key(suffix)["pk"]}).items()))
        return _found(
            who.aws("dynamodb").query(
                TableName=table(aim, suffix),
                **({"IndexName": index} if index else {}),
                KeyConditionExpression="#pk = :pk",
                ExpressionAttributeNames={"#pk": name},
                ExpressionAttributeValues={":pk": value},
            )
        )

    return call


def query_log(index: str, attribute: str) -> Call:
    """A query of one of the log's indexes, by the partition that the log's first record is in."""

    def call(who: Identity, own: str, aim: str) -> Any:
        found = root(who.stack).aws("dynamodb").get_item(TableName=table(aim, "log"), Key=RECORD)["Item"]
        return query("log", {attribute: found[attribute]}, index)(who, own, aim)

    return call


def query_marks() -> Call:
    """A query of a log's marks by the day of a record that lies there."""

    def call(who: Identity, own: str, aim: str) -> Any:
        found = root(who.stack).aws("dynamodb").get_item(TableName=table(aim, "log"), Key=RECORD)["Item"]
        return query("log", {"pk": {"S": f"marks#{found['time_key']['S'][:10]}"}})(who, own, aim)

    return call


def scan(suffix: str, index: str = "") -> Call:
    return lambda who, _own, aim: who.aws("dynamodb").scan(
        TableName=table(aim, suffix), **({"IndexName": index} if index else {})
    )


def put(suffix: str) -> Call:
    return lambda who, _own, aim: who.aws("dynamodb").put_item(TableName=table(aim, suffix), Item=_item(suffix, aim))


def _item(suffix: str, tenant: str) -> dict[str, Any]:
    """An item that harms nobody's log where it succeeds."""
    if suffix == "inbox":
        uid = clock.uuid7()
        event = record(Happening(tenant, Action("attempts.create"), clock.uuid7()), uid)
        return {"uid": {"S": uid}, "record": {"B": packed(canonical(event))}}
    if suffix == "log":
        return {"pk": {"S": f"contexts#{clock.uuid7()}"}, "sk": {"S": "contexts"}, "contexts": {"B": packed("[]")}}
    return {**ITEM, "pk": {"S": f"attempt#{secrets.token_hex(4)}"}, "value": UNTOUCHED}


def update(suffix: str, key: dict[str, Any] | None = None) -> Call:
    """Set an attribute to what it is already, so that the control changes nothing."""
    name = "sealed" if key == HEAD else "value"
    value = {"N": "0"} if key == HEAD else UNTOUCHED

    return lambda who, _own, aim: who.aws("dynamodb").update_item(
        TableName=table(aim, suffix),
        Key=key or _key(suffix),
        UpdateExpression="SET #name = if_not_exists(#name, :value)",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": value},
    )


def delete(suffix: str, key: dict[str, Any] | None = None) -> Call:
    return lambda who, _own, aim: who.aws("dynamodb").delete_item(TableName=table(aim, suffix), Key=key or _key(suffix))


def batch_write(suffix: str, kind: str, key: dict[str, Any] | None = None) -> Call:
    def call(who: Identity, _own: str, aim: str) -> Any:
        request = {"Key": key or _key(suffix)} if kind == "DeleteRequest" else {"Item": key or _item(suffix, aim)}
        return who.aws("dynamodb").batch_write_item(RequestItems={table(aim, suffix): [{kind: request}]})

    return call


def transact(suffix: str, kind: str, key: dict[str, Any] | None = None, *, with_own: str = "") -> Call:
    """A transaction with one action on the aimed table; ``with_own`` puts an item of the caller's own before it."""

    def call(who: Identity, own: str, aim: str) -> Any:
        name, reached = table(aim, suffix), key or _key(suffix)
        action: dict[str, Any] = {
            "Put": {"TableName": name, "Item": _item(suffix, aim)},
            "Delete": {"TableName": name, "Key": reached},
            "ConditionCheck": {"TableName": name, "Key": reached, "ConditionExpression": "attribute_exists(pk)"},
            "Update": {
                "TableName": name,
                "Key": reached,
                "UpdateExpression": "SET #name = if_not_exists(#name, :value)",
                "ExpressionAttributeNames": {"#name": "value"},
                "ExpressionAttributeValues": {":value": UNTOUCHED},
            },
        }
        actions = [{kind: action[kind]}]
        if with_own:
            actions.insert(0, {"Put": {"TableName": table(own, with_own), "Item": _item(with_own, own)}})
        return who.aws("dynamodb").transact_write_items(TransactItems=actions)

    return call


def partiql(statement: str, suffix: str, *, batch: bool = False, transaction: bool = False) -> Call:
    """A PartiQL statement; ``{table}`` stands for the aimed table, ``{new}`` for a new key."""

    def call(who: Identity, _own: str, aim: str) -> Any:
        text = statement.format(table=f'"{table(aim, suffix)}"', new=f"attempt#{secrets.token_hex(4)}")
        dynamodb = who.aws("dynamodb")
        if transaction:
            return dynamodb.execute_transaction(TransactStatements=[{"Statement": text}])
        if batch:
            return dynamodb.batch_execute_statement(Statements=[{"Statement": text}])
        return dynamodb.execute_statement(Statement=text)

    return call


def stream(operation: str) -> Call:
    """An operation on the stream of the aimed inbox."""

    def call(who: Identity, _own: str, aim: str) -> Any:
        everything, streams = root(who.stack), who.aws("dynamodbstreams")
        arn = everything.aws("dynamodb").describe_table(TableName=table(aim, "inbox"))["Table"]["LatestStreamArn"]
        if operation == "DescribeStream":
            return streams.describe_stream(StreamArn=arn)
        shards = everything.aws("dynamodbstreams").describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        place = {"StreamArn": arn, "ShardId": shards[0]["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        if operation == "GetShardIterator":
            return streams.get_shard_iterator(**place)
        iterator = everything.aws("dynamodbstreams").get_shard_iterator(**place)["ShardIterator"]
        return streams.get_records(ShardIterator=iterator)

    return call


def control_plane(operation: str, suffix: str, **arguments: Any) -> Call:
    """An operation on the aimed table itself."""
    return lambda who, _own, aim: getattr(who.aws("dynamodb"), operation)(TableName=table(aim, suffix), **arguments)
