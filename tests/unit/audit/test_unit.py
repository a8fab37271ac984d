"""The unit of work: no record, no answer."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import ocsf
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from house import House
from hypothesis import given
from hypothesis import strategies as st
from pynamodb.attributes import UnicodeAttribute
from urllib3 import HTTPResponse

from misentinel import clock
from misentinel.audit import Action, Actor, Happening, Unit, canonical, record, unit_of_work
from misentinel.audit.unit import MAX_WRITES, SAFETY_MS, TooManyWritesError, TwoActionsOnOneItemError
from misentinel.errors import Conflict, OutcomeUnknown, Unavailable
from misentinel.tenancy import CALL_MS, DataModel, acting_as, aws, bind


class Thing(DataModel):
    value = UnicodeAttribute(null=True)


@pytest.fixture
def tenant(home: House) -> Iterator[str]:
    made = home.tenant()
    with acting_as(made):
        assert bind(Thing, made).count() == 0
        yield made


def a_unit(tenant: str, action: str = "things.update", **more: Any) -> Unit:
    return Unit(
        Happening(tenant=tenant, action=Action(action), request_id=clock.uuid7(), actor=Actor(member="m")), **more
    )


def failing(operation: str, failures: list[Any]) -> None:
    """Make the next calls of an operation fail before they leave, or after they were done: the network's faults."""

    def fault(**_: Any) -> Any:
        if failures:
            failure = failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        return None

    aws("dynamodb").meta.events.register(f"before-send.dynamodb.{operation}", fault)


def test_a_change_and_its_record_are_one_transaction(home: House, tenant: str) -> None:
    unit = a_unit(tenant)
    unit.put(bind(Thing, tenant)("thing#1", "thing", value="a"))
    unit.touch("thing", "1", ["value"])
    with home.counted() as calls:
        unit.commit()
    assert calls == ["dynamodb:TransactWriteItems"]
    assert bind(Thing, tenant).get("thing#1", "thing").value == "a"
    (written,) = home.records(tenant)
    assert written["resources"] == [{"type": "thing", "uid": "1", "data": {"fields": ["value"]}}]
    ocsf.validate(written)


def test_texts_are_written_as_their_model_would_write_them(tenant: str) -> None:
    model, ways = bind(Thing, tenant), [a_unit(tenant), a_unit(tenant)]
    ways[0].put(model("a", "b", value="c"), condition=Thing.pk.does_not_exist())
    ways[0].put(model("a", "d"))
    ways[1].put_texts(model, {"pk": "a", "sk": "b", "value": "c"}, new=True)
    ways[1].put_texts(model, {"pk": "a", "sk": "d"})
    assert ways[0]._writes == ways[1]._writes
    with pytest.raises(TwoActionsOnOneItemError):
        ways[1].put_texts(model, {"pk": "a", "sk": "b"})


def test_a_pure_read_leaves_its_record_by_one_put(home: House, tenant: str) -> None:
    unit = a_unit(tenant, "things.read")
    with home.counted() as calls:
        unit.commit()
    assert calls == ["dynamodb:PutItem"]
    assert [each["api"]["operation"] for each in home.records(tenant)] == ["things.read"]


def told(status: int, code: str) -> AWSResponse:
    """An answer of DynamoDB's that refuses."""
    text = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}"}).encode()
    body = HTTPResponse(BytesIO(text), preload_content=False)
    return AWSResponse("-", status, HTTPHeaders(), body)


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (ReadTimeoutError(endpoint_url="-"), 1),
        (ConnectionClosedError(endpoint_url="-"), 1),
        (told(500, "InternalServerError"), 1),
        (told(503, "ServiceUnavailable"), 1),
        (ConnectTimeoutError(endpoint_url="-"), 2),
        (EndpointConnectionError(endpoint_url="-"), 2),
        (told(400, "ProvisionedThroughputExceededException"), 2),
    ],
    ids=lambda value: getattr(value, "status_code", type(value).__name__),
)
def test_a_lone_record_that_may_be_there_is_not_sent_again(home: House, tenant: str, fault: Any, sent: int) -> None:
    """The sequencer may have placed the first one meanwhile, and would give the second a place too."""
    tries: list[str] = []
    aws("dynamodb").meta.events.register("before-send.dynamodb.PutItem", lambda **_: tries.append("-"))
    failing("PutItem", [fault])
    if sent == 1:
        with pytest.raises(Unavailable):
            a_unit(tenant, "things.read").commit()
    else:
        a_unit(tenant, "things.read").commit()
        assert len(home.records(tenant)) == 1
    assert len(tries) == sent


