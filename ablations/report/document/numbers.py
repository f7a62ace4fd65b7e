"""How numbers are written for people: no more digits than the spread over seeds bears out."""

from collections.abc import Iterable, Sequence
from math import floor, isfinite, log10
from statistics import median

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
SMALLEST_P = 0.001
MAX_DECIMALS = 6  # beyond, numbers are written with an exponent
MOST_DECIMALS = 300


def decimals_for(spreads: Iterable[float | None], *, default: int = 3) -> int:
    """Decimals that show two digits of a typical spread.

    >>> decimals_for([0.0025, 0.0031]), decimals_for([12.0]), decimals_for([])
    (4, 0, 3)
    """
    known = [s for s in spreads if s is not None and isfinite(s) and s > 0]
    if not known:
        return default
    return min(MOST_DECIMALS, max(0, 1 - floor(log10(median(known)))))


def decimals_each(spreads: Sequence[float | None], *, default: int = 3) -> tuple[int, ...]:
    """Decimals that show two digits of each row's own spread; a row without one takes those of a typical row.

    >>> decimals_each([0.0025, 12.0, None])
    (4, 0, 1)
    """
    typical = decimals_for(spreads, default=default)
    return tuple(decimals_for([spread], default=typical) for spread in spreads)


def half_width(low: float | None, high: float | None) -> float | None:
    """Half the width of an interval, by which its digits are chosen."""
    return None if low is None or high is None else (high - low) / 2


def number(value: float | None, decimals: int) -> str:
    """A value with a fixed number of decimals and a true minus sign.

    >>> number(0.98765, 3), number(-0.00001, 3), number(None, 3), number(2.5e7, 1)
    ('0.988', '0.000', '–', '2.5e7')
    """
    if value is None or not isfinite(value):
        return NOTHING
    if (
        abs(value) >= 1e6
        or (0 < abs(value) < 1e-3 and decimals > MAX_DECIMALS)
        or 0 < abs(value) < 10.0 ** -(MAX_DECIMALS + 1)
    ):
        digits = max(1, min(decimals, 2))
        if decimals > MAX_DECIMALS:  # as many as reach down to the last decimal
            digits = min(15, max(0, decimals + floor(log10(abs(value)))))
        mantissa, exponent = f"{value:.{digits}e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    text = f"{value:.{min(decimals, MAX_DECIMALS)}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def difference(value: float | None, decimals: int) -> str:
    """A difference with its sign always shown.

    >>> difference(0.0123, 3), difference(-0.0123, 3), difference(0.0, 3)
    ('+0.012', '−0.012', '0.000')
    """
    text = number(value, decimals)
    return f"+{text}" if value is not None and value > 0 and text.strip("0.") else text


def interval(low: float | None, high: float | None, decimals: int, *, signed: bool = True) -> str:
    """Both ends in brackets.

    >>> interval(-0.01, 0.02, 2), interval(0.98, 1.02, 2, signed=False), interval(None, None, 2)
    ('[−0.01, +0.02]', '[0.98, 1.02]', '–')
    """
    if low is None or high is None:
        return NOTHING
    write = difference if signed else number
    return f"[{write(low, decimals)}, {write(high, decimals)}]"


def p_value(p: float | None) -> str:
    """A p-value to three decimals, never as 0.

    >>> p_value(0.00004), p_value(0.0312), p_value(1.0), p_value(None)
    ('<0.001', '0.031', '1.000', '–')
    """
    if p is None or not isfinite(p):
        return NOTHING
    return f"<{SMALLEST_P}" if p < SMALLEST_P else f"{p:.3f}"


def p_phrase(p: float) -> str:
    """A p-value as a statement.

    >>> p_phrase(0.00004), p_phrase(0.2)
    ('p < 0.001', 'p = 0.200')
    """
    return f"p < {SMALLEST_P}" if p < SMALLEST_P else f"p = {p:.3f}"


def percent(share: float | None) -> str:
    """A share as a whole percentage.

    >>> percent(0.254), percent(1.0), percent(0.004)
    ('25 %', '100 %', '0.4 %')
    """
    if share is None or not isfinite(share):
        return NOTHING
    hundredths = share * 100
    return f"{hundredths:.1f} %" if 0 < hundredths < 1 else f"{hundredths:.0f} %"


def interval_name(alpha: float) -> str:
    """An interval by its level.

    >>> interval_name(0.05), interval_name(0.001)
    ('95 % interval', '99.9 % interval')
    """
    return f"{100 * (1 - alpha):.4g} % interval"


def compact(value: object) -> str:
    """A level or setting as somebody would type it.

    >>> compact(1e-3), compact(10.0), compact(True), compact(None), compact("relu")
    ('0.001', '10', 'true', 'null', 'relu')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def significant(value: float, digits: int = 3) -> str:
    """A searched value, whose further digits mean nothing.

    >>> significant(0.0031415926), significant(1000.0), significant(1.234e-7)
    ('0.00314', '1000', '1.23e-07')
    """
    return f"{float(f'{value:.{digits}g}'):g}"


def count(number_of: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    >>> count(1, "seed"), count(10, "seed"), count(2, "hypothesis", "hypotheses")
    ('1 seed', '10 seeds', '2 hypotheses')
    """
    return f"{number_of:,} {noun if number_of == 1 else plural or noun + 's'}".replace(",", "\N{THIN SPACE}")


def listing(words: Iterable[str], last: str = "and") -> str:
    """Words joined as in a sentence.

    >>> listing(["a"]), listing(["a", "b"]), listing(["a", "b", "c"], last="or")
    ('a', 'a and b', 'a, b or c')
    """
    *head, tail = list(words) or [""]
    return f"{', '.join(head)} {last} {tail}" if head else tail
