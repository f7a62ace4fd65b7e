"""Where the parameters of a perceptron lie in one flat row, so that members of a pack can be stacked.

The head comes first, then the hidden layers in order: a shallower member's row is a prefix of a deeper
one's, and layer l of all members that have it is one strided [members, inputs, outputs] tensor.
"""

from dataclasses import dataclass

from torch import Tensor

# Floats to a cache line: every block starts at the same alignment in every member.
LINE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearBlock:
    """One linear layer in a row: weight [inputs, outputs] from `start`, then the bias."""

    start: int
    inputs: int
    outputs: int

    @property
    def stop(self) -> int:
        """The first position behind the weight; the bias starts here."""
        return self.start + self.inputs * self.outputs

    def weight(self, rows: Tensor) -> Tensor:
        """The weights in stacked rows [members, length], as a view [members, inputs, outputs]."""
        return rows[:, self.start : self.stop].view(len(rows), self.inputs, self.outputs)

    def bias(self, rows: Tensor) -> Tensor:
        """The biases in stacked rows, as a view [members, 1, outputs]."""
        return rows[:, self.stop : self.stop + self.outputs].unsqueeze(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLayout:
    """The row of a perceptron: inputs, one width for all hidden layers, classes."""

    inputs: int
    width: int
    num_classes: int

    @property
    def head(self) -> LinearBlock:
        """The block of the head."""
        return LinearBlock(start=0, inputs=self.width, outputs=self.num_classes)

    def layer(self, index: int) -> LinearBlock:
        """The block of a hidden layer."""
        start = _lines((self.width + 1) * self.num_classes)
        if index:
            start += _lines((self.inputs + 1) * self.width)
            start += (index - 1) * _lines((self.width + 1) * self.width)
        return LinearBlock(start=start, inputs=self.width if index else self.inputs, outputs=self.width)

    def length(self, depth: int) -> int:
        """The length of the row of a member with this many hidden layers."""
        return self.layer(depth).start

    def num_parameters(self, depth: int) -> int:
        """Weights and biases of such a member, without what only fills lines."""
        blocks = [self.head, *(self.layer(index) for index in range(depth))]
        return sum((block.inputs + 1) * block.outputs for block in blocks)


def _lines(size: int) -> int:
    return -(-size // LINE) * LINE
