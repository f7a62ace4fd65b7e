"""The sweeps over memory of the fused activation on a GPU, in Triton; triton.py calls them.

Products and sums must not be contracted, nor denormals flushed: see fused_triton.OPTIONS. Sums have the
order of fused_plain.add_up: 16 lanes (or one channel) one step after the other, then the lanes by halves.
"""
# mypy: ignore-errors

import triton
import triton.language as tl

LANES = tl.constexpr(16)
BLOCK = tl.constexpr(1024)
ROWS = tl.constexpr(64)
TOTAL_LANES = tl.constexpr(1024)


@triton.jit
def _scalars(alpha, beta, at, mask):
    """Their difference, rounded once, and beta."""
    b = tl.load(beta + at, mask=mask, other=0.0).to(tl.float32)
    return tl.load(alpha + at, mask=mask, other=0.0).to(tl.float32) - b, b


@triton.jit
def forward(
    x,
    y,
    alpha,
    beta,
    size,
    blocks,
    channels,
    inner,
    formula: tl.constexpr,
    scaled: tl.constexpr,
    per_channel: tl.constexpr,
    wide: tl.constexpr,
    tile: tl.constexpr,
):
    """A(x)(alpha - beta) + beta x, or A(x), for members of `size` elements; a program does `tile` of one."""
    program = tl.program_id(0)
    if wide:
        program = program.to(tl.int64)
    member = program // blocks
    place = (program % blocks) * tile + tl.arange(0, tile)
    mask = place < size
    at = member * size + place
    v = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
    a = formula(v)
    if scaled:
        if per_channel:
            difference, b = _scalars(alpha, beta, member * channels + (place // inner) % channels, mask)
        else:
            b = tl.load(beta + member).to(tl.float32)
            difference = tl.load(alpha + member).to(tl.float32) - b
        product = a * difference
        a = tl.where(b == 0.0, product, product + b * v)  # infinity times zero is no number
    tl.store(y + at, a.to(y.dtype.element_ty), mask=mask)


@triton.jit
def _step(grad, x, grad_x, at, mask, difference, b, formula: tl.constexpr):
    """The gradient of one tile; returns its terms of the sums for alpha and beta."""
    g = tl.load(grad + at, mask=mask, other=0.0).to(tl.float32)
    v = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
    a, rest, slope = formula(v)
    tl.store(grad_x + at, (g * (slope * difference + b)).to(grad_x.dtype.element_ty), mask=mask)
    return g * a, g * rest


@triton.jit
def _halve(t, count: tl.constexpr, half: tl.constexpr):
    """The upper half of the lanes added to the lower; a sum of two has no order."""
    return tl.sum(tl.reshape(t, (count, 2, half)), axis=1)


@triton.jit
def _add_lanes(t, count: tl.constexpr):
    t = _halve(_halve(t, count, 8), count, 4)
    return tl.reshape(_halve(_halve(t, count, 2), count, 1), (count,))


@triton.jit
def backward_runs(
    grad,
    x,
    grad_x,
    alpha,
    beta,
    sums,
    rest_sums,
    num_runs,
    blocks,
    inner,
    outer,
    channels,
    steps,
    formula: tl.constexpr,
    scaled: tl.constexpr,
    summed: tl.constexpr,
    wide: tl.constexpr,
    tile: tl.constexpr,
):
    """Gradients of rows of `inner` elements with one alpha and beta each, `blocks` runs of BLOCK a row.

    A program does `tile` runs side by side; sums: [members, channels, outer, blocks].
    """
    first = tl.program_id(0)
    if wide:
        first = first.to(tl.int64)
    run = first * tile + tl.arange(0, tile)
    live = run < num_runs
    row, block = run // blocks, run % blocks
    channel, slow = row % channels, row // channels
    scalar = (slow // outer) * channels + channel
    if scaled:
        difference, b = _scalars(alpha, beta, scalar, live)
    else:
        difference, b = tl.full((tile,), 1.0, tl.float32), tl.full((tile,), 0.0, tl.float32)
    difference, b = difference[:, None], b[:, None]
    total, rest_total = tl.zeros((tile, LANES), tl.float32), tl.zeros((tile, LANES), tl.float32)
    begin = row * inner
    for step in tl.range(0, steps, loop_unroll_factor=4):
        place = (block * BLOCK + step * LANES)[:, None] + tl.arange(0, LANES)[None, :]
        mask = live[:, None] & (place < inner)
        term, rest = _step(grad, x, grad_x, begin[:, None] + place, mask, difference, b, formula)
        if summed:
            total += term
            rest_total += rest
    if summed:
        to = (scalar * outer + slow % outer) * blocks + block
        tl.store(sums + to, _add_lanes(total, tile), mask=live)
        tl.store(rest_sums + to, _add_lanes(rest_total, tile), mask=live)


@triton.jit
def backward_rows(
    grad,
    x,
    grad_x,
    alpha,
    beta,
    sums,
    rest_sums,
    outer,
    groups,
    channels,
    channel_tiles,
    steps,
    formula: tl.constexpr,
    summed: tl.constexpr,
    wide: tl.constexpr,
    tile: tl.constexpr,
):
    """Gradients where neighbours in memory are channels: `groups` of ROWS rows a member.

    A program does `tile` channels of one group; sums: [members, channels, groups].
    """
    program = tl.program_id(0)
    if wide:
        program = program.to(tl.int64)
    channel = (program % channel_tiles) * tile + tl.arange(0, tile)
    group = (program // channel_tiles) % groups
    member = program // channel_tiles // groups
    live = channel < channels
    difference, b = _scalars(alpha, beta, member * channels + channel, live)
    total, rest_total = tl.zeros((tile,), tl.float32), tl.zeros((tile,), tl.float32)
    for step in tl.range(0, steps, loop_unroll_factor=4):
        row = group * ROWS + step
        at = (member * outer + row) * channels + channel
        term, rest = _step(grad, x, grad_x, at, live & (row < outer), difference, b, formula)
        if summed:
            total += term
            rest_total += rest
    if summed:
        to = (member * channels + channel) * groups + group
        tl.store(sums + to, total, mask=live)
        tl.store(rest_sums + to, rest_total, mask=live)


@triton.jit
def _fold(t, half: tl.constexpr):
    return tl.sum(tl.reshape(t, (2, half)), axis=0)


@triton.jit
def add_up(sums, totals, units, wide: tl.constexpr):
    """The second stage, in float64: a program adds `units` numbers in TOTAL_LANES lanes, these by halves."""
    program = tl.program_id(0)
    if wide:
        program = program.to(tl.int64)
    total = tl.zeros((TOTAL_LANES,), tl.float64)
    lanes = tl.arange(0, TOTAL_LANES)
    for start in tl.range(0, units, TOTAL_LANES):
        at = start + lanes
        total += tl.load(sums + program * units + at, mask=at < units, other=0.0).to(tl.float64)
    t = _fold(_fold(_fold(_fold(_fold(total, 512), 256), 128), 64), 32)
    t = _fold(_fold(_fold(_fold(_fold(t, 16), 8), 4), 2), 1)
    tl.store(totals + program + tl.arange(0, 1), t.to(tl.float32))
