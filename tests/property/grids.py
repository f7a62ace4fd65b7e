"""Tables as people read them, in HTML, Markdown, LaTeX and a terminal: rows of cells of text."""

import re
from html.parser import HTMLParser


class Tables(HTMLParser):
    """The tables of a page as text; signs and remarks in their cells are left out."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self._cell: list[str] | None = None
        self._muted = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []
        elif tag == "i" or (tag == "span" and ("class", "soft") in attrs):
            self._muted += 1
        elif tag == "span" and self._muted:
            self._muted += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append("".join(self._cell).strip())
            self._cell, self._muted = None, 0
        elif tag in ("i", "span") and self._muted:
            self._muted -= 1

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._muted:
            self._cell.append(data)


def markdown_grid(text: str) -> list[list[str]]:
    lines = [line for line in text.replace("\\", "").splitlines()]
    first = next(i for i, line in enumerate(lines) if line.startswith("| "))
    table = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        if not line.startswith(("|---", "| ---")):
            table.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return table


def latex_grid(text: str) -> list[list[str]]:
    table = text.split(r"\begin{longtable}")[1].split(r"\end{longtable}")[0]
    head = table.split(r"\toprule")[1].split(r"\midrule")[0]
    lines = [head, *table.split(r"\endfoot")[1].splitlines()]
    rows = [line.strip().removesuffix(r"\\") for line in lines if "&" in line]
    plain = [re.sub(r"\\([&%$#_{}])", r"\1", row.replace(r"\&", "and")) for row in rows]
    return [[cell.strip() for cell in row.split("&")] for row in plain]


def terminal_grid(text: str) -> list[list[str]]:
    """The first table in a terminal, cut where its heading and all rows are blank for two letters or more."""
    lines = text.splitlines()
    rule = next(i for i, line in enumerate(lines) if line.strip() and not line.strip("\u2500 "))
    rows = [lines[rule - 1]]
    for line in lines[rule + 1 :]:
        if not line.strip():
            break
        rows.append(line)
    width = max(map(len, rows))
    inked = "".join("x" if any(row[i : i + 1].strip() for row in rows) else " " for i in range(width))
    starts = [0, *(gap.end() for gap in re.finditer(r" {2,}", inked) if gap.end() < width)]
    spans = list(zip(starts, [*starts[1:], width], strict=True))
    return [[row[a:b].strip() for a, b in spans] for row in rows]
