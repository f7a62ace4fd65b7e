"""Final metrics about the course of a training, from its curves and clock."""

from collections.abc import Mapping, Sequence

from ablations.errors import Json
from trainables.measures.convergence import Points, convergence, to_target

# Seconds since the start of the training, by the step of its curve.
Clock = Sequence[tuple[float, float]]


def classifier_progress(
    curve: Mapping[str, Points],
    settings: Mapping[str, Json],
    *,
    steps_per_epoch: int,
    clock: Clock,
    num_images: int,
    train_seconds: float,
) -> dict[str, float]:
    """Convergence, time to `target_accuracy`, throughput. `num_images` were trained on in `train_seconds`."""
    reach = to_target(
        curve["val_accuracy"],
        float(str(settings.get("target_accuracy", 0.9))),
        rising=True,
        steps_a_point=steps_per_epoch,
        clock=clock,
    )
    epochs = {"epochs_to_target": reach["steps_to_target"] / steps_per_epoch}
    return convergence(curve["val_loss"]) | reach | epochs | throughput(num_images, train_seconds)


def language_progress(
    curve: Mapping[str, Points],
    settings: Mapping[str, Json],
    *,
    clock: Clock,
    num_tokens: int,
    train_seconds: float,
) -> dict[str, float]:
    """Convergence, time to `target_loss`, throughput."""
    losses = curve["val_loss"]
    reach = to_target(losses, float(str(settings.get("target_loss", 2.0))), rising=False, clock=clock)
    return convergence(losses) | reach | throughput(num_tokens, train_seconds)


def throughput(num: int, seconds: float) -> dict[str, float]:
    """Examples a second; nothing where no time has passed."""
    return {"throughput": num / seconds} if seconds > 0 else {}
