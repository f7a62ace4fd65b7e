"""What users of one project ask and are told while the system is struck."""

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.promises.found import Promises

FINAL = ("done", "failed", "cancelled")
WITHIN_S = 900.0


class Users:
    """One study under one key, and what else the schedule's verbs make of it."""

    def __init__(self, client: httpx.Client, number: int, study: dict[str, Any]) -> None:
        self.promises = Promises()
        self._client = client
        self._key = f"chaos-{number}"
        self._study = study
        self._num_asked = 0
        self.study_id = ""

    def submit(self) -> str:
        """Under the key; the study's id."""
        headers = {"Idempotency-Key": self._key}
        self.promises.makes(self._key)
        send = lambda: self._client.post("/v1/studies", json=self._study, headers=headers)  # noqa: E731
        study_id = str(patiently(send).raise_for_status().json()["id"])
        self.promises.accepted(study_id, self._key)
        self.study_id = self.study_id or study_id
        return study_id

    def do(self, verb: str) -> str:
        """What a schedule calls a verb; with `twice` its requests are sent twice at once."""
        if verb == "submit-again":
            return f"{verb}: {self.submit() == self.study_id}"
        name, _, twice = verb.partition("-twice")
        times = 2 if twice or verb.endswith("twice") else 1
        if name == "pause-resume":
            answers = self._ask("pause", times)
            time.sleep(1.0)
            answers += self._ask("resume", times)
        elif name == "retry":
            answers = self._ask("retry", times)
        else:
            answers = self._ask("extend", times, json={"seeds": self._study["seeds"] + 1})
            made = [answer.json()["id"] for answer in answers if answer.status_code == 202]
            for study_id in made if "cancel" in name else ():
                answers += self._ask("cancel", times, study_id)
        return f"{verb}: {[answer.status_code for answer in answers]}"

    def _ask(self, verb: str, times: int, study_id: str = "", **options: Any) -> list[httpx.Response]:
        """Send a request so many times at once under one key, each until it is answered."""
        study_id = study_id or self.study_id
        answers: list[httpx.Response] = []
        self._num_asked += 1
        key = f"{self._key}-{verb}-{self._num_asked}"
        if verb == "extend":
            self.promises.makes(key)

        def send() -> httpx.Response:
            asked = self.promises.ask(study_id, verb, key)
            headers = {"Idempotency-Key": key}
            answer = self._client.post(f"/v1/studies/{study_id}/{verb}", headers=headers, **options)
            self.promises.answered(asked, answer.status_code)
            return answer

        def ask() -> None:
            answers.append(patiently(send))

        threads = [threading.Thread(target=ask) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if verb == "extend":
            for answer in answers:
                if answer.status_code == 202:
                    self.promises.accepted(answer.json()["id"], key)
        return answers

    def wait(self, settled: Callable[[], bool]) -> None:
        """Until all studies have ended and nothing is left to do; meanwhile notes what is shown as done."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            shown = [self._look(study_id) for study_id in self.promises.study_ids]
            if all(study["state"] in FINAL and study["published"] for study in shown) and settled():
                return
            if time.monotonic() > deadline:
                said = [f"{study['state']} {study['progress']}" for study in shown]
                raise TimeoutError(f"not over after {WITHIN_S:.0f} s: {'; '.join(said)}")
            time.sleep(0.5)

    def give_up(self) -> None:
        """Cancel everything, so that it is not in the way of the next schedule."""
        for study_id in self.promises.study_ids:
            self._ask("cancel", 1, study_id)

    def _look(self, study_id: str) -> dict[str, Any]:
        where, query = f"/v1/studies/{study_id}", {"limit": "200", "state": "done"}
        study = patiently(lambda: self._client.get(where)).raise_for_status().json()
        done = patiently(lambda: self._client.get(f"{where}/trials", params=query)).raise_for_status().json()
        for row in done["items"]:
            self.promises.shown(row)
        return dict(study)


def patiently(ask: Callable[[], httpx.Response], *, for_s: float = 240.0) -> httpx.Response:
    """An answer below 500, however often the API is away meanwhile."""
    deadline = time.monotonic() + for_s
    while True:
        try:
            answer = ask()
            if answer.status_code < 500:
                return answer
            said = answer.text
        except httpx.TransportError as error:
            said = repr(error)
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer for {for_s:.0f} s: {said}")
        time.sleep(0.3)
