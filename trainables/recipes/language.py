"""`language-model`: a small GPT with gated or plain feed-forwards on a text corpus."""

import math
import time
from collections.abc import Callable, Generator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablations.errors import Json
from trainables.activations.settings import ActivationSettings
from trainables.activations.sites import Sites, count_parameters
from trainables.data.text import Tokens, read_texts, tokenize
from trainables.measures.memory import PeakMemory
from trainables.measures.passages import Passages, passages
from trainables.measures.perplexity import perplexity
from trainables.models.gpt import GPT
from trainables.models.init import draw_weights
from trainables.models.widths import PLAIN, hidden_width
from trainables.packs.routines import PackedRoutine
from trainables.recipes.settings import LanguageSettings, TransformerSettings
from trainables.streams import stream
from trainables.training.descent import Descent, initialise
from trainables.training.progress import language_progress
from trainables.training.run import Run
from trainables.training.steps import Routine, Steps

# What models and data of one pack have in common; gates may differ.
SHARED = (
    "dataset",
    "tokenizer",
    "vocabulary",
    "width",
    "blocks",
    "heads",
    "context",
    "batch_size",
    "precision",
)
EVALUATION_WINDOWS = 32
INIT_STD = 0.02


@lru_cache(maxsize=2)
def load_tokens(name: str, datasets_dir: Path, tokenizer: str, vocabulary: int) -> Tokens:
    """A corpus as tokens, kept for the next trial of this worker."""
    return tokenize(read_texts(name, datasets_dir), tokenizer=tokenizer, vocabulary=vocabulary)


@lru_cache(maxsize=1)
def load_corpus(name: str, datasets_dir: Path, tokenizer: str, vocabulary: int, device: str) -> Tensor:
    """The tokens to train on, on the device once for all members of a pack."""
    tokens = load_tokens(name, datasets_dir, tokenizer, vocabulary)
    return torch.from_numpy(tokens.train.astype("int64")).to(device)


def train(run: Run) -> Routine:
    """Train the model that the settings describe; returns the final metrics."""
    settings = LanguageSettings.read(run.settings)
    name = settings.dataset
    run.verify(name, read_texts(name, run.datasets_dir).fingerprint)
    asked = (name, run.datasets_dir, settings.tokenizer, settings.vocabulary)
    tokens = load_tokens(*asked)
    memory = PeakMemory(run.device)
    sites = make_sites(run, settings.activation)
    network = make_network(settings.transformer, tokens.vocabulary, sites).to(run.device)
    initialise(network, run.seed)
    _scale(network)
    if settings.weight_init != "torch":
        draw_weights(network, run.seed, settings.weight_init)
    training = LanguageTraining(run, settings, network, load_corpus(*asked, run.device))
    num_steps, every = settings.steps, settings.eval_every
    tests: dict[str, float] = {}
    points = [s for s in range(num_steps + 1) if s % every == 0 or s == num_steps or s in run.readings]
    if (saved := run.restore()) is not None:
        done, tests = training.load(saved["training"]), saved["tests"]
        points = [point for point in points if point > done]
        yield from training.steps(points[0] - done)
    for index, step in enumerate(points):
        if step % every == 0 or step == num_steps:
            train_loss = {"train_loss": training.mean_loss()} if step else {}
            during = _measured(run, settings.context, network, tokens, each_epoch=True)
            loss = evaluate(network, tokens.validation, settings, run.device)
            if sites is not None:
                run.log_scalars(step, sites.scalars())
            metrics = {"val_loss": loss, "val_perplexity": perplexity(loss)}
            run.report(step, **metrics, **train_loss, **during)
            yield None
            if run.should_stop:
                return tests
        if step in run.readings:
            tests |= _test(network, tokens, settings, run.device, f"/{step}")
        if step < num_steps:
            if step % every == 0 and run.checkpoint_due:
                run.checkpoint({"training": training.state(), "tests": tests})
            yield from training.steps(points[index + 1] - step)
    tests |= _test(network, tokens, settings, run.device, "") if run.tests else {}
    tests["num_parameters"] = float(count_parameters(network))
    tests |= training.progress() | {"peak_memory": memory.mib()}
    return tests | _measured(run, settings.context, network, tokens, each_epoch=False)


def _measured(run: Run, context: int, network: GPT, tokens: Tokens, *, each_epoch: bool) -> dict[str, float]:
    """What the measures say that the settings switch on."""
    if not run.measures.wanted(run.settings, each_epoch=each_epoch, tests=run.tests, text=True):
        return {}
    data = Passages(
        train=passages(tokens.train, context, run.device), test=passages(tokens.test, context, run.device)
    )
    return run.measures.read(network, data, run.settings, each_epoch=each_epoch, tests=run.tests)


def language_group(settings: Mapping[str, Json]) -> tuple[Json, ...]:
    """What trials must agree in to share a pack."""
    return (*(settings.get(name) for name in SHARED), hidden_width(settings), settings["glu"] in PLAIN)


def make_sites(run: Run, settings: ActivationSettings | None) -> Sites | None:
    """The activations of the feed-forwards; None for a bilinear model."""
    return None if settings is None else Sites(settings, run.base(settings.base))


