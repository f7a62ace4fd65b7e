"""Reports of studies: sections as data, rendered to HTML, Markdown, LaTeX and JSON."""
