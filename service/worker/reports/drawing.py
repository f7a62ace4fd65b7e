"""The figures of a report as files for paper."""

import logging
from collections.abc import Iterator

from ablations.report.document.document import Report
from service.ledger.builds import FigureFile

logger = logging.getLogger(__name__)


def draw_files(report: Report) -> tuple[FigureFile, ...]:
    """The figures of a report, as files."""
    return tuple(figure_files(report))


def figure_files(report: Report) -> Iterator[FigureFile]:
    """Every figure as PDF and SVG; one that cannot be drawn is left out."""
    # Here and not above: it loads matplotlib's PDF and SVG writers.
    from ablations.report.drawing import figures

    for figure in report.figures():
        try:
            drawn = figures.paper(figure)
        except Exception:
            logger.exception("figure %s could not be drawn", figure.name)
            continue
        for suffix, body in drawn.items():
            yield FigureFile(name=f"{figure.name}.{suffix}", caption=figure.caption, body=body)
