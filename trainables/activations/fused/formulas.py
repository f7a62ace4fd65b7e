"""Base functions written once, out of operations that round the same way on every machine.

A formula uses +, -, *, /, comparisons and the few operations of `Ops`; it never contracts a product and a
sum, and calls no library function. So the C++ kernel, the Triton kernel (both generated from here by
source.py) and eager torch give equal bits whatever the vector width, the tail or the compiler.

`FORWARD[name]` gives A(x), within 2 units in the last place of the true value in float32. `PARTS[name]` gives
A(x), x - A(x) without cancellation, and A'(x): what the backward pass needs. At infinity both take the limit.
Source: own derivation; polynomials by reweighted least squares, errors in tests/unit/trainables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from trainables.activations.fused import table as fused_table

Value = Any  # a tensor, or a traced value of source.py
Parts = tuple[Value, Value, Value]
Row = tuple[float, float, float, float, float, float, float, float]

ELU_SCALE, ELU_ALPHA = 1.0507009873554805, 1.6732632423543772
LEAKY_SLOPE = 0.01
_INTEGER = 12582912.0  # 1.5 * 2**23: adding it rounds to an integer, which the low bits then spell
_MAGIC = _INTEGER + 127.0  # the same, biased like an exponent
_LOG2E = 1.4426950408889634
_LN2 = 0.6931471805599453
_LN2_HIGH, _LN2_LOW = 0.69314575195312500, 1.42860682030941723e-06  # 16 bits, so that n * high is exact
_EXP = (0.5, 0.166665137, 0.0416661873, 0.00836959016, 0.00139517034)
_EXP2 = (1.0, 0.693147004, 0.240222424, 0.0555073358, 0.00967151299, 0.00132647273)
_LOG1P = (0.666666746, 0.39998877, 0.286168844, 0.214276567, 0.243009388)
_GELU_CENTRE = 2.0
_GELU = (
    *(0.672408005, -0.331404477, 0.0287973713, 0.0367194712, -0.000469786988, -0.00673508085),
    *(-0.00195134676, 0.000825304014, 0.000836228195, 0.000130867455, -0.000149091342, -6.47026609e-05),
)
_GELU_LOW = 2.0216555e-08  # what rounding took from the first
_GELU_PARTS_CENTRE = 3.5
_GELU_PARTS = (
    *(0.744415998, -0.565559268, 0.315428078, -0.116102293),
    *(0.0173668936, 0.00673277164, -0.00294448994, -0.000804179756),
)
_TANH_LINEAR, _TANH_CUBIC = 1.5957691216057308, 0.07135481627260025  # 2 sqrt(2/pi) and 0.044715 times that
_TANH = (
    *(0.333333343, -0.133333132, 0.0539638288, -0.0218320135),
    *(0.00870483927, -0.00321699935, 0.000930882525, -0.000144894453),
)
_RSQRT_2PI = 0.3989422804014327


class Ops(Protocol):
    """What a formula may use beside arithmetic; `wide` values are float64, all others float32."""

    def where(self, condition: Value, yes: Value, no: Value) -> Value: ...
    def at_least(self, x: Value, low: float) -> Value: ...  # keeps NaN, as does at_most
    def at_most(self, x: Value, high: float) -> Value: ...
    def magnitude(self, x: Value) -> Value: ...
    def lost(self, a: Value, b: Value, result: Value | float) -> Value: ...  # a b - result, rounded once
    def pow2(self, biased: Value) -> Value: ...  # 2**(biased - _MAGIC)
    def wide(self, x: Value) -> Value: ...
    def narrow(self, x: Value) -> Value: ...
    def like(self, x: Value, value: float) -> Value: ...
    def look_up(self, rows: tuple[Row, ...], place: Value) -> list[Value]: ...  # of 32


Formula = Callable[[Ops, Value], Any]


@dataclass(frozen=True, slots=True)
class TwoWays:
    """A formula that is fast, and one that is right beyond its reach too.

    A CPU takes the second only where a vector holds a value beyond. A GPU, where 32 lanes would look up
    different entries of a table, takes the second everywhere.
    """

    near: Formula
    beyond: Formula
    everywhere: Formula


def _polynomial(x: Value, coefficients: tuple[float, ...]) -> Value:
    """Estrin's scheme: pairs, then pairs of pairs, so that little waits for what comes before it."""
    terms: list[Value] = list(coefficients)
    while len(terms) > 1:
        pairs = [low + high * x for low, high in zip(terms[::2], terms[1::2], strict=False)]
        terms = [*pairs, *terms[len(pairs) * 2 :]]
        x = x * x
    return terms[0]


