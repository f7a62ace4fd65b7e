"""A report as HTML, Markdown, LaTeX or sheets of CSV."""
