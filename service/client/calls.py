"""Studies over REST as Python objects: submitted, followed, steered, and read as tables."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from service.client import progress
from service.client.tables import CurveTable, EffectTable, TrialTable, curve_rows, effect_table, trial_row
from service.connection import DEFAULT_URL, FINAL, TIMEOUT_S, Connection, ServiceAway, ServiceRefused
from service.schemas import Study

POLL_S = 0.2
PATIENCE_S = 60.0
"""For so long a service that restarts is no reason to stop waiting."""


class Client:
    """The service at `url` (or ABLATE_URL), by `api_key` (or ABLATE_API_KEY).

    Every call raises ServiceRefused, with the path of each mistake in `problems`, or ServiceAway.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        url = url or os.environ.get("ABLATE_URL") or DEFAULT_URL
        self.connection = Connection(url, api_key or os.environ.get("ABLATE_API_KEY"), timeout_s=timeout_s)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.connection.url!r})"

    def close(self) -> None:
        """Let the connections go."""
        self.connection.close()

    def submit(self, study: Any, *, wait: bool = False, timeout_s: float | None = None) -> "StudyHandle":
        """Submit a study: a mapping, a StudySpec, or the path of a YAML or JSON file.

        With `wait`, return once it has ended; see StudyHandle.wait.
        """
        made = StudyHandle(self, self.connection.post("/v1/studies", written(study), once=True))
        return made.wait(timeout_s) if wait else made

    def plan(self, study: Any) -> dict[str, Any]:
        """What a study would run and find, as `ablate plan --json` says it; nothing is submitted."""
        return self.connection.post("/v1/studies/plan", written(study))

    def studies(
        self, *, state: str | None = None, tag: str | None = None, limit: int | None = 100
    ) -> list["StudyHandle"]:
        """Studies, newest first; `tag` is NAME or NAME=VALUE."""
        found = self.connection.items("/v1/studies", at_most=limit, state=state, tag=tag)
        return [StudyHandle(self, item) for item in found]

    def study(self, meant: str) -> "StudyHandle":
        """The study of this id, or whose id begins so, of this name (the newest counts), or `last`."""
        return StudyHandle(self, self.connection.find(meant))

    def trainables(self) -> list[dict[str, Any]]:
        """What can be trained, with settings and metrics."""
        return list(self.connection.get("/v1/trainables")["items"])

    def datasets(self) -> list[dict[str, Any]]:
        """What can be trained on."""
        return list(self.connection.get("/v1/datasets")["items"])


