"""What a person may have the gateway do: retry, halt, resume, send. The audit log hears of it first.

Implements `gateway.api.ports.Operator`.
"""

from collections.abc import Mapping, Sequence

from adapters.api import GatewayChain, MessageSender, SendMessage, SendTransfer
from gateway.api.ports import Conflict, UnknownName
from gateway.lanes import LaneBook, LaneEntry
from gateway.reader import Reader
from gateway.store.store import SqliteStore
from proofs.codec import message_id as message_id_of
from proofs.types import ChainId
from proofs.types import Sequence as PacketSequence
from relays.core.types import State
from relays.runtime.status import LaneMode
from relays.runtime.supervisor import Supervisor


class Control:
    """Acts, for a caller that holds the scope."""

    def __init__(
        self,
        *,
        lanes: LaneBook,
        chains: Mapping[ChainId, GatewayChain],
        supervisor: Supervisor,
        reader: Reader,
        store: SqliteStore,
    ) -> None:
        self._lanes = lanes
        self._chains = dict(chains)
        self._supervisor = supervisor
        self._reader = reader
        self._store = store

    async def retry(self, message_id: str) -> None:
        """Take a parked message up again. Raises `UnknownName`, `Conflict`."""
        view = await self._reader.message(message_id)
        if view.state != State.PARKED.value:
            raise Conflict(f"expected a parked message, got one that is {view.state}")
        entry = self._entry(view.lane)
        await self._store.note("operator", "retry", view.id)
        self._supervisor.lane(entry.lane).retry([PacketSequence(view.sequence)])

    async def halt(self, lane_id: str, reason: str) -> None:
        """Stop a lane until it is resumed. Raises `UnknownName`."""
        entry = self._entry(lane_id)
        await self._store.note("operator", "halt", f"{lane_id}: {reason}")
        handle = self._supervisor.lane(entry.lane)
        handle.halt(f"by operator: {reason}")
        await handle.saved()

    async def resume(self, lane_id: str) -> None:
        """Let a halted lane go on. Raises `UnknownName`, `Conflict`."""
        entry = self._entry(lane_id)
        handle = self._supervisor.lane(entry.lane)
        mode = handle.status().mode
        if mode not in (LaneMode.HALTED, LaneMode.FAILED):
            raise Conflict(f"expected a halted lane, got one that is {mode.value}")
        await self._store.note("operator", "resume", lane_id)
        await handle.resume()

    async def send(self, lane_id: str, requests: Sequence[SendMessage | SendTransfer]) -> Sequence[str]:
        """Send with this gateway's signer and return the message ids, in order.

        Raises `UnknownName`, `Conflict` when the source cannot send, and what the source's adapter raises.
        """
        entry = self._entry(lane_id)
        chain = self._chains[entry.lane.source]
        if not isinstance(chain, MessageSender):
            raise Conflict(f"expected a chain that can send, got {entry.lane.source}")
        foreign = [request.lane for request in requests if request.lane != entry.lane]
        if foreign:
            raise Conflict(f"expected requests for lane {entry.lane}, got one for {foreign[0]}")
        await self._store.note("operator", "send", f"{lane_id}: {len(requests)}")
        sequences = await chain.send(requests)
        lane = entry.lane
        return [message_id_of(lane.source, lane.source_client, sequence).hex() for sequence in sequences]

    def _entry(self, lane_id: str) -> LaneEntry:
        entry = self._lanes.named(lane_id)
        if entry is None:
            raise UnknownName(f"no lane {lane_id!r}; known: {', '.join(self._lanes.ids())}")
        return entry
