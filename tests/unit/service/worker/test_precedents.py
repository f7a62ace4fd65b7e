"""Contrasts asked, and seeds added, after an earlier study had the results, told from a real ledger."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ablations.design.design import planned_trials
from ablations.identity import digest
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from service.ledger import attempts, builds, leasing, open_ledger, outbox, reuse, steering, studies, trials
from service.ledger.studies import NewTrial
from service.ledger.upkeep import deletions
from service.protocol import Resolved
from service.worker.reports.making import Maker
from service.worker.reports.precedents import precedent_of
from service.worker.reports.schedule import ReportBuilder
from tests.ledger_samples import outcome
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL

OTHER = {"contrasts": {"deeper": {"vary": "depth", "against": 1, "over": ["scalars"]}}}
POST_HOC = "post hoc: this contrast was added after results existed"
EXTENDED = "extended after results were known"


class Project:
    """A project whose studies run one after the other; what an earlier one measured is used again."""

    def __init__(self, file: Path) -> None:
        self.ledger = open_ledger(f"sqlite:///{file}")
        self.builder = ReportBuilder(self.ledger, lambda _name: MLP)

    def submit(self, **changes: Any) -> str:
        spec: Mapping[str, Any] = {**SMALL, **changes}
        design, study_id = compile_design(parse_study(dict(spec)), MLP), studies.new_id()
        planned = [
            NewTrial(
                id=digest([study_id, n])[:20],
                arm_id=trial.arm.id,
                arm=trial.arm.label,
                levels=trial.arm.levels,
                settings=trial.arm.settings,
                seed=trial.seed,
                phase=trial.phase,
            )
            for n, trial in enumerate(planned_trials(design))
        ]
        with self.ledger.write() as tx:
            studies.create(
                tx, study_id=study_id, project="p", name="n", spec=spec, labels={}, planned=planned
            )
        return study_id

    def run(self, study_id: str) -> Any:
        """Reuse what there is, train the rest, and judge: the primary contrast's effects."""
        with self.ledger.write() as tx:
            number = attempts.begin(tx, study_id).number
            attempts.start(tx, study_id, number)
            work = leasing.work(tx, study_id)
            prints = [
                Resolved(id=t.id, settings=t.settings, fingerprint=digest([dict(t.settings), t.seed]))
                for t in work
            ]
            reused = leasing.set_settings(tx, study_id, number, prints)
            rest = [t for t in work if t.id not in reused]
            leasing.lease(tx, study_id, number, [t.id for t in rest])
            found = [outcome(t.id, accuracy=0.5 + int(digest(t.id)[:4], 16) / 2**18) for t in rest]
            leasing.commit(tx, study_id, number, found)
        assert self.builder.build_due() == 1  # the verdict
        assert self.builder.build_due() == 1  # the papers
        with self.ledger.read() as tx:
            built = studies.build(tx, study_id)
        assert built is not None and built.effects["interim"] is False
        return built.effects["contrasts"][0]

    def report(self, study_id: str, format: str) -> str:
        with self.ledger.read() as tx:
            return builds.report(tx, study_id, format) or ""


@pytest.fixture
def project(empty_ledger: Path, tmp_path: Path) -> Iterator[Project]:
    project = Project(Path(shutil.copy(empty_ledger, tmp_path / "ledger.db")))
    yield project
    project.ledger.close()


def test_the_same_question_again_is_neither_post_hoc_nor_extended(project: Project) -> None:
    first = project.run(project.submit())
    again = project.submit()
    contrast = project.run(again)
    with project.ledger.read() as tx:
        assert len(reuse.reused_trials(tx, again)) == 12
    assert contrast == first
    assert not contrast["post_hoc"] and contrast["rows"][0]["verdict"] is not None


def test_a_contrast_added_after_the_results_says_so_beside_its_verdict(project: Project) -> None:
    project.run(project.submit())
    late = project.submit(baseline={}, analysis=OTHER)
    contrast = project.run(late)
    assert contrast["post_hoc"] and contrast["rows"][0]["verdict"] is not None
    assert POST_HOC in contrast["rows"][0]["notes"]
    for format in ("html", "md", "latex"):
        assert POST_HOC[1:] in project.report(late, format), format
    # Asked once more it is still post hoc: it was never asked before its results were known.
    assert project.run(project.submit(baseline={}, analysis=OTHER))["post_hoc"]


