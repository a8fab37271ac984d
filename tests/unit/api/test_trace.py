"""W3C traces: a client's own goes on, what is forged or malformed does not."""

import json
import re

import ocsf
import pytest
from doors import door
from house import House, Reply
from hypothesis import given
from hypothesis import strategies as st

from misentinel.api.trace import Trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")
MALFORMED = [
    "",
    "x",
    f"00-{TRACE}-{SPAN}",
    f"00-{TRACE}-{SPAN}-",
    f"00-{TRACE}-{SPAN}-0",
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"ff-{TRACE}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-01-more",
    f"00-{TRACE}-{SPAN}-01\r\nSet-Cookie: a=b",
    f"00-{TRACE}-{SPAN}-01\n",
    f" 00-{TRACE}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01",
    f"00-{TRACE[:-1]}g-{SPAN}-01",
    f"00_{TRACE}_{SPAN}_01",
    "00-ada@example.com-" + SPAN + "-01",
    f"01-{TRACE}-{SPAN}-01-" + "x" * 1000,
]


def ask(home: House, token: str, traceparent: str | None) -> Reply:
    headers = {} if traceparent is None else {"traceparent": traceparent}
    return home.ask(door("people"), "GET", "/v1/people", token=token, headers=headers)


def test_a_clients_trace_goes_on_with_a_span_of_our_own(home: House) -> None:
    tenant = home.tenant()
    token = home.signed_in(tenant)
    told = ask(home, token, f"00-{TRACE}-{SPAN}-01").headers["traceparent"]
    again = ask(home, token, f"00-{TRACE}-{SPAN}-00").headers["traceparent"]
    assert FORM.fullmatch(told)
    assert told.split("-")[1] == TRACE
    assert told.split("-")[3] == "01"
    assert again.split("-")[3] == "00"
    assert len({SPAN, told.split("-")[2], again.split("-")[2]}) == 3
    for record in home.records(tenant):
        ocsf.validate(record)
        assert record["metadata"]["correlation_uid"] == TRACE


@pytest.mark.parametrize("traceparent", [None, *MALFORMED])
def test_what_is_no_trace_is_not_passed_on_and_not_recorded(home: House, traceparent: str | None) -> None:
    tenant = home.tenant()
    told = ask(home, home.signed_in(tenant), traceparent).headers["traceparent"]
    assert FORM.fullmatch(told)
    assert TRACE not in told
    (record,) = home.records(tenant)
    assert "correlation_uid" not in record["metadata"]


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    for header in (f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-03-what-the-future-brings"):
        trace = Trace.of(header)
        assert (trace.trace, trace.sampled, trace.given) == (TRACE, True, True)
        assert trace.header.startswith(f"00-{TRACE}-")


def test_the_one_line_of_a_request_has_its_trace_and_its_metrics(
    home: House, capsys: pytest.CaptureFixture[str]
) -> None:
    token = home.signed_in(home.tenant())
    capsys.readouterr()
    reply = ask(home, token, f"00-{TRACE}-{SPAN}-01")
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert (line["message"], line["trace_id"]) == ("request", TRACE)
    assert line["request_id"] == reply.headers["X-Request-Id"]
    assert [each["Name"] for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["Latency"]
    assert len(line["Latency"]) == 1


@given(st.one_of(st.text(max_size=80), st.from_regex(FORM, fullmatch=True)))
def test_whatever_comes_a_well_formed_trace_goes_out(text: str) -> None:
    trace = Trace.of(text)
    assert FORM.fullmatch(trace.header)
    assert trace.given == (FORM.fullmatch(text) is not None) or text[:2] not in {"00", "ff"}
