"""Parts of a training made from a few settings, for tests and benchmarks of one part alone."""

from pathlib import Path
from typing import Any

from torch import nn, optim

from trainables.activations.bases import BASES
from trainables.activations.settings import ActivationSettings
from trainables.activations.sites import Sites
from trainables.catalogue import load_catalogue
from trainables.data.tensors import Tensors
from trainables.models.gpt import GPT
from trainables.perceptrons.epochs import PerceptronEpochs
from trainables.perceptrons.layout import RowLayout
from trainables.perceptrons.member import Member
from trainables.perceptrons.settings import PerceptronSettings
from trainables.recipes.language import make_network
from trainables.recipes.mlp import make_member, make_shape
from trainables.recipes.settings import TransformerSettings, activation_of_glu
from trainables.training.checkpoint import Checkpoints
from trainables.training.descent import Descent, make_optimizer
from trainables.training.lease import Lease
from trainables.training.measuring import Measures
from trainables.training.settings import DescentSettings
from trainables.training.worker import Worker

PLAIN_DESCENT = {"schedule": "constant", "weight_decay": 0.0, "clip_norm": 0.0}


def sites_for(settings: dict[str, Any]) -> Sites:
    """The activations of one network."""
    told = ActivationSettings.read(settings)
    return Sites(told, BASES[told.base])


def language_sites(settings: dict[str, Any]) -> Sites | None:
    """The activations in the feed-forwards of a language model."""
    told = activation_of_glu(settings)
    return None if told is None else Sites(told, BASES[told.base])


def language_network(settings: dict[str, Any], vocabulary: int, sites: Sites | None) -> GPT:
    """A language model of these widths."""
    return make_network(TransformerSettings.read(settings), vocabulary, sites)


def descent_for(network: nn.Module, settings: dict[str, Any], *, num_steps: int, warmup: int) -> Descent:
    """The descent of one network."""
    told = DescentSettings.read({**PLAIN_DESCENT, **settings})
    return Descent(network, told, num_steps=num_steps, warmup=warmup)


def optimizer_for(network: nn.Module, settings: dict[str, Any]) -> optim.Optimizer:
    """The optimizer of one network, by itself."""
    return make_optimizer(network, DescentSettings.read({**PLAIN_DESCENT, **settings}))


def worker_for(folder: Path, checkpoints: Checkpoints | None = None) -> Worker:
    """A worker on the CPU with its datasets in this folder."""
    return Worker(
        catalogue=load_catalogue(folder), device="cpu", datasets_dir=folder, checkpoints=checkpoints
    )


def member_for(lease: Lease, layout: RowLayout, *, num_images: int) -> Member:
    """A perceptron at its start."""
    told = PerceptronSettings.read(lease.settings)
    shape = make_shape(told, BASES[told.activation.base])
    return make_member(lease, told, shape, layout, "cpu", num_images=num_images)


def epochs_for(layout: RowLayout, data: Tensors, *, batch_size: int, threads: int = 1) -> PerceptronEpochs:
    """A pack of perceptrons without members."""
    measures = Measures(load_catalogue().measures)
    return PerceptronEpochs(
        layout, data, batch_size=batch_size, device="cpu", threads=threads, measures=measures
    )
