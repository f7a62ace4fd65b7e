"""Corpora: splits that share nothing, tokens that decode to the text."""

from pathlib import Path

import numpy as np
import pytest

from trainables.data.text import Texts, read_texts, split_documents, tokenize, train_bpe
from trainables.errors import DataUnavailable


@pytest.fixture(scope="module")
def documents() -> list[str]:
    rng = np.random.default_rng(0)
    words = ["the", "state", "of", "union", "is", "strong", "été"]
    return [" ".join(rng.choice(words, 40)) for _ in range(60)]


@pytest.fixture(scope="module")
def texts(documents: list[str]) -> Texts:
    return split_documents("small", documents)


def test_every_document_is_in_exactly_one_split(texts: Texts, documents: list[str]) -> None:
    assert sorted(texts.train + texts.validation + texts.test) == sorted(documents)
    for split in (texts.validation, texts.test):
        share = sum(map(len, split)) / sum(map(len, documents))
        assert 0.08 <= share < 0.12
    assert split_documents("small", documents) == texts


def test_bytes_decode_to_the_text(texts: Texts) -> None:
    tokens = tokenize(texts)
    assert tokens.vocabulary == 256 and tokens.bytes_per_token == 1.0
    assert bytes(tokens.test.astype(np.uint8)).decode() == "\n".join(texts.test)


def test_bpe_decodes_to_the_text_and_is_shorter(texts: Texts) -> None:
    tokens = tokenize(texts, tokenizer="bpe", vocabulary=300)
    model = train_bpe(texts.train, 300)
    assert tokens.vocabulary == model.get_vocab_size() <= 300
    assert model.decode(tokens.test.tolist()) == "\n".join(texts.test) + "\n"
    assert tokens.bytes_per_token > 1.5
    again = tokenize(texts, tokenizer="bpe", vocabulary=300)
    assert np.array_equal(again.train, tokens.train)


def test_what_cannot_be_is_refused(texts: Texts, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no room"):
        tokenize(texts, tokenizer="bpe", vocabulary=256)
    with pytest.raises(ValueError, match="neither"):
        tokenize(texts, tokenizer="words")
    with pytest.raises(DataUnavailable, match=r"mine\.txt"):
        read_texts("mine", tmp_path)


def test_the_users_own_file(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("\n\n".join(f"paragraph {i} " * 5 for i in range(30)))
    texts = read_texts("mine", tmp_path)
    assert len(texts.train) + len(texts.validation) + len(texts.test) == 30


def test_the_speeches_are_there(tmp_path: Path) -> None:
    texts = read_texts("speeches", tmp_path)
    assert len(texts.train) + len(texts.validation) + len(texts.test) == 249
    assert sum(map(len, texts.train)) > 9_000_000
