"""Studies under which code and data change at random: nothing is mixed in silence, nothing is lost."""

import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ablations.effects.effect import EffectRow
from service.app import create_app
from service.errors import StaleAttempt
from service.ledger import Ledger, attempts, counts, migrate, studies, trials
from service.ledger.tables import OPEN_TRIALS, TRIAL_STATES
from service.ledger.trials import TrialRow
from service.settings import Settings
from tests.attempts import HERE, Attempts
from tests.edited_code import IMAGES, TEXT, TOY, TOYS_CODE, WAVE, WAVES_CODE, EditedCode, edited_code
from tests.thorough import tries
from trainables.training.lease import Outcome

HARDWARE = "the hardware class"
# What is done in each state, and how often; all of it may be tried in any.
EVERYWHERE = {"edit": 2.0, "lose": 0.5, "pause": 0.3, "resume": 0.3, "retry": 0.3, "extend": 0.2, "work": 0.3}
WEIGHTS = {
    **dict.fromkeys(("queued", "running"), EVERYWHERE | {"work": 8.0, "pause": 3.0}),
    "paused": EVERYWHERE | {"resume": 4.0},
    **dict.fromkeys(("done", "failed"), EVERYWHERE | {"retry": 2.0, "extend": 2.0}),
}
UNDECIDED = (None, "inconclusive", "no data")
NUM_SEEDS, MAX_SEEDS, MAX_STUDIES, NUM_STEPS = 3, 6, 3, 30
PER_BATCH = 5
NUM_BATCHES = {"sqlite": tries(6, 40), "postgresql": tries(2, 8)}


def study(name: str, trainable: str, factor: str, levels: list[Any], metric: str, **fixed: Any) -> Any:
    return {
        "name": name,
        "trainable": trainable,
        "factors": {factor: levels},
        "baseline": {factor: levels[0]},
        "fixed": fixed,
        "seeds": NUM_SEEDS,
        "metrics": [{"name": metric, "goal": "maximize"}],
        "analysis": {"missing": "unrelated"},  # so that rows with holes are decided too
    }


KINDS = (
    study("plugin", TOY, "size", [1, 2], "test_accuracy"),
    study("part", "mlp-classifier", "base", ["relu", WAVE], "test_accuracy", dataset="stripes", epochs=1),
    study("built-in", "mlp-classifier", "base", ["silu", "mish"], "test_accuracy", dataset="stripes"),
    study("text", "language-model", "glu", ["swiglu", "geglu"], "test_loss", dataset="story"),
)


def parts_of(row: TrialRow, spec: dict[str, Any]) -> list[str]:
    """What can be edited of what a trial depends on."""
    match spec["trainable"], row.settings.get("base"):
        case ("language-model", _):
            return [TEXT]
        case ("edited-toy", _):
            return [IMAGES, TOYS_CODE]
        case (_, "edited_wave"):
            return [IMAGES, WAVES_CODE]
    return [IMAGES]


