"""Image classifiers and language models in packs: on a CPU each equals itself alone, bit for bit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.trainables.parts import worker_for
from tests.unit.trainables.sources import ListSource, numbers, settings_of, stripes, train
from trainables.catalogue import load_catalogue
from trainables.data.vision import load
from trainables.packs.filling import PackTrainer
from trainables.packs.routines import PackedRoutine
from trainables.packs.sizing import SHARE
from trainables.recipes.images import IMAGE_CLASSIFIER, image_group
from trainables.recipes.images import train as train_images
from trainables.recipes.language import language_group
from trainables.recipes.language import train as train_language
from trainables.training.lease import Lease, Outcome, Report
from trainables.training.run import Run
from trainables.training.steps import Routine

IMAGES, LANGUAGE = "image-classifier", "language-model"
MODELS: Mapping[str, Mapping[str, Any]] = {
    "cnn": {"model": "cnn", "width": 4, "blocks": 1},
    "attention_cnn": {"model": "attention_cnn", "width": 2, "blocks": 1, "heads": 2},
    "resnet20": {"model": "resnet20", "width": 2},
    "vit": {"model": "vit", "width": 8, "blocks": 1, "heads": 2},
}
SMALL_GPT = {
    "dataset": "words", "width": 8, "blocks": 1, "heads": 2, "context": 8, "steps": 10, "eval_every": 4,
    "batch_size": 4, "eval_tokens": 128, "lr": 1e-2,
}  # fmt: skip
# What may differ between the members of a pack; "wild" diverges.
MIXED: Mapping[str, Mapping[str, Any]] = {
    "static": {"base": "relu"},
    "mish": {"base": "mish", "scalars": "per_layer", "lr": 3e-3, "augment": "crop_flip"},
    "shared": {"base": "gelu", "scalars": "shared", "optimizer": "sgd", "lr": 0.05, "momentum": 0.9},
    "channel": {"base": "silu", "scalars": "per_channel", "optimizer": "adamw", "weight_decay": 0.1},
    "clipped": {"base": "tanh", "clip_norm": 0.1, "epochs": 3, "schedule": "cosine", "warmup": 1.0},
    "smooth": {"base": "relu", "scalars": "per_layer", "beta_init": 0.5, "label_smoothing": 0.1},
    "wild": {"base": "relu", "optimizer": "sgd", "lr": 1e6},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty grey images of three classes, and a corpus of four words."""
    folder = tmp_path_factory.mktemp("small")
    stripes(folder)
    rng = np.random.default_rng(0)
    words = ["state", "union", "people", "work"]
    (folder / "words.txt").write_text("\n\n".join(" ".join(rng.choice(words, 20)) for _ in range(60)))
    return folder


def images(folder: Path, **changes: Any) -> list[Lease]:
    fixed = {"dataset": "stripes", "epochs": 2, "batch_size": 25, "lr": 1e-2, **changes}
    return [
        Lease(
            trial_id=name,
            settings=settings_of(IMAGES, folder, **{**fixed, **own}),
            seed=seed,
            readings=(1, "best_validation"),
        )
        for seed, (name, own) in enumerate(MIXED.items())
    ]


def sentences(folder: Path) -> list[Lease]:
    members: dict[str, dict[str, Any]] = {
        "mish": {"glu": "dynactglu", "base": "mish"},
        "gelu": {"glu": "dynactglu", "base": "gelu", "lr": 3e-3, "eval_every": 5},
        "swiglu": {"glu": "swiglu", "steps": 14},
        "channel": {"glu": "dynactglu", "base": "relu", "scalars": "per_channel", "clip_norm": 0.1},
        "wild": {"glu": "bilinear", "optimizer": "sgd", "lr": 1e6, "clip_norm": 0.0},
    }
    return [
        Lease(
            trial_id=name,
            settings=settings_of(LANGUAGE, folder, **{**SMALL_GPT, **own}),
            seed=7,
            readings=(6,),
        )
        for name, own in members.items()
    ]


