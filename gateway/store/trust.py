"""What our light clients trust, kept over restarts: one state per chain, under the anchor it grew from.

And which chains lost all trust, by contradicting themselves, until a person has looked.

Whoever can write this file can make us believe a chain; so it lies beside the keys' directory, in the
gateway's own database, and is worth as much. A changed anchor in the configuration starts anew.

Implements `relays.runtime.ports.TrustMemory`.
"""

from pathlib import Path

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from gateway.store.engine import open_engine
from gateway.store.store import SqliteStore
from gateway.store.tables import HALTED_CHAINS, TRUST
from proofs.types import Assurance, BlockRef, ChainId, Height, TrustedState
from relays.runtime.ports import ChainHalt


class SqliteTrust:
    """The trust of all chains of one gateway."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def recall_trust(self, anchor: BlockRef) -> TrustedState | None:
        """Return what was trusted last under this anchor, None when there is nothing."""
        return await self._store.read(lambda connection: _recall(connection, anchor))

    async def remember_trust(self, anchor: BlockRef, state: TrustedState) -> None:
        """Keep this state for its chain instead of the one before, and return when it is durable."""
        await self._store.writer.write(lambda connection: _remember(connection, anchor, state), rows=1)

    async def recall_halt(self, chain: ChainId) -> ChainHalt | None:
        """Return why the chain waits for a person, None when it does not."""
        query = select(HALTED_CHAINS).where(HALTED_CHAINS.c.chain == chain)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else ChainHalt(reason=row.reason, contradicted=row.contradicted)

    async def remember_halt(self, chain: ChainId, halt: ChainHalt) -> None:
        """Keep that the chain waits for a person, and return when it is durable."""
        values = {"reason": halt.reason, "contradicted": halt.contradicted}
        statement = insert(HALTED_CHAINS).values(chain=chain, **values)
        statement = statement.on_conflict_do_update(index_elements=["chain"], set_=values)
        await self._store.writer.write(lambda connection: connection.execute(statement), rows=1)

    async def forget(self, chain: ChainId) -> None:
        """Forget state and halt of the chain, and return when that is durable."""

        def work(connection: Connection) -> None:
            connection.execute(delete(TRUST).where(TRUST.c.chain == chain))
            connection.execute(delete(HALTED_CHAINS).where(HALTED_CHAINS.c.chain == chain))

        await self._store.writer.write(work, rows=2)


def look_up_trust(file: Path, anchor: BlockRef) -> TrustedState | None:
    """Return what the gateway with this database trusts under an anchor, whether it runs or not.

    None when there is nothing, or no database of this version.
    """
    if not file.is_file():
        return None
    engine = open_engine(file)
    try:
        with engine.connect() as connection:
            return _recall(connection, anchor)
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()


def _recall(connection: Connection, anchor: BlockRef) -> TrustedState | None:
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


def _remember(connection: Connection, anchor: BlockRef, state: TrustedState) -> None:
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