def test_deleting_the_earlier_study_does_not_make_its_results_unseen(project: Project) -> None:
    first = project.submit()
    project.run(first)
    extended, late = project.submit(seeds=6), project.submit(baseline={}, analysis=OTHER)
    with project.ledger.write() as tx:
        attempts.finish(tx, first, 1, "done")
    contrasts = [project.run(study_id) for study_id in (extended, late)]
    assert contrasts[0]["rows"][0]["verdict"] is None and contrasts[1]["post_hoc"]
    with project.ledger.write() as tx:
        deletions.delete(tx, first, "p", num_reused=12)
        outbox.done(tx, [message.id for message in outbox.pending(tx)])
    for _ in range(2):
        for study_id, before in zip((extended, late), contrasts, strict=True):
            with project.ledger.read() as tx:
                study, records = studies.get(tx, study_id), trials.records(tx, study_id)
                precedent = precedent_of(tx, study, lambda _name: MLP)
            assert len(records) and precedent is not None
            made = Maker(project.ledger, lambda _name: MLP).make(study, final=True)
            assert made.effects["contrasts"][0] == before
        deletions.sweep(project.ledger, lambda _: None)


def test_a_contrast_submitted_before_the_results_were_known_is_not_post_hoc(project: Project) -> None:
    first, second = project.submit(), project.submit(baseline={}, analysis=OTHER)
    project.run(first)
    contrast = project.run(second)
    assert not contrast["post_hoc"] and contrast["rows"][0]["verdict"] is not None
    with project.ledger.read() as tx:
        assert studies.progress(tx, second)["reused"] == 12
        assert reuse.reused_trials(tx, second) == []


def test_an_arm_that_is_new_makes_a_new_question(project: Project) -> None:
    project.run(project.submit())
    wider = project.run(project.submit(factors={"scalars": ["none", "per_layer"], "depth": [1, 5]}))
    assert not wider["post_hoc"]


def test_another_rule_for_the_same_rows_is_post_hoc(project: Project) -> None:
    project.run(project.submit())
    assert project.run(project.submit(analysis={"alpha": 0.1}))["post_hoc"]
    assert project.run(project.submit(analysis={"test": "sign_flip"}))["post_hoc"]


def test_seeds_added_after_a_verdict_withhold_the_next(project: Project) -> None:
    project.run(project.submit())
    more = project.submit(seeds=5)
    contrast = project.run(more)
    assert not contrast["post_hoc"]
    assert [row["verdict"] for row in contrast["rows"]] == [None] * len(contrast["rows"])
    assert any(EXTENDED in note for note in contrast["notes"])
    for format in ("html", "md", "latex"):
        assert EXTENDED[1:] in project.report(more, format), format


def test_seeds_added_at_looks_that_were_declared_at_the_start_are_judged(project: Project) -> None:
    looks = {"looks": [3, 5]}
    project.run(project.submit(analysis=looks))
    contrast = project.run(project.submit(analysis=looks, seeds=5))
    assert contrast["rows"][0]["verdict"] is not None
    assert "look 2 of 2: alpha is split between the looks" in contrast["notes"]


def test_looks_declared_only_when_seeds_were_added_do_not_count(project: Project) -> None:
    project.run(project.submit())
    contrast = project.run(project.submit(analysis={"looks": [3, 5]}, seeds=5))
    assert contrast["rows"][0]["verdict"] is None


def test_a_study_cut_short_came_to_no_verdict_that_could_be_extended(project: Project) -> None:
    first = project.submit()
    with project.ledger.write() as tx:
        number = attempts.begin(tx, first).number
        attempts.start(tx, first, number)
        work = leasing.work(tx, first)
        prints = [
            Resolved(id=t.id, settings=t.settings, fingerprint=digest([dict(t.settings), t.seed]))
            for t in work
        ]
        leasing.set_settings(tx, first, number, prints)
        ids = [t.id for t in work[:8]]
        leasing.lease(tx, first, number, ids)
        leasing.commit(tx, first, number, [outcome(id) for id in ids])
        steering.cancel(tx, first)
    project.builder.build_due()
    contrast = project.run(project.submit(seeds=5))
    assert not contrast["post_hoc"] and contrast["rows"][0]["verdict"] is not None
