"""What a plan can learn from a project's earlier studies, over both databases."""

from service.ledger import Ledger, Tx, attempts, history, leasing, studies
from service.ledger.studies import NewTrial
from tests.ledger_samples import SPEC
from trainables.training.lease import Outcome


def timed_study(tx: Tx, num_trials: int, *, device: str = "cpu x86_64", state: str = "done") -> str:
    """A study whose trials took as many seconds as their place, from 1 on."""
    study_id = studies.new_id()
    planned = [
        NewTrial(
            id=f"{study_id[:20]}-{place}", arm_id="a", arm="a", levels={}, settings={"n": place}, seed=place,
            phase="measuring",
        )
        for place in range(num_trials)
    ]  # fmt: skip
    studies.create(tx, study_id=study_id, project="p", name="n", spec=SPEC, labels={}, planned=planned)
    number = attempts.begin(tx, study_id).number
    attempts.start(tx, study_id, number)
    ids = leasing.lease(tx, study_id, number, [trial.id for trial in planned])
    outcomes = [
        Outcome(trial_id=id, state=state, seconds=1.0 + place, device=device)  # type: ignore[arg-type]
        for place, id in enumerate(ids)
    ]
    leasing.commit(tx, study_id, number, outcomes)
    return study_id


def test_a_large_study_does_not_hide_how_long_trials_of_others_took(ledger: Ledger) -> None:
    with ledger.write() as tx:
        small = timed_study(tx, 2, device="NVIDIA H200")
        timed_study(tx, 3, state="failed")
        large = timed_study(tx, history.MAX_TIMED + 10)
        known = history.known(tx, "p", SPEC["trainable"]).timed
    by_study = {id: [trial for trial in known if id in trial.study] for id in (large, small)}
    assert [trial.seconds for trial in by_study[large]] == [1.0 + n for n in range(history.MAX_TIMED)]
    assert [(trial.seconds, trial.gpu) for trial in by_study[small]] == [(1.0, True), (2.0, True)]
    assert len(known) == history.MAX_TIMED + 2 and known[0].study == f"n ({large})"
    with ledger.read() as tx:
        assert history.known(tx, "other", SPEC["trainable"]).timed == ()
        assert history.known(tx, "p", "another").timed == ()
        assert all(
            large not in trial.study
            for trial in history.known(tx, "p", SPEC["trainable"], before=large).timed
        )