class StudyHandle:
    """A study of the service. `now` is what the service said last; `refresh` asks again."""

    def __init__(self, client: Client, answer: Mapping[str, Any]) -> None:
        self.client = client
        self.now = Study.model_validate(answer)

    def __repr__(self) -> str:
        return f"<study {self.id}: {progress.line(self.now)}>"

    def _repr_html_(self) -> str:
        return progress.html(self.now)

    @property
    def id(self) -> str:
        """24 hexadecimal digits."""
        return self.now.id

    @property
    def name(self) -> str:
        """As submitted."""
        return self.now.name

    @property
    def state(self) -> str:
        """queued, running, paused, done, failed or cancelled, as of `now`."""
        return self.now.state

    @property
    def verdict(self) -> str | None:
        """The verdicts of the primary contrast in a few words; None before it is judged."""
        return self.now.verdict

    @property
    def spec(self) -> dict[str, Any]:
        """The study as accepted, defaults filled in."""
        return self.now.spec

    def refresh(self) -> "StudyHandle":
        """Ask how it is now."""
        self.now = Study.model_validate(self._get())
        return self

    def wait(self, timeout_s: float | None = None, *, published: bool = False) -> "StudyHandle":
        """Return once it has ended (`published`: and MLflow has everything), showing how far it is.

        A service that does not answer for a minute is waited for.

        Raises: TimeoutError; the study goes on.
        """
        shown = progress.ProgressLine()
        try:
            for _ in self.looks(timeout_s, published=published):
                shown.show(self.now)
                time.sleep(POLL_S)
        finally:
            shown.show(self.now)
            shown.end()
        return self

    def looks(self, timeout_s: float | None = None, *, published: bool = False) -> Iterator[Study]:
        """How it is, at each look until it has ended; what is done between two looks is the caller's.

        Raises: as wait.
        """
        began = heard = time.monotonic()
        while True:
            try:
                self.refresh()
                heard = time.monotonic()
            except ServiceAway:
                if time.monotonic() - heard > PATIENCE_S:
                    raise
            if self.state in FINAL and (not published or self.now.published or self.state == "cancelled"):
                return
            if timeout_s is not None and time.monotonic() - began > timeout_s:
                raise TimeoutError(f"after {timeout_s:g} s {progress.line(self.now)}")
            yield self.now

    def pause(self) -> "StudyHandle":
        """Hold it up and free its workers; what has ended is kept."""
        return self._steer("pause")

    def cancel(self) -> "StudyHandle":
        """End it without an answer."""
        return self._steer("cancel")

    def resume(self, *, anyway: bool = False, afresh: bool = False) -> "StudyHandle":
        """Let it go on; where code or data have changed, only with one of the flags."""
        return self._steer("resume", anyway=anyway, afresh=afresh)

    def retry(self, *, anyway: bool = False, afresh: bool = False) -> "StudyHandle":
        """Run its failed trials again; flags as of resume."""
        return self._steer("retry", anyway=anyway, afresh=afresh)

    def extend(self, seeds: int, *, anyway: bool = False) -> "StudyHandle":
        """The same question with so many seeds in all, as a new study that takes over what there is."""
        path = f"/v1/studies/{self.id}/extend"
        body = {"seeds": seeds}
        return StudyHandle(
            self.client, self.client.connection.post(path, body, once=True, anyway=anyway or None)
        )

    def delete(self) -> None:
        """Remove it and its results for good."""
        self.client.connection.delete(f"/v1/studies/{self.id}")

    def trials(self, **filters: Any) -> TrialTable:
        """A row a trial. Filters: `state`, `phase`, `arm`, `arm_id`, `seed`."""
        return TrialTable([trial_row(trial) for trial in self._trials(**filters)])

    def curves(self, metric: str | None = None, **filters: Any) -> CurveTable:
        """A row a point of the trials' curves; filters as of trials."""
        found = self._trials(curves=True, **filters)
        return CurveTable([row for trial in found for row in curve_rows(trial, metric)])

    def effects(self) -> EffectTable:
        """A row a comparison; interim, and untested, while it runs."""
        return effect_table(self._get("/effects"))

    def report(self, format: str = "md") -> str:
        """The report as text: md, html, json, latex, csv (effects) or csv-trials."""
        return self.client.connection.text(f"/v1/studies/{self.id}/report", "*/*", format=format)

    def save_report(self, path: str | Path) -> Path:
        """Write the report as the file's suffix says: .md, .html, .pdf, .json, .tex or .csv."""
        path = Path(path)
        format = {"tex": "latex"}.get(kind := path.suffix.removeprefix("."), kind)
        where = f"/v1/studies/{self.id}/report"
        path.write_bytes(self.client.connection.content(where, format=format))
        return path

    def logs(self, trial: str | int | None = None) -> str:
        """The driver's log, or the traceback of a trial (its number or id)."""
        return self.client.connection.text(f"/v1/studies/{self.id}/logs", trial=trial)

    def _trials(self, **filters: Any) -> list[dict[str, Any]]:
        return self.client.connection.items(f"/v1/studies/{self.id}/trials", **filters)

    def _steer(self, verb: str, **flags: bool) -> "StudyHandle":
        wanted = {name: True for name, asked in flags.items() if asked}
        path = f"/v1/studies/{self.id}/{verb}"
        self.now = Study.model_validate(self.client.connection.post(path, once=True, **wanted))
        return self

    def _get(self, path: str = "") -> dict[str, Any]:
        return self.client.connection.get(f"/v1/studies/{self.id}{path}")


def written(study: Any) -> Any:
    """A study as the service takes it.

    Raises: ServiceRefused for what is no study; OSError for a file that cannot be read.
    """
    if isinstance(study, Mapping):
        return dict(study)
    if hasattr(study, "model_dump"):
        return study.model_dump(mode="json", exclude_unset=True)
    if isinstance(study, str | Path):
        from ablations.study.documents import loads_json, loads_yaml

        path = Path(study)
        loads = loads_json if path.suffix == ".json" else loads_yaml
        return loads(path.read_text())
    kinds = "a mapping, a StudySpec, or the path of a YAML or JSON file"
    raise ServiceRefused(f"a study is {kinds}, not {type(study).__name__}")