class Interleaving:
    """Random steps of users, drivers and editors; `steps` tells them when one of them is wrong."""

    def __init__(self, seed: int, client: TestClient, code: EditedCode, driving: Attempts) -> None:
        self.rng = random.Random(seed)
        self.client, self.code, self.driving = client, code, driving
        self.hardware = "cpu"
        self.versions: list[dict[str, Any]] = []  # what a trial ran with, by the metric `version`
        self.loaded: dict[str, tuple[int, dict[str, Any]]] = {}
        self.kept: dict[str, Counter[tuple[str, float]]] = {}
        self.specs: dict[str, dict[str, Any]] = {}
        self.extended: set[str] = set()
        self.steps: list[str] = []
        for part in code.versions:  # what other interleavings found is of no use here
            code.edit(part)
        kind = KINDS[seed % len(KINDS)]
        self._accepted(client.post("/v1/studies", json=kind), kind)

    def step(self) -> None:
        study_id = self.rng.choice(list(self.specs))
        words = WEIGHTS[self.state(study_id)]
        (word,) = self.rng.choices(list(words), list(words.values()))
        self.steps.append(f"{word} {study_id[-6:]}")
        getattr(self, word)(study_id)
        self.settle(study_id)
        if word not in ("edit", "lose", "pause"):
            self.check(study_id)

    # What drivers do.

    def begin(self, study_id: str) -> None:
        with self.driving.ledger.read() as tx:
            state, live = studies.get(tx, study_id).state, attempts.live(tx, study_id)
        if state not in ("queued", "running") or live is not None:
            return
        place = replace(HERE, hardware=self.hardware)
        number, reused = self.driving.begin(study_id, place)
        self.loaded[study_id] = number, {**self.code.versions, HARDWARE: self.hardware}
        for row in self.rows(study_id):
            if row.id in reused:
                self.kept[study_id][told(row)] += 1

    def work(self, study_id: str) -> None:
        """Some trials are run, by a fresh driver if there is none."""
        self.begin(study_id)
        if study_id not in self.loaded:
            return
        number, loaded = self.loaded[study_id]

        def one(row: TrialRow) -> Outcome:
            parts = parts_of(row, self.specs[study_id])
            edited = any(loaded[part] != self.code.versions[part] for part in parts)
            if (edited and self.rng.random() < 0.3) or self.rng.random() < 0.05:
                return Outcome(trial_id=row.id, state="failed", reason="code_mismatch, or a bug")
            self.versions.append({part: loaded[part] for part in (*parts, HARDWARE)})
            metrics = {"version": float(len(self.versions) - 1)}
            if self.rng.random() < 0.03:
                return Outcome(trial_id=row.id, state="diverged", metrics=metrics)
            spec = self.specs[study_id]
            (factor, levels), better = next(iter(spec["factors"].items())), 0.01 + 1e-4 * (row.seed * 7 % 5)
            value = 0.5 + better * (row.levels[factor] == levels[1])
            metrics[spec["metrics"][0]["name"]] = value
            return Outcome(trial_id=row.id, state="done", metrics=metrics)

        try:
            held = set(self.driving.train(study_id, number, self.rng.randint(1, 4), one))
        except StaleAttempt:
            del self.loaded[study_id]
            return
        for row in self.rows(study_id):
            if row.id in held and row.state in ("done", "diverged"):
                self.kept[study_id][told(row)] += 1

    def lose(self, study_id: str) -> None:
        if study_id in self.loaded:
            self.driving.lose(study_id, self.loaded.pop(study_id)[0])

    def settle(self, study_id: str) -> None:
        """A study without open trials ends."""
        with self.driving.ledger.read() as tx:
            state, num_open = studies.get(tx, study_id).state, counts.num_open(tx, study_id)
        if state in ("queued", "running") and not num_open:
            self.lose(study_id)
            self.driving.complete(study_id)

    # What users do.

    def edit(self, study_id: str) -> None:
        mine = [part for row in self.rows(study_id) for part in parts_of(row, self.specs[study_id])]
        part = self.rng.choice([self.rng.choice(mine), self.rng.choice([*self.code.versions, HARDWARE])])
        self.steps[-1] = f"edit {part}"
        if part == HARDWARE:
            self.hardware = "another cpu" if self.hardware == "cpu" else "cpu"
        else:
            self.code.edit(part)

    def pause(self, study_id: str) -> None:
        assert self.client.post(f"/v1/studies/{study_id}/pause").status_code in (202, 409)

    def resume(self, study_id: str) -> None:
        paused = self.state(study_id) == "paused"
        expected = self.changed(study_id, OPEN_TRIALS) if paused else set()
        self.ask(study_id, "resume", expected)

    def retry(self, study_id: str) -> None:
        ended = self.state(study_id) in ("done", "failed")
        self.ask(study_id, "retry", self.changed(study_id, ("failed",)) if ended else set())

    def extend(self, study_id: str) -> None:
        num = self.specs[study_id]["seeds"] + 1
        if num > MAX_SEEDS or len(self.specs) == MAX_STUDIES:
            return
        expected = self.changed(study_id, TRIAL_STATES)
        answer = self.ask(study_id, "extend", expected, json={"seeds": num})
        if answer.status_code == 202:
            self._accepted(answer, {**self.specs[study_id], "seeds": num})
            self.extended.add(answer.json()["id"])

    def ask(self, study_id: str, verb: str, expected: set[str], **body: Any) -> Any:
        """Without a flag the answer is a question exactly where something has changed, and it says what."""
        flag = self.rng.choice(("", "", "anyway", "anyway", "anyway", "afresh"))
        query = f"?{flag}=true" if flag else ""
        answer = self.client.post(f"/v1/studies/{study_id}/{verb}{query}", **body)
        self.steps[-1] += f" {flag} -> {answer.status_code}"
        problem = answer.json() if answer.status_code != 202 else {}
        asked = problem.get("type") == "/problems/study-changed"
        assert answer.status_code in (202, 409), answer.text
        assert asked == bool(expected and not flag), (asked, expected, answer.text)
        if asked:
            assert {each["path"] for each in problem["errors"]} == expected
            assert all(part in problem["detail"] for part in expected)
        return answer

    # What is known.

    def _accepted(self, answer: Any, spec: dict[str, Any]) -> None:
        assert answer.status_code == 202, answer.text
        self.specs[answer.json()["id"]] = spec
        self.kept[answer.json()["id"]] = Counter()

    def state(self, study_id: str) -> str:
        return str(self.client.get(f"/v1/studies/{study_id}").json()["state"])

    def rows(self, study_id: str) -> list[TrialRow]:
        with self.driving.ledger.read() as tx:
            return trials.page(tx, study_id, limit=500)

    def changed(self, study_id: str, states: Iterable[str]) -> set[str]:
        """The parts of trials in these states that the latest result which has them had otherwise."""
        rows = self.rows(study_id)
        results = [row for row in rows if row.state in ("done", "diverged")]
        latest: dict[str, Any] = {}
        for row in sorted(results, key=lambda row: row.finished_at or 0.0):
            latest |= self.ran_with(row)
        spec = self.specs[study_id]
        needed = {part for row in rows if row.state in states for part in parts_of(row, spec)}
        return {part for part in needed if latest.get(part, now := self.code.versions[part]) != now}

    def ran_with(self, row: TrialRow) -> dict[str, Any]:
        assert row.metrics is not None and row.metrics["version"] is not None
        return self.versions[int(row.metrics["version"])]

    def check(self, study_id: str) -> None:
        rows = self.rows(study_id)
        results = [row for row in rows if row.state in ("done", "diverged")]
        self.check_kept(study_id, results)
        found: dict[str, set[Any]] = {}
        for row in results:
            for part, version in self.ran_with(row).items():
                found.setdefault(part, set()).add(version)
        mixed = {part for part, versions in found.items() if len(versions) > 1}
        effects = self.driving.effects(study_id)
        (contrast,) = effects.contrasts
        for each in (*contrast.rows, *effects.exploratory):
            check_row(each, mixed)
        whole = all(row.state == "done" for row in rows)
        if whole and not mixed:
            (row,) = contrast.rows
            # Extended after its results were known, a study gets no verdict.
            assert row.verdict == "better" or (study_id in self.extended and row.verdict is None)

    def check_kept(self, study_id: str, results: list[TrialRow]) -> None:
        """Every result is there still, or kept as superseded, once."""
        old: list[dict[str, Any]] = []
        url: str | None = f"/v1/studies/{study_id}/trials?superseded=true&limit=7"
        while url:
            page = self.client.get(url)
            old += page.json()["items"]
            url = page.links.get("next", {}).get("url")
        superseded = Counter(
            (item["id"], item["metrics"]["version"]) for item in old if item["state"] in ("done", "diverged")
        )
        assert Counter(map(told, results)) + superseded == self.kept[study_id]
        progress = self.client.get(f"/v1/studies/{study_id}").json()["progress"]
        assert progress["done"] + progress["diverged"] == len(results)
        assert progress["total"] == 2 * self.specs[study_id]["seeds"]


