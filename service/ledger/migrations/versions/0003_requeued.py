"""When a study was last resumed or retried."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("studies", sa.Column("requeued_at", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("studies", "requeued_at")
