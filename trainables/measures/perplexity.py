"""Perplexity, and where it ends. No torch here: manifests read it too."""

import math

# Beyond this it says no more, and a diverged training counts as this.
LARGEST_PERPLEXITY = 1e6


def perplexity(loss: float) -> float:
    """exp of the mean loss a token in nats; capped where it says no more. NaN and infinity stay.

    >>> perplexity(0.0), perplexity(99.0) == LARGEST_PERPLEXITY
    (1.0, True)
    """
    return min(math.exp(min(loss, 700.0)), LARGEST_PERPLEXITY) if math.isfinite(loss) else loss
