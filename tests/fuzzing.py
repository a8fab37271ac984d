"""Requests that Schemathesis makes of the API's document, and what it and the log say of the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation.case import Case
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER, HookContext

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "use_after_free",
    "unsupported_method",
    "allow_header_conformance",
)
"""What is held against each answer. That data which fit the document are taken is not: some rules no schema can say."""

UNKNOWN = "01900000-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is tried.

    Attributes
    ----------
    examples
        Requests generated for each operation, beside those at its schemas' edges.
    chains
        Chains of requests, each made of what the ones before answered.
    steps
        Requests of a chain at most.
    edges
        Whether to try all edges of all schemas.
    seed
        The same one tries the same.
    """

    examples: int
    chains: int
    steps: int
    edges: bool
    seed: int


@dataclass(slots=True)
class Run:
    """What came of it."""

    failures: list[str] = field(default_factory=list)
    answers: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def statuses(self) -> Mapping[int, int]:
        """How often each status was answered."""
        found: dict[int, int] = {}
        for _, status, _ in self.answers:
            found[status] = found.get(status, 0) + 1
        return dict(sorted(found.items()))


def fuzz(document: dict[str, Any], api: str, token: str, effort: Effort, spared: frozenset[str]) -> Run:
    """Try everything that a document describes, as whoever has the token.

    Parameters
    ----------
    spared
        Ids that stand in no path: without them whoever asks could not go on.
    """
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(_config(api, token, effort)))

    def spare(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        del context, kwargs
        for name, value in (case.path_parameters or {}).items():
            if str(value) in spared:
                case.path_parameters[name] = UNKNOWN

    run = Run()
    GLOBAL_HOOK_DISPATCHER.register_hook_with_name(spare, "before_call")
    try:
        for event in from_schema(schema).execute():
            match event:
                case events.ScenarioFinished():
                    _note(run, event)
                case events.NonFatalError():
                    run.failures.append(f"{event.label}: {event.info.format()}")
                case events.FatalError():
                    raise event.exception
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(spare)
    return run


def _note(run: Run, event: events.ScenarioFinished) -> None:
    for case_id, interaction in event.recorder.interactions.items():
        label = event.recorder.cases[case_id].value.operation.label
        if interaction.response is None:
            run.failures.append(f"{label}: no answer to {interaction.request.uri}")
            continue
        request_id = (interaction.response.headers.get("x-request-id") or [""])[0]
        run.answers.append((label, interaction.response.status_code, request_id))
        for check in event.recorder.checks.get(case_id, []):
            if check.status is Status.FAILURE and check.failure_info is not None:
                said = f"{check.failure_info.failure.title}: {check.failure_info.failure.message}"
                run.failures.append(f"{label}: {check.name}: {said}\n{check.failure_info.code_sample[:1500]}")


def _config(api: str, token: str, effort: Effort) -> dict[str, Any]:
    generation = {"max-examples": effort.examples, "deterministic": True, "no-shrink": True, "database": "none"}
    return {
        "base-url": api,
        "seed": effort.seed,
        "headers": {"Authorization": f"Bearer {token}"},
        "continue-on-failure": True,
        "request-timeout": 30,
        "workers": 1,
        "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
        "generation": generation,
        "phases": {
            "examples": {"enabled": True},
            "coverage": {"enabled": effort.edges},
            "fuzzing": {"enabled": effort.examples > 0},
            "stateful": {
                "enabled": effort.chains > 0,
                "max-steps": max(1, effort.steps),
                "generation": {**generation, "max-examples": max(1, effort.chains)},
                "inference": {"algorithms": []},
            },
        },
    }
