"""How verdicts and effects are worded: the one place from which every view has its words and its unit."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

Verdict = Literal["better", "worse", "equivalent", "not worse", "inconclusive", "no data"]
MarginSide = Literal["beyond", "within", "open"]
VERDICTS: tuple[Verdict, ...] = ("better", "worse", "equivalent", "not worse", "inconclusive", "no data")
SIDES: Mapping[MarginSide, str] = {
    "beyond": " by more than the margin",
    "within": ", but by less than the margin",
    "open": ", perhaps by less than the margin",
}
CLAIMS: Mapping[Verdict, str] = {
    "better": "is better than",
    "worse": "is worse than",
    "equivalent": "is equivalent to",
    "not worse": "is not worse than",
    "inconclusive": "cannot be told from",
}
WITHHELD = "cannot be judged against"
UNCOMPARABLE = "cannot be compared with"
FACTOR, POINTS = "factor", "points"
"""Units of effects on a log scale, and of differences of rates: a point is a hundredth."""


def verdict_words(verdict: Verdict | None, side: MarginSide | None) -> str | None:
    """A verdict in words, with where the effect lies against a margin.

    >>> verdict_words("better", "within"), verdict_words("equivalent", None), verdict_words(None, None)
    ('better, but by less than the margin', 'equivalent', None)
    """
    return verdict and verdict + (SIDES[side] if side else "")


def claim(
    verdict: Verdict | None, side: MarginSide | None, *, withheld: bool, mixed: bool
) -> tuple[str, str]:
    """A verdict as what stands between and behind its two sides in a sentence.

    `withheld` tells that the verdict was taken away, `mixed` that nothing may be compared.

    >>> claim("not worse", None, withheld=False, mixed=False)
    ('is not worse than', ' by more than the margin')
    """
    if mixed or verdict == "no data":
        return UNCOMPARABLE, ""
    if verdict == "inconclusive" and withheld:
        return WITHHELD, ""
    verb = CLAIMS[verdict or "inconclusive"]
    if side is None:
        return verb, SIDES["beyond"] if verdict == "not worse" else ""
    return verb, SIDES[side] + ("," if SIDES[side].startswith(",") else "")


def words_of(row: Mapping[str, Any]) -> str | None:
    """The verdict of a row of JSON in words; rows stored by earlier versions have the verdict alone."""
    words: str | None = row.get("verdict_words") or row["verdict"]
    return words


def verdicts_text(contrasts: Iterable[Mapping[str, Any]]) -> str | None:
    """The verdicts of the primary contrast in a few words; None where nothing was asked, or not told.

    Effects that an earlier version stored may lack what is looked for.

    >>> verdicts_text([{"primary": True, "rows": [{"verdict": "better"}, {"verdict": "worse"}] * 2}])
    '2 better; 2 worse'
    >>> verdicts_text([{"primary": True, "rows": [{}]}]) is None
    True
    """
    rows = [
        row
        for contrast in contrasts
        if contrast.get("primary")
        for row in contrast.get("rows", ())
        if "verdict" in row
    ]
    said = Counter(words_of(row) or "no verdict" for row in rows).most_common()
    return "; ".join(f"{num} {words}" if len(rows) > 1 else words for words, num in said) or None


def shown_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The effect of a row of JSON as people read it, with its `unit`.

    Rows stored by earlier versions say it by `ratio`, or by the estimate and its unit.
    """
    shown: Mapping[str, Any] | None = row.get("shown")
    if shown is not None:
        return shown
    if row.get("ratio"):
        return {**row["ratio"], "unit": FACTOR}
    return {**{end: row[end] for end in ("estimate", "low", "high")}, "unit": row.get("unit") or ""}


def effect_text(number: str, unit: str) -> str:
    """An effect with its unit.

    >>> effect_text("0.97", "factor"), effect_text("+1.2", "s"), effect_text("+0.01", "")
    ('factor 0.97', '+1.2 s', '+0.01')
    """
    return f"{FACTOR} {number}" if unit == FACTOR else f"{number} {unit}".rstrip()


def effect_name(unit: str) -> str:
    """What an effect is called, with its unit, where a column is named after it.

    >>> effect_name("factor"), effect_name("points"), effect_name("")
    ('factor', 'difference [points]', 'difference')
    """
    if unit == FACTOR:
        return FACTOR
    return f"difference [{unit}]" if unit else "difference"