def told(row: TrialRow) -> tuple[str, float]:
    assert row.metrics is not None and row.metrics["version"] is not None
    return row.id, row.metrics["version"]


def check_row(row: EffectRow, mixed: set[str]) -> None:
    if mixed:
        assert row.verdict in UNDECIDED and row.p is None and row.p_adjusted is None
        named = {part for part in mixed if any(said.startswith(f"{part} changed") for said in row.mixed)}
        assert named == mixed
    else:
        assert row.mixed == ()


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EditedCode]:
    folder = tmp_path_factory.mktemp("edited")
    yield from edited_code(folder / "plugins", folder / "data" / "datasets")


@pytest.fixture
def client(code: EditedCode, url: str, empty_ledger: Path) -> Iterator[TestClient]:
    """The API as it is served, over either database."""
    if url.startswith("sqlite"):
        shutil.copy(empty_ledger, url.removeprefix("sqlite:///"))
    else:
        migrate(url)
    settings = Settings(
        data_dir=code.datasets_dir.parent,
        database_url=url,
        internal_url="http://127.0.0.1:8000",
        mlflow_url="http://127.0.0.1:5000",
        secret="s" * 64,
    )
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def driving(client: TestClient, code: EditedCode) -> Attempts:
    context = client.app.state.context  # type: ignore[attr-defined]
    ledger: Ledger = context.ledger
    return Attempts(ledger, context.catalogues, code.datasets_dir)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "batch"),
    [(url, batch) for url, num in NUM_BATCHES.items() for batch in range(num)],
    indirect=["url"],
)
def test_nothing_is_mixed_in_silence_and_nothing_is_lost(
    batch: int, client: TestClient, code: EditedCode, driving: Attempts
) -> None:
    for seed in range(batch * PER_BATCH, (batch + 1) * PER_BATCH):
        interleaving = Interleaving(seed, client, code, driving)
        try:
            for _ in range(NUM_STEPS):
                interleaving.step()
            for study_id in interleaving.specs:
                interleaving.check(study_id)
        except AssertionError as error:
            raise AssertionError(f"interleaving {seed}: {'; '.join(interleaving.steps)}") from error
