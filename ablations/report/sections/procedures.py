"""Tests and corrections by name, as they were carried out on so many seeds."""

from collections.abc import Iterable

from ablations.effects.effect import ContrastEffects, EffectRow
from ablations.stats import permutation, wilcoxon

NAMES = {
    "paired_t": "the paired t test",
    "mcnemar": "McNemar's exact test",
    "hartung_knapp": "the t test of Hartung, Knapp, Sidik and Jonkman over strata",
}
CORRECTIONS = {"holm": "Holm correction", "bh": "Benjamini-Hochberg correction", "none": "no correction"}
KEEPS = {
    "holm": "adjusted by Holm's step-down method, which keeps the chance of any false claim in the contrast",
    "bh": "adjusted by the Benjamini-Hochberg method, which keeps the expected share of false ones among the"
    " claims, not the chance of any,",
    "none": "not adjusted, so that each row has a chance of its own of a false claim,",
}


def procedure(test: str, rows: Iterable[EffectRow]) -> str:
    """A test by name, exact only where it was: for the row with the most seeds.

    >>> procedure("sign_flip", [])
    'the exact sign-flip test'
    """
    num_seeds = max((row.n for row in rows), default=0)
    if test == "sign_flip":
        if num_seeds <= permutation.MAX_EXACT_SEEDS:
            return "the exact sign-flip test"
        return f"the sign-flip test with {permutation.NUM_DRAWS - 1} random flips"
    if test == "wilcoxon":
        kind = "exact " if num_seeds <= wilcoxon.MAX_EXACT_SEEDS else "approximate "
        return f"the {kind}Wilcoxon signed-rank test"
    return NAMES.get(test, test)


def title_of(judged: ContrastEffects) -> str:
    """The test of a family at the start of a sentence."""
    name = procedure(judged.test, judged.rows).removeprefix("the ")
    return name[:1].upper() + name[1:]
