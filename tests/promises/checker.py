"""The one checker: knows what was found and what users were told, and nothing of how the run was made."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from tests.promises.ends import Expected, check_answer, check_ended, check_results
from tests.promises.found import Found, FoundStudy, Promises
from tests.promises.histories import check_again, check_attempts, check_events
from tests.promises.published import check_published


def check(
    found: Found,
    promises: Promises,
    *,
    ended: bool = True,
    expected: Expected | None = None,
    answers: Callable[[FoundStudy], Iterator[str]] = lambda _one: iter(()),
) -> list[str]:
    """Everything that does not hold, in words; empty if all is well.

    `ended` says that the run was given the time to come to rest; `answers` yields what is wrong with the
    final report of a study.
    """
    began: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for study_id, attempt, trial_id in found.began:
        began[study_id].append((attempt, trial_id))
    wrong = list(_accepted(found, promises))
    for one in found.studies:
        parts = [check_events(one), check_attempts(one), check_again(one, began[one.id])]
        parts.append(_answered(one, promises))
        if ended:
            parts += [check_ended(one), check_answer(one, answers), check_published(one)]
        if expected is not None:
            parts.append(check_results(one, expected))
        wrong += [f"{one.study['name']} {one.id[-6:]}: {word}" for part in parts for word in part]
    return wrong


def _accepted(found: Found, promises: Promises) -> Iterator[str]:
    """What was accepted is there, once for each key."""
    ids = {one.id for one in found.studies}
    for study_id in promises.study_ids:
        if study_id not in ids:
            yield f"lost: study {study_id} was accepted and is not in the ledger"
    for key, made in promises.by_key.items():
        if len(made) > 1:
            yield f"key: {key} was answered with {len(made)} studies"
    for study_id in sorted(ids - {found.by_key.get(key) for key in promises.by_key}):
        yield f"key: no key stands for study {study_id}"


def _answered(one: FoundStudy, promises: Promises) -> Iterator[str]:
    """A verb that was answered has happened, and what was shown as done stays so."""
    asks = [ask for ask in promises.asks if ask.study_id == one.id]
    told = [event["data"].get("state") for event in one.events if event["kind"] == "study"]
    done = {ask.verb for ask in asks if ask.status is not None and ask.status < 300}
    if "cancel" in done and one.state != "cancelled":
        yield f"verb: it was cancelled and is {one.state}"
    if one.state == "cancelled" and not any(ask.verb == "cancel" for ask in asks):
        yield "verb: nobody cancelled it and it is cancelled"
    if "paused" in told and not any(ask.verb == "pause" for ask in asks):
        yield "verb: nobody paused it and it was paused"
    if "pause" in done and "paused" not in told and "cancelled" not in told:
        yield "verb: it was paused and no event says so"
    retried = [event for event in one.events if "retried" in event["data"]]
    if len(retried) > len({ask.key for ask in asks if ask.verb == "retry"}):
        yield f"verb: {len(retried)} retries happened, fewer were asked for"
    if "retry" in done and not retried:
        yield "verb: a retry was answered and no event says so"
    for trial in one.trials:
        now = trial["attempts"], trial["metrics"]
        if promises.done.get(trial["id"], now) != now:
            yield f"shown: {trial['id'][:6]} was done as {promises.done[trial['id']]} and is {now}"
