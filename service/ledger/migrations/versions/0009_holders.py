"""Which process uses a job's ticket, and what an attempt waits for."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("attempts", "standbys"):
        op.add_column(table, sa.Column("holder", sa.String(length=64), nullable=True))
    op.add_column("attempts", sa.Column("waits_for", sa.String(length=500), nullable=True))


def downgrade() -> None:
    op.drop_column("attempts", "waits_for")
    for table in ("attempts", "standbys"):
        op.drop_column(table, "holder")
