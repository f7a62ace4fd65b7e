"""What a paper takes from a study, over REST and from the command line: tables, a citation, a PDF."""

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from ablations.report.document.document import Table
from ablations.report.renderers import html, latex
from service import printing
from service.cli import main
from service.ledger import Ledger, attempts, leasing, studies
from service.printing import find_printer, print_pdf
from tests.unit.ablations.report.example import example_report
from tests.unit.service.api.conftest import STUDY
from trainables.training.lease import Outcome

REPORT = example_report()
FACTS = {
    "packages": {"ablation-service": "0.1.0"},
    "commit": "0a1b2c3 (clean)",
    "ran with": {"mlp-classifier's code": "4d5e6f (commit 7a8b9c (clean))", "the numerics": "x"},
}
needs_chromium = pytest.mark.skipif(
    find_printer() is None, reason="needs Chromium, as apt-get install chromium gives it"
)


@cache
def kept() -> dict[str, str]:
    """The example's report as it is kept, with facts of provenance."""
    plain: dict[str, Any] = json.loads(json.dumps(REPORT.to_json()))
    rows = [[f"{k}.{n}", v] for k, part in FACTS.items() if isinstance(part, dict) for n, v in part.items()]
    plain["provenance"]["blocks"][0]["rows"] += [*rows, ["commit", FACTS["commit"]]]
    return {"html": html.render(REPORT), "json": json.dumps(plain), "md": "# it"}


