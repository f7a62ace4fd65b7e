"""What the publisher knows of a study's experiment while it fills it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ablations.design.reading import Reading
from ablations.manifest import Manifest
from service.ledger.studies import StudyRow
from service.worker.mlflow import views
from service.worker.mlflow.arms import arm_of
from service.worker.mlflow.runs import STUDY
from service.worker.mlflow.tracker import TrackedRun


class Manifests(Protocol):
    """What the trainables of studies declare."""

    def manifest(self, name: str) -> Manifest:
        """The manifest of a trainable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What is known of a study's experiment: which trials have runs, and what these show."""

    id: str
    setting_names: tuple[str, ...]
    readings: tuple[Reading, ...]
    runs: dict[str, str] = field(default_factory=dict)
    arms_sent: set[str] = field(default_factory=set)

    def note(self, runs: Mapping[str, TrackedRun]) -> None:
        """These are there. Of an arm's run the end is sent last, and what it shows is in its key."""
        self.runs.update({key: run.run_id for key, run in runs.items()})
        ended = (key for key, run in runs.items() if run.status == "FINISHED")
        self.arms_sent.update(key for key in ended if arm_of(key) is not None)


def tags_of(study: StudyRow, manifest: Manifest, readings: Sequence[Reading]) -> dict[str, str]:
    """What the experiment of a study says of itself, with its prepared views."""
    prepared = views.prepared_views(
        factors=list(study.spec.get("factors") or {}),
        curves=[metric.name for metric in manifest.metrics if metric.curve],
        primary=readings[0].name if readings else manifest.metrics[0].name,
    )
    return {
        STUDY: study.id,
        "ablate.project": study.project,
        "mlflow.experimentKind": "custom_model_development",
        **{f"ablate.tag.{name}": str(value) for name, value in (study.spec.get("tags") or {}).items()},
        **prepared,
    }
