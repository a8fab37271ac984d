"""No record, no answer: functions and the embedded cloud die in the middle of everything, and nothing is lost."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ledger import check, settle, sweep
from writers import Writer, check_work, writing

from local import cloud
from local.client import Client
from local.stack import Stack, eventually

KILLS = 200
"""So many function processes die."""

SHARES = {"-people": 6, "-sequencer": 3, "-sweeper": 2}
"""How often each function is chosen, compared with the others."""

MOST_WAIT = 0.3
"""Seconds between two kills at most; on average it is half."""

WRITERS = 4
DEADLINE = 240
"""Seconds that all the killing may take on a busy machine; a third of it on an idle one."""


@pytest.fixture
def seed() -> int:
    """Told on failure, so that the same choices can be made again."""
    chosen = int.from_bytes(os.urandom(4))
    print(f"seed {chosen}")
    return chosen


@pytest.fixture
def client(stack: Stack) -> Client:
    made = stack.new_workspace()
    assert made.get("/v1/people").status == 200
    settle(stack, made.tenant)
    return made


@contextmanager
def sweeping(stack: Stack) -> Iterator[None]:
    """Sweep all the time, so that the sweeper has a life to lose."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.3):
            sweep(stack)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def kill_one(stack: Stack, chance: random.Random) -> str:
    """Kill a process of a function chosen by chance; its name, or nothing when none of it lives just now."""
    function = chance.choices(list(SHARES), list(SHARES.values()))[0]
    alive = stack.workers(function)
    if not alive:
        return ""
    try:
        os.kill(chance.choice(alive), signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return function


def answered(writers: list[Writer]) -> int:
    return sum(writer.good for writer in writers)


def more_work(writers: list[Writer], than: int) -> None:
    """However slow the machine: between two kills something is done that can be lost."""
    eventually(lambda: answered(writers) > than, seconds=60, what="some work")


def test_two_hundred_killed_function_processes_lose_nothing(stack: Stack, client: Client, seed: int) -> None:
    chance, killed = random.Random(seed), Counter[str]()  # noqa: S311 - no secret
    began = time.monotonic()
    with sweeping(stack), writing(client, WRITERS, seed) as writers:
        while killed.total() < KILLS:
            assert time.monotonic() - began < DEADLINE, f"only {killed} in {DEADLINE} s"
            before = answered(writers)
            threading.Event().wait(chance.uniform(0, MOST_WAIT))
            more_work(writers, before)
            function = kill_one(stack, chance)
            if function:
                killed[function] += 1
    answers = [answer for writer in writers for answer in writer.answers]
    books = check(stack, client.tenant, answers)
    check_work(books, writers)
    cut = sum(answer.status >= 500 for answer in answers)
    print(
        f"{killed.total()} processes killed {dict(killed)} in {time.monotonic() - began:.0f} s; {len(answers)} answers, "
        f"{cut} of them cut off; {len(books.records)} records"
    )
    assert killed.total() == KILLS
    assert cut, "no process died at work"


def test_the_cloud_stopped_in_the_middle_loses_nothing_and_killed_comes_back_whole(
    stack: Stack, client: Client, seed: int
) -> None:
    with writing(client, 2, seed) as writers:
        more_work(writers, 20)
        stack.restart()
        more_work(writers, answered(writers) + 10)
    answers = [answer for writer in writers for answer in writer.answers]
    assert sum(writer.unanswered for writer in writers)
    check_work(check(stack, client.tenant, answers), writers)
    # What is on disk now is what the embedded cloud remembers after its process was killed.
    stack.restart()
    with writing(client, 2, seed) as doomed:
        more_work(doomed, 10)
        cloud.kill(stack.place)
        eventually(lambda: all(writer.unanswered for writer in doomed), what="writers without a cloud")
        for writer in doomed:
            writer.give_up()
    cloud.start(stack.place)
    check_work(check(stack, client.tenant, answers), writers)
    with writing(client, 2, seed) as others:
        more_work(others, 10)
    more = [answer for writer in others for answer in writer.answers]
    check_work(check(stack, client.tenant, [*answers, *more]), [*writers, *others])
