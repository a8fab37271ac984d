"""`make bench`: ratios of what this code takes to what it cannot do without, measured in one run on one machine."""

import os
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "layers/misentinel"), str(ROOT / "tests")]

from doors import API_FUNCTIONS  # noqa: E402 - the path comes first
from imports import HANDLER, cheapest, floor  # noqa: E402

from benchmarks import clients, cost, log, neighbour, requests, search, transfers  # noqa: E402
from local.stack import Stack, temporary_stack  # noqa: E402

QUICK = os.environ.get("BENCH_QUICK") == "1"
ROUNDS = 30 if QUICK else 200
RECORDS = 490 if QUICK else 1960
ROWS = 500 if QUICK else 1_000
SIZES = (1_000, 10_000) if QUICK else (1_000, 10_000, 100_000)


def heading(text: str) -> None:
    """Begin a part of the report."""
    print(f"\n## {text}\n", flush=True)


def imports() -> None:
    """What a cold start imports."""
    heading("Cold start: processor time to import a function and make a DynamoDB client (least of 15, in turns)")
    programs = {
        "floor without validation": ("", floor(validation=False)),
        "floor": ("", floor(validation=True)),
        **{name: (name, HANDLER) for name in API_FUNCTIONS},
    }
    with tempfile.TemporaryDirectory() as cache:
        taken = cheapest(programs, 2 if QUICK else 15, Path(cache))
    print("| what | ms | of the floor |\n|---|---:|---:|")
    for name, seconds in taken.items():
        print(f"| {name} | {seconds * 1000:.0f} | {seconds / taken['floor']:.2f} |")


def layers() -> None:
    """What is unpacked beside a function."""
    heading("Layers, unzipped")
    for layer in ("DependenciesLayer", "MisentinelLayer"):
        files = [each for each in (ROOT / ".aws-sam/build" / layer).rglob("*") if each.is_file()]
        print(f"- {layer}: {sum(each.stat().st_size for each in files) / 1e6:.1f} MB in {len(files)} files")


def many_clients(stack: Stack) -> None:
    """Many who ask at once, and one who asks too much."""
    asked = 160 if QUICK else 800
    heading(f"Clients at once: {asked} requests, one in {clients.CHANGES} a change (milliseconds)")
    print("| clients | read p50 | read p95 | change p50 | change p95 | requests a second |")
    print("|---:|---:|---:|---:|---:|---:|")
    for crowd in clients.crowds(stack.new_workspace(), (1, 8, 32), asked):
        print(crowd.row())

    most = neighbour.LIMIT * neighbour.TIMES
    heading(f"A noisy neighbour: {most} requests a minute where {neighbour.LIMIT} are allowed")
    noise = neighbour.measured(stack, 2 if QUICK else 8, 60 if QUICK else 150)
    rate = 60 * noise.answers.total() / noise.seconds
    print(f"- it asked {rate:.0f} times a minute, and was answered {dict(noise.answers)}")
    print(f"- p95 of another workspace's reads: quiet {1000 * noise.p95(noise.quiet):.0f} ms, ", end="")
    print(f"meanwhile {1000 * noise.p95(noise.noisy):.0f} ms")
    print(f"- ratio, median of {len(noise.ratios)} pairs of phases: **{statistics.median(noise.ratios):.2f}**")
    cost_of = neighbour.refusal(stack, ROUNDS)
    refused, read = 1000 * cost_of["refusal"], 1000 * cost_of["read"]
    print(
        f"- the handler refuses in {refused:.2f} ms with {cost_of['calls']:.0f} AWS calls, and reads in {read:.2f} ms"
    )


def on_the_stack() -> None:
    """What needs a deployed stack."""
    with temporary_stack() as stack:
        owner = stack.new_workspace()
        heading(f"GET /v1/people/{{id}}: the handler and the bare calls it makes (medians of {ROUNDS}, in turns)")
        took = requests.handler_and_bare(stack, owner, ROUNDS)
        print(f"- handler {took['handler'] * 1000:.2f} ms, bare calls {took['bare calls'] * 1000:.2f} ms")
        print(f"- ratio **{took['ratio']:.2f}**")

        heading(f"Through the gateway, one after the other ({ROUNDS} each)")
        for name, (p50, p95) in requests.through_the_gateway(owner, ROUNDS).items():
            print(f"- {name}: p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms")

        many_clients(stack)

        heading(f"First factor that fails (medians of {ROUNDS}, in turns)")
        for clock, said in ((time.perf_counter, "waiting included"), (time.process_time, "processor time")):
            medians = requests.wrong_and_unknown(stack, owner, ROUNDS, clock)
            for name, seconds in medians.items():
                share = seconds / medians["wrong password"]
                print(f"- {name}, {said}: {seconds * 1000:.2f} ms, {share:.3f} of a wrong password")

        heading("AWS calls of warm requests")
        for name, calls in requests.aws_calls(stack, owner).items():
            listed = ", ".join(f"{each} x{times}" if times > 1 else each for each, times in Counter(calls).items())
            print(f"- {name}: {len(calls)} ({listed})")

        heading(f"Records a second through sequencer and bus ({RECORDS} records, median of 3)")
        rates = log.throughput(stack, RECORDS, 1 if QUICK else 3)
        house, bare = rates["sequencer and publisher"], rates["the same requests, bare"]
        print(f"- sequencer and publisher: {house:.0f} a second")
        print(f"- the same transactions and PutEvents, bare: {bare:.0f} a second")
        print(f"- ratio **{bare / house:.2f}**")

        heading("A lone record, from the answer to the bus; on AWS the stream's window, one second, comes on top")
        lags = sorted(log.lag(stack, owner, 5 if QUICK else 20))
        print(f"- median {statistics.median(lags):.2f} s, longest {lags[-1]:.2f} s")

        heading(f"Imports and exports ({ROWS} rows, medians of {1 if QUICK else 9} rounds)")
        moved = transfers.rates(stack, ROWS, 1 if QUICK else 9)
        print(f"- import of new people: {moved.imported:.0f} rows a second")
        print(f"- the transactions it needs, bare: {moved.bare:.0f} rows a second")
        print(f"- ratio **{moved.ratio:.2f}**")
        print(f"- the same file again: {moved.unchanged:.0f} rows a second")
        print(f"- export: {moved.exported:.0f} rows a second")

        heading("What a million requests cost, at London's list prices")
        cost.measured(stack, stack.new_workspace(), 48 if QUICK else 480)

        heading("Listing and searching: milliseconds of the handler, read units")
        search.flatness(stack, stack.new_workspace(), SIZES, 10 if QUICK else 20)


def main() -> int:
    """Measure all, print it as Markdown."""
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    on_the_stack()
    imports()
    layers()
    return 0


if __name__ == "__main__":
    sys.exit(main())
