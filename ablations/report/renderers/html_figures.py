"""Figures on the page: panels side by side, with a legend in the page's own type."""

from html import escape

from ablations.report.document.numbers import number
from ablations.report.document.plots import Figure, Forest, Heat, Lines, Series
from ablations.report.drawing.palette import DASHES, DIVERGING, HUES, SEQUENTIAL, VERDICT_COLOUR, VERDICT_SIGN


def render(figure: Figure) -> str:
    """The figure as an HTML element; matplotlib is loaded here and not before."""
    from ablations.report.drawing import figures

    panels = figures.page_panels(figure)
    if not panels:
        return ""
    wished = figure.plot.columns if isinstance(figure.plot, Lines) else 0
    columns = 1 if len(panels) == 1 else wished or (2 if len(panels) in (2, 4) else 3)
    body = "\n".join(f'<div class="panel">{panel}</div>' for panel in panels)
    kind = "forest" if isinstance(figure.plot, Forest) else f"cols-{columns}"
    return "\n".join(
        [
            f'<figure id="{escape(figure.name)}">',
            _legend(figure),
            f'<div class="panels {kind}">',
            body,
            f"</div>\n<figcaption>{escape(figure.caption)}</figcaption>\n</figure>",
        ]
    )


def _legend(figure: Figure) -> str:
    plot = figure.plot
    if isinstance(plot, Forest):
        return _forest_legend(plot)
    return _line_legend(plot) if isinstance(plot, Lines) else _heat_legend(plot)


def _forest_legend(plot: Forest) -> str:
    present = {row.verdict for row in plot.rows}
    items = "".join(f"<li>{_mark(v)} {v}</li>" for v in VERDICT_SIGN if v in present)
    return f'<ul class="legend">{items}</ul>' if items else ""


def _mark(verdict: str) -> str:
    sign = {"inconclusive": "○", "equivalent": "■"}.get(verdict, VERDICT_SIGN[verdict])
    return f'<span style="color: var(--{VERDICT_COLOUR[verdict]})">{sign}</span>'


def _line_legend(plot: Lines) -> str:
    known: dict[str, Series] = {}
    for panel in plot.panels:
        for series in panel.series:
            known.setdefault(series.label, series)
    items = "".join(f"<li>{_sample(series)}{escape(label)}</li>" for label, series in known.items())
    return f'<ul class="legend">{items}</ul>' if len(known) > 1 else ""


def _sample(series: Series) -> str:
    dash = " ".join(f"{2 * length:g}" for length in DASHES[series.dash % len(DASHES)][1])
    pattern = f' stroke-dasharray="{dash}"' if dash else ""
    colour = HUES[series.hue % len(HUES)]
    return (
        '<svg width="30" height="10" aria-hidden="true">'
        f'<line x1="1" y1="5" x2="29" y2="5" stroke="var(--{colour})" stroke-width="2.2"{pattern}/></svg>'
    )


def _heat_legend(plot: Heat) -> str:
    low, high = plot.value_range()
    stops = ", ".join(SEQUENTIAL if plot.centre is None else DIVERGING)
    bar = f'<i style="background: linear-gradient(to right, {stops})"></i>'
    ends = [f"<span>{number(plot.written(at), plot.decimals)}</span>" for at in (low, high)]
    return f'<p class="scale">{escape(plot.value_label)} {ends[0]}{bar}{ends[1]}</p>'
