"""What a model asks for where it needs an activation."""

from collections.abc import Callable

from torch import nn

# Called once for each place in the network, in the order of use, with the number of channels there.
# Convolutional models pass channels of dimension 1, sequence models features of the last dimension.
Activate = Callable[[int], nn.Module]
