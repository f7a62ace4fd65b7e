"""The shapes of answers."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

StudyState = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
TrialState = Literal["planned", "leased", "running", "done", "failed", "diverged", "pruned", "cancelled"]
Phase = Literal["tuning", "measuring"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Progress(_Answer):
    """How many trials are where. `total` counts every trial, tuning included; `done` includes `reused`."""

    total: int
    done: int
    running: int
    failed: int
    diverged: int
    pruned: int
    cancelled: int
    reused: int


class FailedAlike(_Answer):
    """Failed trials that ended for the same reason."""

    num: int
    failure: str = Field(description="The class of the failure: node_lost, hung, exception, ...")
    reason: str | None
    trial: int = Field(description="The number of the first of them; its traceback: `logs?trial=`")


class Links(_Answer):
    """Where else a study can be looked at."""

    mlflow: str | None
    report: str
    figures: str
    events: str


class Study(_Answer):
    """A study: what was asked, and how far it is."""

    id: str
    name: str
    state: StudyState
    progress: Progress
    verdict: str | None = Field(description="Those of the primary contrast in a few words, once judged")
    failures: list[FailedAlike] = Field(description="Why trials failed: the commonest five reasons")
    eta_s: float | None = Field(description="Seconds until its trials have ended, at the speed so far")
    waits_for: str | None = Field(
        description="What its trials wait for while the cluster has no place for them"
    )
    published: bool = Field(description="MLflow has everything")
    publish_error: str | None = Field(description="Why MLflow lacks something it was told of")
    links: Links
    tags: dict[str, str]
    created_at: str
    started_at: str | None
    finished_at: str | None
    error: str | None
    spec: dict[str, Any] = Field(description="The study as accepted, defaults filled in")


class StudyPage(_Answer):
    """Some studies, newest first."""

    items: list[Study]
    next: str | None = Field(description="The cursor of the next page")


class DeletedStudy(_Answer):
    """What is known of a deleted study."""

    id: str
    name: str
    deleted_at: str
    num_trials: int
    num_reused: int = Field(description="Results that other studies had reused by then, and keep")


class Trial(_Answer):
    """One arm with one seed in one phase."""

    id: str
    number: int = Field(description="Its place in the study as planned, from 1 on")
    arm: str
    arm_id: str
    levels: dict[str, Any]
    settings: dict[str, Any]
    fingerprint: str | None
    phase: Phase
    candidate: int | None
    repeat: int | None
    seed: int
    state: TrialState
    attempts: int
    metrics: dict[str, float | None]
    failure: str | None = Field(description="The class of its failure: node_lost, hung, exception, ...")
    reason: str | None
    pack: int | None
    step: float | None
    seconds: float | None
    device: str | None
    reused_from: str | None
    mlflow_run_id: str | None
    curve: dict[str, list[tuple[float, float | None]]] | None = Field(
        None,
        description="Where `curves` was asked for: metrics as (step, value), null if not finite",
    )


class TrialPage(_Answer):
    """Some trials, as planned."""

    items: list[Trial]
    next: str | None = Field(description="The cursor of the next page")


class ProblemItem(_Answer):
    """One thing that is wrong: where, what, and what would be allowed there."""

    path: str
    detail: str
    allowed: Any = None


class ProblemAnswer(_Answer):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemItem]
