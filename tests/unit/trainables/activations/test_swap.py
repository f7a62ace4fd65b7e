"""Every activation of torchvision's networks is replaced at every call, or the swap says why not."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from trainables.activations.dynact import DynActivation
from trainables.activations.swap import CallSequence, Swap, swap_activations
from trainables.errors import SwapError


def dynamic(base: str, _num_channels: int | None, _name: str) -> nn.Module:
    return DynActivation(base, scalars="per_layer")


def network(name: str) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    more = {"image_size": 64} if name == "vit_b_16" else {}
    model = getattr(torchvision.models, name)(weights=None, num_classes=10, **more)
    if name == "vit_b_16":
        nn.init.normal_(model.heads.head.weight, std=0.02)  # no gradient comes through its zeros
    return model, torch.randn(2, 3, 64, 64)


def take_a_step(model: nn.Module, images: Tensor) -> None:
    """One step of SGD: the loss is finite, and afterwards every parameter that has a gradient has moved."""
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    loss = F.cross_entropy(model(images), torch.arange(len(images)))
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and bool(torch.isfinite(parameter).all()), name
        # A gradient far below a parameter's last bit leaves it where it is.
        moved = bool(parameter.grad.abs().max() > 1e-5)
        assert not moved or not torch.equal(parameter, before[name]), name
    ours = [m.scalars for m in model.modules() if isinstance(m, DynActivation)]
    assert any(s is not None and bool((s.alpha != 1).any()) for s in ours), "no alpha has moved"


@pytest.mark.parametrize(
    "name, modules, calls",
    [("resnet18", 9, 17), ("vgg11_bn", 10, 10), ("mobilenet_v3_small", 33, 33), ("vit_b_16", 12, 12)],
)
def test_every_call_has_scalars_of_its_own_and_the_network_still_trains(
    name: str, modules: int, calls: int
) -> None:
    model, images = network(name)
    swap = swap_activations(model, images, dynamic)
    assert (swap.num_modules, len(swap.places), swap.functional) == (modules, calls, ())
    assert not any(isinstance(m, (nn.ReLU, nn.GELU, nn.Hardswish)) for m in model.modules())
    take_a_step(model, images)
    scalars = [m.scalars for m in model.modules() if isinstance(m, DynActivation)]
    assert len({id(s) for s in scalars}) == calls
    assert all(s is not None and s.alpha.grad is not None for s in scalars)


def test_with_frozen_scalars_the_network_is_what_it_was() -> None:
    model, images = network("resnet18")
    twin = copy.deepcopy(model)
    swap_activations(model, images, dynamic)
    model.eval()
    twin.eval()
    torch.testing.assert_close(model(images), twin(images), rtol=0, atol=0)


def test_functional_calls_are_refused_or_reported() -> None:
    model, images = network("densenet121")
    with pytest.raises(SwapError, match="relu in the network"):
        swap_activations(model, images, dynamic)
    swap = swap_activations(model, images, dynamic, allow_functional=True)
    assert swap.functional == ("relu in the network",) and len(swap.places) == 120
    take_a_step(model, images)


def test_gates_stay_and_are_named() -> None:
    model, images = network("mobilenet_v3_small")
    swap = swap_activations(model, images, dynamic)
    assert len(swap.gates) == 9 and all(name.endswith("scale_activation") for name in swap.gates)


class Twice(nn.Module):
    """One ReLU called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.act = nn.Linear(4, 4), nn.Linear(4, 6), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.second(self.act(self.first(x))))  # type: ignore[no-any-return]


def swapped() -> tuple[Twice, Swap, list[int | None]]:
    model, channels = Twice(), []

    def make(base: str, num_channels: int | None, _name: str) -> nn.Module:
        channels.append(num_channels)
        return DynActivation(base, scalars="per_channel", num_channels=num_channels)

    return model, swap_activations(model, torch.randn(3, 4), make), channels


def test_calls_of_one_module_differ_in_channels() -> None:
    model, swap, channels = swapped()
    assert channels == [4, 6]
    assert [(p.module, p.call) for p in swap.places] == [("act", 0), ("act", 1)]
    assert model(torch.randn(5, 4)).shape == (5, 6)


def test_a_pass_that_broke_off_does_not_shift_the_next() -> None:
    model, _, _ = swapped()
    x = torch.randn(5, 4)
    wanted = model(x)
    calls = model.act
    assert isinstance(calls, CallSequence)
    calls(torch.randn(5, 4))  # as if a pass had ended after its first call
    torch.testing.assert_close(model(x), wanted, rtol=0, atol=0)


def test_a_swapped_network_pickles_and_copies() -> None:
    model, _, _ = swapped()
    x = torch.randn(5, 4)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        torch.testing.assert_close(twin(x), model(x), rtol=0, atol=0)


def test_nothing_to_swap_is_an_error() -> None:
    with pytest.raises(SwapError, match="no activation"):
        swap_activations(nn.Linear(4, 4), torch.randn(1, 4), dynamic)
