"""A report as data: sections of blocks, without a word on how they look."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite
from typing import Any, Literal

from ablations.errors import Json
from ablations.report.document.plots import Figure

Value = str | int | float | bool | None
Cell = Value | tuple[float | None, float | None]


class Style(StrEnum):
    """How a phrase inside a sentence is set."""

    CODE = "code"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Mark:
    """A phrase that stands out: a name somebody typed, or the point of the sentence."""

    text: str
    style: Style = Style.CODE


Phrase = str | Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """One paragraph of prose; `lead` is the sentence a reader must not miss."""

    phrases: tuple[Phrase, ...]
    lead: bool = False

    @property
    def text(self) -> str:
        return "".join(p if isinstance(p, str) else p.text for p in self.phrases)

    def to_json(self) -> dict[str, Json]:
        return {"kind": "paragraph", "text": self.text, "lead": self.lead}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bullets:
    """A list of short sentences."""

    items: tuple[tuple[Phrase, ...], ...]

    def to_json(self) -> dict[str, Json]:
        return {"kind": "bullets", "items": [Paragraph(phrases=item).text for item in self.items]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Callout:
    """A boxed remark beside the flow: a caution, or a section that could not be built."""

    tone: Literal["note", "warning", "error"]
    title: str
    text: str = ""

    def to_json(self) -> dict[str, Json]:
        return {"kind": "callout", "tone": self.tone, "title": self.title, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictCounts:
    """Verdicts counted: better 3, worse 0 ..."""

    counts: tuple[tuple[str, int], ...]

    def to_json(self) -> dict[str, Json]:
        return {"kind": "tally", "counts": dict(self.counts)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names with one value each, in order."""

    rows: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Json]:
        return {"kind": "facts", "rows": [list(row) for row in self.rows]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Text to copy as it stands."""

    language: str
    text: str

    def to_json(self) -> dict[str, Json]:
        return {"kind": "code", "language": self.language, "text": self.text}


class Kind(StrEnum):
    """What a column holds, and with it how its cells are written."""

    TEXT = "text"
    NAME = "name"
    NUMBER = "number"
    DIFFERENCE = "difference"
    INTERVAL = "interval"
    P = "p"
    COUNT = "count"
    PERCENT = "percent"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; `decimals` count for numbers, differences and intervals: one for all, or one for each row.

    Ends of intervals are differences and carry signs, unless they are not `signed`: factors.
    """

    name: str
    kind: Kind = Kind.TEXT
    decimals: int | tuple[int, ...] = 3
    help: str = ""
    signed: bool = True

    def decimals_of(self, row: int) -> int:
        """The decimals of one row."""
        return self.decimals if isinstance(self.decimals, int) else self.decimals[row]

    def renamed(self, name: str) -> "Column":
        """The same column under another name."""
        return replace(self, name=name)

    def to_json(self) -> dict[str, Json]:
        decimals = self.decimals if isinstance(self.decimals, int) else list[Json](self.decimals)
        return {
            "name": self.name,
            "kind": self.kind.value,
            "decimals": decimals,
            "help": self.help,
            "signed": self.signed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Column":
        """The column that was written; what an older version did not write is as by default."""
        known = {name: data[name] for name in ("name", "help", "signed") if name in data}
        decimals = data.get("decimals", 3)
        return cls(
            **known,
            kind=Kind(data["kind"]),
            decimals=decimals if isinstance(decimals, int) else tuple(decimals),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of raw values; `strong` and `dagger` name the cells (row, column) set bold or marked."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    strong: frozenset[tuple[int, int]] = frozenset()
    dagger: frozenset[tuple[int, int]] = frozenset()

    def __post_init__(self) -> None:
        for column in self.columns:
            if isinstance(column.decimals, tuple) and len(column.decimals) != len(self.rows):
                raise ValueError(f"{column.name}: {len(column.decimals)} decimals for {len(self.rows)} rows")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row of {len(row)} cells under {len(self.columns)} columns: {row!r}")

    def to_json(self) -> dict[str, Json]:
        return {
            "kind": "table",
            "caption": self.caption,
            "columns": [column.to_json() for column in self.columns],
            "rows": [[_plain(cell) for cell in row] for row in self.rows],
            "strong": _places(self.strong),
            "dagger": _places(self.dagger),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Table":
        """The table that was written."""
        return cls(
            columns=tuple(map(Column.from_json, data["columns"])),
            rows=tuple(tuple(tuple(c) if isinstance(c, list) else c for c in row) for row in data["rows"]),
            caption=data.get("caption", ""),
            strong=frozenset((row, column) for row, column in data.get("strong", ())),
            dagger=frozenset((row, column) for row, column in data.get("dagger", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Blocks a reader opens on purpose."""

    title: str
    blocks: tuple["Block", ...]

    def to_json(self) -> dict[str, Json]:
        return {"kind": "fold", "title": self.title, "blocks": [b.to_json() for b in self.blocks]}


Block = Paragraph | Bullets | Callout | VerdictCounts | Facts | Code | Table | Fold | Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled part of the report; `id` is its address within the page."""

    id: str
    title: str
    blocks: tuple[Block, ...]

    def to_json(self) -> dict[str, Json]:
        return {"id": self.id, "title": self.title, "blocks": [b.to_json() for b in self.blocks]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Ordered sections; what differs between two runs of one study stands in `provenance` alone.

    `label` and `standing` say where the study stood, in a word and a sentence; both are empty at its end.
    """

    title: str
    summary: str
    interim: bool
    sections: tuple[Section, ...]
    provenance: Section
    label: str = ""
    standing: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "title": self.title,
            "summary": self.summary,
            "interim": self.interim,
            "standing": self.standing,
            "sections": [s.to_json() for s in self.sections],
            "provenance": self.provenance.to_json(),
        }

    def figures(self) -> Iterator[Figure]:
        """Every figure in reading order, folded ones included."""
        for section in self.sections:
            yield from _figures(section.blocks)


def _figures(blocks: Sequence[Block]) -> Iterator[Figure]:
    for block in blocks:
        if isinstance(block, Fold):
            yield from _figures(block.blocks)
        elif isinstance(block, Figure):
            yield block


def _places(marked: frozenset[tuple[int, int]]) -> list[Json]:
    return [[row, column] for row, column in sorted(marked)]


def _plain(cell: Cell) -> Json:
    if isinstance(cell, tuple):
        return [_plain(part) for part in cell]
    if isinstance(cell, float) and not isfinite(cell):
        return None
    return cell
