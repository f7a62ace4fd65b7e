"""The same trainings through Ray Tune without us: as a user would write it, and as an expert would tune it.

Run as `python -m tests.benchmarks.ray_baselines default|expert PLAN.json` on the cluster that RAY_ADDRESS
names; the plan has `trials`, and `data`, an .npz of standardised images. Prints one line of JSON: seconds of
the Tune run alone, and every trial's test accuracy. Data, initial weights and the order of images are those
of our trainer; all else is plain PyTorch.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

if sys.argv[1:2] == ["expert"]:
    os.environ.update(
        TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1", TUNE_GLOBAL_CHECKPOINT_S="100000", RAY_AIR_NEW_OUTPUT="0"
    )

import numpy as np
import ray
import torch
from ray import tune
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tests.benchmarks.plain import network
from trainables.models.init import draw_linear
from trainables.streams import stream

Data = Mapping[str, Tensor]


def read(path: str) -> Data:
    """The images and classes of all splits."""
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def build(config: Mapping[str, Any]) -> nn.Sequential:
    """The network of one trial, with the initial weights that its seed has everywhere."""
    names = ("width", "depth", "base", "scalars")
    model = network(**{name: config[name] for name in names})
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    keys = [f"layers.{i}" for i in range(len(linear) - 1)] + ["head"]
    with torch.no_grad():
        for key, layer in zip(keys, linear, strict=True):
            weight, bias = draw_linear(
                config["seed"], key, inputs=layer.in_features, outputs=layer.out_features, how="torch"
            )
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return model


def train(config: Mapping[str, Any], data: Data, report: Callable[[dict[str, float]], None]) -> float:
    """One training: validated every epoch, tested at the end."""
    model = build(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
    x, y = data["train_x"], data["train_y"]
    for epoch in range(config["epochs"]):
        order = torch.randperm(len(y), generator=stream(config["seed"], f"order/{epoch}"))
        for batch in order.split(config["batch_size"]):
            optimizer.zero_grad()
            cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        report({"val_accuracy": accuracy(model, data, "val")})
    return accuracy(model, data, "test")


@torch.no_grad()
def accuracy(model: nn.Module, data: Data, split: str) -> float:
    """The share of a split that is classified right."""
    right = model(data[f"{split}_x"]).argmax(1) == data[f"{split}_y"]
    return float(right.float().mean())


def as_function(config: dict[str, Any]) -> None:
    """A function trainable as in Tune's tutorial."""
    final = train(config, read(config["data"]), tune.report)
    tune.report({"test_accuracy": final})


class AsClass(tune.Trainable):  # type: ignore[misc]
    """A class trainable whose actor is reused: data and imports are paid once an actor."""

    def setup(self, config: dict[str, Any]) -> None:
        """Load the data once. Preloaded, torch has not seen the thread count that Ray sets for an actor."""
        torch.set_num_threads(1)
        self.data, self.settings = read(config["data"]), config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial."""
        self.settings = new_config
        return True

    def step(self) -> dict[str, Any]:
        """A whole training, told of once."""
        return {"test_accuracy": train(self.settings, self.data, lambda _: None), "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing is kept."""


def run(kind: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    """The whole study on a running cluster."""
    ray.init(log_to_driver=kind == "default")
    trials = plan["trials"]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        results = tune.Tuner(
            as_function if kind == "default" else AsClass,
            param_space={**tune_space(trials), "data": plan["data"]},
            tune_config=tune.TuneConfig(reuse_actors=kind == "expert"),
            run_config=tune.RunConfig(storage_path=folder, verbose=1 if kind == "default" else 0),
        ).fit()
    seconds = time.perf_counter() - started
    found = {result.config["trial"]: result.metrics["test_accuracy"] for result in results}
    return {"fit_seconds": seconds, "accuracy": [found[i] for i in range(len(trials))]}


def tune_space(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """A grid over the trials' numbers; every setting is looked up by the number."""

    def pick(name: str) -> Any:
        return tune.sample_from(lambda config: trials[config["trial"]][name])

    return {"trial": tune.grid_search(list(range(len(trials)))), **{name: pick(name) for name in trials[0]}}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))))
