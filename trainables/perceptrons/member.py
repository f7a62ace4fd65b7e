"""One trial in a pack: what it is told, how far it is, and what it has measured."""

import math
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from ablations.errors import Json
from trainables.perceptrons.settings import PerceptronSettings
from trainables.perceptrons.state import MemberState, Shape
from trainables.perceptrons.updates import Optimizer
from trainables.streams import stream
from trainables.training.lease import Lease, Outcome, Report, State
from trainables.training.progress import classifier_progress

BEST = "best_validation"


@dataclass(slots=True)
class Member:
    """A trial in training. `curve` maps a metric to its values by epoch; `tests` holds test readings."""

    lease: Lease
    shape: Shape
    optimizer: Optimizer
    settings: PerceptronSettings
    state: MemberState
    num_weights: int
    num_steps: float = 0.0
    epoch: int = 0
    curve: dict[str, list[tuple[float, float | None]]] = field(default_factory=dict)
    scalars: list[tuple[int, list[float | None], list[float | None]]] = field(default_factory=list)
    tests: dict[str, float] = field(default_factory=dict)
    best: MemberState | None = None
    best_score: tuple[float, float] = (-math.inf, -math.inf)
    seconds: float = 0.0
    train_seconds: float = 0.0
    num_images: int = 0
    clock: list[tuple[float, float]] = field(default_factory=list)
    peak_memory: float | None = None
    pack: int = 1
    reason: str | None = None
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
        finite = math.isfinite(value)
        self.curve.setdefault(name, []).append((self.epoch, value if finite else None))
        if not finite and self.reason is None:
            self.reason = f"{name} is {value} after epoch {self.epoch}"

    def latest(self) -> dict[str, float | None]:
        """The newest value of every curve."""
        return {name: points[-1][1] for name, points in self.curve.items()}

    def report(self) -> Report:
        """How far it is."""
        return Report(trial_id=self.lease.trial_id, step=self.epoch, metrics=self.latest())

    def is_best_now(self) -> bool:
        """Whether this epoch's validation beats all before: by accuracy, then by loss."""
        latest = self.latest()
        accuracy, loss = latest.get("val_accuracy"), latest.get("val_loss")
        if accuracy is None or loss is None or (accuracy, -loss) <= self.best_score:
            return False
        self.best_score = accuracy, -loss
        return True

    def log_scalars(self) -> None:
        """Remember alpha and beta of every layer, the mean over channels where there are many."""
        if self.shape.scalars == "none":
            return
        values = self.state.scalars.mean(2).t().tolist()
        alpha, beta = ([_compact(value) for value in layer] for layer in values)
        self.scalars.append((self.epoch, alpha, beta))

    def outcome(self, state: State, device: str) -> Outcome:
        """How it ended."""
        if self.error is not None:
            return Outcome.failed(self.lease, self.error, device=device, seconds=self.seconds)
        metrics: dict[str, float | None] = {"seconds": self.seconds}
        if state != "diverged":
            metrics = {**self.tests, **self.latest(), **metrics}
            if self.finished:
                metrics |= self._progress()
        return Outcome(
            trial_id=self.lease.trial_id,
            state=state,
            metrics=metrics,
            curve={name: tuple(points) for name, points in self.curve.items()},
            scalars=self._scalars_json(),
            reason=self.reason if state == "diverged" else None,
            seconds=self.seconds,
            device=device,
            pack=self.pack,
        )

    def _progress(self) -> dict[str, float]:
        scalars = self.state.scalars.numel() if self.optimizer.train_scalars else 0
        found = {"num_parameters": float(self.num_weights + scalars)}
        found |= classifier_progress(
            self.curve,
            target=self.settings.target_accuracy,
            steps_per_epoch=round(self.num_steps / self.epoch),
            clock=self.clock,
            num_images=self.num_images,
            train_seconds=self.train_seconds,
        )
        return found if self.peak_memory is None else {**found, "peak_memory": self.peak_memory}

    def _scalars_json(self) -> Json:
        if not self.scalars:
            return None
        steps, alphas, betas = zip(*self.scalars, strict=True)
        return {"steps": list(steps), "alpha": list(alphas), "beta": list(betas)}


def optimizer_of(settings: PerceptronSettings, *, steps_per_epoch: int) -> Optimizer:
    """The optimizer that a trial asks for."""
    return Optimizer(
        **asdict(settings.descent),
        train_scalars=settings.activation.train_scalars,
        num_steps=steps_per_epoch * settings.epochs,
        warmup=round(steps_per_epoch * settings.warmup),
    )


def _compact(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