def test_a_failed_condition_changes_nothing_and_raises_what_the_write_named(home: House, tenant: str) -> None:
    bind(Thing, tenant)("thing#1", "thing", value="old").save()
    unit = a_unit(tenant)
    unit.put(bind(Thing, tenant)("thing#2", "thing"))
    unit.put(
        bind(Thing, tenant)("thing#1", "thing", value="new"),
        condition=Thing.pk.does_not_exist(),
        otherwise=Conflict("it is there"),
    )
    with pytest.raises(Conflict, match="it is there"):
        unit.commit()
    assert home.records(tenant) == []
    assert bind(Thing, tenant).count() == 1
    unit.refuse("conflict")
    (written,) = home.records(tenant)
    assert (written["status_id"], written["status_code"]) == (2, "conflict")
    ocsf.validate(written)


def test_an_inbox_that_refuses_the_record_refuses_the_change(home: House, tenant: str) -> None:
    home.aws("dynamodb").delete_table(TableName=f"ms-local-{tenant}-inbox")
    unit = a_unit(tenant)
    unit.put(bind(Thing, tenant)("thing#1", "thing"))
    with pytest.raises(Unavailable):
        unit.commit()
    assert bind(Thing, tenant).count() == 0
    with pytest.raises(Unavailable):
        a_unit(tenant, "things.read").commit()


def test_a_commit_whose_answer_was_lost_is_sent_again_with_the_same_token(home: House, tenant: str) -> None:
    tokens: list[str] = []
    aws("dynamodb").meta.events.register(
        "before-call.dynamodb.TransactWriteItems",
        lambda params, **_: tokens.append(json.loads(params["body"])["ClientRequestToken"]),
    )
    failing("TransactWriteItems", [ReadTimeoutError(endpoint_url="-") for _ in range(4)])
    unit = a_unit(tenant)
    unit.put(bind(Thing, tenant)("thing#1", "thing"))
    unit.commit()
    assert len(tokens) > 1
    assert len(set(tokens)) == 1
    assert len(home.records(tenant)) == 1


def test_a_commit_that_never_answers_is_told_as_unknown(home: House, tenant: str) -> None:
    failing("TransactWriteItems", [ReadTimeoutError(endpoint_url="-") for _ in range(100)])
    unit = a_unit(tenant)
    unit.put(bind(Thing, tenant)("thing#1", "thing"))
    with pytest.raises(OutcomeUnknown):
        unit.commit()
    unit.refuse(OutcomeUnknown.code)
    assert [each["status_code"] for each in home.records(tenant)] == ["outcome-unknown"]


def test_no_commit_begins_that_could_outlast_the_function(tenant: str) -> None:
    tokens: list[str] = []
    aws("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", lambda **_: tokens.append("-"))
    failing("TransactWriteItems", [ReadTimeoutError(endpoint_url="-") for _ in range(100)])
    unit = a_unit(tenant, deadline_ms=clock.epoch_ms() + CALL_MS + SAFETY_MS - 1)
    unit.put(bind(Thing, tenant)("thing#1", "thing"))
    with pytest.raises(OutcomeUnknown):
        unit.commit()
    assert len(tokens) == 1


def test_an_action_whose_record_cannot_be_made_leaves_its_failure(home: House, tenant: str) -> None:
    with (
        pytest.raises(ValueError, match="bytes"),
        unit_of_work(tenant, "things.update", actor=Actor(app="tests")) as unit,
    ):
        unit.happening.status_code = "x" * 70_000
    assert [each["status_code"] for each in home.records(tenant)] == ["internal"]


def test_two_actions_on_one_item_raise_at_once(tenant: str) -> None:
    unit = a_unit(tenant)
    item = bind(Thing, tenant)("thing#1", "thing")
    unit.put(item)
    with pytest.raises(TwoActionsOnOneItemError):
        unit.delete(item)


