"""The worker: loops that keep studies moving."""
