"""Who leads where only one may act: a lease by the database's clock."""

from sqlalchemy import update

from service.ledger.database import Tx
from service.ledger.tables import db_now, leases


def take(tx: Tx, name: str, holder: str, for_s: float) -> bool:
    """Take or renew a lease; False while somebody else holds it."""
    free = (leases.c.holder == holder) | (leases.c.held_until <= db_now())
    taken = tx.execute(
        update(leases).where(leases.c.name == name, free).values(holder=holder, held_until=db_now() + for_s)
    )
    return bool(taken.rowcount)


def release(tx: Tx, name: str, holder: str) -> None:
    """Give a lease back, if it is still this holder's."""
    mine = (leases.c.name == name) & (leases.c.holder == holder)
    tx.execute(update(leases).where(mine).values(held_until=0.0))
