"""`mlp-classifier`: from resolved settings to members of a pack."""

from collections.abc import Mapping
from dataclasses import dataclass

from ablations.errors import Json
from trainables.activations.bases import Base
from trainables.packs.sizing import SIZES
from trainables.perceptrons.bench import PerceptronBench
from trainables.perceptrons.layout import RowLayout
from trainables.perceptrons.member import Member, optimizer_of
from trainables.perceptrons.settings import PerceptronSettings
from trainables.perceptrons.state import Shape, initial_state
from trainables.training.lease import Lease
from trainables.training.worker import Worker
from trainables.values import text, whole


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
            dataset=text(settings, "dataset"),
            width=whole(settings, "width"),
            batch_size=whole(settings, "batch_size"),
        )

    def room(self, device: str) -> int:  # noqa: ARG002
        """Packs of perceptrons may gain on any device."""
        return max(SIZES)

    def bench(self, settings: Mapping[str, Json], worker: Worker, threads: int) -> PerceptronBench:
        """Where packs of a trial's group are made.

        Raises: DataUnavailable.
        """
        group, device = self.group(settings), worker.device
        data = worker.tensors(group.dataset)
        layout = RowLayout(inputs=data.inputs, width=group.width, num_classes=data.num_classes)

        def make(lease: Lease) -> Member:
            told = PerceptronSettings.read(lease.settings)
            shape = make_shape(told, worker.base(told.activation.base))
            return make_member(lease, told, shape, layout, device, num_images=len(data.train))

        def shape(lease: Lease) -> Shape:
            told = PerceptronSettings.read(lease.settings)
            return make_shape(told, worker.base(told.activation.base))

        return PerceptronBench(
            make,
            shape,
            layout,
            data,
            worker=worker,
            batch_size=group.batch_size,
            threads=threads,
        )


def make_shape(settings: PerceptronSettings, base: Base) -> Shape:
    """What a trial trains, without its numbers."""
    return Shape(
        depth=settings.depth,
        base=base,
        scalars=settings.activation.scalars,
        dropout=settings.dropout,
        label_smoothing=settings.label_smoothing,
    )


def make_member(
    lease: Lease,
    settings: PerceptronSettings,
    shape: Shape,
    layout: RowLayout,
    device: str,
    *,
    num_images: int,
) -> Member:
    """The trial at its start, to be trained on so many images."""
    state = initial_state(
        layout,
        shape,
        seed=lease.seed,
        how=settings.weight_init,
        alpha_init=settings.activation.alpha_init,
        beta_init=settings.activation.beta_init,
        device=device,
    )
    optimizer = optimizer_of(settings, steps_per_epoch=-(-num_images // settings.batch_size))
    optimizer.prepare(state)
    return Member(
        lease=lease,
        shape=shape,
        optimizer=optimizer,
        settings=settings,
        state=state,
        num_weights=layout.num_parameters(shape.depth),
    )


MLP_CLASSIFIER = MlpClassifier()
