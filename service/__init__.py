"""The ablation service: API, ledger, Ray driver, worker, command line."""
