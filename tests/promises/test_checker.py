"""Each check can fail: a run in which all is well, changed in one place at a time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.promises.checker import check
from tests.promises.found import Answer, Found, FoundStudy, Promises, ShownRun

A, B = "aaaaaaaa", "bbbbbbbb"
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("study", {"state": "queued"}),
    ("attempt", {"number": 1, "state": "pending"}),
    ("study", {"state": "running"}),
    *[("trial", {"trial": trial, "state": state}) for trial in (A, B) for state in ("leased", "running")],
    ("trial", {"trial": A, "state": "done"}),
    ("trial", {"trial": B, "state": "failed"}),
    ("attempt", {"number": 1, "state": "done"}),
    ("study", {"state": "done"}),
]
EFFECTS: dict[str, Any] = {"contrasts": []}
REPORTS = {"md": "# s"}


def trial(trial_id: str, **other: Any) -> dict[str, Any]:
    made = {
        "id": trial_id, "arm_id": f"arm-{trial_id}", "state": "done", "attempts": 1, "attempt": 1,
        "phase": "measuring", "seed": 0,
        "settings": {"lr": 0.5, "bias": True}, "metrics": {"test_accuracy": 0.75}, "reason": None,
        "curve": {"loss": [[1.0, 2.0]]}, "mlflow_run_id": f"run-{trial_id}", "finished_at": 5.0,
    }  # fmt: skip
    return made | other


def run(trial_id: str, **other: Any) -> ShownRun:
    made = ShownRun(
        run_id=f"run-{trial_id}",
        tags={"ablate.trial_id": trial_id, "ablate.kind": "trial", "ablate.state": "done"},
        params={"lr": "0.5", "bias": "true"},
        points=frozenset({("loss", 1, 2.0), ("test_accuracy", 1, 0.75)}),
        status="FINISHED",
        end_ms=5000,
    )
    return replace(made, **other)


ARM = run(
    "arm",
    tags={"ablate.trial_id": f"arm:arm-{A}:0", "ablate.kind": "arm"},
    points=frozenset({("num_seeds", 1, 1.0)}),
)


def study(**other: Any) -> FoundStudy:
    failed_tags = {"ablate.trial_id": B, "ablate.state": "failed", "ablate.reason": "raised"}
    row = {
        "id": "study", "name": "s", "state": "done", "seq": len(EVENTS), "num_trials": 2, "error": None,
        "arriving_until": None, "published_at": 9.0, "experiment_id": "1",
    }  # fmt: skip
    made = FoundStudy(
        study=row | other.pop("study", {}),
        trials=[trial(A), trial(B, state="failed", metrics=None, curve=None, reason="raised")],
        attempts=[{"number": 1, "finished_at": 8.0}],
        events=[{"seq": i, "kind": k, "data": d} for i, (k, d) in enumerate(EVENTS, 1)],
        records=[],
        answer=Answer(interim=False, effects=EFFECTS, reports=REPORTS),
        experiments={
            "1": [
                run(A),
                run(B, tags=failed_tags, status="FAILED", points=frozenset()),
                run("study", tags={"ablate.trial_id": "study"}, effects=EFFECTS),
                ARM,
            ]
        },
    )
    return replace(made, **other)


def told(*asks: tuple[str, int | None]) -> Promises:
    promises = Promises()
    promises.accepted("study", "key")
    for verb, status in asks:
        promises.ask("study", verb).status = status
    return promises


def words(one: FoundStudy, promises: Promises | None = None, **more: Any) -> list[str]:
    began = more.pop("began", [("study", 1, A)])
    found = Found(studies=[one], by_key={"key": "study"}, began=began)
    return check(found, promises or told(), expected=lambda _settings, _seed: ("done", 0.75), **more)


def events(change: Callable[[list[tuple[str, dict[str, Any]]]], object]) -> Mapping[str, Any]:
    """Other events, numbered anew."""
    told = list(EVENTS)
    change(told)
    numbered = [{"seq": i, "kind": kind, "data": data} for i, (kind, data) in enumerate(told, 1)]
    return {"events": numbered, "study": {"seq": len(told)}}


def runs(*changed: ShownRun) -> Mapping[str, Any]:
    return {"experiments": {"1": [*changed, *study().experiments["1"][1:]]}}


def first(**other: Any) -> Mapping[str, Any]:
    return {"trials": [trial(A, **other), study().trials[1]]}


DONE = ("trial", {"trial": A, "state": "done"})
CHANGED: dict[str, Mapping[str, Any]] = {
    "has not one run of 1 seeds": {"experiments": {"1": study().experiments["1"][:-1]}},
    "has not one run of 0 seeds": {"trials": [trial(A, state="failed"), study().trials[1]]},
    "events: numbers are": {"events": study().events[1:]},
    "events: there are": {"study": {"seq": 3}},
    "events: the last says done": {"study": {"state": "failed"}},
    "went from done to done": events(lambda told: told.insert(8, DONE)),
    "is leased while no attempt": events(lambda told: told.pop(1)),
    "is leased while the study is paused": events(
        lambda told: told.insert(3, ("study", {"state": "paused"}))
    ),
    "begins while 1 is live": events(
        lambda told: told.insert(2, ("attempt", {"number": 2, "state": "pending"}))
    ),
    "is running while 1 is live": events(
        lambda told: told.insert(2, ("attempt", {"number": 2, "state": "running"}))
    ),
    "failed and is planned again": events(
        lambda told: told.insert(9, ("trial", {"trial": B, "state": "planned"}))
    ),
    "its events say done": first(state="diverged"),
    "counts 2 leases": first(attempts=2),
    "attempt: numbers are": {"attempts": [{"number": 2, "finished_at": 8.0}]},
    "is still live": {"attempts": [{"number": 1, "finished_at": None}]},
    "fence: aaaaaa": first(attempt=2),
    "there are 2, the study says 3": {"study": {"num_trials": 3}},
    "never arrived": {"study": {"arriving_until": 3.0}},
    "1 are open": first(state="running"),
    "nothing was measured": first(phase="tuning"),
    "without a reason": {"trials": [trial(A), trial(B, state="failed", reason=None)]},
    "ended at no time": first(finished_at=None),
    "result: aaaaaa is done 0.5": first(metrics={"test_accuracy": 0.5}),
    "an interim report": {"answer": Answer(interim=True, effects=EFFECTS, reports=REPORTS)},
    "has no report": {"answer": None},
    "effects and no report": {"answer": Answer(interim=False, effects=EFFECTS, reports={})},
    "2 experiments": {"experiments": {"1": [], "2": []}},
    "knows experiment 7": {"study": {"experiment_id": "7"}},
    "2 runs of aaaaaa": runs(run(A), run(A)),
    "no run of aaaaaa": runs(),
    "runs of nobody: ['cccccccc']": runs(run(A), run("c", tags={"ablate.trial_id": "cccccccc"})),
    "is not published": {"study": {"published_at": None}},
    "summaries are []": {"experiments": {"1": study().experiments["1"][:2]}},
    "not that of the last build": {"answer": Answer(interim=False, effects={}, reports=REPORTS)},
    "knows run other": first(mlflow_run_id="other"),
    "and its run RUNNING": runs(run(A, status="RUNNING")),
    "its tag says None": runs(run(A, tags={"ablate.trial_id": A})),
    "has the reason None": runs(run(A, tags={**run(A).tags, "ablate.reason": "old"})),
    "has bias=True": runs(run(A, params={"lr": "0.5", "bias": "True"})),
    "too few": runs(run(A, points=frozenset())),
}


def test_nothing_is_wrong_where_all_is_well() -> None:
    assert words(study()) == []


@pytest.mark.parametrize("word", CHANGED)
def test_one_change_is_seen(word: str) -> None:
    assert word in " ".join(words(study(**CHANGED[word])))


PROMISES: dict[str, Promises] = {
    "it was cancelled and is done": told(("cancel", 202)),
    "it was paused and no event": told(("pause", 202)),
    "a retry was answered": told(("retry", 202)),
    "answered with 2 studies": Promises(study_ids=["study"], by_key={"key": {"study", "other"}}),
    "lost: study other": Promises(study_ids=["study", "other"], by_key={"key": {"study"}}),
    "no key stands for study study": Promises(study_ids=["study"]),
    "was done as (2": Promises(done={A: (2, {"test_accuracy": 0.75})}, study_ids=["study"]),
}


@pytest.mark.parametrize("word", PROMISES)
def test_a_broken_word_is_seen(word: str) -> None:
    assert word in " ".join(words(study(), PROMISES[word]))


def test_what_nobody_asked_for_is_seen() -> None:
    assert "nobody cancelled" in " ".join(words(study(study={"state": "cancelled"})))
    paused = ("study", {"state": "paused"})
    assert "nobody paused" in " ".join(words(study(**events(lambda told: told.insert(9, paused)))))
    retried = ("study", {"state": "done", "retried": 1})
    assert "1 retries happened" in " ".join(words(study(**events(lambda told: told.append(retried)))))
    twice, resent = events(lambda told: told.extend([retried, retried])), told()
    for _ in range(2):
        resent.ask("study", "retry", "key")
    assert "2 retries happened" in " ".join(words(study(**twice), resent))


def test_a_trial_that_had_ended_and_is_begun_again_is_seen() -> None:
    late = events(
        lambda told: told.extend(
            [("attempt", {"number": 2, "state": "pending"}), ("attempt", {"number": 2, "state": "done"})]
        )
    )
    assert "attempt 2 ran it" in " ".join(words(study(**late), began=[("study", 2, A)]))


def test_a_run_that_did_not_come_to_rest_is_held_to_its_history_alone() -> None:
    assert words(study(answer=None, experiments={}), ended=False) == []
