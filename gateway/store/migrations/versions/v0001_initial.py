"""The first schema: lanes, cursors, messages, their moves, the signing log, the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _lane() -> "sa.Column[int]":
    return sa.Column("lane_id", sa.Integer, sa.ForeignKey("lanes.id"), nullable=False)


def upgrade() -> None:
    """Go to this schema."""
    _create_lanes()
    _create_messages()
    _create_logs()


def _create_lanes() -> None:
    op.create_table(
        "lanes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("source_client", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("destination_client", sa.Text, nullable=False),
        sa.UniqueConstraint("source", "source_client", "destination", "destination_client"),
    )
    op.create_table(
        "cursors",
        _lane(),
        sa.Column("leg", sa.Text, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("lane_id", "leg"),
        sqlite_with_rowid=False,
    )


def _create_messages() -> None:
    op.create_table(
        "packets",
        _lane(),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("transaction_name", sa.Text, nullable=False),
        sa.Column("packet", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("lane_id", "sequence"),
    )
    op.create_table(
        "messages",
        _lane(),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("id_head", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Column("since_s", sa.Float, nullable=False),
        sa.Column("waiting_on", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("next_action_s", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("delivery", sa.Text),
        sa.Column("delivered_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("lane_id", "sequence"),
        sqlite_with_rowid=False,
    )
    op.create_index("messages_id_head", "messages", ["id_head"])
    op.create_index("messages_open", "messages", ["lane_id", "sequence"], sqlite_where=sa.text("ended IS 0"))
    op.create_table(
        "acknowledgements",
        _lane(),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("acknowledgements", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("lane_id", "sequence"),
        sqlite_with_rowid=False,
    )


def _create_logs() -> None:
    op.create_table(
        "moves",
        sa.Column("id", sa.Integer, primary_key=True),
        _lane(),
        sa.Column("first_sequence", sa.Integer, nullable=False),
        sa.Column("last_sequence", sa.Integer, nullable=False),
        sa.Column("ranges", sa.LargeBinary),
        sa.Column("at_s", sa.Float, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("waiting_on", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer),
        sa.Column("delivery", sa.Text),
        sa.Column("delivered_by", sa.Text),
    )
    op.create_index("moves_by_sequence", "moves", ["lane_id", "last_sequence"])
    op.create_table(
        "signed_heights",
        _lane(),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("time_s", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("lane_id", "height"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at_s", sa.Float, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("chained", sa.LargeBinary, nullable=False),
    )
