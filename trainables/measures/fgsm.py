"""Adversarial accuracy: the fast gradient sign method and, beside it, projected gradient descent."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

# Pixels in [0, 1] to logits; standardisation belongs inside, so that epsilon is in pixel units.
Classifier = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """Accuracy without and with an attack, each a share in [0, 1]."""

    epsilon: float
    clean: float
    robust: float

    @property
    def drop(self) -> float:
        """Clean minus robust accuracy, in points of accuracy."""
        return self.clean - self.robust

    @property
    def relative_drop(self) -> float:
        """The drop as a share of clean accuracy; 0 where there is none to lose."""
        return self.drop / self.clean if self.clean > 0 else 0.0


def input_gradient(
    classify: Classifier, pixels: Float[Tensor, " batch *shape"], labels: Int[Tensor, " batch"]
) -> Float[Tensor, " batch *shape"]:
    """Gradient of the summed cross-entropy with respect to the pixels.

    The sum, not the mean: one image's gradient must not shrink with the batch into zeros, whose sign is 0.
    """
    with torch.enable_grad():
        leaf = pixels.detach().clone().requires_grad_(True)
        loss = F.cross_entropy(classify(leaf), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, leaf)
    return gradient


def fgsm(
    classify: Classifier,
    pixels: Float[Tensor, " batch *shape"],
    labels: Int[Tensor, " batch"],
    epsilon: float,
) -> Float[Tensor, " batch *shape"]:
    """Images moved by epsilon along the sign of the loss gradient, clipped to [0, 1].

    Units: epsilon in pixels scaled to [0, 1].
    Raises: ValueError for an epsilon outside [0, 1].
    Source: Goodfellow et al., "Explaining and harnessing adversarial examples", arXiv 1412.6572.
    """
    _check(epsilon)
    return (pixels + epsilon * input_gradient(classify, pixels, labels).sign()).clamp(0.0, 1.0)


def pgd(
    classify: Classifier,
    pixels: Float[Tensor, " batch *shape"],
    labels: Int[Tensor, " batch"],
    epsilon: float,
    *,
    step: float | None = None,
    num_steps: int = 10,
) -> Float[Tensor, " batch *shape"]:
    """Projected gradient descent in the maximum norm, from the clean image, without a random start.

    Units: epsilon and step in pixels scaled to [0, 1]; the step is 2.5 epsilon / num_steps by default.
    Source: Madry et al., "Towards deep learning models resistant to adversarial attacks", arXiv 1706.06083.
    """
    _check(epsilon)
    step = 2.5 * epsilon / num_steps if step is None else step
    moved = pixels
    for _ in range(num_steps):
        moved = moved + step * input_gradient(classify, moved, labels).sign()
        moved = (pixels + (moved - pixels).clamp(-epsilon, epsilon)).clamp(0.0, 1.0)
    return moved


def robustness(
    classify: Classifier,
    pixels: Float[Tensor, " images *shape"],
    labels: Int[Tensor, " images"],
    epsilon: float,
    *,
    batch_size: int = 512,
    attack: Callable[..., Tensor] = fgsm,
) -> Robustness:
    """Clean and attacked accuracy over a set of images, in batches; the model is left as it was."""
    clean = robust = 0
    for first in range(0, len(labels), batch_size):
        x, y = pixels[first : first + batch_size], labels[first : first + batch_size]
        moved = attack(classify, x, y, epsilon)
        with torch.no_grad():
            clean += int((classify(x).argmax(1) == y).sum())
            robust += int((classify(moved).argmax(1) == y).sum())
    return Robustness(epsilon=epsilon, clean=clean / len(labels), robust=robust / len(labels))


def _check(epsilon: float) -> None:
    if not 0.0 <= epsilon <= 1.0:
        raise ValueError(f"epsilon {epsilon} is outside [0, 1]")