def all_numbers(source: ListSource) -> dict[str, Any]:
    costly = {m.name for n in (IMAGES, LANGUAGE) for m in load_catalogue().manifest(n).metrics if m.costly}
    found = {name: numbers(outcome) for name, outcome in source.outcomes.items()}
    for each in found.values():
        each["metrics"] = {key: value for key, value in each["metrics"].items() if key not in costly}
    return found


@pytest.mark.parametrize("model", MODELS)
def test_members_equal_themselves_alone(model: str, folder: Path) -> None:
    """Packs of 3 are refilled as members end, from a queue that is turned round."""
    leases = images(folder, **MODELS[model])
    alone = train(leases, folder, trainable=IMAGES, pack=1)
    assert {name: o.state for name, o in alone.outcomes.items()} == {
        name: "diverged" if name == "wild" else "done" for name in MIXED
    }, [o.traceback for o in alone.outcomes.values()]
    for packed in (
        train(leases, folder, trainable=IMAGES, pack=len(leases)),
        train(leases[::-1], folder, trainable=IMAGES, pack=3),
    ):
        assert all_numbers(packed) == all_numbers(alone)
        assert max(o.pack for o in packed.outcomes.values()) == packed.rooms[0]


def test_language_models_equal_themselves_alone(folder: Path) -> None:
    leases = sentences(folder)
    alone = train(leases, folder, trainable=LANGUAGE, pack=1)
    assert {name: o.state for name, o in alone.outcomes.items() if o.state != "done"} == {"wild": "diverged"}
    for size in (2, 5):
        packed = train(leases, folder, trainable=LANGUAGE, pack=size)
        assert all_numbers(packed) == all_numbers(alone)


def test_a_pruned_member_harms_nobody_and_its_place_is_refilled_at_once(folder: Path) -> None:
    leases = images(folder, **MODELS["cnn"])
    alone = all_numbers(train(leases, folder, trainable=IMAGES))

    def stop(report: Report) -> str | None:
        return "pruned" if report.trial_id == "mish" and report.step == 1 else None

    source = train(leases, folder, trainable=IMAGES, pack=2, stop=stop)
    assert source.outcomes["mish"].state == "pruned"
    assert source.outcomes["mish"].curve["train_loss"][-1][0] == 1
    assert "test_accuracy" not in source.outcomes["mish"].metrics
    others = all_numbers(source)
    assert all(others[name] == alone[name] for name in MIXED if name != "mish")
    # In the round after the one in which it was told to stop, the third trial has its first epoch.
    order = [(report.trial_id, report.step) for report in source.reports]
    stopped, refilled = order.index(("mish", 1)), order.index(("shared", 1))
    assert [name for name, _ in order[stopped + 1 : refilled]].count("static") <= 2


def test_foreign_models_train_one_at_a_time(folder: Path) -> None:
    assert image_group({"model": "torchvision/resnet18"}) is None
    worker = worker_for(folder)
    assert IMAGE_CLASSIFIER.room("cpu") == 1 < IMAGE_CLASSIFIER.room("cuda")
    assert IMAGE_CLASSIFIER.bench({"model": "torchvision/resnet18"}, worker, 1).largest == 1
    assert IMAGE_CLASSIFIER.bench({"model": "cnn"}, worker, 1).largest is None


def test_auto_trains_one_at_a_time_where_packs_gain_nothing(folder: Path) -> None:
    leases = images(folder, **MODELS["cnn"])[:3]
    source = train(leases, folder, trainable=IMAGES, pack="auto")
    assert {outcome.pack for outcome in source.outcomes.values()} == {1} == set(source.rooms)