def _expm1_reduced(r: Value) -> Value:
    """e**r - 1 for |r| <= log(2) / 2."""
    return r + (r * r) * _polynomial(r, _EXP)


def _exp(z: Value) -> tuple[Value, Value]:
    """(t, p) with e**z = 2**n (1 + p) and n = t - _MAGIC; o.pow2(t) is 2**n while |n| <= 126."""
    t = z * _LOG2E + _MAGIC
    n = t - _MAGIC
    return t, _expm1_reduced((z - n * _LN2_HIGH) - n * _LN2_LOW)


def _scaled_pow2(o: Ops, t: Value, *, beyond: float) -> tuple[Value, Value]:
    """(2**n c, c) with c = 2**-64 where n > beyond, else 1: room for exponents above 126."""
    far = t > _MAGIC + beyond
    return o.pow2(o.where(far, t - 64.0, t)), o.where(far, 2.0**-64, 1.0)


def _lifted_pow2(o: Ops, t: Value) -> tuple[Value, Value]:
    """(2**n / c, c) with c = 2**-64 where n < -60, else 1: room for exponents below -126."""
    far = t < _MAGIC - 60.0
    return o.pow2(o.where(far, t + 64.0, t)), o.where(far, 2.0**-64, 1.0)


def _exp2(o: Ops, y: Value) -> Value:
    """2**y for |y| <= 126, for gradients: the error grows with |y|, to 5e-6 of the value."""
    t = y + _MAGIC
    return o.pow2(t) * _polynomial(y - (t - _MAGIC), _EXP2)


def _gates(o: Ops, y: Value) -> tuple[Value, Value]:
    """1 / (1 + 2**y), and one minus that, without cancellation; for gradients."""
    odds = _exp2(o, y)
    gate = 1.0 / (1.0 + odds)
    return gate, odds * gate


def _clamp_within(o: Ops, x: Value, bound: float) -> tuple[Value, Value, Value]:
    """x cut off below, above and on both sides: infinity must not meet a gate that has closed."""
    low = o.at_least(x, -bound)
    return low, o.at_most(x, bound), o.at_most(low, bound)


def identity(o: Ops, x: Value) -> Value:  # noqa: ARG001
    return x


def identity_parts(o: Ops, x: Value) -> Parts:
    return x, o.like(x, 0.0), o.like(x, 1.0)


def relu(o: Ops, x: Value) -> Value:
    return o.at_least(x, 0.0)


def relu_parts(o: Ops, x: Value) -> Parts:
    return relu(o, x), o.at_most(x, 0.0), o.where(x <= 0.0, 0.0, 1.0)


def leaky_relu(o: Ops, x: Value) -> Value:
    return o.where(x < 0.0, x * LEAKY_SLOPE, x)


def leaky_relu_parts(o: Ops, x: Value) -> Parts:
    slope = o.where(x <= 0.0, LEAKY_SLOPE, 1.0)
    return leaky_relu(o, x), o.where(x > 0.0, 0.0, x * (1.0 - LEAKY_SLOPE)), slope


def relu6(o: Ops, x: Value) -> Value:
    return o.at_most(relu(o, x), 6.0)


def relu6_parts(o: Ops, x: Value) -> Parts:
    a = relu6(o, x)
    return (
        a,
        o.where(x > 0.0, o.at_least(x - 6.0, 0.0), x),
        o.where(x <= 0.0, 0.0, o.where(x >= 6.0, 0.0, 1.0)),
    )


def squared_relu(o: Ops, x: Value) -> Value:
    a = relu(o, x)
    return a * a


def squared_relu_parts(o: Ops, x: Value) -> Parts:
    a = relu(o, x)
    return a * a, x * (1.0 - a), a + a


def hardswish(o: Ops, x: Value) -> Value:
    low = o.at_least(x, -3.0)
    return o.narrow((o.wide(low) * (o.wide(o.at_most(low, 3.0)) + 3.0)) * (1.0 / 6.0))


