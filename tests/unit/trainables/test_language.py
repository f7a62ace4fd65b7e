"""The language model trains, reads its test text where declared, and is the same for every variant."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.trainables.sources import ListSource
from trainables.activations.sites import count_parameters
from trainables.catalogue import load_catalogue
from trainables.models.gpt import GPT
from trainables.training.language import make_network, make_sites
from trainables.training.lease import Lease, Outcome
from trainables.training.trainer import run_trainer

SETTINGS = {
    **{s.name: s.default for s in load_catalogue().manifest("language-model").settings},
    "dataset": "small", "width": 16, "blocks": 1, "heads": 2, "context": 16, "steps": 20, "eval_every": 10,
    "batch_size": 4, "eval_tokens": 512, "lr": 1e-2,
}  # fmt: skip


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    rng = np.random.default_rng(0)
    words = ["state", "union", "people", "work"]
    (folder / "small.txt").write_text("\n\n".join(" ".join(rng.choice(words, 60)) for _ in range(60)))
    return folder


def train(corpora: Path, **changes: object) -> Outcome:
    source = ListSource([Lease(trial_id="t", settings={**SETTINGS, **changes}, seed=0, readings=(10,))])  # type: ignore[dict-item]
    run_trainer(source, trainable="language-model", device="cpu", threads=1, datasets_dir=corpora, pack=1)
    return source.outcomes["t"]


@pytest.mark.parametrize("glu", ["swiglu", "geglu", "reglu", "bilinear", "dynactglu"])
def test_every_variant_learns(glu: str, corpora: Path) -> None:
    outcome = train(corpora, glu=glu)
    assert outcome.state == "done", outcome.traceback
    losses = [value for _, value in outcome.curve["val_loss"]]
    assert losses[0] == pytest.approx(np.log(256), abs=0.1)
    assert (losses[-1] or 9) < 0.8 * (losses[0] or 0)
    assert (outcome.metrics["test_perplexity"] or 0) < (outcome.metrics["test_perplexity/10"] or 0)
    assert (outcome.scalars is not None) == (glu == "dynactglu")


def test_variants_have_as_many_parameters_but_for_the_scalars() -> None:
    counts = {
        glu: count_parameters(
            make_network({**SETTINGS, "glu": glu}, 256, make_sites({**SETTINGS, "glu": glu}))
        )
        for glu in ("swiglu", "geglu", "reglu", "bilinear", "dynactglu")
    }
    assert len({count for glu, count in counts.items() if glu != "dynactglu"}) == 1
    assert counts["dynactglu"] - counts["swiglu"] == 2


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_learns_too(precision: str, corpora: Path) -> None:
    full, mixed = train(corpora), train(corpora, precision=precision)
    assert mixed.state == "done", mixed.traceback
    assert mixed.metrics["test_loss"] == pytest.approx(full.metrics["test_loss"], rel=0.02)


def test_a_bpe_is_worse_by_token_and_comparable_by_byte(corpora: Path) -> None:
    outcome = train(corpora, tokenizer="bpe", vocabulary=300)
    assert outcome.state == "done", outcome.traceback
    assert outcome.metrics["test_bits_per_byte"] < outcome.metrics["test_loss"] / np.log(2)  # type: ignore[operator]


def test_no_position_sees_what_follows() -> None:
    torch.manual_seed(0)
    model = GPT(
        vocabulary=20, width=16, num_blocks=2, num_heads=2, hidden=24, activate=lambda _: torch.nn.SiLU()
    ).eval()
    tokens = torch.randint(0, 20, (1, 8))
    changed = tokens.clone()
    changed[0, 5:] = (changed[0, 5:] + 1) % 20
    before, after = model(tokens)[:, :5], model(changed)[:, :5]
    torch.testing.assert_close(before, after)
