"""A service that a driver can speak with, in memory."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.driver.client import Away, CallRefused, Stale
from service.protocol import Resolved, Running, StudyToRun, Task, TrialToRun, Work
from trainables.training.lease import Lease, Outcome


def outcome(trial_id: str, state: Any = "done", **fields: Any) -> Outcome:
    """A result as slots hand it in."""
    return Outcome(trial_id=trial_id, state=state, seconds=1.0, **fields)


def task(trial_id: str, **settings: Any) -> Task:
    """A trial as the driver hands it to the dispenser."""
    fingerprint = trial_id.encode().hex()[-64:]
    return Task(lease=Lease(trial_id=trial_id, settings=settings, seed=0, fingerprint=fingerprint))


def planned(trial_id: str, **fields: Any) -> TrialToRun:
    """A trial as a driver gets it from the service."""
    empty: dict[str, Any] = {
        "arm_id": "arm", "seed": 0, "phase": "measuring", "candidate": None, "repeat": None, "arm": "",
        "levels": {}, "settings": {}, "state": "planned", "attempts": 0, "fingerprint": None, "metrics": None,
    }  # fmt: skip
    return TrialToRun(id=trial_id, **{**empty, **fields})


class FakeInternal:
    """Keeps trials the way the ledger does: planned, leased, ended once; repeats change nothing."""

    def __init__(self, trial_ids: Sequence[str] = (), *, known: Mapping[str, Any] | None = None) -> None:
        self.states: dict[str, str] = dict.fromkeys(trial_ids, "planned")
        self.metrics: dict[str, Mapping[str, Any]] = {}
        self.reasons: dict[str, str | None] = {}
        self.known = dict(known or {})
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.desired = "run"
        self.waits_for: str | None = None
        self.finished: tuple[str, str | None] | None = None
        self.away = False
        self.stale = False
        self.indigestible: set[str] = set()

    def work(self) -> Work:
        self._enter("work")
        study = StudyToRun(id="s", name="s", project="default", spec={})
        trials = [planned(i, state=s, metrics=self.metrics.get(i)) for i, s in self.states.items()]
        return Work(study=study, trials=tuple(trials), lease_s=30.0)

    def settings(self, trials: Sequence[Resolved]) -> list[str]:
        self._enter("settings", *(trial.id for trial in trials))
        reused = [t.id for t in trials if t.fingerprint in self.known and self._is(t.id, "planned")]
        for trial in trials:
            if trial.id in reused:
                self.states[trial.id] = "done"
                self.metrics[trial.id] = self.known[trial.fingerprint]
        return reused

    def lease(self, trial_ids: Sequence[str]) -> list[str]:
        self._enter("lease", *trial_ids)
        granted = [i for i in trial_ids if self._is(i, "planned", "leased")]
        self.states.update(dict.fromkeys(granted, "leased"))
        return granted

    def commit(self, outcomes: Sequence[Outcome]) -> list[str]:
        self._enter("commit", *(o.trial_id for o in outcomes))
        if any(o.trial_id in self.indigestible and o.state != "failed" for o in outcomes):
            raise CallRefused("422: a wrong value")
        taken = []
        for each in outcomes:
            if self._is(each.trial_id, "leased"):
                self.states[each.trial_id] = each.state
                self.metrics[each.trial_id] = each.metrics
                self.reasons[each.trial_id] = each.reason
            if self._is(each.trial_id, each.state):
                taken.append(each.trial_id)
        return taken

    def heartbeat(self, running: Sequence[Running], waits_for: str | None = None) -> str:
        self.waits_for = waits_for
        self._enter("heartbeat", *(r.id for r in running))
        if self.indigestible.intersection(r.id for r in running):
            raise CallRefused("422: a wrong value")
        return self.desired

    def finish(self, state: str, error: str | None) -> None:
        self._enter("finish")
        self.finished = (state, error)
        self.stale = True

    def sent(self, method: str) -> list[tuple[str, ...]]:
        """The arguments of every successful call of a method."""
        return [ids for name, ids in self.calls if name == method]

    def _enter(self, method: str, *ids: str) -> None:
        if self.away:
            raise Away("connection refused")
        if self.stale:
            raise Stale("another attempt has the study")
        self.calls.append((method, ids))

    def _is(self, trial_id: str, *states: str) -> bool:
        return self.states.get(trial_id) in states
