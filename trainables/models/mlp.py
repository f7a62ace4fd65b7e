"""A multilayer perceptron of any depth; the plain form of what the pack trains in stacks."""

from jaxtyping import Float
from torch import Tensor, nn

from trainables.activations.bases import Base
from trainables.activations.dynact import DynActivation, Scalars
from trainables.activations.settings import ALPHA_INIT, BETA_INIT, Kind


class MLP(nn.Module):
    """Images to logits: `depth` hidden layers, each followed by an activation, then a linear head."""

    def __init__(
        self,
        *,
        inputs: int,
        num_classes: int,
        depth: int,
        width: int,
        base: Base,
        scalars: Kind = "none",
        alpha_init: float = ALPHA_INIT,
        beta_init: float = BETA_INIT,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        shared = Scalars(alpha_init=alpha_init, beta_init=beta_init) if scalars == "shared" else None
        self.layers = nn.ModuleList(nn.Linear(width if i else inputs, width) for i in range(depth))
        self.activations = nn.ModuleList(
            DynActivation(
                base,
                scalars=scalars,
                alpha_init=alpha_init,
                beta_init=beta_init,
                num_channels=width,
                channel_dim=-1,
                shared=shared,
            )
            for _ in range(depth)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch classes"]:
        """Logits of a batch of standardised images."""
        h = x.flatten(1)
        for layer, activation in zip(self.layers, self.activations, strict=True):
            h = self.dropout(activation(layer(h)))
        return self.head(h)  # type: ignore[no-any-return]
