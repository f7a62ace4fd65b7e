"""Drivers that stand by for a study: jobs that are up before there is anything to do.

A row is one that has no study yet. One that gets a study loses its row in the transaction that begins the
attempt; one without a row and without an attempt is not wanted any more.
"""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from service.errors import Forbidden
from service.ledger.database import Tx
from service.ledger.tables import db_now, standbys


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """One that waits. Units: seconds, since it was announced and since it last asked, if it ever did."""

    id: str
    age_s: float
    silent_s: float | None
    holder: str | None = None
    """Which process uses its ticket."""


def announce(tx: Tx, id: str) -> None:
    """One is about to be submitted under this id."""
    tx.execute(insert(standbys).values(id=id, created_at=db_now()))


def heard(tx: Tx, id: str, holder: str) -> bool:
    """It asks for a study; False if it does not wait, or not any more.

    Raises: Forbidden when another process has asked in its name.
    """
    mine = standbys.c.holder.is_(None) | (standbys.c.holder == holder)
    change = update(standbys).where(standbys.c.id == id, mine).values(heard_at=db_now(), holder=holder)
    if tx.execute(change).rowcount:
        return True
    if waits(tx, id):
        raise Forbidden(f"another process waits as {id}: its ticket serves one only")
    return False


def waits(tx: Tx, id: str) -> bool:
    """Whether it waits for a study."""
    return tx.execute(select(standbys.c.id).where(standbys.c.id == id)).first() is not None


def waiting(tx: Tx) -> list[Standby]:
    """Those that wait, the oldest first."""
    age_s = (db_now() - standbys.c.created_at).label("age_s")
    silent_s = (db_now() - standbys.c.heard_at).label("silent_s")
    query = select(standbys.c.id, age_s, silent_s, standbys.c.holder)
    rows = tx.execute(query.order_by(standbys.c.created_at)).mappings()
    return [Standby(**row) for row in rows]


def remove(tx: Tx, id: str) -> bool:
    """It waits no more; False if it did not."""
    return bool(tx.execute(delete(standbys).where(standbys.c.id == id)).rowcount)
