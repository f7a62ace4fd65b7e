"""Loss curves of a few steps in float64, for every model, static and dynamic.

They guard against silent changes of what a training computes. After a change that is meant to move them:

    python -m tests.golden.losses

writes tests/golden/losses.json anew; say in the commit why.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from ablations.manifest import applies
from trainables.catalogue import load_catalogue
from trainables.packs.trainer import run_trainer
from trainables.training.lease import Lease, Outcome, Report

FILE = Path(__file__).with_name("losses.json")
IMAGES = {"dataset": "golden", "epochs": 2, "batch_size": 16, "lr": 1e-3, "beta_init": 0.1}
# fmt: off
MODELS: Mapping[str, dict[str, Any]] = {
    "mlp": {"depth": 3, "width": 16},
    "cnn": {"width": 4},
    "attention_cnn": {"width": 4},
    "resnet20": {
        "width": 4,
        "optimizer": "sgd",
        "momentum": 0.9,
        "weight_decay": 1e-3,
        "augment": "crop_flip",
    },
    "resnet18": {"width": 4, "schedule": "one_cycle"},
    "vgg11": {"width": 4, "optimizer": "adamw", "weight_decay": 1e-2, "schedule": "cosine", "warmup": 0.5},
    "vit": {"width": 16, "blocks": 2, "patch": 8, "label_smoothing": 0.1, "clip_norm": 1.0},
    "torchvision/squeezenet1_1": {},
}
# fmt: on
TEXT = {
    "dataset": "golden",
    "width": 16,
    "blocks": 2,
    "heads": 2,
    "context": 16,
    "steps": 6,
    "eval_every": 2,
    "batch_size": 4,
    "eval_tokens": 256,
    "lr": 1e-2,
    "beta_init": 0.1,
    "base": "mish",
}  # fmt: skip
GLUS = ("swiglu", "geglu", "reglu", "bilinear", "dynactglu", "plain_gelu", "plain_dynact")


def cases() -> dict[str, tuple[str, dict[str, Any]]]:
    """Trainable and settings of every curve by its name."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for model, settings in MODELS.items():
        name = "mlp-classifier" if model == "mlp" else "image-classifier"
        chosen = {} if model == "mlp" else {"model": model}
        for scalars in ("none", "shared", "per_layer"):
            own = {**IMAGES, **settings, **chosen, "base": "mish", "scalars": scalars}
            found[f"{model} {scalars}"] = name, own
    for glu in GLUS:
        found[f"gpt {glu}"] = "language-model", {**TEXT, "glu": glu}
    return found


def curves(name: str, folder: Path) -> dict[str, list[float | None]]:
    """Losses of one case, and its scalars at the end."""
    trainable, changes = cases()[name]
    source = _One(Lease(trial_id=name, settings=resolved(trainable, changes), seed=7))
    with float64():
        run_trainer(source, trainable=trainable, device="cpu", threads=1, datasets_dir=folder, pack=1)
    outcome = source.outcome
    assert outcome is not None and outcome.state == "done", outcome and outcome.traceback
    found = {key: [value for _, value in outcome.curve[key]] for key in ("train_loss", "val_loss")}
    if isinstance(outcome.scalars, dict):
        found |= {key: outcome.scalars[key][-1] for key in ("alpha", "beta")}  # type: ignore[index,call-overload]
    return found


def write_data(folder: Path) -> None:
    """The images and the text, from numpy's own streams."""
    rng = np.random.default_rng(0)
    y = np.arange(64) % 4
    x = rng.integers(0, 200, (64, 32, 32, 3)) + 14 * y[:, None, None, None]
    images = {"x_train": x.astype(np.uint8), "y_train": y, "x_test": x[:8].astype(np.uint8), "y_test": y[:8]}
    np.savez(folder / "golden.npz", **images)
    words = ["state", "union", "people", "work"]
    (folder / "golden.txt").write_text("\n\n".join(" ".join(rng.choice(words, 40)) for _ in range(40)))


class _One:
    """A source of one trial."""

    def __init__(self, lease: Lease) -> None:
        self._left = [lease]
        self.outcome: Outcome | None = None

    def draw(self, room: int) -> list[Lease]:
        drawn, self._left = self._left[:room], self._left[room:]
        return drawn

    def report(self, _reports: list[Report]) -> dict[str, str]:
        return {}

    def commit(self, outcomes: list[Outcome]) -> None:
        (self.outcome,) = outcomes


def resolved(trainable: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """All settings that apply, by their defaults and these changes."""
    manifest = load_catalogue().manifest(trainable)
    values = {setting.name: setting.default for setting in manifest.settings} | dict(changes)
    applying: dict[str, object] = {}
    for setting in manifest.in_order():
        if applies(setting, values, applying):
            applying[setting.name] = values[setting.name]
    return {name: values[name] for name in applying}


@contextmanager
def float64() -> Iterator[None]:
    """New tensors, parameters and datasets are double for a while."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def main() -> None:
    """Write all curves anew."""
    with TemporaryDirectory() as place:
        write_data(Path(place))
        found = {name: curves(name, Path(place)) for name in cases()}
    lines = [f"{json.dumps(name)}: {json.dumps(values)}" for name, values in found.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
