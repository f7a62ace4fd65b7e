"""Final metrics about the course of a training, from its curves and clock."""

from collections.abc import Mapping, Sequence

from trainables.measures.convergence import Points, convergence, to_target

# Seconds since the start of the training, by the step of its curve.
Clock = Sequence[tuple[float, float]]


def classifier_progress(
    curve: Mapping[str, Points],
    *,
    target: float,
    steps_per_epoch: int,
    clock: Clock,
    num_images: int,
    train_seconds: float,
) -> dict[str, float]:
    """Convergence, time to the target accuracy, throughput; `num_images` trained on in `train_seconds`."""
    reach = to_target(
        curve["val_accuracy"],
        target,
        rising=True,
        steps_a_point=steps_per_epoch,
        clock=clock,
    )
    epochs = {"epochs_to_target": reach["steps_to_target"] / steps_per_epoch}
    return convergence(curve["val_loss"]) | reach | epochs | throughput(num_images, train_seconds)


def language_progress(
    curve: Mapping[str, Points],
    *,
    target: float,
    clock: Clock,
    num_tokens: int,
    train_seconds: float,
) -> dict[str, float]:
    """Convergence, time to the `target` loss, throughput."""
    losses = curve["val_loss"]
    reach = to_target(losses, target, rising=False, clock=clock)
    return convergence(losses) | reach | throughput(num_tokens, train_seconds)


def throughput(num: int, seconds: float) -> dict[str, float]:
    """Examples a second; nothing where no time has passed."""
    return {"throughput": num / seconds} if seconds > 0 else {}