def test_more_than_forty_writes_are_a_job(tenant: str) -> None:
    unit = a_unit(tenant)
    for number in range(MAX_WRITES):
        unit.put(bind(Thing, tenant)(f"thing#{number}", "thing"))
    with pytest.raises(TooManyWritesError):
        unit.put(bind(Thing, tenant)("thing#more", "thing"))


def test_out_of_time_is_recorded_before_the_function_is_stopped(home: House, tenant: str) -> None:
    unit = a_unit(tenant, deadline_ms=clock.epoch_ms() + 2_050)
    with unit.watched():
        deadline = clock.epoch_ms() + 5_000
        while not home.records(tenant) and clock.epoch_ms() < deadline:
            pass
    (written,) = home.records(tenant)
    assert written["status_code"] == "out-of-time"
    unit.put(bind(Thing, tenant)("thing#1", "thing"))
    with pytest.raises(Unavailable):
        unit.commit()
    assert bind(Thing, tenant).count() == 0


def test_an_event_function_records_what_it_did_and_what_failed(home: House, tenant: str) -> None:
    with unit_of_work(tenant, "things.sweep", actor=Actor(app="sweeper"), count=3):
        pass
    with pytest.raises(ZeroDivisionError), unit_of_work(tenant, "things.sweep", actor=Actor(app="sweeper")):
        _ = 1 / 0
    done, failed = home.records(tenant)
    assert (done["count"], done["actor"]) == (3, {"app_name": "sweeper"})
    assert (failed["status_id"], failed["status_code"]) == (2, "internal")
    ocsf.validate(done)
    ocsf.validate(failed)


names = st.text(alphabet="abcdefgh", min_size=1, max_size=8)


@given(
    action=st.sampled_from(
        [
            "people.create",
            "people.read",
            "people.merge",
            "sessions.begin",
            "sessions.create",
            "audit.search",
            "audit.read",
        ]
    ),
    resources=st.lists(st.tuples(names, names, st.lists(names)), max_size=5),
    member=st.one_of(st.just(""), names),
    session=st.one_of(st.just(""), names),
    address=st.one_of(st.just(""), names),
    count=st.integers(min_value=0, max_value=10**6),
)
def test_every_record_is_valid_ocsf_and_its_canonical_form_is_stable(
    *,
    action: str,
    resources: list[tuple[str, str, list[str]]],
    member: str,
    session: str,
    address: str,
    count: int,
) -> None:
    happening = Happening(
        tenant="a" * 16,
        action=Action(action),
        request_id="r",
        actor=Actor(member=member, session=session, is_mfa=True),
        address_hash=address,
        count=count,
    )
    for kind, uid, fields in resources:
        happening.touch(kind, uid, fields)
    made = record(happening, clock.uuid7())
    ocsf.validate(made)
    text = canonical(made)
    assert canonical(json.loads(text)) == text


def test_a_float_has_no_place_in_a_record() -> None:
    with pytest.raises(ValueError, match="float"):
        canonical({"a": [1.5]})


def test_a_record_of_more_than_64_kib_is_refused() -> None:
    with pytest.raises(ValueError, match="65536"):
        canonical({"a": "x" * 65536})


def test_a_change_whose_condition_fails_is_made_as_was_said_instead(home: House, tenant: str) -> None:
    things = bind(Thing, tenant)
    things("thing#1", "thing", value="b").save()
    for value, expected in (("a", "b"), ("c", "c")):
        unit = a_unit(tenant)
        unit.update(
            things("thing#1", "thing"),
            [Thing.value.set(value)],
            condition=Thing.value < value,
            otherwise=Conflict("it is gone"),
            instead=([Thing.value.set(Thing.value)], Thing.pk.exists()),
        )
        unit.commit()
        assert things.get("thing#1", "thing").value == expected
    unit = a_unit(tenant)
    unit.update(
        things("thing#2", "thing"),
        [Thing.value.set("a")],
        condition=Thing.value < "a",
        otherwise=Conflict("it is gone"),
        instead=([Thing.value.set("a")], Thing.pk.exists()),
    )
    with pytest.raises(Conflict, match="it is gone"):
        unit.commit()
    assert things.count() == 1
    assert len(home.records(tenant)) == 2
