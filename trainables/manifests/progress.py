"""Metrics of how fast, how dear and how large a training is, as manifests."""

from ablations.manifest import Metric

NUM_PARAMETERS = Metric(
    name="num_parameters",
    goal="minimize",
    worst=1e12,
    split="train",
    help="trained parameters, scalars included",
)
SECONDS = Metric(
    name="seconds",
    goal="minimize",
    worst=86_400.0,
    unit="s",
    costly=True,
    split="train",
    help="wall time of the training, evaluation included",
)
PEAK_MEMORY = Metric(
    name="peak_memory",
    goal="minimize",
    worst=1e6,
    unit="MiB",
    costly=True,
    split="train",
    help="most memory held while training: allocated on a GPU, resident in the worker's process on a CPU",
)
LARGEST_TARGET = 1e9


def classifier_progress(worst_loss: float) -> tuple[Metric, ...]:
    """What classifiers measure of the course of their training."""
    return (
        Metric(
            name="convergence_auc",
            goal="minimize",
            worst=10 * worst_loss,
            unit="nats x epochs",
            split="validation",
            help="area under the validation loss over epochs, from initialisation to the end",
        ),
        _efficiency("epochs", worst_loss),
        *_to_target("epoch", "the validation accuracy is target_accuracy"),
        _throughput("images"),
        SECONDS,
        PEAK_MEMORY,
    )


def language_progress() -> tuple[Metric, ...]:
    """What the language model measures of the course of its training."""
    return (
        Metric(
            name="convergence_auc",
            goal="minimize",
            worst=1e9,
            unit="nats x steps",
            split="validation",
            help="area under the validation loss over steps, from initialisation to the end",
        ),
        _efficiency("steps", 100.0),
        *_to_target("step", "the validation loss is target_loss"),
        _throughput("tokens"),
        SECONDS,
        PEAK_MEMORY,
    )


def _efficiency(steps: str, worst_loss: float) -> Metric:
    return Metric(
        name="training_efficiency",
        goal="maximize",
        worst=1 / worst_loss,
        scale="log",
        unit="1/nats",
        split="validation",
        help=f"{steps} by convergence_auc: one over the mean validation loss of the training. Its ratio "
        "to a baseline's is the inverse ratio of areas; 1.5 is 50 % more efficient",
    )


def _to_target(step: str, reached: str) -> tuple[Metric, ...]:
    late = "; the whole training where it never is, and then a lower bound: see reached_target"
    between = "between two validations by a straight line"
    steps = Metric(
        name="steps_to_target",
        goal="minimize",
        worst=LARGEST_TARGET,
        scale="log",
        unit="steps",
        split="validation",
        help=f"optimizer steps until {reached}, {between}{late}",
    )
    epochs = Metric(
        name="epochs_to_target",
        goal="minimize",
        worst=LARGEST_TARGET,
        scale="log",
        unit="epochs",
        split="validation",
        help=f"the same in passes over the training images{late}",
    )
    return (
        Metric(
            name="reached_target",
            goal="maximize",
            worst=0.0,
            split="validation",
            help=f"1 where {reached} at some time, else 0",
        ),
        *((epochs,) if step == "epoch" else ()),
        steps,
        Metric(
            name="seconds_to_target",
            goal="minimize",
            worst=86_400.0,
            scale="log",
            unit="s",
            costly=True,
            split="validation",
            help=f"the same in wall time, evaluation included{late}",
        ),
    )


def _throughput(what: str) -> Metric:
    return Metric(
        name="throughput",
        goal="maximize",
        worst=1e-6,
        scale="log",
        unit=f"{what}/s",
        costly=True,
        split="train",
        help=f"{what} trained on by the time spent in training steps, evaluation not included",
    )
