"""A study whose pilot sets its number of seeds, from the first trial to the verdict, on a real ledger."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ablations.identity import digest
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from service.api.submission import new_trials
from service.ledger import attempts, events, leasing, open_ledger, steering, studies
from service.ledger.studies import StudyRow
from service.protocol import Resolved
from service.worker.reports.schedule import ReportBuilder
from tests.ledger_samples import outcome
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL

BASE: dict[str, Any] = {name: part for name, part in SMALL.items() if name != "seeds"}
RULE = {"pilot": 4, "margin": 0.01, "max": 12}
RESIZED: dict[str, Any] = {**BASE, "analysis": {"resize": RULE}}


class Service:
    """Studies submitted, run and judged as the service does it, but for the trainings."""

    def __init__(self, file: Path) -> None:
        self.ledger = open_ledger(f"sqlite:///{file}")
        self.builder = ReportBuilder(self.ledger, lambda _name: MLP)

    def submit(self, spec: dict[str, Any]) -> str:
        study_id = studies.new_id()
        planned = [*new_trials(study_id, compile_design(parse_study(dict(spec)), MLP))]
        with self.ledger.write() as tx:
            studies.create(
                tx, study_id=study_id, project="p", name="n", spec=spec, labels={}, planned=planned
            )
        return study_id

    def train(self, study_id: str, state: str = "done", only: int | None = None) -> int:
        """Reuse what there is and train the rest of what is planned, or `only` so many; how many trained."""
        with self.ledger.write() as tx:
            number = attempts.begin(tx, study_id).number
            attempts.start(tx, study_id, number)
            work = [trial for trial in leasing.work(tx, study_id) if trial.state == "planned"]
            prints = [
                Resolved(id=t.id, settings=t.settings, fingerprint=digest([dict(t.settings), t.seed]))
                for t in work
            ]
            reused = leasing.set_settings(tx, study_id, number, prints)
            rest = [trial for trial in work if trial.id not in reused][:only]
            leasing.lease(tx, study_id, number, [trial.id for trial in rest])
            leasing.commit(tx, study_id, number, [outcome(t.id, state, accuracy=_value(t)) for t in rest])
            attempts.finish(tx, study_id, number, "done")
        return len(rest)

    def build(self) -> int:
        return self.builder.build_due()

    def study(self, study_id: str) -> StudyRow:
        with self.ledger.read() as tx:
            return studies.get(tx, study_id)

    def effects(self, study_id: str) -> Any:
        with self.ledger.read() as tx:
            built = studies.build(tx, study_id)
        assert built is not None
        return built.effects

    def told(self, study_id: str) -> list[Any]:
        with self.ledger.read() as tx:
            return [e.data for e in events.list_after(tx, study_id, 0) if e.kind == "resized"]

    def finished(self, spec: dict[str, Any]) -> str:
        """A study, run to its verdict."""
        study_id = self.submit(spec)
        while self.study(study_id).state != "done":
            self.train(study_id)
            self.build()
        return study_id


def _value(trial: Any) -> float:
    noise = int(digest([dict(trial.settings), trial.seed])[:4], 16) / 2**16 - 0.5
    return 0.8 + 0.02 * noise + 0.05 * (trial.settings["scalars"] == "shared")


@pytest.fixture
def service(empty_ledger: Path, tmp_path: Path) -> Iterator[Service]:
    service = Service(Path(shutil.copy(empty_ledger, tmp_path / "ledger.db")))
    yield service
    service.ledger.close()


def test_the_pilot_sets_the_number_once_and_the_verdict_rests_on_all_seeds(service: Service) -> None:
    study_id = service.submit(RESIZED)
    assert service.train(study_id) == 16
    assert service.build() == 0
    study, (told,) = service.study(study_id), service.told(study_id)
    assert study.state == "running" and 4 < told["seeds"] <= 12
    assert study.num_trials == 4 * told["seeds"] and told["trials_added"] == study.num_trials - 16
    assert study.spec["analysis"]["resize"]["found"]["seeds"] == told["seeds"]
    with service.ledger.read() as tx:
        assert studies.build(tx, study_id) is None
    assert service.train(study_id) == told["trials_added"]
    assert service.build() == 1
    (row,) = service.effects(study_id)["contrasts"][0]["rows"]
    assert service.study(study_id).state == "done" and len(service.told(study_id)) == 1
    assert (row["n"], row["verdict"]) == (told["seeds"], "better")
    assert any(
        note.startswith(f"{told['seeds']} seeds, set once from the pilot of 4") for note in row["notes"]
    )


def test_a_pilot_that_needs_no_more_goes_on_to_its_verdict(service: Service) -> None:
    study_id = service.submit({**BASE, "analysis": {"resize": {**RULE, "margin": 0.9}}})
    service.train(study_id)
    service.build()
    assert service.study(study_id).num_trials == 16 and service.told(study_id)[0]["trials_added"] == 0
    service.build()
    assert service.study(study_id).state == "done"
    assert service.effects(study_id)["contrasts"][0]["rows"][0]["verdict"] is not None


def test_a_pilot_of_which_nothing_ended_fails_and_sets_the_number_when_it_is_retried(
    service: Service,
) -> None:
    study_id = service.submit(RESIZED)
    service.train(study_id, "failed")
    service.build()
    assert service.study(study_id).state == "failed" and service.told(study_id) == []
    with service.ledger.write() as tx:
        steering.retry(tx, study_id)
    service.train(study_id)
    service.build()
    assert len(service.told(study_id)) == 1 and service.study(study_id).state == "running"


def test_a_study_cancelled_in_its_pilot_shows_no_difference(service: Service) -> None:
    study_id = service.submit(RESIZED)
    service.train(study_id, only=15)
    with service.ledger.write() as tx:
        steering.cancel(tx, study_id)
    service.build()
    (row,) = service.effects(study_id)["contrasts"][0]["rows"]
    assert (row["estimate"], row["low"], row["verdict"], row["p"]) == (None, None, None, None)
    assert service.effects(study_id)["arms"][0]["readings"]["test_accuracy"]["n"] == 0
    assert service.told(study_id) == []


def verdict(service: Service, study_id: str) -> tuple[str | None, list[str]]:
    (row,) = service.effects(study_id)["contrasts"][0]["rows"]
    return row["verdict"], row["notes"]


def test_no_other_study_gives_a_verdict_on_the_pilot_before(service: Service) -> None:
    first = service.submit(RESIZED)
    service.train(first)
    early = service.finished({**BASE, "seeds": 4})
    found, notes = verdict(service, early)
    assert found is None and any("that is to have more seeds, as its pilot sets" in note for note in notes)
    # The same study once more is the same rule, and its verdict is no other.
    again = service.finished(RESIZED)
    assert verdict(service, again)[0] == "better"
    # Nor after the number is set, until that study has its verdict.
    service.build()
    assert len(service.told(first)) == 1
    assert verdict(service, service.finished({**BASE, "seeds": 5}))[0] is None
    service.train(first)
    service.build()
    assert verdict(service, first)[0] == "better"


def test_seeds_added_after_the_verdict_withhold_the_next_one(service: Service) -> None:
    first = service.finished(RESIZED)
    longer = {**BASE, "seeds": service.told(first)[0]["seeds"] + 3}
    found, notes = verdict(service, service.finished(longer))
    assert found is None and any("extended after results were known" in note for note in notes)


def test_another_rule_after_the_verdict_that_asks_for_more_withholds_its_own(service: Service) -> None:
    service.finished(RESIZED)
    other = service.finished({**BASE, "analysis": {"resize": {**RULE, "margin": 0.001, "max": 14}}})
    assert service.told(other)[0]["seeds"] == 14
    assert verdict(service, other)[0] is None
