"""Requests drawn from the OpenAPI document: `python -m tests.contract.openapi_cases 20000`.

Each answer must be one that the document tells, of the shape it tells, and no fault of the server's. What the
document allows is accepted, but for the reasons in EXCEPTIONS, and what it does not allow is refused.
"""

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from starlette.testclient import TestClient

from service.app import create_app
from service.ledger import migrate, outbox, steering, studies
from service.settings import Settings
from tests.unit.service.api.conftest import SMALL, STUDY, fake_logs

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
ACCEPTED = {404, 409, 410}
"""Beside 2xx: nobody knows from the document what is there, and in which state."""
EXCEPTIONS = {
    ("POST /v1/studies", "invalid-study"): "names that a trainable knows, and fields that must fit together",
    ("POST /v1/studies/plan", "invalid-study"): "the same",
    ("POST /v1/studies", "invalid-question"): "the same",
    ("POST /v1/studies/plan", "invalid-question"): "the same",
    ("POST /v1/studies/{study_id}/extend", "invalid-request"): "more seeds than the study has",
    ("POST /v1/studies/{study_id}/extend", "idempotency-key-reused"): "keys that were drawn before",
    ("POST /v1/studies", "idempotency-key-reused"): "the same",
    (
        "GET /v1/studies/{study_id}/report",
        "invalid-request",
    ): "formats that were stored, for a study that ended",
    ("GET /v1/studies/{study_id}/table", "invalid-request"): "columns that the study's table has",
}
LEFT_OUT = {"/readyz"}
"""Its 503 is an answer: here there is no cluster and no MLflow."""
REPORT = '{"summary": "q", "sections": [], "provenance": {"blocks": [{"kind": "facts", "rows": []}]}}'
MAX_FAULTS, WITHIN_S = 10, 300.0


@dataclass(slots=True)
class Tally:
    """What was asked and what came back."""

    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    excepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def num(self) -> int:
        """How many requests."""
        return self.answers.total()


@contextmanager
def served() -> Iterator[tuple[FastAPI, str]]:
    """An application, and a study in it that is cancelled and published, so that its event stream ends."""
    folder = Path(tempfile.mkdtemp(prefix="openapi-"))
    url = f"sqlite:///{folder / 'ledger.db'}"
    migrate(url)
    own = Settings(
        data_dir=folder, database_url=url, internal_url="http://testserver", secret="s", max_trials=5000
    )
    app = create_app(own, catalogue=SMALL, read_job_logs=fake_logs)
    ledger = app.state.context.ledger
    study_id = str(TestClient(app, base_url="http://127.0.0.1").post("/v1/studies", json=STUDY).json()["id"])
    with ledger.write() as tx:
        steering.cancel(tx, study_id)
        studies.complete(tx, study_id, state="cancelled", effects={}, reports={"md": "# q", "json": REPORT})
    with ledger.write() as tx:
        outbox.done(tx, [message.id for message in outbox.pending(tx)])
    yield app, study_id
    ledger.close()
    shutil.rmtree(folder, ignore_errors=True)


def draw_cases(app: FastAPI, study_id: str, num: int) -> Tally:
    """Ask about `num` requests, as many of every operation, right ones and wrong ones alike."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    operations = [operation for operation in operations if operation.path not in LEFT_OUT]
    # What is deleted is not there for the others.
    operations.sort(key=lambda operation: operation.method == "delete")
    tally = Tally()
    for place, operation in enumerate(operations):
        for mode in GenerationMode:
            # As most operations take no wrong request, the others have their share.
            left = 2 * (len(operations) - place) - (mode is GenerationMode.NEGATIVE)
            share = max(4, (num - tally.num) // left)
            _draw(operation, mode, share, study_id, tally)
    return tally


def _draw(operation: Any, mode: GenerationMode, num: int, study_id: str, tally: Tally) -> None:
    known = {"study_id": study_id, "name": "toy"}

    def ask(case: Any) -> None:
        # Half of the right requests reach a study and a trainable that are there.
        if mode is GenerationMode.POSITIVE and tally.num % 2 and case.path_parameters:
            case.path_parameters = {name: known[name] for name in case.path_parameters}
        answer = case.call(timeout=WITHIN_S)
        tally.answers[operation.label, mode.value, answer.status_code] += 1
        wanted = CHECKS
        if mode is GenerationMode.POSITIVE and answer.status_code not in ACCEPTED:
            kind = answer.json()["type"].removeprefix("/problems/") if answer.status_code == 422 else ""
            if (operation.label, kind) in EXCEPTIONS:
                tally.excepted[operation.label, kind] += 1
            else:
                wanted = [*CHECKS, checks.positive_data_acceptance]
        try:
            case.validate_response(answer, checks=wanted)
        except BaseExceptionGroup as faults:
            if len(tally.faults) < MAX_FAULTS:
                said = "\n".join(str(fault) for fault in faults.exceptions)
                tally.faults.append(
                    f"{operation.label} {mode.value}: {said}\n{case.as_curl_command()}\n{answer.text[:500]}"
                )

    bounded = settings(
        max_examples=num,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    try:
        bounded(given(case=operation.as_strategy(generation_mode=mode))(ask))()
    except (schemathesis.errors.SchemathesisError, Unsatisfiable):
        if mode is GenerationMode.POSITIVE:
            raise  # An operation without parameters has no wrong request, but right ones it has.


def main() -> int:
    """Draw as many as the command line says; 1 if any answer was wrong."""
    began = time.monotonic()
    with served() as (app, study_id):
        tally = draw_cases(app, study_id, int(sys.argv[1]))
    by_status = Counter[int]()
    for (_, _, status), times in tally.answers.items():
        by_status[status] += times
    print(f"{tally.num} requests in {time.monotonic() - began:.0f} s: {dict(sorted(by_status.items()))}")
    for (label, kind), times in sorted(tally.excepted.items()):
        print(f"allowed by the document and refused, {times} times: {label}: {EXCEPTIONS[label, kind]}")
    print("\n\n".join(tally.faults) or "no fault")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
