"""The ledger: what was asked, what was run and what came out. The truth, in SQLite or PostgreSQL."""

from service.ledger.database import Ledger, Tx, check_schema, migrate, open_ledger

__all__ = ["Ledger", "Tx", "check_schema", "migrate", "open_ledger"]
