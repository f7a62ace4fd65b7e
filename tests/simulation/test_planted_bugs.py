"""Each planted bug is found: by the schedule that is noted with it, or by one of the next few.

Any change of the product shifts its steps, and with them which schedule shows a bug; so the next schedules
are tried too before a bug counts as not found.
"""

import pytest

from tests.simulation.mutations import FOUND_BY, MUTATIONS, Mutation
from tests.simulation.world import run_seed

NEXT = 40


def test_every_planted_bug_has_a_name_of_its_own_and_can_still_be_planted() -> None:
    names = [bug.name for bug in MUTATIONS]
    assert len(set(names)) == len(names) >= 30
    assert set(FOUND_BY) <= set(names)
    for bug in MUTATIONS:
        assert bug.source()


@pytest.mark.slow
@pytest.mark.parametrize("bug", [bug for bug in MUTATIONS if bug.name in FOUND_BY], ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Mutation) -> None:
    first = FOUND_BY[bug.name]
    assert not run_seed(first).violations
    with bug.planted():
        assert any(run_seed(seed).violations for seed in range(first, first + NEXT))
