"""Which trials run when, with and without tuning, and after a crash."""

from collections.abc import Mapping
from typing import Any

import pytest

from ablations.design.design import planned_trials
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from service.driver.feed import Feed, Ready, Step
from service.protocol import Result
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL
from tests.unit.service.driver.fakes import planned

TUNING = {
    "candidates": 12,
    "space": {"lr": {"low": 1e-4, "high": 1e-1, "log": True}, "beta_init": {"low": 0.0, "high": 1.0}},
    "seeds": 2,
    "fixed": {"epochs": 1},
    "metric": {"name": "val_accuracy"},
}


class Ledger:
    """The rows of a study, as a driver gets them and as results change them."""

    def __init__(self, **changes: Any) -> None:
        self.design = compile_design(parse_study({**SMALL, **changes}), MLP)
        self.rows: dict[str, dict[str, Any]] = {}
        for number, trial in enumerate(planned_trials(self.design)):
            self.rows[f"t{number}"] = {
                "id": f"t{number}",
                "arm_id": trial.arm.id,
                "settings": dict(trial.arm.settings),
                "seed": trial.seed,
                "phase": trial.phase,
                "candidate": trial.candidate,
                "repeat": trial.repeat,
                "state": "planned",
                "metrics": None,
            }
        self.feed = self.feed_again()

    def feed_again(self) -> Feed:
        """A feed over the rows as they are now."""
        return Feed(
            self.design,
            [planned(trial_id=row.pop("id"), **row) for row in [dict(r) for r in self.rows.values()]],
        )

    def end(self, trial: Ready, state: str = "done", **metrics: float) -> Result:
        row = self.rows[trial.trial_id]
        row |= {"state": state, "metrics": metrics, "settings": dict(trial.settings)}
        return Result(trial_id=trial.trial_id, state=state, metrics=metrics)

    def run(self, step: Step, state: str = "done", limit: int = 10**6) -> list[Ready]:
        """Run everything that becomes ready, scoring by the learning rate."""
        ran: list[Ready] = []
        ready = list(step.ready)
        while ready and len(ran) < limit:
            trial = ready.pop(0)
            ran.append(trial)
            lr = float(trial.settings["lr"])  # type: ignore[arg-type]
            ready += self.feed.take([self.end(trial, state, val_accuracy=1 - abs(lr - 0.01))]).ready
        return ran

    def phase(self, ran: list[Ready], phase: str) -> list[Ready]:
        return [trial for trial in ran if self.rows[trial.trial_id]["phase"] == phase]


def settings_by_trial(ran: list[Ready]) -> Mapping[str, Any]:
    return {trial.trial_id: dict(trial.settings) for trial in ran}


def test_without_tuning_everything_is_ready_at_once() -> None:
    ledger = Ledger()
    step = ledger.feed.start()
    assert [trial.trial_id for trial in step.ready] == list(ledger.rows)
    assert ledger.feed.exhausted
    assert step.ready[0].settings == ledger.rows["t0"]["settings"]


def test_what_has_ended_is_not_given_out_again() -> None:
    ledger = Ledger()
    ledger.rows["t0"]["state"] = "diverged"
    ledger.feed = ledger.feed_again()
    assert "t0" not in {trial.trial_id for trial in ledger.feed.start().ready}


def test_every_arm_is_tuned_with_the_same_budget_before_it_is_measured() -> None:
    ledger = Ledger(tuning=TUNING)
    ran = ledger.run(ledger.feed.start())
    assert {trial.trial_id for trial in ran} == set(ledger.rows)
    assert len(ledger.phase(ran, "tuning")) == 4 * 12 * 2
    for arm in ledger.design.arms:
        mine = [t for t in ran if ledger.rows[t.trial_id]["arm_id"] == arm.id]
        phases = [ledger.rows[t.trial_id]["phase"] for t in mine]
        assert phases == ["tuning"] * 24 + ["measuring"] * 3
        tuned = {t.settings["lr"] for t in ledger.phase(mine, "measuring")}
        tried = {t.settings["lr"] for t in ledger.phase(mine, "tuning")}
        assert tuned == {min(tried, key=lambda lr: abs(float(lr) - 0.01))}  # type: ignore[arg-type]


def test_tuning_settings_hold_in_the_tuning_phase_only() -> None:
    ledger = Ledger(tuning=TUNING)
    ran = ledger.run(ledger.feed.start())
    assert {t.settings["epochs"] for t in ledger.phase(ran, "tuning")} == {1}
    assert {t.settings["epochs"] for t in ledger.phase(ran, "measuring")} == {5}


def test_what_does_not_apply_to_an_arm_is_not_searched_in_it() -> None:
    ledger = Ledger(tuning=TUNING)
    for trial in ledger.run(ledger.feed.start()):
        assert ("beta_init" in trial.settings) == (trial.settings["scalars"] != "none")


