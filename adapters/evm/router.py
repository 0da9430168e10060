"""Reads of the router's state at one block: what no event can be trusted for.

Every read is asked of all endpoints and answered when `threshold` of them agree, because none of it is
proven here. What relays act on in the end is proven by `proofs`, whatever these reads say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.errors import Refused
from adapters.evm.abi import WORD, Answer
from adapters.evm.batches import ack_batches_call, client_info_call, commitments_call, received_call
from adapters.evm.blocks import explain_failure
from adapters.evm.endpoints import Endpoints
from adapters.evm.reverts import describe
from adapters.evm.rpc import ErrorObject, RpcClient
from adapters.evm.wire import data, error_data, pinned, read
from proofs.types import BlockRef, ClientId

_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientInfo:
    """What the router knows of one client."""

    counterparty: ClientId
    light_client: bytes
    """Address of its contract."""
    last_sequence_sent: int
    last_ack_batch: int


async def call_at(client: RpcClient, to: bytes, call_data: bytes, at: BlockRef) -> bytes:
    """Return what a call of a contract returns in the state of block `at`, asked of one endpoint.

    Raises `Refused` with the decoded reason when the contract reverts; `Reorged`, `Pruned`,
    `NotYetAvailable`.
    """
    target = {"to": "0x" + to.hex(), "data": "0x" + call_data.hex()}
    [reply] = await client.batch([("eth_call", [target, pinned(at)])])
    if isinstance(reply, ErrorObject):
        revert = error_data(reply)
        if revert or reply.code == 3:
            raise Refused(describe(revert))
        raise await explain_failure(client, at, reply, "eth_call")
    return data(read(reply, str, "eth_call"), "eth_call")


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """The router of one chain, read by quorum."""

    endpoints: Endpoints
    address: bytes

    async def call(self, to: bytes, call_data: bytes, at: BlockRef) -> Answer:
        """Return what `threshold` endpoints agree that a call returns. Raises `Refused`, `NoAgreement`."""

        async def work(client: RpcClient) -> bytes:
            return await call_at(client, to, call_data, at)

        returned = await self.endpoints.agreed(work)
        if not returned:
            raise Refused(f"no contract at 0x{to.hex()} in block {at.height}")
        return Answer(returned)

    async def info(self, client: ClientId, at: BlockRef) -> ClientInfo:
        """Return what the router knows of a client. Raises `Refused` when it knows none by that name."""
        found = (await self.call(self.address, client_info_call(client), at)).inner(0)
        return ClientInfo(
            counterparty=ClientId(found.inner(0).text()),
            light_client=found.uint(WORD, 160).to_bytes(20, "big"),
            last_sequence_sent=found.uint(2 * WORD),
            last_ack_batch=found.uint(3 * WORD),
        )

    async def commitments(self, client: ClientId, sequences: Sequence[int], at: BlockRef) -> list[bytes]:
        """Return the commitment of each packet that this client sent; zeros where none stands."""
        words: list[bytes] = []
        for part in _parts(sequences):
            words += (await self.call(self.address, commitments_call(client, part), at)).inner(0).words()
        return words

    async def received(self, client: ClientId, sequences: Sequence[int], at: BlockRef) -> list[bool]:
        """Return for each packet whether this client has received it."""
        words: list[bytes] = []
        for part in _parts(sequences):
            words += (await self.call(self.address, received_call(client, part), at)).inner(0).words()
        return [any(each) for each in words]

    async def ack_batches(self, client: ClientId, first: int, count: int, at: BlockRef) -> list[bytes]:
        """Return the stored hashes of acknowledgement batches from number `first`."""
        words: list[bytes] = []
        for start in range(first, first + count, _CHUNK):
            size = min(_CHUNK, first + count - start)
            words += (
                (await self.call(self.address, ack_batches_call(client, start, size), at)).inner(0).words()
            )
        return words


def _parts(sequences: Sequence[int]) -> list[Sequence[int]]:
    return [sequences[at : at + _CHUNK] for at in range(0, len(sequences), _CHUNK)]
