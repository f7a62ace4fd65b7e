"""A small decoder-only language model with gated or plain feed-forward layers.

Source: GLU variants after Shazeer, "GLU variants improve transformer", arXiv 2002.05202. The gate of
`dynactglu` is a dynActivation (arXiv 2603.22154): f(gate) * up with f(x) = Base(x)(alpha - beta) + beta x.
Norms are RMSNorm, positions are rotary, input and output embeddings are tied.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from trainables.models.sites import Activate


def rotate(x: Float[Tensor, "batch heads time size"]) -> Float[Tensor, "batch heads time size"]:
    """Rotary positions. Source: Su et al., "RoFormer", arXiv 2104.09864."""
    time, size = x.shape[-2:]
    frequency = 10_000.0 ** (-torch.arange(0, size, 2, device=x.device, dtype=torch.float32) / size)
    angle = torch.arange(time, device=x.device, dtype=torch.float32)[:, None] * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class CausalAttention(nn.Module):
    """Multi-head causal self-attention; [batch, time, width] to the same."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        assert width % (2 * num_heads) == 0, f"width {width} does not split into {num_heads} even heads"
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        """Attended values, projected."""
        batch, time, width = x.shape
        q, k, v = self.qkv(x).view(batch, time, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, time, width))  # type: ignore[no-any-return]


class GLU(nn.Module):
    """down(f(gate(x)) * up(x)); f is the activation, None makes it bilinear."""

    def __init__(self, width: int, hidden: int, activation: nn.Module | None) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.act = activation

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        """The gated feed-forward."""
        gate = self.gate(x)
        if self.act is not None:
            gate = self.act(gate.transpose(1, 2)).transpose(1, 2)  # activations take channels in dimension 1
        return self.down(gate * self.up(x))  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """down(f(up(x))): the plain layer that a GLU replaces."""

    def __init__(self, width: int, hidden: int, activation: nn.Module) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.act = activation

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        """The plain feed-forward."""
        up = self.act(self.up(x).transpose(1, 2)).transpose(1, 2)  # activations take channels in dimension 1
        return self.down(up)  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """One block: attention, then the feed-forward, each with a residual sum."""

    def __init__(
        self, width: int, hidden: int, num_heads: int, activation: nn.Module | None, gated: bool
    ) -> None:
        super().__init__()
        self.norm1 = nn.RMSNorm(width)
        self.attention = CausalAttention(width, num_heads)
        self.norm2 = nn.RMSNorm(width)
        if gated:
            self.feed_forward: nn.Module = GLU(width, hidden, activation)
        else:
            assert activation is not None, "a feed-forward without gate and activation would be linear"
            self.feed_forward = FeedForward(width, hidden, activation)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        """One block."""
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))  # type: ignore[no-any-return]


class GPT(nn.Module):
    """Token ids [batch, time] to logits [batch, time, vocabulary]."""

    def __init__(
        self,
        *,
        vocabulary: int,
        width: int,
        num_blocks: int,
        num_heads: int,
        hidden: int,
        activate: Activate | None,
        gated: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.Sequential(
            *(
                Decoder(width, hidden, num_heads, None if activate is None else activate(hidden), gated)
                for _ in range(num_blocks)
            )
        )
        self.norm = nn.RMSNorm(width)

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocabulary"]:
        """Next-token logits at every position."""
        return F.linear(self.norm(self.blocks(self.embedding(tokens))), self.embedding.weight)
