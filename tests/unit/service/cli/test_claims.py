"""The claims table of a terminal fits 100 columns and says what the JSON says."""

import io
from typing import Any

from rich.console import Console

from service.cli.claims import claims_markdown, print_claims

ROW: dict[str, Any] = {
    "label": "Mish",
    "metric": "test_accuracy",
    "within": {},
    "estimate": 14.123,
    "low": 10.5,
    "high": 17.75,
    "num_seeds": 8,
    "verdict": "reproduced",
    "note": "",
}
STUDY: dict[str, Any] = {
    "id": "01ab",
    "name": "cifar10-activations-paper",
    "scale": "paper",
    "edited": [],
    "num_trials": 400,
    "differs_from_paper_scale": [],
}
CLAIM: dict[str, Any] = {
    "id": "attention-cnn",
    "sentence": "It exceeds static Mish by up to 14.02 % on AttentionCNN.",
    "claimed": "+14.02 points",
    "preset": "cifar10-activations",
    "verdict": "reproduced",
    "study": STUDY,
    "rows": [ROW],
}


def printed(*claims: dict[str, Any]) -> str:
    out = io.StringIO()
    print_claims(claims, console=Console(file=out, width=100, highlight=False))
    return out.getvalue()


def test_a_claim_stands_on_its_line_with_estimate_interval_and_verdict() -> None:
    text = printed(CLAIM)
    assert max(map(len, text.splitlines())) <= 100
    for part in ("14.12 [10.50, 17.75]", "+14.02 points", "reproduced", "paper", "400 trainings"):
        assert part in text
    assert "not run" not in text


def test_strata_get_lines_of_their_own_with_their_notes() -> None:
    rows = [
        {**ROW, "within": {"weight_init": "he"}, "note": "dataset is digits-5k, not mnist"},
        {**ROW, "within": {"weight_init": "torch"}, "low": None, "high": None, "verdict": "inconclusive"},
    ]
    study = {**STUDY, "edited": ["fixed.epochs"], "differs_from_paper_scale": ["epochs: 1, not 100"]}
    text = " ".join(printed({**CLAIM, "rows": rows, "verdict": "mixed", "study": study}).split())
    for part in (
        "weight_init=he",
        "weight_init=torch",
        "digits-5k",
        "mixed",
        "edited in fixed.epochs",
        "epochs: 1",
    ):
        assert part in text


def test_what_was_not_run_says_how_to_run_it() -> None:
    text = " ".join(printed({**CLAIM, "rows": [], "study": None, "verdict": "not run"}).split())
    assert "ablate preset cifar10-activations | ablate submit -" in text


def test_markdown_has_a_line_for_every_answer() -> None:
    lines = claims_markdown(
        [{**CLAIM, "rows": [ROW, ROW]}, {**CLAIM, "rows": [], "study": None, "verdict": "not run"}]
    ).splitlines()
    assert len(lines) == 2 + 2 + 1
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert "| 14.12 [10.50, 17.75] | 8 | paper | reproduced |" in lines[2] and "not run" in lines[4]
