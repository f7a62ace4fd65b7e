"""A study and the software that ran it as entries of BibTeX."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ablations.report.renderers.latex import escape

HEAD = "% Neither has a DOI, and no author is recorded: add the authors of the study."


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What is known of a study and of the software: titles, years, versions, commits, addresses.

    `codes` are the pieces of code that were trained, each with its version; `commit` is the software's own,
    None where it does not run from a repository.
    """

    study_id: str
    name: str
    question: str
    year: int
    url: str
    codes: Sequence[str]
    software: str
    about: str
    version: str
    commit: str | None
    software_url: str | None


def render(found: Citation) -> str:
    """Two entries of the kind `misc`, which every style of BibTeX knows."""
    question = f": {found.question}" if found.question else ""
    study = [
        ("title", f"{{{escape(found.name + question)}}}"),
        ("year", str(found.year)),
        ("howpublished", escape(f"Ablation study {found.study_id}")),
        ("url", _url(found.url)),
        ("note", escape("; ".join(["No DOI", *found.codes]))),
    ]
    commit = f"commit {found.commit}" if found.commit else "no commit is known"
    software = [
        ("title", f"{{{escape(f'{found.software}: {found.about}')}}}"),
        ("year", str(found.year)),
        ("version", escape(found.version)),
        *([("url", _url(found.software_url))] if found.software_url else []),
        ("note", escape(f"Version {found.version}, {commit}; no DOI")),
    ]
    entries = [(f"study-{found.study_id}", study), (found.software, software)]
    return "\n\n".join([HEAD, *(_entry(key, fields) for key, fields in entries)]) + "\n"


def _entry(key: str, fields: Sequence[tuple[str, str]]) -> str:
    lines = [f"  {name} = {{{text}}}" for name, text in fields]
    return "\n".join([f"@misc{{{re.sub(r'[^A-Za-z0-9-]+', '-', key)},", ",\n".join(lines), "}"])


def _url(address: str) -> str:
    r"""An address as \url takes it, whose braces would end the field."""
    return address.replace("{", "%7B").replace("}", "%7D")
