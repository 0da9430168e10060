"""Trusted states of light clients that start at an anchor."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go to this schema."""
    op.create_table(
        "trust",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("anchor_height", sa.Integer, nullable=False),
        sa.Column("anchor_hash", sa.LargeBinary, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("time_s", sa.Integer, nullable=False),
        sa.Column("assurance", sa.Text, nullable=False),
        sa.Column("consensus", sa.LargeBinary, nullable=False),
    )
