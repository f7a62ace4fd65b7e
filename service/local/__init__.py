"""The embedded system: Ray, MLflow, worker and API on one machine, started and ended together."""