def make_network(settings: TransformerSettings, vocabulary: int, sites: Sites | None) -> GPT:
    """The model. All GLUs have the same matrices; `match` says what they have to do with plain layers."""
    return GPT(
        vocabulary=vocabulary,
        width=settings.width,
        num_blocks=settings.num_blocks,
        num_heads=settings.num_heads,
        hidden=settings.hidden,
        activate=sites,
        gated=settings.gated,
    )


def _scale(network: GPT) -> None:
    """Normal weights of 0.02 from what the layers drew, as in GPT-2; residual outputs by depth."""
    with torch.no_grad():
        network.embedding.weight.mul_(INIT_STD)
        for block in network.blocks:
            for name, parameter in block.named_parameters():
                if parameter.ndim == 2:
                    # nn.Linear draws uniform in +-1/sqrt(n): standard deviation 1/sqrt(3 n).
                    parameter.mul_(INIT_STD * math.sqrt(3 * parameter.shape[1]))
                    if name.endswith(("out.weight", "down.weight")):
                        parameter.div_(math.sqrt(2 * len(network.blocks)))


class LanguageTraining:
    """The optimizer of one trial and its steps over random windows of the corpus."""

    def __init__(self, run: Run, settings: LanguageSettings, network: nn.Module, corpus: Tensor) -> None:
        self._run, self._settings, self._network, self._corpus = run, settings, network, corpus
        self._context, self._batch = settings.context, settings.batch_size
        self._descent = Descent(
            network,
            settings.descent,
            num_steps=settings.steps,
            warmup=settings.warmup_steps,
        )
        self._order = stream(run.seed, "order")
        self._losses: list[Tensor] = []
        self._num_steps, self._seconds, self._started = 0, 0.0, 0.0

    def state(self) -> dict[str, object]:
        """What is trained, how far it is and where the order of windows stands; just after a validation."""
        return {
            "network": self._network.state_dict(),
            "descent": self._descent.state(),
            "order": self._order.get_state(),
            "num_steps": self._num_steps,
            "seconds": self._seconds,
        }

    def load(self, state: Mapping[str, Any]) -> int:
        """Go on from such a state; how many steps it has had."""
        self._network.load_state_dict(state["network"])
        self._descent.load(state["descent"])
        self._order.set_state(state["order"])
        self._num_steps, self._seconds = state["num_steps"], state["seconds"]
        return self._num_steps

    def steps(self, num: int) -> Generator[Steps, list[Tensor], None]:
        """Some steps, on a batch of windows each."""
        if not self._losses:
            self._started = time.perf_counter()
        self._losses += yield Steps(
            network=self._network,
            descent=self._descent,
            num=num,
            batch=lambda _: self._windows(),
            objective=self._objective,
            key=(language_group(self._run.settings), self._settings.glu),
        )

    def _windows(self) -> tuple[Tensor, Tensor]:
        last = len(self._corpus) - self._context - 1
        starts = torch.randint(0, last, (self._batch, 1), generator=self._order).to(self._corpus.device)
        window = self._corpus[starts + torch.arange(self._context + 1, device=self._corpus.device)]
        return window[:, :-1], window[:, 1:]

    def _objective(self, network: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
        with self._descent.autocast():
            return F.cross_entropy(network(x).flatten(0, 1), y.flatten())

    def mean_loss(self) -> float:
        """The mean training loss since it was last asked for."""
        mean = float(torch.stack(self._losses).double().mean())  # waits for a GPU
        self._seconds += time.perf_counter() - self._started
        self._num_steps += len(self._losses)
        self._losses.clear()
        return mean

    def progress(self) -> dict[str, float]:
        """Final metrics about how the training went."""
        return language_progress(
            self._run.course.curve,
            target=self._settings.target_loss,
            clock=self._run.course.clock,
            num_tokens=self._num_steps * self._batch * self._context,
            train_seconds=self._seconds,
        )


@torch.no_grad()
def evaluate(network: nn.Module, tokens: object, settings: LanguageSettings, device: str) -> float:
    """Mean cross-entropy in nats a token over the first `eval_tokens` tokens, in adjacent windows."""
    context = settings.context
    array = torch.as_tensor(tokens).to(torch.int64)[: settings.eval_tokens + 1]
    windows = (len(array) - 1) // context
    x = array[: windows * context].view(windows, context).to(device)
    y = array[1 : windows * context + 1].view(windows, context).to(device)
    network.eval()
    total = torch.zeros((), dtype=torch.float64, device=device)
    for start in range(0, windows, EVALUATION_WINDOWS):
        part = slice(start, start + EVALUATION_WINDOWS)
        logits = network(x[part])
        total += F.cross_entropy(logits.flatten(0, 1), y[part].flatten(), reduction="sum").double()
    network.train()
    return float(total / (windows * context))


def _test(
    network: nn.Module, tokens: Tokens, settings: LanguageSettings, device: str, suffix: str
) -> dict[str, float]:
    loss = evaluate(network, tokens.test, settings, device)
    bits = loss / math.log(2) / tokens.bytes_per_token
    return {
        f"test_loss{suffix}": loss,
        f"test_perplexity{suffix}": perplexity(loss),
        f"test_bits_per_byte{suffix}": bits,
    }


LANGUAGE_MODEL = PackedRoutine(train, language_group)