def test_a_crash_in_the_middle_changes_no_setting() -> None:
    whole = Ledger(tuning=TUNING)
    expected = settings_by_trial(whole.run(whole.feed.start()))
    for limit in (1, 30, 70, 97):
        ledger = Ledger(tuning=TUNING)
        before = ledger.run(ledger.feed.start(), limit=limit)
        ledger.feed = ledger.feed_again()
        after = ledger.run(ledger.feed.start())
        assert not {t.trial_id for t in before} & {t.trial_id for t in after}
        assert settings_by_trial(before + after) == expected


def test_an_arm_whose_candidates_all_fail_is_hopeless_with_a_reason() -> None:
    ledger = Ledger(tuning=TUNING)
    step = ledger.feed.start()
    hopeless: dict[str, str] = {}
    ready = list(step.ready)
    while ready:
        step = ledger.feed.take([ledger.end(ready.pop(0), "failed")])
        ready += step.ready
        hopeless |= step.hopeless
    assert len(hopeless) == 4 * 3
    assert set(hopeless.values()) == {"no candidate of its search finished"}
    assert ledger.feed.exhausted


def test_a_plain_search_has_one_arm() -> None:
    ledger = Ledger(factors={}, baseline={}, tuning={**TUNING, "space": {"lr": TUNING["space"]["lr"]}})  # type: ignore[index]
    ran = ledger.run(ledger.feed.start())
    assert len(ledger.phase(ran, "tuning")) == 24
    assert len(ledger.phase(ran, "measuring")) == 3


def test_arms_that_share_a_search_try_the_same_candidates_and_get_the_same_best() -> None:
    ledger = Ledger(tuning={**TUNING, "per": ["depth"]})
    ran = ledger.run(ledger.feed.start())
    assert {trial.trial_id for trial in ran} == set(ledger.rows)
    levels = {arm.id: arm.levels for arm in ledger.design.arms}
    by_depth: dict[Any, dict[Any, set[Any]]] = {}
    for trial in ran:
        row = ledger.rows[trial.trial_id]
        tried = by_depth.setdefault(levels[row["arm_id"]]["depth"], {})
        tried.setdefault(row["candidate"], set()).add(trial.settings["lr"])
    assert len(by_depth) == 2
    for tried in by_depth.values():
        assert all(len(rates) == 1 for rates in tried.values())  # None: what was measured
        (best,) = tried.pop(None)
        assert best == min((r for (r,) in tried.values()), key=lambda lr: abs(lr - 0.01))
    assert by_depth[1] != by_depth[5]


def test_a_candidate_that_fails_in_one_arm_of_its_search_has_no_score() -> None:
    ledger = Ledger(tuning={**TUNING, "per": []})
    ready = list(ledger.feed.start().ready)
    victim = ledger.design.arms[0].id
    measured: set[float] = set()
    while ready:
        trial = ready.pop(0)
        row = ledger.rows[trial.trial_id]
        if row["phase"] == "measuring":
            measured.add(float(str(trial.settings["lr"])))
        lost = row["candidate"] == 4 and row["arm_id"] == victim
        score = 1.0 if row["candidate"] == 4 else 0.5 - 0.01 * (row["candidate"] or 0)
        done = ledger.end(trial, "failed") if lost else ledger.end(trial, val_accuracy=score)
        ready += ledger.feed.take([done]).ready
    first = {float(str(r["settings"]["lr"])) for r in ledger.rows.values() if r["candidate"] == 0}
    assert measured == first and len(first) == 1


def test_the_best_candidates_are_measured_in_their_order() -> None:
    space = {"lr": [0.1, 0.01, 0.02, 0.01], "momentum": [0.5, 0.9]}  # momentum: of sgd alone
    tuning = {**TUNING, "seeds": 1, "sampler": "grid", "space": space, "confirm": 3}
    del tuning["candidates"]
    ledger = Ledger(factors={}, baseline={}, tuning=tuning)
    ran = ledger.run(ledger.feed.start())
    ranks = {arm.id: arm.levels["rank_in_search"] for arm in ledger.design.arms}
    measured = {
        (ranks[ledger.rows[t.trial_id]["arm_id"]], t.settings["lr"]) for t in ledger.phase(ran, "measuring")
    }
    assert measured == {(1, 0.01), (2, 0.02), (3, 0.1)}


def test_ranks_beyond_the_different_settings_found_are_hopeless() -> None:
    tuning = {**TUNING, "seeds": 1, "candidates": 4, "space": {"lr": [0.1, 0.01]}, "confirm": 3}
    ledger = Ledger(factors={}, baseline={}, tuning=tuning)
    ready, hopeless = list(ledger.feed.start().ready), {}
    while ready:
        trial = ready.pop(0)
        step = ledger.feed.take([ledger.end(trial, val_accuracy=float(str(trial.settings["lr"])))])
        ready += step.ready
        hopeless |= step.hopeless
    assert set(hopeless.values()) == {"its search found 2 different settings with a score"}
    assert len(hopeless) == 3
    assert ledger.feed.exhausted


