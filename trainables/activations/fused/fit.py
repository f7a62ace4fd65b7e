"""Fits the polynomials that formulas.py looks up by interval, and writes table.py.

`python -m trainables.activations.fused.fit`; NumPy alone, a second. The function is the tail of GELU,
a Phi(-a) for a >= 0. Intervals narrow as a grows and its relative slope with it. At their centres the
function and its slope are floats, very nearly: else rounding these would cost as much as all that follows.
Source: accurate tables after S. Gal, "Computing elementary functions", 1986; here for polynomials.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
TABLE = Path(__file__).parent / "table.py"
# 32 intervals, as many floats as two vectors of AVX-512; eight floats each, as many as one of AVX2
BOUND, CURVE, LINE, DEGREE = 6.75, 0.375, 2.0, 6
_GRID, _CANDIDATES, _NODES = 2.0**-20, 400, 200  # on the grid the distance to a centre has no rounding
_MARGIN = 1.01  # the edges of an interval are rounded


def tail(a: float) -> float:
    """a Phi(-a)."""
    return 0.5 * a * math.erfc(a * math.sqrt(0.5))


def slope(a: float) -> float:
    """The derivative of `tail`."""
    return 0.5 * math.erfc(a * math.sqrt(0.5)) - a * math.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)


def edge(place: float) -> float:
    """The a at which CURVE a*a + LINE a is `place`."""
    return (math.sqrt(LINE * LINE + 4 * CURVE * place) - LINE) / (2 * CURVE)


def _off(value: float) -> float:
    """How far the nearest float32 is, in units in the last place."""
    near = np.float32(value)
    return float(abs(float(near) - value) / np.spacing(abs(near)))


def _centre(low: float, high: float) -> float:
    middle = round((low + high) / 2 / _GRID) * _GRID
    candidates = middle + _GRID * np.arange(-_CANDIDATES, _CANDIDATES + 1)
    return float(min(candidates, key=lambda c: _off(tail(c)) + 0.25 * _off(slope(c))))


def fit(low: float, high: float, centre: float) -> list[float]:
    """Coefficients of powers of (a - centre), each rounded before the next are fitted, by relative errors."""
    nodes = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    t: Doubles = (low + high) / 2 - centre + nodes * ((high - low) / 2 * _MARGIN)
    true = np.array([tail(centre + d) for d in t])
    found = [float(np.float32(tail(centre)))]
    while len(found) <= DEGREE:
        powers = np.stack([t**n for n in range(len(found), DEGREE + 1)], 1) / np.abs(true)[:, None]
        scale = np.abs(powers).max(0)
        left = (true - np.polynomial.polynomial.polyval(t, found)) / np.abs(true)
        best = np.linalg.lstsq(powers / scale, left, rcond=None)[0] / scale
        found.append(float(np.float32(best[0])))
    return found


def table() -> list[tuple[float, ...]]:
    """A row an interval: its centre, then the coefficients from the lowest power on."""
    rows = []
    for place in range(32):
        low, high = edge(max(place - 0.5, 0.0)), edge(place + 0.5)
        centre = _centre(low, high) if place else 0.0
        rows.append((centre, *fit(low, high, centre)))
    return rows


def _written(row: tuple[float, ...]) -> str:
    digits = [str(np.float32(value)) for value in row]
    return f"    ({', '.join(digits[:4])},\n     {', '.join(digits[4:])}),\n"


if __name__ == "__main__":
    lines = ['"""Written by fit.py; not edited by hand."""\n\n']
    lines += [f"BOUND, CURVE, LINE = {BOUND}, {CURVE}, {LINE}\n# fmt: off\n"]
    lines += ["# Intervals of |x|: centre, coefficients from the lowest power on.\nGELU = (\n"]
    TABLE.write_text("".join([*lines, *map(_written, table()), ")\n"]))
