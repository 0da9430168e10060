"""What our light clients trust, kept over restarts: one state per chain, under the anchor it grew from.

Whoever can write this file can make us believe a chain; so it lies beside the keys' directory, in the
gateway's own database, and is worth as much. A changed anchor in the configuration starts anew.
"""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from gateway.store.tables import TRUST
from proofs.types import Assurance, BlockRef, Height, TrustedState


def recall(connection: Connection, anchor: BlockRef) -> TrustedState | None:
    """Return the state that was remembered under this anchor, None when there is none."""
    query = select(TRUST).where(
        TRUST.c.chain == anchor.chain,
        TRUST.c.anchor_height == anchor.height,
        TRUST.c.anchor_hash == anchor.hash,
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return TrustedState(
        block=BlockRef(chain=anchor.chain, height=Height(row.height), hash=row.hash),
        root=row.root,
        time_s=row.time_s,
        assurance=Assurance(row.assurance),
        consensus=row.consensus,
    )


def remember(connection: Connection, anchor: BlockRef, state: TrustedState) -> None:
    """Keep this state for its chain, instead of what was kept before."""
    values = {
        "anchor_height": anchor.height,
        "anchor_hash": anchor.hash,
        "height": state.block.height,
        "hash": state.block.hash,
        "root": state.root,
        "time_s": state.time_s,
        "assurance": state.assurance.value,
        "consensus": state.consensus,
    }
    statement = insert(TRUST).values(chain=anchor.chain, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["chain"], set_=values))
