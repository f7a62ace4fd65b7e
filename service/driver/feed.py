"""Which trials are ready to run: all at once, or, where arms are tuned, search by search."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ablations.design import Design
from ablations.errors import Json
from ablations.identity import digest
from ablations.manifest import applies, coerce
from ablations.search import tuning_metric
from ablations.spec import Tuning
from service.driver.tuning import ArmSearch, Candidate, distributions, mean_score

ENDED = ("done", "failed", "diverged", "pruned", "cancelled")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A trial whose settings are final."""

    trial_id: str
    settings: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do next: trials to run, and trials that never can be, with the reason."""

    ready: tuple[Ready, ...] = ()
    hopeless: Mapping[str, str] = field(default_factory=dict)


class Feed:
    """Turns a study's trials into steps, starting over from what the ledger already has.

    After a crash the searches are replayed: the same candidates come out, and those whose trials have
    ended are scored at once.
    """

    def __init__(self, design: Design, rows: Sequence[Row]) -> None:
        self._study = design.study
        self._manifest = design.manifest
        self._rows = {row["id"]: row for row in rows}
        self._open = {row["id"] for row in rows if row["state"] not in ENDED}
        self._searches: dict[str, ArmSearch] = {}
        self._tuning: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._measuring: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            if row["phase"] == "tuning":
                self._tuning[row["arm_id"]][row["candidate"]].append(row["id"])
            else:
                self._measuring[row["arm_id"]].append(row["id"])
        self._asked: dict[str, dict[int, Candidate]] = defaultdict(dict)
        self._given: set[str] = set()

    @property
    def exhausted(self) -> bool:
        """Whether every trial has been given out or has ended."""
        return not self._open - self._given

    def start(self) -> Step:
        """The first trials."""
        if self._study.tuning is None:
            return self._give(
                ready=[Ready(trial_id=i, settings=self._rows[i]["settings"]) for i in self._rows]
            )
        for arm_id, candidates in self._tuning.items():
            self._searches[arm_id] = self._search(self._study.tuning, arm_id, len(candidates))
        return self._advance(self._searches)

    def take(self, results: Iterable[Row]) -> Step:
        """Results came in, each {trial_id, state, metrics}: what they make possible."""
        touched: dict[str, None] = {}
        for result in results:
            row = self._rows[result["trial_id"]]
            self._rows[row["id"]] = {**row, "state": result["state"], "metrics": result["metrics"]}
            self._open.discard(row["id"])
            if row["phase"] == "tuning":
                touched[row["arm_id"]] = None
        return self._advance(touched)

    def _advance(self, arm_ids: Iterable[str]) -> Step:
        ready: list[Ready] = []
        hopeless: dict[str, str] = {}
        for arm_id in arm_ids:
            search = self._searches[arm_id]
            self._score(arm_id)
            while candidates := search.ask():
                for candidate in candidates:
                    self._asked[arm_id][candidate.number] = candidate
                    ready += self._candidate_trials(arm_id, candidate)
                self._score(arm_id)
            if search.finished:
                best = search.best()
                if best is None:
                    hopeless |= dict.fromkeys(
                        self._measuring[arm_id], "no tuning candidate of this arm finished"
                    )
                else:
                    ready += self._trials(self._measuring[arm_id], best.settings)
        return self._give(ready=ready, hopeless=hopeless)

    def _give(self, *, ready: Sequence[Ready], hopeless: Mapping[str, str] | None = None) -> Step:
        """Each trial once, and none that has ended."""
        fresh = self._open - self._given
        step = Step(
            ready=tuple(trial for trial in ready if trial.trial_id in fresh),
            hopeless={i: reason for i, reason in (hopeless or {}).items() if i in fresh},
        )
        self._given |= {trial.trial_id for trial in step.ready} | set(step.hopeless)
        return step

    def _score(self, arm_id: str) -> None:
        """Score the asked candidates whose trials have all ended."""
        metric = self._manifest.metric(tuning_metric(self._study, self._manifest)[0])
        for number in list(self._asked[arm_id]):
            rows = [self._rows[i] for i in self._tuning[arm_id][number]]
            if all(row["state"] in ENDED for row in rows):
                self._searches[arm_id].score(number, mean_score(rows, metric.name, metric.worst))
                del self._asked[arm_id][number]

    def _candidate_trials(self, arm_id: str, candidate: Candidate) -> list[Ready]:
        assert self._study.tuning is not None
        changes = {**self._study.tuning.fixed, **candidate.settings}
        return self._trials(self._tuning[arm_id][candidate.number], changes)

    def _trials(self, trial_ids: Sequence[str], changes: Mapping[str, Json]) -> list[Ready]:
        return [
            Ready(trial_id=i, settings=self._resolve(self._rows[i]["settings"], changes)) for i in trial_ids
        ]

    def _resolve(self, settings: Mapping[str, Json], changes: Mapping[str, Json]) -> dict[str, Json]:
        """An arm's settings with some of them changed, without what then does not apply."""
        values: dict[str, Json] = {setting.name: setting.default for setting in self._manifest.settings}
        for name, value in {**self._study.fixed, **settings, **changes}.items():
            values[name] = coerce(self._manifest.setting(name), value, name)
        kept: dict[str, Json] = {}
        for setting in self._manifest.in_order():
            if applies(setting, values, kept):
                kept[setting.name] = values[setting.name]
        return kept

    def _search(self, tuning: Tuning, arm_id: str, num_candidates: int) -> ArmSearch:
        settings = self._rows[self._tuning[arm_id][0][0]]["settings"]
        applying = self._resolve(settings, tuning.fixed)
        space = {
            name: domain
            for name, domain in distributions(tuning, self._manifest).items()
            if name in applying or set(self._manifest.setting(name).when) & set(tuning.space)
        }
        return ArmSearch(
            space=space,
            sampler=tuning.sampler,
            goal="maximize" if tuning_metric(self._study, self._manifest)[1] == "maximize" else "minimize",
            num_candidates=num_candidates,
            # The arm's own levels, so that the same study searches the same points wherever it runs.
            seed=int(digest({"arm": arm_id, "search": tuning.sampler})[:8], 16),
            start=tuning.start,
        )
