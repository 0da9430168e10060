"""The tables, for queries; `migrations` makes them. Keys grow with time: no random primary keys.

Messages are split by how they change: `packets` is written when a message is seen, `messages` at each move. A
move is one `UPDATE` over a range of sequences and one row of `moves`, however many messages it carries.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

LANES = Table(
    "lanes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_client", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("destination_client", Text, nullable=False),
    UniqueConstraint("source", "source_client", "destination", "destination_client"),
)

CURSORS = Table(
    "cursors",
    METADATA,
    Column("lane_id", Integer, ForeignKey("lanes.id"), nullable=False),
    Column("leg", Text, nullable=False),
    Column("height", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("lane_id", "leg"),
    sqlite_with_rowid=False,
)

PACKETS = Table(
    "packets",
    METADATA,
    Column("lane_id", Integer, ForeignKey("lanes.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("transaction_name", Text, nullable=False),
    Column("packet", LargeBinary, nullable=False),
    PrimaryKeyConstraint("lane_id", "sequence"),
)

MESSAGES = Table(
    "messages",
    METADATA,
    Column("lane_id", Integer, ForeignKey("lanes.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("id_head", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("since_s", Float, nullable=False),
    Column("waiting_on", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("next_action_s", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("delivery", Text),
    Column("delivered_by", Text, nullable=False),
    PrimaryKeyConstraint("lane_id", "sequence"),
    sqlite_with_rowid=False,
)
"""`id_head` is the first six bytes of the message id as a number: enough to find it by."""

Index("messages_id_head", MESSAGES.c.id_head)
Index("messages_open", MESSAGES.c.lane_id, MESSAGES.c.sequence, sqlite_where=MESSAGES.c.ended.is_(False))

ACKNOWLEDGEMENTS = Table(
    "acknowledgements",
    METADATA,
    Column("lane_id", Integer, ForeignKey("lanes.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("acknowledgements", LargeBinary, nullable=False),
    PrimaryKeyConstraint("lane_id", "sequence"),
    sqlite_with_rowid=False,
)

MOVES = Table(
    "moves",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("lane_id", Integer, ForeignKey("lanes.id"), nullable=False),
    Column("first_sequence", Integer, nullable=False),
    Column("last_sequence", Integer, nullable=False),
    Column("ranges", LargeBinary),
    Column("at_s", Float, nullable=False),
    Column("state", Text, nullable=False),
    Column("waiting_on", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer),
    Column("delivery", Text),
    Column("delivered_by", Text),
)
"""The timeline: one row for each list that moved together; `ranges` is empty when the list has no holes."""

Index("moves_by_sequence", MOVES.c.lane_id, MOVES.c.last_sequence)

SIGNED_HEIGHTS = Table(
    "signed_heights",
    METADATA,
    Column("lane_id", Integer, ForeignKey("lanes.id"), nullable=False),
    Column("height", Integer, nullable=False),
    Column("time_s", Integer, nullable=False),
    PrimaryKeyConstraint("lane_id", "height"),
    sqlite_with_rowid=False,
)
"""The signing log, written before a signature is made: two timestamps for one height freeze a client."""

TRUST = Table(
    "trust",
    METADATA,
    Column("chain", Text, primary_key=True),
    Column("anchor_height", Integer, nullable=False),
    Column("anchor_hash", LargeBinary, nullable=False),
    Column("height", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("time_s", Integer, nullable=False),
    Column("assurance", Text, nullable=False),
    Column("consensus", LargeBinary, nullable=False),
)
"""The newest state that a light client trusts, under the configured anchor that it grew from."""

HALTED_LANES = Table(
    "halted_lanes",
    METADATA,
    Column("lane_id", Integer, ForeignKey("lanes.id"), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("violated", Boolean, nullable=False),
)
"""Lanes that wait for a person, and why. `violated`: a chain contradicted itself."""

HALTED_CHAINS = Table(
    "halted_chains",
    METADATA,
    Column("chain", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("contradicted", Boolean, nullable=False),
)
"""Chains that contradicted themselves. `contradicted`: by our own light client."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at_s", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("chained", LargeBinary, nullable=False),
)
"""What people and peers had us do. `chained` = sha256(previous chained || row): edits and gaps show."""
