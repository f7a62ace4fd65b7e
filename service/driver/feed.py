"""Which trials are ready to run: all at once, or, where arms are tuned, search by search."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from ablations.design.arm import Arm
from ablations.design.candidate import Candidate, Outcome, mean_score, rank
from ablations.design.design import Design
from ablations.design.search import rank_of, search_of, tuning_metric
from ablations.errors import Json
from ablations.identity import digest
from ablations.study.spec import TuningSpec
from service.driver.samplers import Search, distributions
from service.protocol import Result, TrialToRun

ENDED = ("done", "failed", "diverged", "pruned", "cancelled")
Key = tuple[str, int | None]
"""A search: its arms, and which it is of those that have the same arms."""


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

    def __init__(self, design: Design, rows: Sequence[TrialToRun]) -> None:
        self._design = design
        self._study = design.study
        self._manifest = design.manifest
        self._arms = {arm.id: arm for arm in design.arms}
        self._rows = {row.id: row for row in rows}
        self._open = {row.id for row in rows if row.state not in ENDED}
        self._searches: dict[Key, Search] = {}
        tuning = design.study.tuning
        self._group_of = {arm.id: search_of(arm, tuning) for arm in design.arms} if tuning is not None else {}
        self._tuning: dict[Key, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        # By the rank of the candidate that they are measured with.
        self._measuring: dict[Key, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        ranks = {arm.id: rank_of(arm) for arm in design.arms}
        for row in rows:
            if row.phase == "tuning" and row.candidate is not None:
                self._tuning[self._key(row)][row.candidate].append(row.id)
            else:
                self._measuring[self._key(row)][ranks[row.arm_id]].append(row.id)
        self._asked: dict[Key, dict[int, Candidate]] = defaultdict(dict)
        self._given: set[str] = set()

    @property
    def exhausted(self) -> bool:
        """Whether every trial has been given out or has ended."""
        return not self._open - self._given

    def _key(self, row: TrialToRun) -> Key:
        return self._group_of.get(row.arm_id, row.arm_id), row.repeat

    def start(self) -> Step:
        """The first trials."""
        if self._study.tuning is None:
            return self._give(ready=[Ready(trial_id=i, settings=self._rows[i].settings) for i in self._rows])
        for key, candidates in self._tuning.items():
            self._searches[key] = self._search(self._study.tuning, key, len(candidates))
        return self._advance(self._searches)

    def take(self, results: Iterable[Result]) -> Step:
        """Results came in: what they make possible."""
        touched: dict[Key, None] = {}
        for result in results:
            row = self._rows[result.trial_id]
            self._rows[row.id] = replace(row, state=result.state, metrics=result.metrics)
            self._open.discard(row.id)
            if row.phase == "tuning":
                touched[self._key(row)] = None
        return self._advance(touched)

    def _advance(self, keys: Iterable[Key]) -> Step:
        ready: list[Ready] = []
        hopeless: dict[str, str] = {}
        for key in keys:
            search = self._searches[key]
            self._score(key)
            while candidates := search.ask():
                for candidate in candidates:
                    self._asked[key][candidate.number] = candidate
                    ready += self._candidate_trials(key, candidate)
                self._score(key)
            if search.finished:
                found = self._winners(key)
                for place, trial_ids in self._measuring[key].items():
                    if place <= len(found):
                        ready += self._trials(trial_ids, found[place - 1].settings)
                    else:
                        hopeless |= dict.fromkeys(trial_ids, _too_few(len(found)))
        return self._give(ready=ready, hopeless=hopeless)

    def _winners(self, key: Key) -> list[Candidate]:
        """The best candidates of a search, as many as are measured."""
        search, num = self._searches[key], max(self._measuring[key], default=0)
        ranked = rank(self._design, self._searched_arms(key), search.candidates, search.scores)
        return [one.candidate for one in islice(ranked, num)]

    def _searched_arms(self, key: Key) -> list[Arm]:
        """The arms that the candidates of a search are tried in."""
        return list({arm.id: arm for arm in map(self._arm, self._tuning[key][0])}.values())

    def _give(self, *, ready: Sequence[Ready], hopeless: Mapping[str, str] | None = None) -> Step:
        """Each trial once, and none that has ended."""
        fresh = self._open - self._given
        step = Step(
            ready=tuple(trial for trial in ready if trial.trial_id in fresh),
            hopeless={i: reason for i, reason in (hopeless or {}).items() if i in fresh},
        )
        self._given |= {trial.trial_id for trial in step.ready} | set(step.hopeless)
        return step

    def _score(self, key: Key) -> None:
        """Score the asked candidates whose trials have all ended."""
        metric = self._manifest.metric(tuning_metric(self._study, self._manifest)[0])
        for number in list(self._asked[key]):
            rows = [self._rows[i] for i in self._tuning[key][number]]
            if all(row.state in ENDED for row in rows):
                outcomes = [_outcome(row, metric.name) for row in rows]
                self._searches[key].score(number, mean_score(outcomes, metric.worst))
                del self._asked[key][number]

    def _candidate_trials(self, key: Key, candidate: Candidate) -> list[Ready]:
        assert self._study.tuning is not None
        chosen = {**self._study.tuning.fixed, **candidate.settings}
        return self._trials(self._tuning[key][candidate.number], chosen)

    def _trials(self, trial_ids: Sequence[str], chosen: Mapping[str, Json]) -> list[Ready]:
        return [Ready(trial_id=i, settings=self._design.resolve(self._arm(i), chosen)) for i in trial_ids]

    def _arm(self, trial_id: str) -> Arm:
        return self._arms[self._rows[trial_id].arm_id]

    def _search(self, tuning: TuningSpec, key: Key, num_candidates: int) -> Search:
        arms = self._searched_arms(key)
        applying = {name for arm in arms for name in self._design.possible(arm, tuning.fixed)}
        space = {
            name: domain for name, domain in distributions(tuning, self._manifest).items() if name in applying
        }
        search, repeat = key
        again = {"repeat": repeat} if repeat else {}  # the first searches as if it were the only one
        return Search(
            space=space,
            sampler=tuning.sampler,
            goal="maximize" if tuning_metric(self._study, self._manifest)[1] == "maximize" else "minimize",
            num_candidates=num_candidates,
            # From the arms' own levels, so that the same study searches the same points wherever it runs.
            seed=int(digest({"arm": search, "search": tuning.sampler, **again})[:8], 16),
            start=[{name: at[name] for name in at if name in space} for at in tuning.start],
        )


def _outcome(row: TrialToRun, metric: str) -> Outcome:
    return row.state, (row.metrics or {}).get(metric)


def _too_few(found: int) -> str:
    if found == 0:
        return "no candidate of its search finished"
    return f"its search found {found} different settings with a score"
