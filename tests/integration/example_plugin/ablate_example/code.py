"""The code behind the manifests; imported on workers only."""

import numpy as np
import torch


def wavy(x: torch.Tensor) -> torch.Tensor:
    """An activation: any elementwise function without parameters."""
    return x + 0.5 * torch.sin(x)


def stripes() -> dict[str, np.ndarray]:
    """A dataset: two classes of noisy 8x8 images, striped across or along."""
    rng = np.random.default_rng(0)

    def images(num: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(num) % 2
        across = np.tile(np.arange(8) % 2, (8, 1))
        x = np.where(y[:, None, None] == 0, across, across.T) * 200.0 + rng.uniform(0, 55, (num, 8, 8))
        return x.astype(np.uint8), y.astype(np.uint8)

    (x_train, y_train), (x_test, y_test) = images(200), images(50)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def weight_size(module, data, settings):  # type: ignore[no-untyped-def]
    """A measure: numbers from the trained module and its data."""
    assert len(data.test) == 50
    weights = torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
    return {"mean_weight": float(weights.abs().pow(settings["weight_power"]).mean())}


def train(run):  # type: ignore[no-untyped-def]
    """A trainable: gradient descent on (x - 3)^2 from a start drawn from the trial's own stream."""
    x = 10 * torch.randn((), generator=run.stream("start"))
    for step in range(1, run.settings["steps"] + 1):
        x -= run.settings["lr"] * 2 * (x - 3)
        run.report(step, height=(x - 3) ** 2)
        if run.should_stop:
            return