def hardswish_parts(o: Ops, x: Value) -> Parts:
    low, high = o.at_least(x, -3.0), o.at_most(x, 3.0)
    middle = o.at_most(low, 3.0)
    slope = o.where(x <= -3.0, 0.0, o.where(x >= 3.0, 1.0, middle * (1.0 / 3.0) + 0.5))
    return low * ((middle + 3.0) * (1.0 / 6.0)), high * ((3.0 - middle) * (1.0 / 6.0)), slope


def _expm1(o: Ops, x: Value) -> tuple[Value, Value, Value, Value]:
    """e**x - 1, x - (e**x - 1), e**x, and what rounding took from the first, for x <= 0; else those of 0."""
    z = o.at_least(o.at_most(x, 0.0), -87.0)
    t = z * _LOG2E + _MAGIC
    n = t - _MAGIC
    r = (z - n * _LN2_HIGH) - n * _LN2_LOW
    curve = (r * r) * _polynomial(r, _EXP)
    p, scale = r + curve, o.pow2(t)
    part, fall = scale * p, scale - 1.0
    value = part + fall
    rest = o.where(t < _MAGIC, x - value, curve * -1.0)
    return value, rest, scale + part, (part - (value - fall)) + scale * (curve - (p - r))


def elu(o: Ops, x: Value) -> Value:
    return o.where(x >= 0.0, x, _expm1(o, x)[0])


def elu_parts(o: Ops, x: Value) -> Parts:
    below, rest, slope, _ = _expm1(o, x)
    positive = x > 0.0
    return o.where(positive, x, below), o.where(positive, 0.0, rest), o.where(positive, 1.0, slope)


def selu(o: Ops, x: Value) -> Value:
    value, _, _, lost = _expm1(o, x)
    below = o.narrow((o.wide(value) + o.wide(lost)) * (ELU_SCALE * ELU_ALPHA))
    # In float32 the largest x would overflow: the scale rounded to it is too large.
    return o.where(x >= 0.0, o.narrow(o.wide(x) * ELU_SCALE), below)


def selu_parts(o: Ops, x: Value) -> Parts:
    value, _, slope, _ = _expm1(o, x)
    positive, below = x > 0.0, value * (ELU_SCALE * ELU_ALPHA)
    rest = o.where(positive, x * (1.0 - ELU_SCALE), x - below)
    a = o.where(positive, x * ELU_SCALE, below)
    return a, rest, o.where(positive, ELU_SCALE, slope * (ELU_SCALE * ELU_ALPHA))


def silu(o: Ops, x: Value) -> Value:
    t, p = _exp(o.at_most(o.at_least(x * -1.0, -80.0), 110.0))
    return _over_one_plus(o, o.at_least(x, -110.0), t, p)


def _over_one_plus(o: Ops, x: Value, t: Value, p: Value) -> Value:
    """x / (1 + 2**n (1 + p))."""
    scale, one = _scaled_pow2(o, t, beyond=58.0)
    whole = scale + one
    lost = one - (whole - scale)  # in sums beyond 2**24
    return (x / (whole + (scale * p + lost))) * one


def silu_parts(o: Ops, x: Value) -> Parts:
    low, high, inner = _clamp_within(o, x, 87.0)
    gate, other = _gates(o, inner * -_LOG2E)
    return low * gate, high * other, gate + (inner * gate) * other


def gelu_tanh(o: Ops, x: Value) -> Value:
    inner = o.wide(o.at_most(o.at_least(x, -11.5), 9.0))
    z = inner * (inner * inner * -_TANH_CUBIC - _TANH_LINEAR)
    t = o.narrow(z) * _LOG2E + _MAGIC
    p = _expm1_reduced(o.narrow(z - o.wide(t - _MAGIC) * _LN2))
    return _over_one_plus(o, o.at_least(x, -11.5), t, p)


def gelu_tanh_parts(o: Ops, x: Value) -> Parts:
    low, high, inner = _clamp_within(o, x, 9.5)
    square = inner * inner
    gate, other = _gates(o, inner * (square * (-_LOG2E * _TANH_CUBIC) - _LOG2E * _TANH_LINEAR))
    steep = inner * (square * (3.0 * _TANH_CUBIC) + _TANH_LINEAR)
    return low * gate, high * other, gate + steep * (gate * other)


def _gelu_near(o: Ops, x: Value) -> Value:
    """x Phi(x) for x >= -BOUND, its tail |x| Phi(-|x|) by a polynomial an interval."""
    a = o.at_most(o.magnitude(x), fused_table.BOUND)
    place = (a * fused_table.CURVE + fused_table.LINE) * a + _INTEGER
    centre, *lower, tail = o.look_up(fused_table.GELU, place)
    t = a - centre
    for coefficient in reversed(lower):
        tail = tail * t + coefficient
    return relu(o, x) - tail


