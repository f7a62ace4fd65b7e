"""Measures of language models, on the first passages of a split: two readings differ by weights alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from ablations.errors import Json
from trainables.measures.declared import activation_linearity
from trainables.measures.gradients import gradient_norms

# Looked at a split; energies and norms are means, which settle long before this many.
NUM_TOKENS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Adjacent windows of tokens, and what follows each token."""

    x: Int[Tensor, "windows time"]
    y: Int[Tensor, "windows time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passages:
    """What a measure of a language model may look at."""

    train: Passage
    test: Passage


def passages(tokens: object, context: int, device: str) -> Passage:
    """The first windows of a split, one at least."""
    num = max(1, NUM_TOKENS // context)
    array = torch.as_tensor(tokens).to(torch.int64)
    windows = min(num, (len(array) - 1) // context)
    assert windows > 0, f"a split of {len(array)} tokens has no window of {context}"
    x, y = array[: windows * context], array[1 : windows * context + 1]
    return Passage(x=x.view(windows, context).to(device), y=y.view(windows, context).to(device))


def measure_linearity(module: nn.Module, data: Passages, _settings: Mapping[str, Json]) -> dict[str, float]:
    """How linear the activations of the feed-forwards are on test text, a layer being one of them."""
    return activation_linearity(module, data.test.x)


def measure_gradients(module: nn.Module, data: Passages, _settings: Mapping[str, Json]) -> dict[str, float]:
    """Norms by weight matrix of the blocks, in the order of definition.

    The embedding is left out: it is the output layer too, so its gradient is that of no single depth.
    """
    with torch.enable_grad():
        loss = F.cross_entropy(module(data.train.x).flatten(0, 1), data.train.y.flatten())
        blocks = module.get_submodule("blocks")
        return gradient_norms(blocks, loss)
