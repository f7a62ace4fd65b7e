"""`image-classifier`: convolutional networks and transformers on images."""

import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablations.errors import Json
from trainables.activations.sites import Sites, count_parameters
from trainables.data.augment import augment
from trainables.data.tensors import Examples, Tensors
from trainables.measures.memory import PeakMemory
from trainables.models.images import BUILDS, PREFIX, FromRows, Shape, build_network, build_torchvision
from trainables.models.init import draw_weights
from trainables.packs.routines import PackedRoutine
from trainables.recipes.settings import ImageSettings
from trainables.streams import stream, stream_seed
from trainables.training.course import BEST, BestWeights
from trainables.training.descent import Descent, initialise
from trainables.training.progress import classifier_progress
from trainables.training.run import Run
from trainables.training.steps import Routine, Steps

EVALUATION_ROWS = 512
# What networks and data of one pack have in common; activations may differ.
SHARED = ("dataset", "model", "width", "blocks", "heads", "patch", "batch_size", "precision")


def train(run: Run) -> Routine:
    """Train the network that the settings describe; returns the final metrics."""
    data = run.data()
    memory = PeakMemory(run.device)
    shape = image_shape(data)
    settings = ImageSettings.read(run.settings)
    sites = Sites(settings.activation, run.base(settings.activation.base))
    network = make_network(run, settings, shape, data.num_classes, sites)
    training = ImageTraining(run, settings, network, data, shape)
    best, tests = BestWeights[dict[str, Tensor]](), dict[str, float]()
    if (saved := run.restore()) is not None:
        first = training.load(saved["training"]) + 1
        best, tests = BestWeights(**saved["best"]), saved["tests"]
    else:
        first = 1
        _validate(run, network, data, 0, sites, best, 0.0)
        yield None
    for epoch in range(first, settings.epochs + 1):
        train_loss = yield from training.epoch(epoch - 1)
        _validate(run, network, data, epoch, sites, best, train_loss)
        yield None
        if run.should_stop:
            return tests
        if epoch in run.readings:
            tests |= _test(network, data, f"/{epoch}")
        if run.checkpoint_due:
            held = {"score": best.score, "weights": best.weights}
            run.checkpoint({"training": training.state(), "best": held, "tests": tests})
    tests |= _test(network, data, "") if run.tests else {}
    tests["num_parameters"] = float(count_parameters(network))
    tests |= training.progress() | {"peak_memory": memory.mib()}
    if run.measures.wanted(run.settings, tests=run.tests):
        tests |= run.measures.read(network, data, run.settings, tests=run.tests)
    if best.weights is not None:
        network.load_state_dict(best.weights)
        tests |= _test(network, data, f"/{BEST}")
    return tests


def image_group(settings: Mapping[str, Json]) -> tuple[Json, ...] | None:
    """What trials must agree in to share a pack; None for foreign models, which train alone."""
    if str(settings["model"]) not in BUILDS:
        return None
    return tuple(settings.get(name) for name in SHARED)


def image_shape(data: Tensors) -> Shape:
    """Channels, height and width of the images."""
    shape = data.source.shape
    return (1, shape[0], shape[1]) if len(shape) == 2 else (shape[2], shape[0], shape[1])


def make_network(
    run: Run, settings: ImageSettings, shape: Shape, num_classes: int, sites: Sites
) -> nn.Module:
    """The network on its device, its weights drawn from the trial's streams."""
    name = settings.model
    if name.startswith(PREFIX):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(run.seed, "init/network"))
            network, swap = build_torchvision(shape, num_classes, sites, run.settings)
        for place in swap.functional:
            run.note(f"left as it is: {place}")
    else:
        network = build_network(shape, num_classes, sites, run.settings, code=run.code("model", name))
        initialise(network, run.seed)
    if settings.weight_init != "torch":
        draw_weights(network, run.seed, settings.weight_init)
    if run.device == "cpu" and (name in BUILDS or name.startswith(PREFIX)):
        # oneDNN convolves in this layout if the weights have it; pools and norms follow. A fifth faster.
        # A plugin's network may count on the usual one.
        network.to(memory_format=torch.channels_last)
    return FromRows(network, shape).to(run.device)


