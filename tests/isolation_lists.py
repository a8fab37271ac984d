"""What is tried: across tenants with a role that the tenant has too, and with a role that nobody has it for."""

from isolation_attempts import (
    HEAD,
    ITEM,
    RECORD,
    Attempt,
    Call,
    batch_get,
    batch_write,
    control_plane,
    delete,
    get,
    partiql,
    put,
    query,
    query_log,
    query_marks,
    scan,
    stream,
    transact,
    transact_get,
    update,
)


def _all(role: str, may: str, calls: dict[str, Call]) -> list[Attempt]:
    return [Attempt(role, name, call, may or role) for name, call in calls.items()]


CONTEXT = {"pk": {"S": "contexts#nobody"}, "sk": {"S": "contexts"}}
NOWHERE = {"pk": {"S": "records#9999999999"}, "sk": {"S": "nowhere"}}

ACROSS = [
    *_all(
        "tenant",
        "",
        {
            "get a foreign item": get("data"),
            "get foreign items in a batch": batch_get("data"),
            "get own and foreign items in a batch": batch_get("data", with_own=True),
            "get a foreign item in a transaction": transact_get("data"),
            "get own and foreign items in a transaction": transact_get("data", with_own=True),
            "query a foreign table": query("data"),
            "query a foreign index": query("data", {"gsi1pk": ITEM["pk"]}, "by_list"),
            "put a foreign item in a transaction": transact("data", "Put"),
            "update a foreign item in a transaction": transact("data", "Update"),
            "delete a foreign item in a transaction": transact("data", "Delete"),
            "check a foreign item in a transaction": transact("data", "ConditionCheck"),
            "put a foreign item beside an own one": transact("data", "Put", with_own="data"),
            "update a foreign item beside an own one": transact("data", "Update", with_own="data"),
            "delete a foreign item beside an own one": transact("data", "Delete", with_own="data"),
            "check a foreign item beside an own one": transact("data", "ConditionCheck", with_own="data"),
            "update a foreign item with an own record": transact("data", "Update", with_own="inbox"),
            "put a foreign record": put("inbox"),
            "put a foreign record in a transaction": transact("inbox", "Put"),
            "put a foreign record beside an own item": transact("inbox", "Put", with_own="data"),
            "get a foreign record": get("log"),
            "get foreign records in a batch": batch_get("log"),
            "get own and foreign records in a batch": batch_get("log", with_own=True),
            "query a foreign log": query("log"),
            "query a foreign log's marks": query_marks(),
            "query a foreign log by actor": query_log("by_actor", "actor_month"),
            "query a foreign log by resource": query_log("by_resource", "resource_month"),
        },
    ),
    *_all(
        "sign-in",
        "",
        {
            "get a foreign login": get("secrets"),
            "query foreign logins": query("secrets"),
            "put a foreign login": put("secrets"),
            "update a foreign login": update("secrets"),
            "delete a foreign login": delete("secrets", {**ITEM, "sk": {"S": "nothing"}}),
            "check a foreign login in a transaction": transact("secrets", "ConditionCheck"),
            "put a foreign login beside an own one": transact("secrets", "Put", with_own="secrets"),
        },
    ),
    *_all(
        "log",
        "",
        {
            "scan a foreign inbox": scan("inbox"),
            "delete from a foreign inbox": delete("inbox"),
            "get from a foreign log": get("log"),
            "query a foreign log": query("log"),
            "put in a foreign log in a transaction": transact("log", "Put"),
            "put in a foreign log beside an own one": transact("log", "Put", with_own="log"),
            "move a foreign head": update("log", HEAD),
        },
    ),
]
"""Tried with the stranger's tag; the same call with the rightful tenant's tag succeeds."""

_SELECT = "SELECT * FROM {table} WHERE pk = 'attempt'"
_INSERT = "INSERT INTO {table} VALUE {{'pk': '{new}', 'sk': 'attempt'}}"
_UPDATE = "UPDATE {table} SET note = 'x' WHERE pk = 'attempt' AND sk = 'attempt'"
_DELETE = "DELETE FROM {table} WHERE pk = 'nothing' AND sk = 'nothing'"

