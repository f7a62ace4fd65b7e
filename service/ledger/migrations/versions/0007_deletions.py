"""Deleted studies, and what stays of their results that others reused."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deletions",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("num_trials", sa.Integer(), nullable=False),
        sa.Column("num_reused", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("judged_at", sa.Double(), nullable=True),
        sa.Column("deleted_at", sa.Double(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_deletions")),
    )
    op.create_table(
        "remains",
        sa.Column("trial_id", sa.String(length=40), nullable=False),
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("arm_id", sa.String(length=40), nullable=False),
        sa.Column("known_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["deletions.study_id"], name=op.f("fk_remains_study_id")),
        sa.PrimaryKeyConstraint("trial_id", name=op.f("pk_remains")),
    )
    op.create_index(op.f("ix_remains_study_id"), "remains", ["study_id"])
    op.create_index(
        "ix_trials_reused",
        "trials",
        ["reused_from"],
        sqlite_where=sa.text("reused_from IS NOT NULL"),
        postgresql_where=sa.text("reused_from IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_trials_reused", "trials")
    op.drop_table("remains")
    op.drop_table("deletions")
