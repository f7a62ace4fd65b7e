"""The base functions that come with this package, by name; bases.py has what they compute."""

from trainables.manifests.component import Component

ACTIVATIONS = (
    Component(kind="activation", name="relu", summary="max(x, 0)"),
    Component(kind="activation", name="leaky_relu", summary="x, or 0.01 x below 0"),
    Component(kind="activation", name="relu6", summary="min(max(x, 0), 6)"),
    Component(kind="activation", name="elu", summary="x, or exp(x) - 1 below 0"),
    Component(kind="activation", name="celu", summary="continuously differentiable ELU, alpha 1"),
    Component(kind="activation", name="selu", summary="scaled ELU that keeps mean and variance"),
    Component(kind="activation", name="gelu", summary="x times the normal distribution function"),
    Component(kind="activation", name="gelu_tanh", summary="GELU in its tanh approximation"),
    Component(kind="activation", name="silu", summary="x sigmoid(x), also called Swish"),
    Component(kind="activation", name="mish", summary="x tanh(softplus(x))"),
    Component(kind="activation", name="softplus", summary="log(1 + exp(x))"),
    Component(kind="activation", name="hardswish", summary="piecewise quadratic Swish"),
    Component(kind="activation", name="hardsigmoid", summary="min(max(x / 6 + 1/2, 0), 1)"),
    Component(kind="activation", name="tanh", summary="hyperbolic tangent"),
    Component(kind="activation", name="sigmoid", summary="1 / (1 + exp(-x))"),
    Component(kind="activation", name="squared_relu", summary="max(x, 0) squared"),
    Component(kind="activation", name="identity", summary="x; a linear network"),
)
