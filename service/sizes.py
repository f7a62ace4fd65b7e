"""Plans with the size of every arm, where it follows from the settings."""

from typing import Any

from ablations.design.design import Design
from trainables.models.widths import arm_size


def with_sizes(plan: dict[str, Any], design: Design) -> dict[str, Any]:
    """The plan, each arm with `size`: trained parameters and inner width; null where only building tells."""
    sizes = {arm.id: arm_size(design.study.trainable, arm.settings) for arm in design.arms}
    return {**plan, "arms": [{**arm, "size": sizes[arm["id"]]} for arm in plan["arms"]]}
