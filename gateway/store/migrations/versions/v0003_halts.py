"""Lanes and chains that wait for a person."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Go to this schema."""
    op.create_table(
        "halted_lanes",
        sa.Column("lane_id", sa.Integer, sa.ForeignKey("lanes.id"), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("violated", sa.Boolean, nullable=False),
    )
    op.create_table(
        "halted_chains",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("contradicted", sa.Boolean, nullable=False),
    )
