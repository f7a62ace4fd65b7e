"""Steps that a training asks for, so that whoever runs it may take those of several trainings together."""

from collections.abc import Callable, Generator, Hashable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from trainables.training.descent import Descent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """`num` steps of one network. Steps of equal `key` differ in data and parameters only.

    `batch(i)` gives inputs and targets of step i, drawn from the trial's own streams, and is called in
    order. `objective(network, inputs, targets)` is the mean loss of a batch, without randomness.
    """

    network: nn.Module
    descent: Descent
    num: int
    batch: Callable[[int], tuple[Tensor, Tensor]]
    objective: Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Tensor]
    key: Hashable

    def train(self) -> list[Tensor]:
        """Take them one after the other; their losses."""
        losses = []
        for index in range(self.num):
            loss = self.objective(self.network, *self.batch(index))
            self.descent.step(loss)
            losses.append(loss.detach())
        return losses


# A training that can share a pack: yields steps and is sent their losses; yields None after a report,
# when it can be stopped; returns final metrics.
Routine = Generator[Steps | None, list[Tensor] | None, Mapping[str, float]]


def as_steps(yielded: object) -> Steps | None:
    """What a routine yielded, if it is what it may yield.

    Raises: TypeError.
    """
    if yielded is not None and not isinstance(yielded, Steps):
        raise TypeError(f"a routine yields Steps, or None after a report, not {type(yielded).__name__}")
    return yielded