def _gelu_everywhere(o: Ops, x: Value) -> Value:
    """x Phi(x); the tail |x| Phi(-|x|) = |x| exp(-x*x/2) g(v) / (|x| + c) with v = (|x| - c) / (|x| + c).

    What rounding takes from the square, quotient and products is caught and given back to first order.
    """
    a = o.at_most(o.magnitude(x), 15.0)
    square = a * a
    t = square * (-0.5 * _LOG2E) + _MAGIC
    n = t - _MAGIC
    r = (square * -0.5 - n * _LN2_HIGH) - (n * _LN2_LOW + o.lost(a, a, square) * 0.5)
    curve = (r * r) * _polynomial(r, _EXP)
    p = r + curve
    d = a + _GELU_CENTRE
    u = 1.0 / d
    v = 1.0 - u * 4.0  # c = 2: the product is exact
    steep = _GELU[1] + v * _polynomial(v, _GELU[2:])
    slope = v * steep
    g = slope + _GELU[0]
    g_lost = (slope - (g - _GELU[0])) + _GELU_LOW
    u_off = (o.lost(u, d, 1.0) + u * (a - (d - _GELU_CENTRE))) * 1.45  # near d log(g u) / d log u
    front = a * u
    product = front * g
    product_lost = o.lost(front, g, product) + (g * o.lost(a, u, front) + front * g_lost)
    mend = product * ((curve - (p - r)) - u_off) + (product_lost + product_lost * p)
    risen = product * p
    whole = product + risen
    whole = whole + ((risen - (whole - product)) + mend)
    scale, unit = _lifted_pow2(o, t)
    return relu(o, x) - (whole * scale) * unit


def gelu_parts(o: Ops, x: Value) -> Parts:
    a = o.at_most(o.magnitude(x), 13.0)
    bell = _exp2(o, (a * a) * (-0.5 * _LOG2E))
    u = 1.0 / (a + _GELU_PARTS_CENTRE)
    beyond = (bell * u) * _polynomial(1.0 - u * (2.0 * _GELU_PARTS_CENTRE), _GELU_PARTS)
    tail, drop = a * beyond, beyond - (a * bell) * _RSQRT_2PI
    return relu(o, x) - tail, o.at_most(x, 0.0) + tail, o.where(x > 0.0, 1.0 - drop, drop)


gelu = TwoWays(_gelu_near, lambda _, x: x < -fused_table.BOUND, _gelu_everywhere)


def _refine(o: Ops, reciprocal: Value, of: Value) -> Value:
    """A float32 reciprocal of a float64 value, made good to float64 by one step of Newton's."""
    guess = o.wide(reciprocal)
    return guess * (2.0 - guess * of)


def mish(o: Ops, x: Value) -> Value:
    """x w / (w + 2) with w = e (e + 2) and e = exp(x); names with `_lost` hold what rounding took."""
    t, p = _exp(o.at_most(o.at_least(x, -120.0), 20.0))
    scale, unit = _lifted_pow2(o, t)
    part = scale * p
    e = scale + part
    e_lost = part - (e - scale)
    low = e * unit
    more = low + 2.0
    more_lost = (low - (more - 2.0)) + e_lost * unit
    w = e * more
    w_lost = o.lost(e, more, w) + (e * more_lost + e_lost * more)
    low = w * unit
    below = low + 2.0
    below_lost = (low - (below - 2.0)) + w_lost * unit
    inverse, factor = 1.0 / below, o.at_least(x, -120.0)
    above = factor * w
    above_lost = o.lost(factor, w, above) + factor * w_lost
    y = above * inverse
    y_lost = (above_lost - (o.lost(y, below, above) + y * below_lost)) * inverse
    return o.where(x > 20.0, x, (y + y_lost) * unit)


def mish_parts(o: Ops, x: Value) -> Parts:
    low, high = o.at_least(x, -87.0), o.at_most(x, 40.0)
    inner = o.at_most(low, 40.0)
    e = _exp2(o, inner * _LOG2E)
    w = e * (e + 2.0)
    inverse = 1.0 / (w + 2.0)
    tanh = w * inverse
    slope = tanh + inner * (((e * inverse) * 4.0) * ((1.0 + e) * inverse))
    return low * tanh, (high + high) * inverse, slope