NEVER = [
    *_all(
        "tenant",
        "root",
        {
            "put data outside a transaction": put("data"),
            "update data outside a transaction": update("data"),
            "delete data outside a transaction": delete("data", {**ITEM, "sk": {"S": "nothing"}}),
            "put data in a batch": batch_write("data", "PutRequest"),
            "delete data in a batch": batch_write("data", "DeleteRequest"),
            "scan data": scan("data"),
            "scan an index of data": scan("data", "by_list"),
            "select by PartiQL": partiql(_SELECT, "data"),
            "insert by PartiQL": partiql(_INSERT, "data"),
            "update by PartiQL": partiql(_UPDATE, "data"),
            "delete by PartiQL": partiql(_DELETE, "data"),
            "select by PartiQL in a batch": partiql(_SELECT + " AND sk = 'attempt'", "data", batch=True),
            "insert by PartiQL in a batch": partiql(_INSERT, "data", batch=True),
            "insert by PartiQL in a transaction": partiql(_INSERT, "data", transaction=True),
            "scan the inbox": scan("inbox"),
            "put an own record in a batch": batch_write("inbox", "PutRequest"),
            "put in the log": put("log"),
            "put in the log in a batch": batch_write("log", "PutRequest"),
            "put in the log in a transaction": transact("log", "Put"),
            "put in the log beside an own item": transact("log", "Put", with_own="data"),
            "change a record": update("log", RECORD),
            "change a record in a transaction": transact("log", "Update", RECORD),
            "scan the log": scan("log"),
            "select the log by PartiQL": partiql("SELECT * FROM {table} WHERE pk = 'head'", "log"),
            "update the log by PartiQL": partiql(
                "UPDATE {table} SET sealed = 0 WHERE pk = 'head' AND sk = 'head'", "log"
            ),
            "describe the table": control_plane("describe_table", "data"),
            "read the table's tags": control_plane("describe_continuous_backups", "data"),
            "change the table's expiry": control_plane(
                "update_time_to_live",
                "data",
                TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
            ),
        },
    ),
    *_all(
        "tenant",
        "sign-in",
        {
            "get a login": get("secrets"),
            "query logins": query("secrets"),
            "put a login": put("secrets"),
            "update a login": update("secrets"),
            "delete a login": delete("secrets", {**ITEM, "sk": {"S": "nothing"}}),
            "put a login beside an own item": transact("secrets", "Put"),
        },
    ),
    *_all(
        "tenant",
        "log",
        {
            "delete from the inbox": delete("inbox"),
            "delete from the inbox in a transaction": transact("inbox", "Delete"),
            "move the head": update("log", HEAD),
            "move the head in a transaction": transact("log", "Update", HEAD),
        },
    ),
    *_all(
        "sign-in",
        "tenant",
        {
            "get data": get("data"),
            "put data in a transaction": transact("data", "Put"),
            "read the log": get("log"),
            "put a record": put("inbox"),
        },
    ),
    *_all("sign-in", "root", {"scan logins": scan("secrets"), "select logins by PartiQL": partiql(_SELECT, "secrets")}),
    *_all("sign-in", "log", {"scan the inbox": scan("inbox"), "put in the log": transact("log", "Put")}),
    *_all(
        "log",
        "tenant",
        {"get data": get("data"), "query data": query("data"), "put data in a transaction": transact("data", "Put")},
    ),
    *_all("log", "sign-in", {"get a login": get("secrets")}),
    *_all(
        "log",
        "root",
        {
            "change a record": update("log", RECORD),
            "change a record in a transaction": transact("log", "Update", RECORD),
            "delete a record": delete("log", {**RECORD, "sk": {"S": "nothing"}}),
            "put a context in a batch": batch_write("log", "PutRequest"),
            "delete a context in a batch": batch_write("log", "DeleteRequest", CONTEXT),
            "delete a record in a batch": batch_write("log", "DeleteRequest", NOWHERE),
            "delete a record by PartiQL": partiql(_DELETE, "log"),
            "put a record in a batch": batch_write("log", "PutRequest", NOWHERE),
            "put a record outside a transaction": put("log"),
            "delete a record in a transaction": transact("log", "Delete", {**RECORD, "sk": {"S": "nothing"}}),
            "delete the head": delete("log", {**HEAD, "sk": {"S": "nothing"}}),
            "scan the log": scan("log"),
        },
    ),
    *[
        Attempt(role, f"{operation} of the inbox", stream(operation), "function:sequencer")
        for role in ("tenant", "sign-in", "log")
        for operation in ("DescribeStream", "GetShardIterator", "GetRecords")
    ],
]
"""Tried with the tenant's own tag on its own tables; the same call by the role that is there for it succeeds."""

OWN_ROLES = [
    (function, name, call)
    for function in (
        "audit", "docs", "jobs", "members", "people", "provisioner", "refusals", "sequencer", "sessions", "settings",
        "sweeper", "worker", "workspaces",
    )
    for name, call in {
        "get data": get("data"),
        "put data in a transaction": transact("data", "Put"),
        "get a login": get("secrets"),
        "put a record": put("inbox"),
        "read a log": get("log"),
    }.items()
]  # fmt: skip
"""Tried by each function with nothing but its own role."""
