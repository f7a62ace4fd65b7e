"""The tracker in memory, as the checker looks at MLflow."""

import json
from collections.abc import Sequence

from tests.contract.fake_tracker import FakeTracker
from tests.promises.found import ShownRun


class FakeShown:
    """See `reading.Shown`."""

    def __init__(self, stored: FakeTracker) -> None:
        self._stored = stored

    def experiments(self, study_id: str) -> Sequence[str]:
        return [
            i for i, (_, tags) in self._stored.experiments.items() if tags.get("ablate.study_id") == study_id
        ]

    def runs(self, experiment_id: str) -> Sequence[ShownRun]:
        return [
            ShownRun(
                run_id=run_id,
                tags=run.tags,
                params=run.params,
                points=frozenset((point.key, point.step, point.value) for point in run.metrics),
                status=run.status,
                end_ms=run.end_ms,
                effects=json.loads(run.artifacts.get("effects.json", b"null")),
            )
            for run_id, run in self._stored.runs.items()
            if run.experiment_id == experiment_id
        ]