class ImageTraining:
    """The optimizer of one trial and its passes over the training images."""

    def __init__(
        self, run: Run, settings: ImageSettings, network: nn.Module, data: Tensors, shape: Shape
    ) -> None:
        self._run, self._network, self._data, self._shape = run, network, data, shape
        self._settings, self._batch = settings, settings.batch_size
        per_epoch = -(-len(data.train) // self._batch)
        self._descent = Descent(
            network,
            settings.descent,
            num_steps=per_epoch * settings.epochs,
            warmup=round(per_epoch * settings.warmup),
        )
        self._per_epoch, self._epochs, self._seconds = per_epoch, 0, 0.0

    def state(self) -> dict[str, object]:
        """What is trained and how far it is; orders and augmentation follow from the epoch."""
        network, descent = self._network.state_dict(), self._descent.state()
        return {"network": network, "descent": descent, "epochs": self._epochs, "seconds": self._seconds}

    def load(self, state: Mapping[str, Any]) -> int:
        """Go on from such a state; how many epochs it has had."""
        self._network.load_state_dict(state["network"])
        self._descent.load(state["descent"])
        self._epochs, self._seconds = state["epochs"], state["seconds"]
        return self._epochs

    def epoch(self, epoch: int) -> Generator[Steps, list[Tensor], float]:
        """One pass; the mean loss over its images."""
        num, device = len(self._data.train), self._run.device
        started = time.perf_counter()
        order = torch.randperm(num, generator=stream(self._run.seed, f"order/{epoch}")).to(device)
        generator = stream(self._run.seed, f"augment/{epoch}", device)
        self._network.train()
        batches = torch.split(order, self._batch)
        losses = yield Steps(
            network=self._network,
            descent=self._descent,
            num=len(batches),
            batch=lambda index: self._examples(batches[index], generator),
            objective=self._objective,
            key=(image_group(self._run.settings), self._settings.label_smoothing),
        )
        total = torch.zeros((), dtype=torch.float64, device=device)
        for loss, batch in zip(losses, batches, strict=True):
            total += loss.double() * len(batch)
        mean = float(total / num)  # waits for a GPU
        self._epochs, self._seconds = self._epochs + 1, self._seconds + time.perf_counter() - started
        return mean

    def progress(self) -> dict[str, float]:
        """Final metrics about how the training went."""
        return classifier_progress(
            self._run.course.curve,
            target=self._settings.target_accuracy,
            steps_per_epoch=self._per_epoch,
            clock=self._run.course.clock,
            num_images=self._epochs * len(self._data.train),
            train_seconds=self._seconds,
        )

    def _examples(self, batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        images = self._data.train.x[batch].view(-1, *self._shape)
        return augment(images, self._settings.augment, generator).flatten(1), self._data.train.y[batch]

    def _objective(self, network: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
        with self._descent.autocast():
            return F.cross_entropy(network(x), y, label_smoothing=self._settings.label_smoothing)


def _validate(
    run: Run,
    network: nn.Module,
    data: Tensors,
    epoch: int,
    sites: Sites,
    best: BestWeights[dict[str, Tensor]],
    train_loss: float,
) -> None:
    """Put this epoch on the curve."""
    loss, accuracy = evaluate(network, data.val)
    run.log_scalars(epoch, sites.scalars())
    metrics = {"val_loss": loss, "val_accuracy": accuracy}
    if run.measures.wanted(run.settings, tests=run.tests, each_epoch=True):
        metrics |= run.measures.read(network, data, run.settings, tests=run.tests, each_epoch=True)
    run.report(epoch, **metrics, **({"train_loss": train_loss} if epoch else {}))
    if epoch and BEST in run.readings and best.beaten(accuracy, loss):
        best.weights = {name: value.clone() for name, value in network.state_dict().items()}


def _test(network: nn.Module, data: Tensors, suffix: str) -> dict[str, float]:
    loss, accuracy = evaluate(network, data.test)
    return {f"test_loss{suffix}": loss, f"test_accuracy{suffix}": accuracy}


@torch.no_grad()
def evaluate(network: nn.Module, examples: Examples) -> tuple[float, float]:
    """Mean cross-entropy and accuracy on a split, in evaluation mode."""
    network.eval()
    loss = torch.zeros((), dtype=torch.float64, device=examples.x.device)
    right = torch.zeros((), dtype=torch.int64, device=examples.x.device)
    for start in range(0, len(examples), EVALUATION_ROWS):
        x, y = examples.x[start : start + EVALUATION_ROWS], examples.y[start : start + EVALUATION_ROWS]
        logits = network(x)
        loss += F.cross_entropy(logits, y, reduction="sum").double()
        right += (logits.argmax(1) == y).sum()
    return float(loss / len(examples)), int(right) / len(examples)


IMAGE_CLASSIFIER = PackedRoutine(train, image_group)
