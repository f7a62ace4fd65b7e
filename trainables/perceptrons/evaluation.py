"""Loss and accuracy of members on a split."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.data.tensors import Examples
from trainables.perceptrons.layout import RowLayout
from trainables.perceptrons.passes import logits
from trainables.perceptrons.stack import Stack, sort_key
from trainables.perceptrons.state import MemberState, Shape

CHUNK_ROWS = 1024


def evaluate(stack: Stack, examples: Examples, threads: int) -> list[tuple[float, float]]:
    """Mean cross-entropy and accuracy of every member of a stack, in its order."""
    losses = torch.zeros(len(stack), dtype=torch.float64, device=stack.device)
    right = torch.zeros(len(stack), dtype=torch.int64, device=stack.device)
    for start in range(0, len(examples), CHUNK_ROWS):
        x, y = examples.x[start : start + CHUNK_ROWS], examples.y[start : start + CHUNK_ROWS]
        said = logits(stack, x, threads)
        losses += _summed_loss(said, y)
        right += (said.argmax(2) == y).sum(1)
    mean, share = losses / len(examples), right.double() / len(examples)
    return list(zip(mean.tolist(), share.tolist(), strict=True))


def evaluate_states(
    layout: RowLayout,
    shapes: Sequence[Shape],
    states: Sequence[MemberState],
    examples: Examples,
    threads: int,
) -> list[tuple[float, float]]:
    """The same for members anywhere, in the order given; their states are left alone."""
    order = sorted(range(len(shapes)), key=lambda index: sort_key(shapes[index]))
    copies = [MemberState(weights=states[i].weights, scalars=states[i].scalars) for i in order]
    stack = Stack(layout, [shapes[i] for i in order], copies, train=False)
    scores = evaluate(stack, examples, threads)
    return [score for _, score in sorted(zip(order, scores, strict=True))]


def _summed_loss(said: Tensor, y: Tensor) -> Tensor:
    log_p = torch.log_softmax(said, 2)
    index = y.expand(len(said), -1).unsqueeze(2)
    return -log_p.gather(2, index).squeeze(2).double().sum(1)
