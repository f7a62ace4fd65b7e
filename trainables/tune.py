"""The Ray Tune side of training: a slot as a Tune trial."""

from typing import Any

from ray import tune

from trainables.slot import Drawing


class Slot(Drawing, tune.Trainable):  # type: ignore[misc]  # ray ships no types
    """One Tune trial: a worker for one lease quantum. Its single step trains everything it draws."""

    def setup(self, config: dict[str, Any]) -> None:  # noqa: ARG002
        """Say that this process is up."""
        self.join()

    def step(self) -> dict[str, Any]:
        """Draw, train and commit until nothing is left or the quantum is over."""
        return {"done": True, "num_trials": self.work()}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: the state of a study is the ledger's."""
