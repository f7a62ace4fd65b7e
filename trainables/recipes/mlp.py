"""`mlp-classifier`: from resolved settings to members of a pack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ablations.errors import Json
from trainables.activations.bases import BASES, Base
from trainables.activations.dynact import Kind
from trainables.activations.plugins import find_base
from trainables.models.init import WeightInit
from trainables.packs.sizing import SIZES
from trainables.perceptrons.bench import PerceptronBench
from trainables.perceptrons.layout import RowLayout
from trainables.perceptrons.member import Member, optimizer_of
from trainables.perceptrons.state import Shape, initial_state
from trainables.training.lease import Lease
from trainables.training.worker import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceptronGroup:
    """What members of one pack have in common."""

    dataset: str
    width: int
    batch_size: int


class MlpClassifier:
    """The packed trainable behind the name `mlp-classifier`."""

    def group(self, settings: Mapping[str, Json]) -> PerceptronGroup:
        """The group a trial belongs to; only trials of one group can share a pack."""
        return PerceptronGroup(
            dataset=_text(settings["dataset"]),
            width=_int(settings["width"]),
            batch_size=_int(settings["batch_size"]),
        )

    def room(self, device: str) -> int:  # noqa: ARG002
        """Packs of perceptrons may gain on any device."""
        return max(SIZES)

    def bench(self, settings: Mapping[str, Json], shelf: Shelf, threads: int) -> PerceptronBench:
        """Where packs of a trial's group are made.

        Raises: DataUnavailable.
        """
        group, device = self.group(settings), shelf.device
        data = shelf.tensors(group.dataset)
        layout = RowLayout(inputs=data.inputs, width=group.width, num_classes=data.num_classes)
        return PerceptronBench(
            lambda lease: self.member(lease, layout, device, num_images=len(data.train)),
            self.shape,
            layout,
            data,
            batch_size=group.batch_size,
            device=device,
            threads=threads,
            tally=shelf.tally,
        )

    def shape(self, lease: Lease) -> Shape:
        """What the trial trains, without its numbers.

        Raises: PluginMissing if its base function is a plugin's that is not installed here.
        """
        settings = lease.settings
        return Shape(
            depth=_int(settings["depth"]),
            base=_base(_text(settings["base"])),
            scalars=cast(Kind, settings.get("scalars", "none")),
            dropout=_float(settings.get("dropout", 0.0)),
            label_smoothing=_float(settings.get("label_smoothing", 0.0)),
        )

    def member(self, lease: Lease, layout: RowLayout, device: str, *, num_images: int) -> Member:
        """The trial at its start, to be trained on so many images.

        Raises: PluginMissing if its base function is a plugin's that is not installed here.
        """
        settings, shape = lease.settings, self.shape(lease)
        state = initial_state(
            layout,
            shape,
            seed=lease.seed,
            how=cast(WeightInit, settings.get("weight_init", "torch")),
            alpha_init=_float(settings.get("alpha_init", 1.0)),
            beta_init=_float(settings.get("beta_init", 0.0)),
            device=device,
        )
        optimizer = optimizer_of(settings, steps_per_epoch=-(-num_images // _int(settings["batch_size"])))
        optimizer.prepare(state)
        return Member(
            lease=lease,
            shape=shape,
            optimizer=optimizer,
            epochs=_int(settings["epochs"]),
            state=state,
            num_weights=layout.num_parameters(shape.depth),
        )


MLP_CLASSIFIER = MlpClassifier()


def _base(name: str) -> Base:
    return BASES[name] if name in BASES else find_base(name)


def _int(value: Json) -> int:
    assert isinstance(value, int) and not isinstance(value, bool), f"{value!r} is no whole number"
    return value


def _float(value: Json) -> float:
    assert isinstance(value, int | float) and not isinstance(value, bool), f"{value!r} is no number"
    return float(value)


def _text(value: Json) -> str:
    assert isinstance(value, str), f"{value!r} is no name"
    return value