def softplus(o: Ops, x: Value) -> Value:
    t, p = _exp(o.at_least(o.magnitude(x) * -1.0, -120.0))
    scale, unit = _lifted_pow2(o, t)
    part = scale * p
    lifted = scale + part
    f, f_lost = lifted * unit, part - (lifted - scale)
    below = 2.0 + f
    y = f / below
    square = y * y
    mended = f_lost * (1.0 - (y + y) + (square + square)) - (y * (f - (below - 2.0))) * (1.0 - y)
    log = (y + y) + (y * (square * _polynomial(square, _LOG1P)) + mended)
    return relu(o, x) + o.where(unit < 1.0, f, log)


def softplus_parts(o: Ops, x: Value) -> Parts:
    f = _exp2(o, o.at_most(o.magnitude(x), 87.0) * -_LOG2E)
    one, two = f + 1.0, f + 2.0
    inverse = 1.0 / (one * two)
    near, y = two * inverse, (f * one) * inverse
    square = y * y
    log = (y + y) + y * (square * _polynomial(square, _LOG1P))
    positive = x > 0.0
    return relu(o, x) + log, o.where(positive, 0.0, x) - log, o.where(positive, near, f * near)


def sigmoid(o: Ops, x: Value) -> Value:
    t, p = _exp(o.at_most(o.at_least(x * -1.0, -80.0), 110.0))
    return _over_one_plus(o, o.like(x, 1.0), t, p)


def sigmoid_parts(o: Ops, x: Value) -> Parts:
    a, other = _gates(o, _clamp_within(o, x, 87.0)[2] * -_LOG2E)
    return a, x - a, a * other


def tanh(o: Ops, x: Value) -> Value:
    t, p = _exp(o.at_least(o.magnitude(x) * -2.0, -40.0))
    scale = o.wide(o.pow2(t))
    drop = scale * o.wide(p) + (scale - 1.0)  # e**(-2|x|) - 1
    a = o.narrow((drop * -1.0) * _refine(o, 1.0 / o.narrow(drop + 2.0), drop + 2.0))
    return o.where(x < 0.0, a * -1.0, a)


def tanh_parts(o: Ops, x: Value) -> Parts:
    t, p = _exp(o.at_least(o.magnitude(x) * -2.0, -87.0))
    scale = o.pow2(t)
    drop = scale * p + (scale - 1.0)
    inverse = 1.0 / (drop + 2.0)
    size = (drop * -1.0) * inverse
    a = o.where(x < 0.0, size * -1.0, size)
    square = x * x
    rest = o.where(square < 1.0, (x * square) * _polynomial(square, _TANH), x - a)
    return a, rest, ((scale + scale * p) * 4.0) * (inverse * inverse)


def hardsigmoid(o: Ops, x: Value) -> Value:
    return o.narrow((o.wide(o.at_most(o.at_least(x, -3.0), 3.0)) + 3.0) * (1.0 / 6.0))


def hardsigmoid_parts(o: Ops, x: Value) -> Parts:
    a = (o.at_most(o.at_least(x, -3.0), 3.0) + 3.0) * (1.0 / 6.0)
    return a, x - a, o.where(x <= -3.0, 0.0, o.where(x >= 3.0, 0.0, 1.0 / 6.0))


FORWARD: Mapping[str, Formula | TwoWays] = {
    "identity": identity,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "relu6": relu6,
    "squared_relu": squared_relu,
    "hardswish": hardswish,
    "elu": elu,
    "celu": elu,
    "selu": selu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
    "mish": mish,
    "softplus": softplus,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "hardsigmoid": hardsigmoid,
}
PARTS: Mapping[str, Callable[[Ops, Value], Parts]] = {
    "identity": identity_parts,
    "relu": relu_parts,
    "leaky_relu": leaky_relu_parts,
    "relu6": relu6_parts,
    "squared_relu": squared_relu_parts,
    "hardswish": hardswish_parts,
    "elu": elu_parts,
    "celu": elu_parts,
    "selu": selu_parts,
    "gelu": gelu_parts,
    "gelu_tanh": gelu_tanh_parts,
    "silu": silu_parts,
    "mish": mish_parts,
    "softplus": softplus_parts,
    "sigmoid": sigmoid_parts,
    "tanh": tanh_parts,
    "hardsigmoid": hardsigmoid_parts,
}
