"""What a driver may rely on when it speaks with the service: one suite over the fake and the real API."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from ablations.manifest import Manifest
from service.app import create_app
from service.auth import attempt_token
from service.driver.client import Away, CallRefused, HttpInternal, Internal, Stale
from service.ledger import Ledger, attempts, migrate, open_ledger, steering
from service.protocol import Resolved, Running
from service.settings import Settings
from tests.ledger_samples import add_study, outcome
from tests.simulation.api import ApiHttp, SimApi
from tests.simulation.driven import Driven
from tests.simulation.kernel import Kernel
from tests.simulation.memory_ledger import Database, LedgerTrouble, LedgerView
from tests.simulation.network import CALM, Network
from tests.simulation.studies import CATALOGUE
from tests.unit.service.driver.fakes import FakeInternal


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One attempt's conversation, the ids of its four trials, and what else may happen to its study."""

    internal: Internal
    ids: list[str]
    cancel: Callable[[], None]
    lose: Callable[[], None]


class NoTrainables:
    """A catalogue that nobody asks."""

    trainables: dict[str, Manifest] = {}
    datasets: dict[str, Manifest] = {}


def fake() -> Iterator[Service]:
    internal = FakeInternal(["t0", "t1", "t2", "t3"])

    def cancel() -> None:
        internal.desired = "cancel"
        internal.states = {i: s if s == "done" else "cancelled" for i, s in internal.states.items()}

    def lose() -> None:
        internal.stale = True

    yield Service(internal=internal, ids=["t0", "t1", "t2", "t3"], cancel=cancel, lose=lose)


