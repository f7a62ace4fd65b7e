"""One trial in a pack: what it is told, how far it is, and what it has measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from trainables.perceptrons.settings import PerceptronSettings
from trainables.perceptrons.state import MemberState, Shape
from trainables.perceptrons.updates import Optimizer
from trainables.streams import stream
from trainables.training.course import BestWeights, Course
from trainables.training.lease import Lease, Outcome, Report, State
from trainables.training.progress import classifier_progress

# What a checkpoint keeps of a member beside its tensors.
KEPT = ("num_steps", "epoch", "tests", "seconds", "train_seconds", "num_images", "pack")


@dataclass(slots=True)
class Member:
    """A trial in training; steps of its course are epochs. `tests` holds test readings."""

    lease: Lease
    shape: Shape
    optimizer: Optimizer
    settings: PerceptronSettings
    state: MemberState
    num_weights: int
    num_steps: float = 0.0
    epoch: int = 0
    course: Course = field(default_factory=Course)
    tests: dict[str, float] = field(default_factory=dict)
    best: BestWeights[MemberState] = field(default_factory=BestWeights)
    seconds: float = 0.0
    train_seconds: float = 0.0
    num_images: int = 0
    peak_memory: float | None = None
    pack: int = 1
    error: Exception | None = None

    @property
    def finished(self) -> bool:
        """Whether it has had all its epochs."""
        return self.epoch >= self.settings.epochs

    def order(self, num: int) -> Tensor:
        """Its own order of the training images in the coming epoch, on the CPU."""
        return torch.randperm(num, generator=stream(self.lease.seed, f"order/{self.epoch}"))

    def dropout_streams(self, device: str) -> list[torch.Generator]:
        """A generator for each layer's masks in the coming epoch."""
        return [
            stream(self.lease.seed, f"dropout/{layer}/{self.epoch}", device)
            for layer in range(self.shape.depth)
        ]

    def log(self, name: str, value: float) -> None:
        """Put a value of this epoch on the curve; one that is not finite makes the member diverged."""
        self.course.log(self.epoch, {name: value}, when=f"after epoch {self.epoch}")

    def report(self) -> Report:
        """How far it is."""
        return Report(trial_id=self.lease.trial_id, step=self.epoch, metrics=self.course.latest())

    def keep_best(self) -> None:
        """Keep the weights if this epoch's validation beats all before."""
        latest = self.course.latest()
        if self.best.beaten(latest.get("val_accuracy"), latest.get("val_loss")):
            self.best.weights = self.state.copy()

    def log_scalars(self) -> None:
        """Remember alpha and beta of every layer, the mean over channels where there are many."""
        if self.shape.scalars == "none":
            return
        values = self.state.scalars.mean(2).t().tolist()
        alpha, beta = ([_compact(value) for value in layer] for layer in values)
        self.course.log_scalars(self.epoch, alpha, beta)

    def outcome(self, state: State, device: str) -> Outcome:
        """How it ended."""
        if self.error is not None:
            return Outcome.failed(self.lease, self.error, device=device, seconds=self.seconds)
        metrics = self.tests | self.course.latest()
        if self.finished and self.course.bad is None:
            metrics |= self._progress()
        return self.course.outcome(
            self.lease, state, metrics, seconds=self.seconds, device=device, pack=self.pack
        )

    def checkpoint(self) -> dict[str, Any]:
        """What it goes on from at an epoch's end; orders and dropout follow from the epoch."""
        return {
            "course": self.course.state(),
            "state": self.state.tensors(),
            "best": None if self.best.weights is None else self.best.weights.tensors(),
            "score": self.best.score,
            **{name: getattr(self, name) for name in KEPT},
        }

    def restore(self, kept: Mapping[str, Any], device: str) -> None:
        """Go on from there."""
        self.course.load(kept["course"])
        self.state = MemberState.from_tensors(kept["state"], device)
        self.best.score = kept["score"]
        if kept["best"] is not None:
            self.best.weights = MemberState.from_tensors(kept["best"], device)
        for name in KEPT:
            setattr(self, name, kept[name])

    def _progress(self) -> dict[str, float]:
        scalars = self.state.scalars.numel() if self.optimizer.train_scalars else 0
        found = {"num_parameters": float(self.num_weights + scalars)}
        found |= classifier_progress(
            self.course.curve,
            target=self.settings.target_accuracy,
            steps_per_epoch=round(self.num_steps / self.epoch),
            clock=self.course.clock,
            num_images=self.num_images,
            train_seconds=self.train_seconds,
        )
        return found if self.peak_memory is None else {**found, "peak_memory": self.peak_memory}


def optimizer_of(settings: PerceptronSettings, *, steps_per_epoch: int) -> Optimizer:
    """The optimizer that a trial asks for."""
    return Optimizer(
        **asdict(settings.descent),
        train_scalars=settings.activation.train_scalars,
        num_steps=steps_per_epoch * settings.epochs,
        warmup=round(steps_per_epoch * settings.warmup),
    )


def _compact(value: float) -> float:
    return float(f"{value:.6g}")
