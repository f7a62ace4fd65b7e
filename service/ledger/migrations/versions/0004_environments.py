"""What trials ran with, and results that were run anew."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "environments",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("commits", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environments")),
    )
    # No foreign key: SQLite would have to write the whole table of trials anew.
    op.add_column("trials", sa.Column("environment_id", sa.String(length=64), nullable=True))
    op.create_table(
        "superseded",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("trial_id", sa.String(length=40), nullable=False),
        sa.Column("superseded_at", sa.Double(), nullable=False),
        sa.Column("row", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_superseded_study_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_superseded")),
    )
    op.create_index(op.f("ix_superseded_study_id_number"), "superseded", ["study_id", "number"])


def downgrade() -> None:
    op.drop_table("superseded")
    op.drop_column("trials", "environment_id")
    op.drop_table("environments")
