"""Base functions written once, out of operations that round the same way on every machine.

A formula uses +, -, *, /, comparisons and the few operations of `Ops`; it never contracts a product and a
sum, and calls no library function. So the C++ kernel, the Triton kernel (both generated from here by
fused_source.py) and eager torch give equal bits whatever the vector width, the tail or the compiler.

`FORWARD[name]` gives A(x), within 2 units in the last place of the true value in float32. `PARTS[name]` gives
A(x), x - A(x) without cancellation, and A'(x): what the backward pass needs. At infinity both take the limit.
Source: own derivation; polynomials by reweighted least squares, errors in tests/unit/trainables.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

Value = Any  # a tensor, or a traced value of fused_source.py
Parts = tuple[Value, Value, Value]

ELU_SCALE, ELU_ALPHA = 1.0507009873554805, 1.6732632423543772
LEAKY_SLOPE = 0.01
_MAGIC = 12582912.0 + 127.0  # 1.5 * 2**23: adding it rounds to an integer, here biased like an exponent
_LOG2E = 1.4426950408889634
_LN2 = 0.6931471805599453
_LN2_HIGH, _LN2_LOW = 0.69314575195312500, 1.42860682030941723e-06  # 16 bits, so that n * high is exact
_EXP = (0.5, 0.166665137, 0.0416661873, 0.00836959016, 0.00139517034)
_LOG1P = (0.666666746, 0.39998877, 0.286168844, 0.214276567, 0.243009388)
_GELU_CENTRE = 2.5
_GELU = (
    *(0.7066566599048493, -0.433692, 0.13198698, 0.009235876, -0.016386185),
    *(-0.00160083, 0.0025239328, 0.0006844128, -0.0003116229, -0.0001577024),
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
    def guess_reciprocal(self, x: Value) -> Value: ...  # of a positive x, to an eighth
    def pow2(self, biased: Value) -> Value: ...  # 2**(biased - _MAGIC)
    def wide(self, x: Value) -> Value: ...
    def narrow(self, x: Value) -> Value: ...
    def like(self, x: Value, value: float) -> Value: ...
    def high_bits(self, x: Value) -> Value: ...


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


def _decay(o: Ops, x: Value) -> Value:
    """e**-|x|, for gradients: from 1 down to the smallest normal number."""
    t, p = _exp(o.at_least(o.magnitude(x) * -1.0, -87.0))
    scale = o.pow2(t)
    return scale + scale * p


def _tail(o: Ops, x: Value) -> Value:
    """x kept where a factor has vanished, so that infinity times zero cannot happen."""
    return o.at_most(o.at_least(x, -100.0), 100.0)


def _split(o: Ops, x: Value, near: Value, far: Value) -> tuple[Value, Value]:
    """x times near and x times far, the larger factor first for positive x."""
    positive, tail = x > 0.0, _tail(o, x) * far
    return o.where(positive, x * near, tail), o.where(positive, tail, x * near)


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


def _expm1(o: Ops, x: Value) -> Parts:
    """e**x - 1, x - (e**x - 1) and e**x for x <= 0; for positive x those of 0."""
    z = o.at_least(o.at_most(x, 0.0), -87.0)
    t = z * _LOG2E + _MAGIC
    n = t - _MAGIC
    r = (z - n * _LN2_HIGH) - n * _LN2_LOW
    curve = (r * r) * _polynomial(r, _EXP)
    p, scale = r + curve, o.pow2(t)
    value = scale * p + (scale - 1.0)
    return value, o.where(t < _MAGIC, x - value, curve * -1.0), scale + scale * p


def elu(o: Ops, x: Value) -> Value:
    return o.where(x >= 0.0, x, _expm1(o, x)[0])


def elu_parts(o: Ops, x: Value) -> Parts:
    below, rest, slope = _expm1(o, x)
    positive = x > 0.0
    return o.where(positive, x, below), o.where(positive, 0.0, rest), o.where(positive, 1.0, slope)


def selu(o: Ops, x: Value) -> Value:
    below = o.narrow(o.wide(_expm1(o, x)[0]) * (ELU_SCALE * ELU_ALPHA))
    return o.where(x >= 0.0, x * ELU_SCALE, below)


def selu_parts(o: Ops, x: Value) -> Parts:
    value, _, slope = _expm1(o, x)
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
    decay = _decay(o, x)
    near = 1.0 / (1.0 + decay)
    far = decay * near
    a, rest = _split(o, x, near, far)
    positive = x > 0.0
    sigmoid, other = o.where(positive, near, far), o.where(positive, far, near)
    return a, rest, sigmoid + (_tail(o, x) * sigmoid) * other


def gelu_tanh(o: Ops, x: Value) -> Value:
    inner = o.wide(o.at_most(o.at_least(x, -11.5), 9.0))
    z = inner * (inner * inner * -_TANH_CUBIC - _TANH_LINEAR)
    t = o.narrow(z) * _LOG2E + _MAGIC
    p = _expm1_reduced(o.narrow(z - o.wide(t - _MAGIC) * _LN2))
    return _over_one_plus(o, o.at_least(x, -11.5), t, p)


def gelu_tanh_parts(o: Ops, x: Value) -> Parts:
    inner = o.at_most(o.at_least(x, -9.5), 9.5)
    square = inner * inner
    decay = _decay(o, inner * (square * _TANH_CUBIC + _TANH_LINEAR))
    near = 1.0 / (1.0 + decay)
    far = decay * near
    a, rest = _split(o, x, near, far)
    steep = inner * (square * (3.0 * _TANH_CUBIC) + _TANH_LINEAR)
    return a, rest, o.where(x > 0.0, near, far) + steep * (near * far)


def gelu(o: Ops, x: Value) -> Value:
    """x Phi(x); the tail |x| Phi(-|x|) = |x| exp(-x*x/2) g(v) / (|x| + c) with v = (|x| - c) / (|x| + c)."""
    a = o.at_most(o.magnitude(x), 15.0)
    high = o.high_bits(a)  # squares exactly
    z, rest = (high * high) * -0.5, ((a + high) * (a - high)) * -0.5
    t = (a * a) * (-0.5 * _LOG2E) + _MAGIC
    n = t - _MAGIC
    p = _expm1_reduced((z - n * _LN2_HIGH) - (n * _LN2_LOW - rest))
    wide, short = o.wide(a), 1.0 / (a + _GELU_CENTRE)
    inverse = _refine(o, short, wide + _GELU_CENTRE)
    rough = 1.0 - short * (2.0 * _GELU_CENTRE)
    slope = rough * _polynomial(rough, _GELU[2:]) + _GELU[1]
    g = (1.0 - inverse * (2.0 * _GELU_CENTRE)) * o.wide(slope) + _GELU[0]
    product = (wide * inverse) * g
    scale, unit = _lifted_pow2(o, t)
    tail = (o.narrow(product + product * o.wide(p)) * scale) * unit
    return o.where(x >= 0.0, x - tail, tail * -1.0)


def gelu_parts(o: Ops, x: Value) -> Parts:
    a = o.at_most(o.magnitude(x), 13.0)
    t, p = _exp((a * a) * -0.5)
    scale = o.pow2(t)
    bell = scale + scale * p
    inverse = 1.0 / (a + _GELU_CENTRE)
    beyond = (bell * inverse) * _polynomial(1.0 - inverse * (2.0 * _GELU_CENTRE), _GELU)
    tail, positive, density = a * beyond, x > 0.0, (a * bell) * _RSQRT_2PI
    slope = o.where(positive, (1.0 - beyond) + density, beyond - density)
    return o.where(positive, x - tail, tail * -1.0), o.where(positive, tail, x + tail), slope


def _refine(o: Ops, reciprocal: Value, of: Value) -> Value:
    """A float32 reciprocal of a float64 value, made good to float64 by one step of Newton's."""
    guess = o.wide(reciprocal)
    return guess * (2.0 - guess * of)


