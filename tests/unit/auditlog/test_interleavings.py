"""Sequencer and sweeper in any order, inside each other, repeated and killed: the log comes out whole."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from house import house, make_tables
from hypothesis import given, settings
from hypothesis import strategies as st
from logbook import Bus, check_log, happen, inserts

from misentinel import clock
from misentinel.auditlog.stream import on_inserts
from misentinel.auditlog.sweep import sweep_tenant
from misentinel.observability import metrics
from misentinel.tenancy import aws, new_tenant_id


class Killed(BaseException):
    """The process dies."""


@dataclass
class Play:
    """One workspace, the batches of its stream, and what is to happen at which AWS call."""

    home: Any
    time: clock.Frozen
    tenant: str = field(default_factory=new_tenant_id)
    uids: list[str] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    cues: dict[int, str] = field(default_factory=dict)
    calls: int = 0

    def on_call(self, **_: Any) -> None:
        self.calls += 1
        cue = self.cues.pop(self.calls, None)
        if cue is not None:
            self.act(cue, 0)

    def act(self, what: str, which: int) -> None:
        match what:
            case "happen":
                cues, self.cues = self.cues, {}
                before = {
                    record["dynamodb"]["Keys"]["uid"]["S"] for record in inserts(self.home, self.tenant)["Records"]
                }
                self.uids += happen(self.tenant, 1 + which % 3)
                event = inserts(self.home, self.tenant)["Records"]
                fresh = [record for record in event if record["dynamodb"]["Keys"]["uid"]["S"] not in before]
                self.batches.append({"Records": fresh})
                self.cues = cues
            case "stream" if self.batches:
                on_inserts(self.batches[which % len(self.batches)])
            case "sweep":
                self.time.tick(10)
                sweep_tenant(self.tenant)
            case "die":
                raise Killed
            case _:
                pass


ACTS = st.tuples(
    st.sampled_from(["happen", "stream", "sweep"]),
    st.integers(0, 5),
    st.dictionaries(st.integers(1, 14), st.sampled_from(["happen", "stream", "sweep", "die"]), max_size=3),
)


def test_any_interleaving_gives_a_dense_log_without_repeats_all_published() -> None:
    with house() as home, clock.at(clock.now()) as time:
        bus = Bus()
        stage: list[Play] = []
        for service in ("dynamodb", "events"):
            aws(service).meta.events.register_first(
                "before-call.*.*", lambda **_: stage[-1].on_call() if stage else None
            )

        @settings(max_examples=40, deadline=None)
        @given(st.lists(ACTS, min_size=2, max_size=7))
        def any_play(acts: list[tuple[str, int, dict[int, str]]]) -> None:
            play = Play(home, time)
            make_tables(play.tenant)
            play.act("happen", 2)
            stage.append(play)
            for what, which, cues in acts:
                play.calls, play.cues = 0, dict(cues)
                with suppress(Killed):
                    play.act(what, which)
            stage.clear()
            time.tick(10)
            sweep_tenant(play.tenant)
            check_log(play.tenant, play.uids, set(bus.uids) & set(play.uids))

        any_play()
        metrics.clear_metrics()