def verbs(ledger: Ledger, study_id: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """Cancels the study; takes its first attempt away."""

    def cancel() -> None:
        with ledger.write() as tx:
            steering.cancel(tx, study_id)

    def lose() -> None:
        with ledger.write() as tx:
            attempts.lost(tx, study_id, 1, "the test says so")

    return cancel, lose


def real(data_dir: Path) -> Iterator[Service]:
    settings = Settings(
        data_dir=data_dir,
        database_url=f"sqlite:///{data_dir / 'ledger.db'}",
        internal_url="http://127.0.0.1:1",
        secret="s",
    )
    migrate(settings.database_url)
    ledger = open_ledger(settings.database_url)
    with ledger.write() as tx:
        study = add_study(tx)
        attempts.begin(tx, study.id)

    cancel, lose = verbs(ledger, study.id)
    with TestClient(create_app(settings, catalogue=NoTrainables())) as client:
        token = attempt_token("s", study.id, 1)
        internal = HttpInternal(client, study_id=study.id, attempt=1, token=token)
        ids = [trial.id for trial in internal.work().trials]
        yield Service(internal=internal, ids=ids, cancel=cancel, lose=lose)
    ledger.close()


def simulated(data_dir: Path) -> Iterator[Service]:
    """The product's client and routes over a simulated network and a ledger in memory."""
    kernel = Kernel(0)
    ledger = Database().fresh(kernel.wall)
    with ledger.write() as tx:
        study = add_study(tx)
        attempts.begin(tx, study.id)

    cancel, lose = verbs(ledger, study.id)
    settings = Settings(
        data_dir=data_dir, database_url="sqlite:///unused", internal_url="http://a", secret="s"
    )
    trouble = LedgerTrouble(kernel, 0)
    api = SimApi(kernel, Network(kernel, 0, CALM), settings, lambda: LedgerView(ledger, trouble), CATALOGUE)
    token = attempt_token("s", study.id, 1)
    client = HttpInternal(ApiHttp(api), study_id=study.id, attempt=1, token=token)  # type: ignore[arg-type]
    internal = Driven(kernel.process("test"), client)
    ids = [trial.id for trial in internal.work().trials]
    yield Service(internal=internal, ids=ids, cancel=cancel, lose=lose)  # type: ignore[arg-type]


SERVICES: dict[str, Callable[[Path], Iterator[Service]]] = {
    "fake": lambda _data_dir: fake(),
    "real": real,
    "simulated": simulated,
}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    yield from SERVICES[request.param](tmp_path)


class TestInternal:
    def states(self, service: Service) -> list[str]:
        return [trial.state for trial in service.internal.work().trials]

    def test_work_lists_all_trials(self, service: Service) -> None:
        work = service.internal.work()
        assert work.protocol == 1
        assert [trial.state for trial in work.trials] == ["planned"] * 4

    def test_a_trial_is_leased_once_and_asking_again_gives_it_again(self, service: Service) -> None:
        assert service.internal.lease(service.ids[:2]) == service.ids[:2]
        assert service.internal.lease(service.ids[:2]) == service.ids[:2]

    def test_a_result_is_taken_once_and_repeating_it_changes_nothing(self, service: Service) -> None:
        service.internal.lease(service.ids[:1])
        for accuracy in (0.9, 0.1):
            results = [outcome(service.ids[0], accuracy=accuracy)]
            assert service.internal.commit(results) == service.ids[:1]
        trial = service.internal.work().trials[0]
        assert (trial.state, trial.metrics) == ("done", {"test_accuracy": 0.9})

    def test_an_ended_trial_is_not_leased_again(self, service: Service) -> None:
        service.internal.lease(service.ids)
        service.internal.commit([outcome(service.ids[0])])
        assert service.internal.lease(service.ids) == service.ids[1:]

    def test_a_result_without_a_lease_is_not_taken(self, service: Service) -> None:
        assert service.internal.commit([outcome(service.ids[0])]) == []

    def test_settings_of_new_trials_reuse_nothing(self, service: Service) -> None:
        entry = Resolved(id=service.ids[0], settings={"lr": 0.1}, fingerprint="ab")
        assert service.internal.settings([entry]) == []

    def test_while_the_study_runs_it_is_to_run(self, service: Service) -> None:
        service.internal.lease(service.ids)
        running = [Running(id=service.ids[0], step=1, metrics={"loss": 0.5})]
        assert service.internal.heartbeat(running) == "run"
        assert service.internal.heartbeat([]) == "run"

    def test_a_cancelled_study_is_to_be_cancelled_and_takes_no_more_results(self, service: Service) -> None:
        service.internal.lease(service.ids)
        service.internal.commit([outcome(service.ids[0])])
        service.cancel()
        assert service.internal.heartbeat([]) == "cancel"
        assert service.internal.commit([outcome(service.ids[1])]) == []
        assert self.states(service) == ["done", "cancelled", "cancelled", "cancelled"]

    def test_a_lost_attempt_can_write_nothing(self, service: Service) -> None:
        service.internal.lease(service.ids)
        service.lose()
        for ask in (
            lambda: service.internal.lease(service.ids),
            lambda: service.internal.commit([outcome(service.ids[0])]),
            lambda: service.internal.heartbeat([]),
            lambda: service.internal.finish("done", None),
        ):
            with pytest.raises(Stale):
                ask()

    def test_after_its_end_an_attempt_can_write_nothing(self, service: Service) -> None:
        service.internal.finish("done", None)
        with pytest.raises(Stale):
            service.internal.heartbeat([])


def answering(status: int) -> HttpInternal:
    """A service that answers everything with this status."""
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, text="as the test says"))
    client = httpx.Client(transport=transport, base_url="http://service")
    return HttpInternal(client, study_id="s", attempt=1, token="t")


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, Away), (503, Away), (429, Away), (409, Stale), (401, CallRefused), (422, CallRefused)],
)
def test_what_a_status_means(status: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="as the test says"):
        answering(status).heartbeat([])


def test_a_service_that_is_not_there_is_away() -> None:
    client = httpx.Client(base_url="http://127.0.0.1:1", trust_env=False)
    with pytest.raises(Away):
        HttpInternal(client, study_id="s", attempt=1, token="t").heartbeat([])


def test_another_protocol_is_refused() -> None:
    answer = {"protocol": 2, "study": {}, "trials": [], "lease_s": 30}
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=answer))
    client = httpx.Client(transport=transport, base_url="http://service")
    with pytest.raises(CallRefused, match="protocol 2"):
        HttpInternal(client, study_id="s", attempt=1, token="t").work()