def test_every_seed_may_have_a_search_of_its_own() -> None:
    ledger = Ledger(tuning={**TUNING, "candidates": 3, "repeats": 3})
    ran = ledger.run(ledger.feed.start())
    assert {trial.trial_id for trial in ran} == set(ledger.rows)
    seeds = {row["seed"] for row in ledger.rows.values() if row["phase"] == "tuning"}
    assert seeds == {1_000_000 + k for k in range(3 * 2)}
    tried: dict[tuple[str, int], set[float]] = {}
    measured: dict[tuple[str, int], float] = {}
    for trial in ran:
        row, lr = ledger.rows[trial.trial_id], float(str(trial.settings["lr"]))
        if row["phase"] == "tuning":
            tried.setdefault((row["arm_id"], row["repeat"]), set()).add(lr)
        else:
            assert ledger.design.seeds[row["repeat"]] == row["seed"]
            measured[row["arm_id"], row["repeat"]] = lr
    assert len(measured) == len(tried) == 4 * 3
    for key, rates in tried.items():
        assert measured[key] == min(rates, key=lambda lr: abs(lr - 0.01))
    assert len({frozenset(rates) for rates in tried.values()}) == len(tried)


def test_the_first_of_several_searches_is_that_of_a_study_with_one() -> None:
    def first(repeats: int) -> list[Any]:
        ledger = Ledger(tuning={**TUNING, "repeats": repeats})
        ran = ledger.run(ledger.feed.start())
        rows = [(ledger.rows[t.trial_id], t) for t in ran if ledger.rows[t.trial_id]["phase"] == "tuning"]
        return sorted(
            (row["arm_id"], row["candidate"], row["seed"], t.settings["lr"])
            for row, t in rows
            if not row["repeat"]
        )

    assert first(1) == first(3)


SEARCHED_OPTIMIZER = {
    "candidates": 4,
    "sampler": "grid",
    "space": {"lr": [0.1, 0.01], "optimizer": ["adam", "sgd"]},
    "metric": {"name": "val_accuracy"},
}


@pytest.mark.parametrize(
    "factor",
    [
        {"inertia": {"high": {"momentum": 0.9, "width": 64}, "low": {"momentum": 0.5, "width": 64}}},
        {"inertia": {"high": {"momentum": 0.9, "width": 64}, "low": {"momentum": 0.5, "width": 32}}},
        {"momentum": [0.9, 0.5]},
    ],
)
def test_a_level_that_applies_under_a_searched_setting_only_is_trained(factor: dict[str, Any]) -> None:
    tuning = {key: value for key, value in SEARCHED_OPTIMIZER.items() if key != "candidates"}
    ledger = Ledger(factors=factor, baseline={}, fixed={"optimizer": "adam"}, tuning=tuning)
    step, ran = ledger.feed.start(), list[Ready]()
    ready = list(step.ready)
    while ready:
        trial = ready.pop(0)
        ran.append(trial)
        good = trial.settings["optimizer"] == "sgd"
        ready += ledger.feed.take([ledger.end(trial, val_accuracy=float(good))]).ready
    assert {trial.trial_id for trial in ran} == set(ledger.rows)
    for phase in ("tuning", "measuring"):
        mine = ledger.phase(ran, phase)
        assert {t.settings["momentum"] for t in mine if t.settings["optimizer"] == "sgd"} == {0.9, 0.5}
        assert not any("momentum" in t.settings for t in mine if t.settings["optimizer"] == "adam")
    assert {t.settings["optimizer"] for t in ledger.phase(ran, "measuring")} == {"sgd"}


def test_a_setting_two_conditions_away_from_a_searched_one_is_searched() -> None:
    space = {"scalars": ["shared"], "mode": ["gated"], "gate": [0.25, 0.75]}
    tuning = {"sampler": "grid", "space": space, "metric": {"name": "val_accuracy"}}
    ledger = Ledger(factors={"depth": [1, 5]}, baseline={}, tuning=tuning)
    tried = {trial.settings["gate"] for trial in ledger.feed.start().ready}
    assert tried == {0.25, 0.75}
    far = {
        "sampler": "grid",
        "space": {"scalars": ["shared"], "gate": [0.25, 0.75]},
        "metric": tuning["metric"],
    }
    ledger = Ledger(factors={"depth": [1, 5]}, baseline={}, fixed={"mode": "gated"}, tuning=far)
    assert {trial.settings["gate"] for trial in ledger.feed.start().ready} == {0.25, 0.75}


def test_what_is_measured_is_resolved_from_the_levels_after_a_crash_too() -> None:
    """The rows of ended trials carry what they were trained with, which lacks what did not apply there."""
    factor = {"inertia": {"high": {"momentum": 0.9, "width": 64}, "low": {"momentum": 0.5, "width": 32}}}
    tuning = {**SEARCHED_OPTIMIZER, "space": {"optimizer": ["adam", "sgd"]}}
    del tuning["candidates"]
    ledger = Ledger(factors=factor, baseline={}, fixed={"optimizer": "adam"}, tuning=tuning)
    ready = list(ledger.feed.start().ready)
    for trial in ready:
        ledger.end(trial, val_accuracy=float(trial.settings["optimizer"] == "sgd"))
    ledger.feed = ledger.feed_again()
    measured = ledger.feed.start().ready
    assert {t.settings["momentum"] for t in measured} == {0.9, 0.5} and len(measured) == 2 * 3
