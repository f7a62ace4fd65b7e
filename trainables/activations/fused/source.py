"""Writes the formulas of formulas.py as C++ and as Triton source, for build.py and triton_formulas.py.

Neither is kept: each is written when it is compiled, in some ten milliseconds.
`python -m trainables.activations.fused.source cpp` (or `triton`) prints it.
"""

import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Union

from trainables.activations.fused.formulas import FORWARD, PARTS, Formula, Row, TwoWays

Kind = Literal["float", "double", "mask", "row"]
Operand = Union["Traced", float]
_NOTE = "Written by source.py from formulas.py."


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A value inside a formula that is being written down."""

    trace: "Trace"
    kind: Kind
    number: int

    def __add__(self, other: Operand) -> "Traced":
        return self.trace.binary("+", self, other)

    def __radd__(self, other: Operand) -> "Traced":
        return self.trace.binary("+", other, self)

    def __sub__(self, other: Operand) -> "Traced":
        return self.trace.binary("-", self, other)

    def __rsub__(self, other: Operand) -> "Traced":
        return self.trace.binary("-", other, self)

    def __mul__(self, other: Operand) -> "Traced":
        return self.trace.binary("*", self, other)

    def __rmul__(self, other: Operand) -> "Traced":
        return self.trace.binary("*", other, self)

    def __truediv__(self, other: Operand) -> "Traced":
        return self.trace.binary("/", self, other)

    def __rtruediv__(self, other: Operand) -> "Traced":
        return self.trace.binary("/", other, self)

    def __lt__(self, other: Operand) -> "Traced":
        return self.trace.binary("<", self, other)

    def __le__(self, other: Operand) -> "Traced":
        return self.trace.binary("<=", self, other)

    def __gt__(self, other: Operand) -> "Traced":
        return self.trace.binary(">", self, other)

    def __ge__(self, other: Operand) -> "Traced":
        return self.trace.binary(">=", self, other)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; arguments are numbers of earlier steps, or constants."""

    op: str
    kind: Kind
    args: tuple[int | float, ...]
    operand_kind: Kind


@dataclass(slots=True)
class Trace:
    """The operations of one formula in order, equal ones once; implements Ops."""

    steps: list[Operation] = field(default_factory=list)
    seen: dict[tuple[str, tuple[str, ...]], Traced] = field(default_factory=dict)

    def record(self, op: str, kind: Kind, args: Iterable[Operand], operand_kind: Kind) -> Traced:
        plain = tuple(a.number if isinstance(a, Traced) else float(a) for a in args)
        key = op, tuple(map(repr, plain))
        if key not in self.seen:
            self.seen[key] = Traced(self, kind, len(self.steps))
            self.steps.append(Operation(op, kind, plain, operand_kind))
        return self.seen[key]

    def binary(self, op: str, left: Operand, right: Operand) -> Traced:
        kinds = {v.kind for v in (left, right) if isinstance(v, Traced)}
        if len(kinds) != 1:
            raise TypeError(f"{op} mixes {sorted(kinds)}: widen or narrow first")
        (kind,) = kinds
        return self.record(op, "mask" if op in ("<", "<=", ">", ">=") else kind, (left, right), kind)

    def where(self, condition: Traced, yes: Operand, no: Operand) -> Traced:
        return self.record("where", "float", (condition, yes, no), "float")

    def at_least(self, x: Traced, low: float) -> Traced:
        return self.record("at_least", "float", (x, low), "float")

    def at_most(self, x: Traced, high: float) -> Traced:
        return self.record("at_most", "float", (x, high), "float")

    def magnitude(self, x: Traced) -> Traced:
        return self.record("magnitude", "float", (x,), "float")

    def lost(self, a: Traced, b: Traced, result: Operand) -> Traced:
        return self.record("lost", "float", (a, b, result), "float")

    def pow2(self, biased: Traced) -> Traced:
        return self.record("pow2", "float", (biased,), "float")

    def wide(self, x: Traced) -> Traced:
        return self.record("wide", "double", (x,), "float")

    def narrow(self, x: Traced) -> Traced:
        return self.record("narrow", "float", (x,), "double")

    def look_up(self, rows: tuple[Row, ...], place: Traced) -> list[Traced]:
        row = self.record("look_up", "row", (place, *(entry for row in rows for entry in row)), "float")
        return [self.record("entry", "float", (row, float(n)), "float") for n in range(len(rows[0]))]

    def like(self, x: Traced, value: float) -> Traced:
        return self.record("like", "float", (x, value), "float")


def trace(formula: Formula) -> tuple[dict[int, Operation], list[int]]:
    """The steps of a formula of one argument (step 0) that its results need, and which are the results."""
    record = Trace()
    x = record.record("x", "float", (), "float")
    result = formula(record, x)
    values = result if isinstance(result, tuple) else (result,)
    results = [value.number for value in values]
    needed = set(results)
    for number in range(len(record.steps) - 1, -1, -1):
        if number in needed:
            needed.update(arg for arg in record.steps[number].args if isinstance(arg, int))
    return {n: record.steps[n] for n in sorted(needed - {0})}, results


def _float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def _cpp_float(value: float) -> str:
    return f"{_float32(value).hex()}f"


def _cpp_operand(arg: int | float, kind: Kind) -> str:
    if isinstance(arg, int):
        return f"v{arg}"
    return f"constant<D>({arg.hex()})" if kind == "double" else f"constant<V>({_cpp_float(arg)})"


