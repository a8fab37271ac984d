"""The whole API as its document has it, tried by Schemathesis as each role: chains of requests, and each by itself.

No answer is a 5xx, each is as the document says, and each has its record or is counted. The same is tried each time;
``make fuzz`` tries more, and something else each time (``FUZZ_EXAMPLES``, ``FUZZ_CHAINS``, ``FUZZ_EDGES``, ``FUZZ_SEED``).
"""

import json
import os
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from deployed import PLATFORM, settle
from fuzzing import Effort, Run, fuzz
from world import World, counted, name_of, routes, workspaces

from local.stack import Stack, eventually
from misentinel.access import Role

DOCUMENT = Path(__file__).parents[2] / "docs/openapi.json"
EFFORT = Effort(
    examples=int(os.environ.get("FUZZ_EXAMPLES", "1")),
    chains=int(os.environ.get("FUZZ_CHAINS", "12")),
    steps=6,
    edges=os.environ.get("FUZZ_EDGES") == "1",
    seed=int(os.environ.get("FUZZ_SEED", "20261123")),
)
BY_DOCUMENT = {name_of(route).replace("<", "{").replace(">", "}"): route for route in routes()}


@dataclass(slots=True)
class Tried:
    """Who there is to try, and what nobody known was answered so far."""

    world: World
    document: dict[str, Any]
    unknown: Counter[str] = field(default_factory=Counter)


def lenient(document: dict[str, Any]) -> dict[str, Any]:
    """The document, but for what is not refused when it is wrong, as its own standard has it.

    A broken ``traceparent`` begins a new trace (W3C Trace Context, section 3.2), and a preference that is not known is
    passed over (RFC 7240, section 2).
    """
    loosened = deepcopy(document)
    for name in ("Traceparent", "Prefer"):
        loosened["components"]["parameters"][name]["schema"] = {"type": "string"}
    return loosened


@pytest.fixture(scope="module")
def tried(stack: Stack) -> Tried:
    """A workspace with a member of each role."""
    return Tried(World.of(stack), lenient(json.loads(DOCUMENT.read_text())))


def missing_records(tried: Tried, run: Run) -> list[tuple[str, int, str]]:
    """Answers that are on no record; of those to nobody known only what is not counted either.

    The document's own examples make workspaces and sign in to them, so all workspaces' logs are looked into.
    """
    tenants = {*workspaces(tried.world.stack), PLATFORM}
    known = {record["api"]["request"]["uid"] for tenant in tenants for record in settle(tried.world.stack, tenant)}
    rest = [each for each in run.answers if each[2] not in known]
    public = [each for each in rest if each[0] in BY_DOCUMENT and each[1] != 405]
    tried.unknown.update(BY_DOCUMENT[label].action.name for label, _, _ in public)

    def all_counted() -> bool:
        return all(counted(tried.world.stack, name) >= times for name, times in tried.unknown.items())

    eventually(all_counted, what=f"counts of {tried.unknown}")
    return [each for each in rest if each not in public]


@pytest.mark.parametrize("role", Role)
def test_every_answer_is_as_the_document_says_and_on_record(tried: Tried, role: Role) -> None:
    world = tried.world
    world.renew()
    member = world.members[role]
    spared = frozenset(
        {"current", member.tokens["session"]}
        | {each.tokens["member"] for each in (world.owner, *world.members.values())}
    )
    run = fuzz(tried.document, world.stack.api, member.tokens["access_token"], EFFORT, spared)
    assert not run.failures, "\n\n".join(run.failures[:20])
    assert not missing_records(tried, run)
    assert len(run.answers) > 3 * len(tried.document["paths"])
    print(f"{EFFORT.seed}: {role}: {len(run.answers)} requests, {run.statuses}")
