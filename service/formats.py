"""The forms in which a report can be had, by name."""

MEDIA = {
    "html": "text/html",
    "md": "text/markdown",
    "json": "application/json",
    "latex": "application/x-latex",
    "csv": "text/csv",
    "csv-trials": "text/csv",
    "pdf": "application/pdf",
}
PRINTED = "pdf"
"""Is made of the page when it is asked for; all others are kept."""
BIBTEX = "application/x-bibtex"
