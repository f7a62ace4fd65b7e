"""Reports and verdicts, built from the ledger alone."""
