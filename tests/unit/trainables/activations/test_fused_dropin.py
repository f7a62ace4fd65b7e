"""DynActivation where a static activation was: saved, copied, exported, compiled, in processes."""

import copy
import io
import pickle
import socket
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from tests.benchmarks.activation import memory
from trainables.activations.dynact import DynActivation

KINDS = ({"scalars": "none"}, {"scalars": "per_layer"}, {"scalars": "per_channel", "num_channels": 6})


def _network(base: str = "gelu", **kind: object) -> nn.Module:
    torch.manual_seed(0)
    activation = DynActivation(base, alpha_init=1.2, beta_init=0.3, **kind)
    return nn.Sequential(nn.Linear(5, 6), activation, nn.Linear(6, 2))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["scalars"])
def test_state_copies_and_pickles_give_the_same_function(kind: dict[str, object]) -> None:
    network, x = _network(**kind), torch.randn(4, 5)
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    buffer.seek(0)
    restored = _network(**kind)
    nn.init.zeros_(restored[0].weight)
    restored.load_state_dict(torch.load(buffer))
    for other in (restored, copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(x), network(x))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["scalars"])
def test_export_saves_and_loads(kind: dict[str, object], tmp_path: Path) -> None:
    network, x = _network(**kind), torch.randn(4, 5)
    torch.export.save(torch.export.export(network, (x,)), tmp_path / "network.pt2")
    loaded = torch.export.load(tmp_path / "network.pt2").module()
    assert torch.equal(loaded(x), network(x))


def test_compiles_as_one_graph_with_gradients() -> None:
    network, x = _network(scalars="per_channel", num_channels=6), torch.randn(4, 5)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    grads = [
        torch.autograd.grad(run(x).square().sum(), list(network.parameters())) for run in (network, compiled)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))


def _work(rank: int, port: int, results: str) -> None:
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    torch.set_num_threads(1)
    network = nn.parallel.DistributedDataParallel(_network(scalars="per_layer"))
    network(_rank_input(rank)).square().sum().backward()
    scalars = network.module[1].scalars
    torch.save([scalars.alpha.grad, scalars.beta.grad], f"{results}/{rank}.pt")
    dist.destroy_process_group()


def _rank_input(rank: int) -> Tensor:
    return torch.randn(8, 5, generator=torch.Generator().manual_seed(rank))


def test_processes_average_the_scalars_gradients(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(_work, (port, str(tmp_path)), nprocs=2)
    alone = []
    for rank in range(2):
        network = _network(scalars="per_layer")
        network(_rank_input(rank)).square().sum().backward()
        alone.append((network[1].scalars.alpha.grad, network[1].scalars.beta.grad))
    for rank in range(2):
        averaged = torch.load(tmp_path / f"{rank}.pt")
        for got, one, other in zip(averaged, *alone, strict=True):
            torch.testing.assert_close(got, (one + other) / 2)


@pytest.mark.parametrize("base", ["silu", "gelu", "mish", "elu", "softplus"])
def test_keeps_no_more_than_static_where_that_keeps_its_input(base: str) -> None:
    kept = memory(base)
    assert kept["dynamic_bytes"] <= 1.01 * min(kept["static_bytes"], kept["torch_bytes"])


@pytest.mark.parametrize("base", ["relu", "leaky_relu"])
def test_keeps_one_more_tensor_a_layer_where_static_keeps_its_output(base: str) -> None:
    assert memory(base)["extra_tensors_a_layer"] <= 1.0


def test_gradient_penalty_trains_the_scalars() -> None:
    activation = DynActivation("relu", scalars="per_layer", alpha_init=1.2, beta_init=0.3)
    x = torch.randn(20, requires_grad=True)
    (slope,) = torch.autograd.grad(activation(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    leaves = [p.detach().clone().requires_grad_() for p in activation.scalars.parameters()]
    expected = torch.where(x > 0, leaves[0], leaves[1]).square().sum()
    for got, want in zip(activation.scalars.parameters(), torch.autograd.grad(expected, leaves), strict=True):
        torch.testing.assert_close(got.grad, want)
    assert torch.equal(F.relu(x), DynActivation("relu")(x))
