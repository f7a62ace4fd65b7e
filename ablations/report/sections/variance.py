"""How the variance between arms splits between the factors."""

from ablations.effects.description import VarianceShares, VarianceTerm
from ablations.report.document.document import Block, Column, Fold, Kind, Paragraph, Table
from ablations.report.document.numbers import count, listing, percent
from ablations.report.evidence import Evidence

SMALL = 0.001


def variance(evidence: Evidence) -> list[Block]:
    """A table for the primary metric; those of the others are folded."""
    found = evidence.effects.variance
    if not found:
        return []
    first, *others = found
    rest = [Fold(title=f"Shares of variance of {one.metric}", blocks=tuple(_blocks(one))) for one in others]
    return [*_blocks(first), *rest]


def _blocks(found: VarianceShares) -> list[Block]:
    if not found.terms:
        text = f"No shares for {found.metric}: {'; '.join(found.notes)}."
        return [Paragraph(phrases=(text,))]
    rows = sorted(found.terms, key=lambda term: -term.share)
    shown = [(_source(term), term.share) for term in rows if term.share >= SMALL]
    if len(small := [term.share for term in rows if term.share < SMALL]) == 1:
        shown.append((_source(rows[-1]), small[0]))
    elif small:
        shown.append((f"{len(small)} others, each below {percent(SMALL)}", sum(small)))
    table = Table(
        columns=(
            Column(name="source", kind=Kind.NAME),
            Column(name="share", kind=Kind.PERCENT, help=f"of the variance of {found.metric} between arms"),
        ),
        rows=tuple(shown),
    )
    return [Paragraph(phrases=(_sentence(found),)), table]


def _sentence(found: VarianceShares) -> str:
    which = count(found.num_arms, "arm")
    if found.num_arms < found.of_arms:
        which = f"{found.num_arms} of {count(found.of_arms, 'arm')}, the balanced part of the design"
    text = f"How the variance of mean {found.metric} between {which} splits; described, not tested."
    if found.noise is not None:
        text += f" The spread over seeds alone would be expected to give {percent(found.noise)} of it."
    notes = "".join(f" {note[:1].upper()}{note[1:]}." for note in found.notes)
    return text + notes


def _source(term: VarianceTerm) -> str:
    match term.kind:
        case "main":
            return term.factors[0]
        case "interaction":
            return " x ".join(term.factors)
        case "nested":
            return f"{listing(term.factors)}, where it applies"
        case _:
            return "interactions of three factors or more"
