"""What can go wrong in training code.

TrainableError
  UnknownTrainable     no trainable of this name        -> 422
  PluginMissing        code named by a manifest cannot be imported here: the trial fails
  DataUnavailable      a dataset is neither here nor to be had: the trial fails
  BadCheckpoint        a saved state that does not fit: the trial fails
  SwapError            a network whose activations cannot be replaced as asked: the trial fails
"""


class TrainableError(Exception):
    """Anything training code refuses to do."""


class UnknownTrainable(TrainableError):
    """No trainable of this name is in the catalogue."""


class PluginMissing(TrainableError):
    """The code named by a manifest cannot be imported in this process."""


class DataUnavailable(TrainableError):
    """A dataset that is not here and cannot be fetched."""


class BadCheckpoint(TrainableError):
    """A saved state that does not fit the run it is restored into."""


class SwapError(TrainableError):
    """A network whose activations cannot be replaced as asked."""