@pytest.mark.parametrize(("epochs", "measured"), [(1, False), (8, True)])
def test_measuring_takes_a_fair_share_of_what_stacked_trials_train(
    folder: Path, epochs: int, measured: bool
) -> None:
    """Trainings too short to pay for it train one at a time, unmeasured; for others the count is bounded."""
    settings = {**MODELS["cnn"], "batch_size": 10}
    (first, *_) = images(folder, **settings)
    own = {**first.settings, "epochs": epochs}
    leases = [Lease(trial_id=str(seed), settings=own, seed=seed) for seed in range(16)]
    worker, source, sizes = worker_for(folder), ListSource(leases), dict[str, int]()
    code = PackedRoutine(train_images, image_group, stacked=True)
    PackTrainer(source, code, worker, threads=1, pack="auto", sizes=sizes).run()
    assert {outcome.state for outcome in source.outcomes.values()} == {"done"}
    assert len(sizes) == 1
    trained = worker.tally.steps - worker.tally.wasted
    assert trained == 16 * epochs * -(-len(load("stripes", folder).train) // 10)
    assert (worker.tally.wasted > 0) == measured
    assert worker.tally.wasted <= SHARE * trained
    if not measured:
        assert {outcome.pack for outcome in source.outcomes.values()} == {1}


def test_steps_are_counted_and_those_after_a_divergence_are_wasted(folder: Path) -> None:
    worker, leases = worker_for(folder), images(folder, **MODELS["cnn"])
    source = ListSource([lease for lease in leases if lease.trial_id in ("static", "wild")])
    PackTrainer(source, IMAGE_CLASSIFIER, worker, threads=1, pack=2).run()
    assert source.outcomes["wild"].state == "diverged"
    assert worker.tally.steps == 2 * 3 + 3 * len(source.outcomes["wild"].curve["train_loss"])
    assert 0 <= worker.tally.wasted <= 2


def test_members_draw_from_torchs_own_generator_as_if_they_were_alone(folder: Path) -> None:
    def code(run: Run) -> Routine:
        for step in range(3):
            if run.seed == 2 and step == 1:
                raise RuntimeError("no more")
            run.report(step, value=float(torch.rand(())))
            yield None
        return {"last": float(torch.rand(()))}

    def outcomes(pack: int) -> dict[str, Outcome]:
        source = ListSource([Lease(trial_id=str(seed), settings={}, seed=seed) for seed in range(4)])
        PackTrainer(source, PackedRoutine(code), worker_for(folder), threads=1, pack=pack).run()
        return source.outcomes

    alone, packed = outcomes(1), outcomes(3)
    assert alone["2"].state == packed["2"].state == "failed" and "no more" in str(packed["2"].reason)
    assert all(numbers(alone[name]) == numbers(packed[name]) for name in ("0", "1", "3"))
    assert alone["0"].metrics["last"] != alone["1"].metrics["last"]


def train_with(leases: list[Lease], folder: Path, code: PackedRoutine, pack: int) -> dict[str, Outcome]:
    source = ListSource(leases)
    PackTrainer(source, code, worker_for(folder), threads=1, pack=pack).run()
    return source.outcomes


@pytest.mark.parametrize("model", [*MODELS, "gpt"])
def test_stacked_members_are_alone_up_to_rounding(model: str, folder: Path) -> None:
    """What a GPU runs, here on a CPU; bases differ inside a stack, and one of its members diverges."""
    code = (
        PackedRoutine(train_language, language_group, stacked=True)
        if model == "gpt"
        else PackedRoutine(train_images, image_group, stacked=True)
    )
    if model == "gpt":
        leases = sentences(folder)[:2] + sentences(folder)[-1:]
        wild = {**leases[0].settings, "lr": 1e6, "optimizer": "sgd", "clip_norm": 0.0, "base": "relu"}
    else:
        leases = [lease for lease in images(folder, **MODELS[model]) if lease.trial_id in ("mish", "smooth")]
        leases = [
            Lease(trial_id=f"{base}{seed}", seed=seed, settings={**leases[0].settings, "base": base})
            for seed, base in enumerate(("mish", "gelu", "relu"))
        ]
        wild = {**leases[0].settings, "lr": 1e6, "optimizer": "sgd"}
    leases.append(Lease(trial_id="wild stacked", settings=wild, seed=9))
    alone, stacked = (train_with(leases, folder, code, pack) for pack in (1, 4))
    assert alone.keys() == stacked.keys()
    for name, outcome in alone.items():
        assert stacked[name].state == outcome.state, (name, stacked[name].traceback)
        assert stacked[name].pack == 4
        if outcome.state != "done":
            continue
        for metric in ("val_loss", "train_loss", "test_loss"):
            expected, got = outcome.metrics[metric], stacked[name].metrics[metric]
            assert got == pytest.approx(expected, rel=2e-3), (name, metric)
