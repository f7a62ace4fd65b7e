"""How many times a study was run anew."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "studies", sa.Column("generation", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    op.execute("UPDATE studies SET generation = 1 WHERE id IN (SELECT study_id FROM superseded)")


def downgrade() -> None:
    op.drop_column("studies", "generation")
