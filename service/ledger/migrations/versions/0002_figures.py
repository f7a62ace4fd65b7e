"""Figures of reports, one file a row."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "figures",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("caption", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["builds.study_id"], name=op.f("fk_figures_study_id")),
        sa.PrimaryKeyConstraint("study_id", "name", name=op.f("pk_figures")),
    )


def downgrade() -> None:
    op.drop_table("figures")