def _cpp_step(number: int, step: Operation) -> str:
    args = [_cpp_operand(arg, step.operand_kind) for arg in step.args]
    match step.op:
        case "where":
            text = f"v{step.args[0]} ? {args[1]} : {args[2]}"
        case "like":
            text = args[1]
        case "+" | "-" | "*" | "/" | "<" | "<=" | ">" | ">=":
            text = f"{args[0]} {step.op} {args[1]}"
        case "look_up":
            entries = ", ".join(_cpp_float(entry) for entry in step.args[1:])
            table = f"  static constexpr Table t{number} = {{{entries}}};\n"
            return f"{table}  const Row v{number} = look_up<t{number}>({args[0]});"
        case "entry":
            text = f"{args[0]}.at[{int(step.args[1])}]"
        case _:
            text = f"{step.op}({', '.join(args)})"
    return f"  const {dict(float='V', double='D', mask='M')[step.kind]} v{number} = {text};"


def _cpp_function(name: str, formula: Formula, *, before: str = "INLINE") -> str:
    steps, results = trace(formula)
    body = "\n".join(_cpp_step(n, step) for n, step in steps.items())
    listed = ", ".join(f"v{n}" for n in results)
    is_mask = results[0] in steps and steps[results[0]].kind == "mask"
    kind, value = "M" if is_mask else "V", listed
    if len(results) > 1:
        kind, value = "Parts", f"Parts{{{listed}}}"
    return f"{before} {kind} {name}(const V v0) {{\n{body}\n  return {value};\n}}"


def _cpp_base(name: str, formula: Formula | TwoWays) -> str:
    if not isinstance(formula, TwoWays):
        return _cpp_function(name, formula)
    return "\n\n".join(
        [
            _cpp_function(f"{name}_near", formula.near),
            _cpp_function(f"{name}_beyond", formula.beyond),
            _cpp_function(f"{name}_everywhere", formula.everywhere, before="SELDOM"),
            f"TWO_WAYS({name})",
        ]
    )


def cpp_source() -> str:
    """A header for dynact_kernels.cpp, which defines V, D, M, Parts, TWO_WAYS and the operations."""
    forward = [_cpp_base(f"{name}_forward", formula) for name, formula in FORWARD.items()]
    parts = [_cpp_function(f"{name}_parts", formula) for name, formula in PARTS.items()]
    table = "#define FOR_EACH_BASE(DO) \\\n  " + " \\\n  ".join(
        f"DO({n}, {name})" for n, name in enumerate(FORWARD)
    )
    return f"// {_NOTE}\n" + "\n\n".join([*forward, *parts, table]) + "\n"


def _triton_operand(arg: int | float, kind: Kind) -> str:
    if isinstance(arg, int):
        return f"v{arg}"
    return f"tl.full(v0.shape, {arg!r}, tl.float64)" if kind == "double" else repr(_float32(arg))


def _triton_step(number: int, step: Operation) -> str:
    args = [_triton_operand(arg, step.operand_kind) for arg in step.args]
    match step.op:
        case "where":
            text = f"tl.where({', '.join(args)})"
        case "at_least" | "at_most":
            text = (
                f"tl.where({args[0]} {'<' if step.op == 'at_least' else '>'} {args[1]}, {args[1]}, {args[0]})"
            )
        case "magnitude":
            text = f"tl.abs({args[0]})"
        case "lost":  # exact in float64 before it is rounded, so tl.fma(a, b, -result) gives the same
            wide = [a if a[0] != "v" else f"{a}.to(tl.float64)" for a in args]
            text = f"({wide[0]} * {wide[1]} - {wide[2]}).to(tl.float32)"
        case "like":
            text = f"tl.full(v0.shape, {args[1]}, tl.float32)"
        case "/" if step.kind == "float":
            full = [a if a[0] == "v" else f"tl.full(v0.shape, {a}, tl.float32)" for a in args]
            text = f"tl.div_rn({', '.join(full)})"
        case "pow2":
            text = f"({args[0]}.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)"
        case "wide" | "narrow":
            text = f"{args[0]}.to({'tl.float64' if step.op == 'wide' else 'tl.float32'})"
        case _:
            text = f"{args[0]} {step.op} {args[1]}"
    return f"    v{number} = {text}"


def _triton_function(name: str, given: Formula | TwoWays) -> str:
    formula = given.everywhere if isinstance(given, TwoWays) else given
    steps, results = trace(formula)
    lines = [f"@triton.jit\ndef {name}(v0):", *(_triton_step(n, step) for n, step in steps.items())]
    return "\n".join([*lines, "    return " + ", ".join(f"v{n}" for n in results)])


def triton_source() -> str:
    """A module of jitted functions; only where Triton is."""
    head = f'"""{_NOTE}"""\n\nimport triton\nimport triton.language as tl\n'
    functions = [_triton_function(f"{name}_forward", formula) for name, formula in FORWARD.items()]
    functions += [_triton_function(f"{name}_parts", formula) for name, formula in PARTS.items()]
    return "\n\n".join([head, "\n\n\n".join(functions)]) + "\n"


if __name__ == "__main__":
    sys.stdout.write({"cpp": cpp_source, "triton": triton_source}[sys.argv[1]]())
