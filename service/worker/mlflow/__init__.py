"""The published copy of the ledger in MLflow."""