def _exp_wide(o: Ops, t: Value, p: Value) -> Value:
    """2**n (1 + p) in float64, for exponents below -126 too."""
    scale, unit = _lifted_pow2(o, t)
    wide = o.wide(scale)
    return (wide + wide * o.wide(p)) * o.wide(unit)


def mish(o: Ops, x: Value) -> Value:
    t, p = _exp(o.at_most(o.at_least(x, -120.0), 40.0))
    e = _exp_wide(o, t, p)
    twice = e * (e + 2.0)
    inverse = _refine(o, 1.0 / o.narrow(twice + 2.0), twice + 2.0)
    return o.narrow(o.wide(o.at_least(x, -120.0)) * (twice * inverse))


def mish_parts(o: Ops, x: Value) -> Parts:
    f = _decay(o, x)
    square, positive = f * f, x > 0.0
    double = f + f
    rest = o.where(positive, square + square, 2.0)
    main = o.where(positive, 1.0 + double, square + double)
    inverse = 1.0 / (main + rest)
    tanh = main * inverse
    slope = ((o.where(positive, square, f) * 4.0) * (1.0 + f)) * (inverse * inverse)
    tail = _tail(o, x)
    a = o.where(positive, x, tail) * tanh
    return a, o.where(positive, tail, x) * (rest * inverse), tanh + tail * slope


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
    f = _decay(o, x)
    near = 1.0 / (1.0 + f)
    y = f / (f + 2.0)
    square = y * y
    log = (y + y) + y * (square * _polynomial(square, _LOG1P))
    positive = x > 0.0
    return relu(o, x) + log, o.where(positive, 0.0, x) - log, o.where(positive, near, f * near)


def sigmoid(o: Ops, x: Value) -> Value:
    t, p = _exp(o.at_most(o.at_least(x * -1.0, -80.0), 110.0))
    return _over_one_plus(o, o.like(x, 1.0), t, p)


def sigmoid_parts(o: Ops, x: Value) -> Parts:
    decay = _decay(o, x)
    near = 1.0 / (1.0 + decay)
    far = decay * near
    a = o.where(x > 0.0, near, far)
    return a, x - a, near * far


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


FORWARD: Mapping[str, Callable[[Ops, Value], Value]] = {
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
