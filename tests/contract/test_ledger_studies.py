"""Studies in the ledger, over both databases."""

import time

import pytest

from service.errors import AttemptLive, NothingToRetry, StudyAmbiguous, StudyFinished, StudyNotFound
from service.ledger import (
    Ledger,
    Tx,
    attempts,
    builds,
    events,
    leasing,
    outbox,
    steering,
    studies,
    submissions,
    trials,
)
from service.ledger.studies import NewTrial
from tests.ledger_samples import SPEC, add_study, outcome

EFFECTS = {"interim": False, "contrasts": [], "exploratory": []}


def finish_all(ledger: Ledger, study_id: str) -> None:
    """Run every trial of a study in a new attempt."""
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        ids = leasing.lease(tx, study_id, number, [trial.id for trial in leasing.work(tx, study_id)])
        leasing.commit(tx, study_id, number, [outcome(id) for id in ids])
        attempts.finish(tx, study_id, number, "done")


def test_a_created_study_is_queued_with_its_trials_planned(ledger: Ledger) -> None:
    with ledger.write() as tx:
        created = add_study(tx)
    with ledger.read() as tx:
        study = studies.get(tx, created.id, "default")
        assert (study.state, study.spec, study.num_trials, study.published) == ("queued", SPEC, 4, False)
        assert studies.progress(tx, study.id) == {
            "total": 4, "done": 0, "running": 0, "failed": 0,
            "diverged": 0, "pruned": 0, "cancelled": 0, "reused": 0,
        }  # fmt: skip
        assert [event.kind for event in events.list_after(tx, study.id, 0)] == ["study"]
        assert [message.kind for message in outbox.pending(tx)] == ["study"]