@pytest.fixture
def done(client: TestClient, ledger: Ledger) -> str:
    """A study that has ended with the example's report."""
    study_id = str(client.post("/v1/studies", json={**STUDY, "name": "deep_100%"}).json()["id"])
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        ids = [trial.id for trial in leasing.work(tx, study_id)]
        leasing.lease(tx, study_id, number, ids)
        leasing.commit(tx, study_id, number, [Outcome(trial_id=i, state="done", seconds=1.0) for i in ids])
        effects = {"interim": False, "contrasts": [], "exploratory": []}
        studies.complete(tx, study_id, state="done", effects=effects, reports=kept())
    return study_id


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    """The same application on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def head_of(text: str) -> list[str]:
    line = text.split("\\toprule\n")[1].splitlines()[0].removesuffix(r" \\")
    return [cell.replace("\\", "") for cell in line.split(" & ")]


def test_a_table_comes_back_from_json_as_it_was() -> None:
    for section in REPORT.sections:
        for block in section.blocks:
            if isinstance(block, Table):
                assert Table.from_json(json.loads(json.dumps(block.to_json()))) == block


@pytest.mark.parametrize("of", ["arms", "effects"])
def test_by_default_a_table_is_the_one_of_the_report(client: TestClient, done: str, of: str) -> None:
    answer = client.get(f"/v1/studies/{done}/table", params={"of": of})
    assert answer.headers["content-type"].split(";")[0] == "application/x-latex"
    tables = re.findall(r"\\begingroup.*?\\endgroup", latex.render(REPORT), re.DOTALL)
    assert tables[of == "arms"] in answer.text


def test_columns_are_chosen_by_name_in_their_order(client: TestClient, done: str) -> None:
    asked = {"columns": "depth, test_accuracy, test_accuracy.median,n"}
    text = client.get(f"/v1/studies/{done}/table", params=asked).text
    assert head_of(text) == ["depth", "test_accuracy", "test_accuracy, median", "n"]
    assert r"\begin{longtable}{lrrr}" in text and r"1 & 0.9571 $\pm$ 0.0082 & 0.9590 & 10 \\" in text
    asked["columns"] = "test_accuracy.sd,test_accuracy"
    text = client.get(f"/v1/studies/{done}/table", params=asked).text
    assert head_of(text) == ["test_accuracy, sd", "test_accuracy"] and r"$\pm$" not in text
    rows = client.get(
        f"/v1/studies/{done}/table", params={"of": "effects", "columns": "of,difference,interval,verdict"}
    ).text
    assert r"shared & +0.34 & {[+0.14, +0.53]} & better \\" in rows


def test_a_table_wider_than_a_page_says_so(client: TestClient, done: str) -> None:
    (arms,) = [section for section in REPORT.sections if section.id == "arms"]
    from ablations.report.renderers.latex_columns import names_of

    table = next(block for block in arms.blocks if isinstance(block, Table))
    every = ",".join(names_of(table))
    text = client.get(f"/v1/studies/{done}/table", params={"columns": every}).text
    assert "% wider than a page of A4" in text and len(head_of(text)) == len(names_of(table))


@pytest.mark.parametrize("columns", ["depth,speed", "", "depth,,n"])
def test_an_unknown_column_is_refused_with_those_there_are(
    client: TestClient, done: str, columns: str
) -> None:
    answer = client.get(f"/v1/studies/{done}/table", params={"columns": columns})
    (error,) = answer.json()["errors"]
    assert answer.status_code == 422 and error["path"] == "columns"
    assert {"depth", "test_accuracy", "test_accuracy.median", "collapsed", "n"} <= set(error["allowed"])


def test_long_verdicts_break_their_lines_so_that_the_table_fits() -> None:
    (effects,) = [section for section in REPORT.sections if section.id == "effects"]
    table = next(block for block in effects.blocks if isinstance(block, Table))
    place = [column.name for column in table.columns].index("verdict")
    words = "better, perhaps by less than the margin"
    long = replace(table, rows=tuple((*row[:place], words, *row[place + 1 :]) for row in table.rows))
    text = latex.render_table(long, "effects", question="?")
    assert r"p{12em}}" in text and words in text
    assert "% wider" not in text


def test_a_citation_says_what_provenance_holds(client: TestClient, done: str) -> None:
    answer = client.get(f"/v1/studies/{done}/citation")
    assert answer.headers["content-type"].split(";")[0] == "application/x-bibtex"
    study, software = answer.text.split("@misc")[1:]
    assert study.startswith(f"{{study-{done},") and software.startswith("{ablation-service,")
    year = client.get(f"/v1/studies/{done}").json()["finished_at"][:4]
    assert r"title = {{deep\_100\%: Does scalars = shared or per\_layer change test\_accuracy" in study
    assert f"year = {{{year}}}" in study and f"year = {{{year}}}" in software
    assert f"url = {{http://127.0.0.1:8000/v1/studies/{done}/report}}" in study
    assert "No DOI; mlp-classifier's code: 4d5e6f (commit 7a8b9c (clean))" in study
    assert "version = {0.1.0}" in software and "commit 0a1b2c3 (clean); no DOI" in software
    assert answer.text.count("{") == answer.text.count("}")


def test_before_a_report_there_is_nothing_to_take(client: TestClient) -> None:
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    for path in ("table", "citation"):
        answer = client.get(f"/v1/studies/{study_id}/{path}")
        assert answer.status_code == 404 and "no report yet" in answer.json()["detail"]


@needs_chromium
def test_the_report_is_printed_by_chromium(client: TestClient, done: str) -> None:
    answer = client.get(f"/v1/studies/{done}/report", params={"format": "pdf"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF-")
    pages = re.findall(rb"/Type\s*/Page\b", answer.content)
    assert len(pages) > 5  # what is folded on the page is open on paper
    by_accept = client.get(f"/v1/studies/{done}/report", headers={"Accept": "application/pdf"})
    assert by_accept.content.startswith(b"%PDF-")


@needs_chromium
def test_a_page_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(printing.PrintingFailed, match="within 0.01 s"):
        print_pdf("<p>it</p>", within_s=0.01)


def test_without_chromium_it_says_what_to_install(
    client: TestClient, done: str, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = client.get(f"/v1/studies/{done}/report", params={"format": "pdf"})
    assert answer.status_code == 501 and answer.json()["type"] == "/problems/no-printer"
    assert "apt-get install chromium" in answer.json()["detail"]
    with pytest.raises(SystemExit) as ended:
        main(["report", done, "-o", str(tmp_path / "report.pdf"), "--url", url])
    assert ended.value.code == 2 and "apt-get install chromium" in capsys.readouterr().err
    assert not (tmp_path / "report.pdf").exists()


def run(*arguments: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def test_the_command_line_prints_tables_and_citations(
    done: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("table", done, "--columns", "depth,n", "--url", url) == 0
    assert head_of(capsys.readouterr().out) == ["depth", "n"]
    assert run("table", done, "--columns", "speed", "--url", url) == 2
    assert "columns: there is no column 'speed' (allowed: scalars, base" in capsys.readouterr().err
    assert run("cite", done, "--url", url) == 0
    assert capsys.readouterr().out.count("@misc{") == 2


@needs_chromium
def test_the_command_line_writes_a_pdf(
    done: str, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "report.pdf"
    assert run("report", done, "-o", str(target), "--url", url) == 0
    assert target.read_bytes().startswith(b"%PDF-") and f"wrote {target}" in capsys.readouterr().err
    assert run("report", done, "--format", "pdf", "--url", url) == 2
    assert "-o report.pdf" in capsys.readouterr().err
