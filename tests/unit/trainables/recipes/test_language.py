"""The language model trains, reads its test text where declared, and is the same for every variant."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.trainables.parts import language_network, language_sites
from tests.unit.trainables.sources import ListSource
from trainables.activations.sites import count_parameters
from trainables.catalogue import load_catalogue
from trainables.measures.passages import Passages, measure_gradients, measure_linearity, passages
from trainables.models.gpt import GPT, FeedForward
from trainables.models.init import draw_weights
from trainables.models.widths import hidden_width
from trainables.packs.trainer import run_trainer
from trainables.training.lease import Lease, Outcome

SETTINGS = {
    **{s.name: s.default for s in load_catalogue().manifest("language-model").settings},
    "dataset": "small", "width": 16, "blocks": 1, "heads": 2, "context": 16, "steps": 20, "eval_every": 10,
    "batch_size": 4, "eval_tokens": 512, "lr": 1e-2,
}  # fmt: skip

VARIANTS = (
    "swiglu", "geglu", "reglu", "bilinear", "dynactglu", "plain_relu", "plain_gelu", "plain_dynact",
)  # fmt: skip


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


@pytest.mark.parametrize("glu", VARIANTS)
def test_every_variant_learns(glu: str, corpora: Path) -> None:
    outcome = train(corpora, glu=glu, match="parameters")
    assert outcome.state == "done", outcome.traceback
    losses = [value for _, value in outcome.curve["val_loss"]]
    assert losses[0] == pytest.approx(np.log(256), abs=0.1)
    assert (losses[-1] or 9) < 0.8 * (losses[0] or 0)
    assert (outcome.metrics["test_perplexity"] or 0) < (outcome.metrics["test_perplexity/10"] or 0)
    assert (outcome.scalars is not None) == ("dynact" in glu)


def test_variants_have_as_many_parameters_but_for_the_scalars() -> None:
    counts = {
        glu: count_parameters(
            language_network({**SETTINGS, "glu": glu}, 256, language_sites({**SETTINGS, "glu": glu}))
        )
        for glu in ("swiglu", "geglu", "reglu", "bilinear", "dynactglu")
    }
    assert len({count for glu, count in counts.items() if glu != "dynactglu"}) == 1
    assert counts["dynactglu"] - counts["swiglu"] == 2


@pytest.mark.parametrize("hidden", [0, 60])
def test_matched_variants_have_as_many_parameters_as_the_plain_ones(hidden: int) -> None:
    counts = {}
    for glu in VARIANTS:
        settings = {**SETTINGS, "glu": glu, "match": "parameters", "hidden": hidden, "width": 24}
        counts[glu] = count_parameters(language_network(settings, 256, language_sites(settings)))
    assert len({count for glu, count in counts.items() if "dynact" not in glu}) == 1
    assert counts["dynactglu"] == counts["plain_dynact"] == counts["swiglu"] + 2


def test_a_width_that_three_does_not_divide_is_matched_to_less_than_a_row() -> None:
    def count(glu: str) -> int:
        settings = {**SETTINGS, "glu": glu, "match": "parameters", "hidden": 100, "blocks": 3}
        return count_parameters(language_network(settings, 256, language_sites(settings)))

    assert 0 < abs(count("swiglu") - count("plain_relu")) <= 3 * 3 * 16 / 2


def test_unmatched_variants_have_the_same_width_inside() -> None:
    widths = {glu: hidden_width({**SETTINGS, "glu": glu, "width": 96}) for glu in VARIANTS}
    assert set(widths.values()) == {256}


def test_a_plain_feed_forward_computes_what_it_should() -> None:
    torch.manual_seed(0)
    layer = FeedForward(8, 12, torch.nn.ReLU())
    x = torch.randn(2, 5, 8)
    torch.testing.assert_close(layer(x), torch.relu(x @ layer.up.weight.T) @ layer.down.weight.T)


def test_initial_weights_are_those_named_and_others_stay_small(corpora: Path) -> None:
    network = language_network(SETTINGS, 256, language_sites(SETTINGS))
    before = network.embedding.weight.clone()
    draw_weights(network, 0, "orthogonal")
    weight = network.blocks[0].attention.out.weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(16), rtol=0, atol=1e-5)
    assert torch.equal(network.embedding.weight, before)
    losses = {how: train(corpora, weight_init=how).metrics["val_loss"] for how in ("torch", "orthogonal")}
    assert losses["torch"] != losses["orthogonal"] and all(np.isfinite(x or np.nan) for x in losses.values())


def test_measures_are_read_where_they_make_sense(corpora: Path) -> None:
    asked = {"linearity": True, "gradients": True, "blocks": 3}
    dynamic = train(corpora, glu="dynactglu", scalars="per_channel", beta_init=0.5, **asked)
    assert dynamic.state == "done", dynamic.traceback
    metrics = dynamic.metrics
    assert 0 < (metrics["linear_share"] or 0) < 1 and 0 < (metrics["straightness"] or 0) < 1
    assert {"linear_share.1", "linear_share.3", "straightness_deep"} <= set(metrics)
    assert [step for step, _ in dynamic.curve["gradient_norm"]] == [0, 10, 20]
    # Five matrices a block: qkv, out, gate, up, down.
    assert "gradient_norm.15" in metrics and "gradient_norm.16" not in metrics
    assert train(corpora, glu="swiglu", **asked).metrics["linear_share"] == 0.0
    plain = train(corpora, glu="dynactglu", scalars="per_channel", beta_init=0.5, blocks=3)
    assert plain.metrics["test_loss"] == metrics["test_loss"] and "linear_share" not in plain.metrics


def test_gradient_norms_are_those_of_backward() -> None:
    network = language_network(SETTINGS, 256, language_sites(SETTINGS))
    data = passages(np.arange(200, dtype=np.uint16), 16, "cpu")
    assert data.x.shape == (12, 16) and torch.equal(data.y, data.x + 1)
    found = measure_gradients(network, Passages(train=data, test=data), {})
    assert all(parameter.grad is None for parameter in network.parameters())
    torch.nn.functional.cross_entropy(network(data.x).flatten(0, 1), data.y.flatten()).backward()
    gradients = [p.grad for p in network.blocks.parameters() if p.ndim > 1]
    norms = [float(gradient.norm()) for gradient in gradients if gradient is not None]
    assert [found[f"gradient_norm.{i}"] for i in range(1, 6)] == pytest.approx(norms, rel=1e-5)


def test_a_layer_whose_paths_agree_is_linear() -> None:
    settings = {**SETTINGS, "glu": "dynactglu", "alpha_init": 0.7, "beta_init": 0.7, "blocks": 2}
    network = language_network(settings, 256, language_sites(settings))
    data = passages(np.arange(200, dtype=np.uint16), 16, "cpu")
    found = measure_linearity(network, Passages(train=data, test=data), {})
    assert all(value == pytest.approx(1.0) for value in found.values())


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