def test_an_exception_leaves_nothing_of_a_study(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.write() as tx:
        study = add_study(tx)
        raise RuntimeError("crash between")
    with ledger.read() as tx:
        assert studies.page(tx, project="default", limit=10) == []
        assert trials.records(tx, study.id) == []
        assert outbox.waiting(tx) == 0


def test_a_study_of_another_project_is_not_found(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx, project="theirs")
    with ledger.read() as tx:
        assert studies.get(tx, study.id).project == "theirs"
        assert studies.page(tx, project="default", limit=10) == []
        with pytest.raises(StudyNotFound):
            studies.get(tx, study.id, "default")


def test_pages_go_from_new_to_old_and_filter(ledger: Ledger) -> None:
    with ledger.write() as tx:
        ids = [
            add_study(tx, study_id=f"{place:024x}", labels={"n": str(place % 2)}, num_seeds=1).id
            for place in range(5)
        ]
        steering.cancel(tx, ids[0])
    with ledger.read() as tx:
        first = studies.page(tx, project="default", limit=3)
        rest = studies.page(tx, project="default", limit=3, before=first[-1].id)
        assert [study.id for study in first + rest] == ids[::-1]
        odd = studies.page(tx, project="default", limit=9, labels=[("n", "1"), ("n", None)])
        assert [study.id for study in odd] == [ids[3], ids[1]]
        assert studies.page(tx, project="default", limit=9, labels=[("absent", None)]) == []
        assert [s.id for s in studies.page(tx, project="default", limit=9, state="cancelled")] == [ids[0]]


def test_cancel_shows_at_once_and_may_be_repeated(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = attempts.begin(tx, study.id).number
        attempts.start(tx, study.id, number)
        leased = leasing.lease(tx, study.id, number, [f"{study.id}-relu-0"])
    with ledger.write() as tx:
        assert steering.cancel(tx, study.id).state == "cancelled"
    with ledger.write() as tx:
        again = steering.cancel(tx, study.id)
        assert studies.progress(tx, study.id)["cancelled"] == 4
        assert attempts.heartbeat(tx, study.id, number) == "cancel"
        assert leasing.commit(tx, study.id, number, [outcome(id) for id in leased]) == []
        assert [active.id for active in studies.active(tx)] == [study.id]
        attempts.finish(tx, study.id, number, "cancelled")
        assert studies.active(tx) == []
        assert [row.id for row in studies.unbuilt(tx)] == [study.id]
        assert studies.complete(tx, study.id, state="cancelled", effects=EFFECTS, reports={})
        assert studies.unbuilt(tx) == []
    assert again.state == "cancelled"


def test_done_is_set_with_effects_and_reports_once_no_trial_is_open(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        early = studies.complete(tx, study.id, state="done", effects=EFFECTS, reports={"html": "early"})
        assert not early
    finish_all(ledger, study.id)
    with ledger.write() as tx:
        assert studies.complete(
            tx, study.id, state="done", effects=EFFECTS, reports={"html": "<p>", "md": "#"}
        )
        assert not studies.complete(tx, study.id, state="failed", effects=EFFECTS, reports={})
    with ledger.write() as tx:
        row, build = studies.get(tx, study.id), studies.build(tx, study.id)
        assert row.state == "done" and row.finished_at is not None and build is not None
        assert (build.interim, build.effects, build.seq) == (False, EFFECTS, row.seq)
        assert builds.report(tx, study.id, "html") == "<p>"
        assert builds.formats(tx, study.id) == ["html", "md"]
        assert builds.report(tx, study.id, "csv") is None
        with pytest.raises(StudyFinished):
            steering.cancel(tx, study.id)


def test_a_paused_study_gives_nothing_out_and_takes_what_was_running(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = attempts.begin(tx, study.id).number
        attempts.start(tx, study.id, number)
        first, second = leasing.lease(tx, study.id, number, [f"{study.id}-relu-0", f"{study.id}-mish-0"])
    with ledger.write() as tx:
        assert [steering.pause(tx, study.id).state for _ in range(2)] == ["paused", "paused"]
        assert attempts.heartbeat(tx, study.id, number) == "pause"
        assert leasing.lease(tx, study.id, number, [f"{study.id}-relu-1"]) == []
        assert leasing.commit(tx, study.id, number, [outcome(first)]) == [first]
        with pytest.raises(AttemptLive):
            attempts.begin(tx, study.id)
        attempts.finish(tx, study.id, number, "cancelled", "the study is paused")
        assert trials.get(tx, study.id, second).state == "planned"
        assert studies.active(tx) == []
        with pytest.raises(AttemptLive):
            attempts.begin(tx, study.id)
    with ledger.write() as tx:
        resumed = steering.resume(tx, study.id)
        assert resumed.state == "queued" and resumed.requeued_at is not None
        assert steering.resume(tx, study.id).requeued_at == resumed.requeued_at
        assert [active.id for active in studies.active(tx)] == [study.id]
        states = [
            event.data["state"] for event in events.list_after(tx, study.id, 0) if event.kind == "study"
        ]
        assert states == ["queued", "running", "paused", "queued"]
    with ledger.write() as tx:
        steering.pause(tx, study.id)
        assert steering.cancel(tx, study.id).state == "cancelled"
        for change in (steering.pause, steering.resume):
            with pytest.raises(StudyFinished):
                change(tx, study.id)


def fail_some(ledger: Ledger, study_id: str, failing: str) -> None:
    """Run what is open; trials of one arm fail."""
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        ids = leasing.lease(tx, study_id, number, [trial.id for trial in leasing.work(tx, study_id)])
        leasing.commit(tx, study_id, number, [outcome(i, "failed" if failing in i else "done") for i in ids])
        attempts.finish(tx, study_id, number, "done")
        assert studies.complete(tx, study_id, state="done", effects=EFFECTS, reports={"md": "#"})
        outbox.done(tx, [message.id for message in outbox.pending(tx)])


def test_a_retry_runs_failed_trials_alone_and_judges_anew(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        with pytest.raises(NothingToRetry, match="queued"):
            steering.retry(tx, study.id)
    fail_some(ledger, study.id, "mish")
    with ledger.write() as tx:
        before = studies.get(tx, study.id)
        again = steering.retry(tx, study.id)
        assert before.published and not again.published
        assert (again.state, again.finished_at, again.error) == ("queued", None, None)
        rows = {row.id: row for row in trials.page(tx, study.id, limit=9)}
        assert {i: row.state for i, row in rows.items()} == {
            i: "planned" if "mish" in i else "done" for i in rows
        }
        row = rows[f"{study.id}-mish-0"]
        assert (row.reason, row.metrics, row.finished_at, row.attempts) == (None, None, None, 1)
        assert trials.traceback(tx, study.id, row.id) is None
        build = studies.build(tx, study.id)
        assert build is not None and build.interim
        assert outbox.unwritten(tx) == []
    finish_all(ledger, study.id)
    with ledger.write() as tx:
        assert studies.complete(tx, study.id, state="done", effects=EFFECTS)
        assert outbox.unwritten(tx) == [study.id]
        last = studies.build(tx, study.id)
        assert last is not None and builds.add_reports(tx, study.id, seq=last.seq, bodies={"md": "new"})
        assert builds.add_figures(tx, study.id, seq=last.seq, files=[])
        outbox.done(tx, [message.id for message in outbox.pending(tx)])
        assert studies.get(tx, study.id).published
        with pytest.raises(NothingToRetry, match="no failed trial"):
            steering.retry(tx, study.id)


def test_papers_of_another_build_are_not_taken(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
    finish_all(ledger, study.id)
    with ledger.write() as tx:
        assert not builds.report_follows(tx, study.id)
        assert studies.complete(tx, study.id, state="done", effects=EFFECTS)
        last = studies.build(tx, study.id)
        assert last is not None and builds.report_follows(tx, study.id)
        assert not builds.add_reports(tx, study.id, seq=last.seq - 1, bodies={"md": "old"})
        assert not builds.add_figures(tx, study.id, seq=last.seq - 1, files=[])
        assert builds.add_reports(tx, study.id, seq=last.seq, bodies={"md": "new"})
        assert not builds.report_follows(tx, study.id)
        assert not builds.add_reports(tx, study.id, seq=last.seq, bodies={"md": "again"})
        assert builds.report(tx, study.id, "md") == "new"
        assert outbox.unwritten(tx) == outbox.unwritten(tx, study.id) == [study.id]
        # The summary is told with the report; what is drawn later does not take it back.
        outbox.done(tx, [message.id for message in outbox.pending(tx)])
        assert studies.get(tx, study.id).published
        assert builds.add_figures(tx, study.id, seq=last.seq, files=[])
        assert not builds.add_figures(tx, study.id, seq=last.seq, files=[])
        assert [message.kind for message in outbox.pending(tx)] == [outbox.FIGURES]
        assert outbox.unwritten(tx) == [] and studies.get(tx, study.id).published


def test_what_stands_for_a_report_that_failed_is_found_by_the_next_worker(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
    finish_all(ledger, study.id)
    with ledger.write() as tx:
        assert studies.complete(tx, study.id, state="done", effects=EFFECTS)
        last = studies.build(tx, study.id)
        assert last is not None and builds.without_report(tx) == []
        assert builds.add_reports(tx, study.id, seq=last.seq, bodies={"md": "none"}, error="no pen")
        assert builds.without_report(tx) == [study.id]
        assert studies.get(tx, study.id).error == "no pen"
        build = studies.build(tx, study.id)
        assert build is not None and build.effects == {**EFFECTS, "error": "no pen"}


def test_what_was_chosen_is_not_chosen_anew_once_something_is_measured(ledger: Ledger) -> None:
    def tuned(tx: Tx) -> str:
        study_id = studies.new_id()
        kinds = [("tuning", 0), ("tuning", 1), ("measuring", None)]
        planned_ = [
            NewTrial(
                id=f"{study_id}-{phase}-{candidate}", arm_id="a", arm="a", levels={}, settings={},
                seed=0, phase=phase, candidate=candidate,
            )
            for phase, candidate in kinds
        ]  # fmt: skip
        studies.create(
            tx, study_id=study_id, project="default", name="t", spec=SPEC, labels={}, planned=planned_
        )
        return study_id

    with ledger.write() as tx:
        measured, nothing = tuned(tx), tuned(tx)
    fail_some(ledger, measured, "tuning-1")
    fail_some(ledger, nothing, "g")
    with ledger.write() as tx:
        with pytest.raises(NothingToRetry):
            steering.retry(tx, measured)
        steering.retry(tx, nothing)
        assert {row.state for row in trials.page(tx, nothing, limit=9)} == {"planned"}


def test_an_older_or_interim_build_never_replaces_a_newer_or_final_one(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        assert studies.build(tx, study.id) is None
        assert studies.save_interim(tx, study.id, seq=5, effects={"at": 5}, reports={"md": "5"})
        assert not studies.save_interim(tx, study.id, seq=4, effects={"at": 4}, reports={"md": "4"})
        assert studies.save_interim(tx, study.id, seq=6, effects={"at": 6}, reports={"html": "6"})
        build = studies.build(tx, study.id)
        assert build is not None and build.interim and build.effects == {"at": 6}
        assert builds.report(tx, study.id, "md") is None
    finish_all(ledger, study.id)
    with ledger.write() as tx:
        assert studies.complete(tx, study.id, state="done", effects=EFFECTS, reports={})
        assert not studies.save_interim(tx, study.id, seq=99, effects={"at": 99}, reports={})


def test_published_once_everything_is_announced(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
    finish_all(ledger, study.id)
    with ledger.write() as tx:
        outbox.done(tx, [message.id for message in outbox.pending(tx)])
        assert not studies.get(tx, study.id).published
        studies.complete(tx, study.id, state="done", effects=EFFECTS, reports={})
    with ledger.write() as tx:
        (summary,) = outbox.pending(tx)
        assert summary.kind == "summary"
        outbox.failed(tx, summary.id, "MLflow is away")
        assert outbox.pending(tx) == [] and outbox.waiting(tx) == 1
        assert not studies.get(tx, study.id).published
        outbox.done(tx, [summary.id])
        outbox.done(tx, [summary.id])
        assert studies.get(tx, study.id).published
        kinds = [event.kind for event in events.list_after(tx, study.id, 0)]
        assert kinds.count("published") == 1


def test_the_experiment_is_noted_once(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        studies.set_experiment(tx, study.id, "7")
        seq = events.latest_seq(tx, study.id)
        studies.set_experiment(tx, study.id, "7")
        assert events.latest_seq(tx, study.id) == seq
        studies.set_experiment(tx, study.id, "7", view="/#/experiments/7?view=1")
        row = studies.get(tx, study.id)
        assert (row.experiment_id, row.mlflow_view) == ("7", "/#/experiments/7?view=1")


def test_events_are_numbered_without_gaps_and_resume(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        other = add_study(tx)
        last = events.append_many(tx, study.id, [("a", {"x": 1}), ("b", {})])
        assert last == events.latest_seq(tx, study.id) == 3
        assert [(event.seq, event.kind) for event in events.list_after(tx, study.id, 1)] == [
            (2, "a"),
            (3, "b"),
        ]
        assert events.list_after(tx, study.id, 1, limit=1)[0].data == {"x": 1}
        assert events.latest_seq(tx, other.id) == 1


def test_times_come_from_the_databases_clock(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        assert 0 <= studies.now(tx) - study.created_at < 5
        assert abs(studies.now(tx) - time.time()) < 5


def test_an_idempotency_key_is_remembered_within_its_project(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        assert submissions.answered(tx, "default", "k") is None
        submissions.remember(tx, "default", "k", "digest", study.id, {"id": study.id})
        assert submissions.answered(tx, "default", "k") == ("digest", {"id": study.id})
        assert submissions.answered(tx, "other", "k") is None


def test_studies_whose_report_could_not_be_built_are_found_by_their_error(ledger: Ledger) -> None:
    ended: dict[str, str] = {}
    effects = {"whole": {"contrasts": []}, "broken": {"contrasts": [], "error": "no 'report' could be built"}}
    for name, built in effects.items():
        with ledger.write() as tx:
            ended[name] = add_study(tx).id
            attempts.begin(tx, ended[name])
            attempts.start(tx, ended[name], 1)
            leasing.abandon(tx, ended[name], "none")
            assert studies.complete(tx, ended[name], state="failed", effects=built, reports={"md": "x"})
    with ledger.read() as tx:
        assert builds.without_report(tx) == [ended["broken"]]
    with ledger.write() as tx:
        builds.replace_report(tx, ended["broken"], effects=effects["whole"], bodies={}, files=[])
    with ledger.read() as tx:
        assert builds.without_report(tx) == []
        assert studies.get(tx, ended["broken"]).error is None


def test_a_study_is_found_by_what_people_call_it(ledger: Ledger) -> None:
    with ledger.write() as tx:
        first, second = add_study(tx), add_study(tx)
        add_study(tx, project="other")
        for meant, found in (("depth", second), ("last", second), (first.id, first), (first.id[:-1], first)):
            assert studies.find(tx, meant, "default") == found
        with pytest.raises(StudyAmbiguous) as caught:
            studies.find(tx, first.id[:3], "default")
        assert caught.value.problems[0].allowed == [f"{second.id} (depth)", f"{first.id} (depth)"]
        for nothing in ("", "dept_", "%", first.id + "0"):
            with pytest.raises(StudyNotFound):
                studies.find(tx, nothing, "default")


def test_what_studies_were_judged_is_read_without_the_rest(ledger: Ledger) -> None:
    with ledger.write() as tx:
        judged, open_study = add_study(tx), add_study(tx)
        contrasts = [{"primary": True, "rows": [{"verdict": "better"}]}]
        for study, interim in ((judged, False), (open_study, True)):
            effects = {"contrasts": contrasts, "exploratory": []}
            builds.save(tx, study.id, seq=1, interim=interim, effects=effects, bodies={})
        assert builds.contrasts_of(tx, [judged.id, open_study.id]) == {judged.id: contrasts}
