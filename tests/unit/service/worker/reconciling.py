"""One queued study with its reconciler, a cluster in memory and a clock that only a test moves."""

from pathlib import Path

from sqlalchemy import update

from service.cluster import JobState
from service.ledger import attempts, leasing, migrate, open_ledger, studies, trials
from service.ledger.attempts import Attempt
from service.ledger.tables import attempts as attempts_table
from service.ledger.tables import db_now
from service.settings import Settings
from service.worker.reconciler import Reconciler
from tests.fake_cluster import FakeCluster
from tests.ledger_samples import add_study, outcome


class Scene:
    """One queued study, a cluster, and a clock that only a test moves."""

    def __init__(self, data_dir: Path, *, standbys: int = 0) -> None:
        url = f"sqlite:///{data_dir / 'ledger.db'}"
        migrate(url)
        self.ledger = open_ledger(url)
        self.settings = Settings(
            data_dir=data_dir,
            database_url=url,
            internal_url="http://127.0.0.1:1",
            secret="s",
            lease_s=30.0,
            standbys=standbys,
        )
        self.cluster = FakeCluster()
        self.now = 0.0
        self.api_answers = True
        self.reconciler = self.restarted()
        with self.ledger.write() as tx:
            self.study_id = add_study(tx).id

    def restarted(self) -> Reconciler:
        """A reconciler that remembers nothing."""
        return Reconciler(
            self.settings,
            self.ledger,
            lambda: self.cluster,
            api_answers=lambda: self.api_answers,
            clock=lambda: self.now,
        )

    def round(self, num: int = 1) -> None:
        for _ in range(num):
            self.reconciler.reconcile()

    def attempts(self) -> list[Attempt]:
        with self.ledger.read() as tx:
            return attempts.all_of(tx, self.study_id)

    def live(self) -> Attempt:
        with self.ledger.read() as tx:
            attempt = attempts.live(tx, self.study_id)
        assert attempt is not None
        return attempt

    def state(self) -> str:
        with self.ledger.read() as tx:
            return studies.get(tx, self.study_id).state

    def trial_states(self) -> list[str]:
        with self.ledger.read() as tx:
            return [row.state for row in trials.page(tx, self.study_id, limit=100)]

    def set(self, state: JobState) -> None:
        """What Ray says of the live attempt's job."""
        self.cluster.states[self.live().submission_id] = state

    def beat(self, lease_s: float = 30.0) -> str:
        """The driver is heard; a negative lease has run out at once."""
        with self.ledger.write() as tx:
            return attempts.heartbeat(tx, self.study_id, self.live().number, lease_s=lease_s)

    def fall_silent(self, silent_s: float) -> None:
        """The driver was last heard so long ago; its lease still holds."""
        with self.ledger.write() as tx:
            spoke = attempts_table.c.study_id == self.study_id
            tx.execute(update(attempts_table).where(spoke).values(heartbeat_at=db_now() - silent_s))

    def drive(self, num: int = 100) -> None:
        """The driver ends some trials."""
        with self.ledger.write() as tx:
            number = attempts.live(tx, self.study_id).number  # type: ignore[union-attr]
            ids = [row.id for row in trials.page(tx, self.study_id, limit=num, state="planned")]
            leasing.lease(tx, self.study_id, number, ids)
            leasing.commit(tx, self.study_id, number, [outcome(i) for i in ids])

    def finish(self, state: str, error: str | None = None) -> None:
        with self.ledger.write() as tx:
            attempts.finish(tx, self.study_id, self.live().number, state, error)
