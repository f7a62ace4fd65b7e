"""Forward and backward passes of stacked perceptrons, hand-batched: one call a layer for all members.

Written out instead of left to autograd: results go straight into their buffers, and each kernel sees a
member's numbers in the same shape and alignment whatever its packmates, which makes them the same bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trainables.activations.bases import Base
from trainables.activations.dynact import backward_rows, forward_rows
from trainables.perceptrons.stack import SharedBase, Stack, padded_rows

# Masks of one layer: for members with dropout, [rows, width], already divided by the share kept.
Masks = Sequence[Tensor | None]


@dataclass(slots=True)
class Site:
    """One activation call: a run of members in a layer, with views of all it reads and writes."""

    run: SharedBase
    base: Base
    x: Tensor
    out: Tensor
    grad_out: Tensor
    grad_x: Tensor
    alpha: Tensor | None
    beta: Tensor | None
    grad_alpha: Tensor | None
    grad_beta: Tensor | None
    y: Tensor | None = None


class Network:
    """Buffers and passes for one stack and one number of batch rows.

    Padding rows are computed like all others and get a gradient of zero.
    """

    def __init__(self, stack: Stack, num_rows: int, threads: int = 1) -> None:
        self.stack = stack
        self.num_rows = num_rows
        self._apart = _taken_apart(stack, threads)
        layout, device, num = stack.layout, stack.device, len(stack)
        width = layout.width
        self.rows = rows = padded_rows(num_rows, width, threads)
        self.x = torch.zeros(num, rows, layout.inputs, device=device)
        self.pre = [torch.empty(n, rows, width, device=device) for n in stack.active]
        deeper = (*stack.active[1:], 0)
        self.hidden = [torch.empty(n, rows, width, device=device) for n in deeper]
        self.last = torch.empty(num, rows, width, device=device)
        self.grad_hidden = torch.empty(num, rows, width, device=device)
        self.grad_pre = torch.empty(num, rows, width, device=device)
        self.scale = torch.zeros(rows, 1, device=device)
        self.scale[:num_rows] = 1.0 / num_rows
        shares = [shape.label_smoothing for shape in stack.shapes]
        self._smoothed = [(index, share) for index, share in enumerate(shares) if share]
        self.sites = [[self._site(run, layer) for run in stack.runs(layer)] for layer in range(stack.depth)]
        self._views()

    def loss(
        self,
        labels: Int[Tensor, "members rows"],
        one_hot: Float[Tensor, "members rows classes"],
        masks: Sequence[Masks] | None = None,
    ) -> Float[Tensor, " members"]:
        """Each member's mean cross-entropy over the batch in `x`; gradients go to the stack's rows."""
        logits = self._forward(masks)
        log_p = torch.log_softmax(logits, 2)
        chosen = log_p.gather(2, labels.unsqueeze(2)).squeeze(2)
        grad = torch.softmax(logits, 2).sub_(one_hot)
        # Member by member: a share of 0 of an infinite log-probability must not reach those without.
        for index, share in self._smoothed:
            chosen[index].mul_(1 - share).add_(log_p[index].mean(1), alpha=share)
            grad[index].add_(one_hot[index], alpha=share).sub_(share / one_hot.shape[2])
        losses = chosen[:, : self.num_rows].sum(1).div_(-self.num_rows)
        grad.mul_(self.scale)
        self._backward(grad, masks)
        return losses

    def _forward(self, masks: Sequence[Masks] | None) -> Tensor:
        stack = self.stack
        stack.use_scalars()
        x = self.x
        for layer, sites in enumerate(self.sites):
            bias, weight = stack.layer_biases[layer], stack.layer_weights[layer]
            _affine(bias, x, weight, out=self.pre[layer], apart=self._apart)
            for site in sites:
                site.y = forward_rows(site.base, site.x, site.alpha, site.beta, site.out)
            if masks is not None:
                self._mask(self.outs[layer], masks[layer])
            x = self.hidden[layer]
        return _affine(stack.head_bias, self.last, stack.head_weight, apart=self._apart)

    def _backward(self, grad: Tensor, masks: Sequence[Masks] | None) -> None:
        stack = self.stack
        self._product(self.last.transpose(1, 2), grad, self.head_grad[0])
        torch.sum(grad, 1, keepdim=True, out=self.head_grad[1])
        self._product(grad, stack.head_weight.transpose(1, 2), self.grad_hidden)
        for layer in range(stack.depth - 1, -1, -1):
            if masks is not None:
                self._mask(self.grad_outs[layer], masks[layer])
            for site in self.sites[layer]:
                self._site_backward(site)
            grad_pre, inputs = self.layer_grad_pre[layer], self.layer_inputs[layer]
            self._product(inputs.transpose(1, 2), grad_pre, self.layer_grads[layer][0])
            torch.sum(grad_pre, 1, keepdim=True, out=self.layer_grads[layer][1])
            if layer:
                weight = stack.layer_weights[layer].transpose(1, 2)
                self._product(grad_pre, weight, self.layer_grad_inputs[layer])
        stack.collect_shared()

    def _product(self, x: Tensor, y: Tensor, out: Tensor) -> None:
        if not self._apart:
            torch.bmm(x, y, out=out)
            return
        for index in range(len(x)):
            torch.bmm(x[index : index + 1], y[index : index + 1], out=out[index : index + 1])

    def _site_backward(self, site: Site) -> None:
        given = site.grad_out, site.x, site.y, site.alpha, site.beta
        backward_rows(site.base, *given, site.grad_x, site.grad_alpha, site.grad_beta)

    def _mask(self, members: Sequence[Tensor], masks: Masks) -> None:
        for tensor, mask in zip(members, masks, strict=True):
            if mask is not None:
                tensor.mul_(mask)

    def _site(self, run: SharedBase, layer: int) -> Site:
        members = slice(run.start, run.stop)
        alpha, beta = self.stack.alpha_beta(run, layer)
        grad_alpha, grad_beta = self.stack.alpha_beta_grads(run, layer)
        return Site(
            run=run,
            base=run.base,
            x=self.pre[layer][members],
            out=(self.last if run.last else self.hidden[layer])[members],
            grad_out=self.grad_hidden[members],
            grad_x=self.grad_pre[members],
            alpha=alpha,
            beta=beta,
            grad_alpha=grad_alpha,
            grad_beta=grad_beta,
        )

    def _views(self) -> None:
        """Every view that a step needs, made once: making one costs as much as a small kernel."""
        stack = self.stack
        grads = stack.weight_grads
        head = stack.layout.head
        self.head_grad = head.weight(grads), head.bias(grads)
        self.layer_inputs = [self.x, *self.hidden[:-1]]
        self.layer_grad_pre = [self.grad_pre[:n] for n in stack.active]
        self.layer_grad_inputs = [self.grad_hidden[:n] for n in stack.active]
        self.layer_grads = [
            (block.weight(grads[:n]), block.bias(grads[:n]))
            for block, n in zip(stack.layers, stack.active, strict=True)
        ]
        # Per member, for dropout.
        self.outs = [[member for site in sites for member in site.out.unbind(0)] for sites in self.sites]
        self.grad_outs = [
            [member for site in sites for member in site.grad_out.unbind(0)] for sites in self.sites
        ]


def logits(
    stack: Stack, x: Float[Tensor, "rows inputs"], threads: int = 1
) -> Float[Tensor, "members rows classes"]:
    """What every member says about the same images, without dropout and without gradients."""
    num_rows, width = len(x), stack.layout.width
    rows = padded_rows(num_rows, width, threads)
    if rows > num_rows:
        x = torch.cat([x, x.new_zeros(rows - num_rows, x.shape[1])])
    stack.use_scalars()
    last = torch.empty(len(stack), rows, width, device=stack.device)
    apart = _taken_apart(stack, threads)
    hidden = x.unsqueeze(0)
    for layer, num in enumerate(stack.active):
        inputs = hidden[:num] if layer else hidden.expand(num, -1, -1)
        pre = _affine(stack.layer_biases[layer], inputs, stack.layer_weights[layer], apart=apart)
        hidden = torch.empty_like(pre)
        for run in stack.runs(layer):
            members = slice(run.start, run.stop)
            out = (last if run.last else hidden)[members]
            alpha, beta = stack.alpha_beta(run, layer)
            forward_rows(run.base, pre[members], alpha, beta, out)
    return _affine(stack.head_bias, last, stack.head_weight, apart=apart)[:, :num_rows]


def _taken_apart(stack: Stack, threads: int) -> bool:
    """Whether products are taken member by member: a CPU's library shares batches out over its threads.

    How it does so, and with that the order of a member's sums, depends on how many members there are.
    """
    return stack.device.type == "cpu" and threads > 1


def _affine(bias: Tensor, x: Tensor, weight: Tensor, *, apart: bool, out: Tensor | None = None) -> Tensor:
    """bias + x weight for every member."""
    if out is None:
        out = x.new_empty(len(weight), x.shape[1], weight.shape[2])
    if not apart:
        return torch.baddbmm(bias, x, weight, out=out)
    for index in range(len(weight)):
        part = slice(index, index + 1)
        torch.baddbmm(bias[part], x[part], weight[part], out=out[part])
    return out
