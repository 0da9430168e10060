"""The destination role: what clients know, what is still to be delivered, deliveries as transactions.

One delivery is one transaction: client update, signatures once, packets. A batch that others delivered
before has no effect and succeeds all the same. Simulation comes before the first batch of a kind and
after each failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import TypeVar

from adapters.api import (
    ClientView,
    Delivery,
    Included,
    Lost,
    Pending,
    SubmissionId,
    SubmissionStatus,
)
from adapters.errors import MalformedReply, NoAgreement, Refused
from adapters.evidence import attested_of
from adapters.evm.abi import WORD, Answer, selector, word
from adapters.evm.batches import delivery_call, host_client, update_message
from adapters.evm.blocks import read_block
from adapters.evm.endpoints import Endpoints
from adapters.evm.gas import GasModel
from adapters.evm.replay import why_reverted
from adapters.evm.reverts import describe
from adapters.evm.router import Router
from adapters.evm.rpc import ErrorObject, RpcClient
from adapters.evm.sender import Fate, Sender
from adapters.evm.transactions import Intent
from adapters.evm.wire import data, error_data, number, read
from proofs.types import BlockRef, ChainId, Claim, ClientId, Height, Lane, Sent

K = TypeVar("K")
V = TypeVar("V")

_CLIENT_STATE = selector("getClientState()")
_CONSENSUS_TIME = selector("getConsensusTimestamp(uint64)")
_MAX_REMEMBERED = 10_000


@dataclass(slots=True, kw_only=True)
class Destination:
    """Writes to one router for relays."""

    chain: ChainId
    endpoints: Endpoints
    router: Router
    sender: Sender | None
    """None when the chain is only watched."""
    max_gas: int
    _gas: GasModel = field(default_factory=GasModel)
    _light_clients: dict[ClientId, bytes] = field(default_factory=dict)
    _ids: dict[str, SubmissionId] = field(default_factory=dict)
    """Delivery key -> what it was submitted as."""
    _kinds: dict[bytes, str] = field(default_factory=dict)
    """Transaction hash -> kind in the gas model."""

    async def client(self, client: ClientId, at: BlockRef) -> ClientView:
        """See `DestinationChain.client`."""
        info = await self.router.info(client, at)
        self._light_clients[client] = info.light_client
        returned = await self.router.call(info.light_client, _CLIENT_STATE, at)
        state = Answer(returned.inner(0).content()).inner(0)
        return ClientView(
            kind="attestations",
            counterparty=info.counterparty,
            attestors=tuple([each[12:] for each in state.inner(0).words()]),
            threshold=state.uint(WORD, 8),
            latest_height=Height(state.uint(2 * WORD)),
            frozen=bool(state.uint(3 * WORD, 1)),
        )

    async def outstanding(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> Sequence[bool]:
        """See `DestinationChain.outstanding`."""
        arriving = [claim.packet.sequence for claim in claims if isinstance(claim, Sent)]
        settling = [claim.packet.sequence for claim in claims if not isinstance(claim, Sent)]
        received = await self.router.received(lane.destination_client, arriving, at) if arriving else []
        standing = await self.router.commitments(lane.source_client, settling, at) if settling else []
        open_in, open_out = iter(received), iter(standing)
        return [not next(open_in) if isinstance(claim, Sent) else any(next(open_out)) for claim in claims]

    async def submit(self, delivery: Delivery) -> SubmissionId:
        """See `DestinationChain.submit`. A delivery that is still on its way is not sent twice."""
        if self.sender is None:
            raise Refused("expected a signer for this chain, none is configured")
        known = self._ids.get(delivery.key)
        if known is not None and self.sender.is_open(bytes.fromhex(known[2:])):
            return known
        call_data = delivery_call(delivery, await self._update(delivery))
        kind = _kind(delivery)
        gas = self._gas.limit(kind, len(delivery.proven), len(call_data))
        if gas is None:
            estimate = await self._simulate(self.sender, call_data)
            gas = self._gas.learn(kind, len(delivery.proven), len(call_data), estimate)
        intent = Intent(to=self.router.address, data=call_data, gas=min(gas, self.max_gas))
        [transaction_hash] = await self.sender.send([intent])
        submission = SubmissionId("0x" + transaction_hash.hex())
        _keep(self._ids, delivery.key, submission)
        _keep(self._kinds, transaction_hash, kind)
        return submission

    async def submissions(self, ids: Sequence[SubmissionId]) -> Sequence[SubmissionStatus]:
        """See `DestinationChain.submissions`."""
        if self.sender is None:
            return [Lost(detail="no signer is configured") for _ in ids]
        hashes = [_transaction_hash(each) for each in ids]
        fates = iter(await self.sender.fates([each for each in hashes if each is not None]))
        return [
            Lost(detail="not a transaction hash") if each is None else await self._status(each, next(fates))
            for each in hashes
        ]

    async def _status(self, transaction_hash: bytes, fate: Fate) -> SubmissionStatus:
        receipt = fate.receipt
        if receipt is None:
            return Lost(detail=fate.lost) if fate.lost else Pending()
        succeeded = number(receipt.status, "status") == 1
        if not succeeded:
            self._gas.forget(self._kinds.get(transaction_hash, ""))
            self._light_clients.clear()
        return Included(
            at=BlockRef(
                chain=self.chain,
                height=Height(number(receipt.block_number, "block number")),
                hash=data(receipt.block_hash, "block hash", 32),
            ),
            succeeded=succeeded,
            detail="" if succeeded else await self._why(fate),
            fee=number(receipt.gas_used, "gas used") * number(receipt.effective_gas_price, "gas price"),
        )

    async def _why(self, fate: Fate) -> str:
        if self.sender is None or fate.receipt is None:
            return ""
        return await why_reverted(self.endpoints, self.sender.signer.address, fate.receipt, fate.intent)

    async def _update(self, delivery: Delivery) -> bytes:
        """Return the client update that the delivery needs: none when the client knows the height.

        Raises `Refused` when it knows another time for it: such an update would freeze the client.
        """
        client, attested = host_client(delivery), attested_of(delivery)
        if client not in self._light_clients:
            latest = await self.endpoints.first(self._latest)
            self._light_clients[client] = (await self.router.info(client, latest)).light_client
        target = {
            "to": "0x" + self._light_clients[client].hex(),
            "data": "0x" + (_CONSENSUS_TIME + word(attested.height)).hex(),
        }

        async def work(endpoint: RpcClient) -> int:
            [reply] = await endpoint.batch([("eth_call", [target, "latest"])])
            return Answer(data(read(reply, str, "getConsensusTimestamp"), "time")).uint(0)

        try:
            known_s = await self.endpoints.agreed(work)
        except NoAgreement:
            known_s = 0
        if known_s not in (0, attested.time_s):
            raise Refused(
                f"client {client}: height {attested.height} has time {known_s}, attested is {attested.time_s}"
            )
        return b"" if known_s else update_message(delivery)

    async def _latest(self, endpoint: RpcClient) -> BlockRef:
        return (await read_block(endpoint, self.chain, "latest")).ref

    async def _simulate(self, sender: Sender, call_data: bytes) -> int:
        """Return the gas that a call of the router needs. Raises `Refused` when it would fail."""
        call = {
            "from": "0x" + sender.signer.address.hex(),
            "to": "0x" + self.router.address.hex(),
            "data": "0x" + call_data.hex(),
            "gas": hex(self.max_gas),
        }

        async def work(endpoint: RpcClient) -> int | str:
            estimate, result = await endpoint.batch(
                [("eth_estimateGas", [call, "latest"]), ("eth_call", [call, "latest"])]
            )
            if not isinstance(estimate, ErrorObject):
                return number(read(estimate, str, "gas"), "gas")
            if not isinstance(result, ErrorObject):
                return self.max_gas
            if result.code == 3 or error_data(result):
                return describe(error_data(result))
            said = f"error {result.code}: {result.message[:200]}"
            raise MalformedReply(f"endpoint {endpoint.name}: simulation: {said}")

        answers = await self.endpoints.each(work)
        reasons = [answer for answer in answers.values() if isinstance(answer, str)]
        estimates = [answer for answer in answers.values() if isinstance(answer, int)]
        if len(reasons) >= self.endpoints.threshold:
            raise Refused(reasons[0])
        if not estimates:
            raise self.endpoints.failure(answers)
        return median_low(estimates)


def _kind(delivery: Delivery) -> str:
    """Return what deliveries that cost alike have in common: client, kind of claim, applications."""
    ports = {payload.destination_port for each in delivery.proven for payload in each.claim.packet.payloads}
    return " ".join([host_client(delivery), type(delivery.proven[0].claim).__name__, *sorted(ports)])


def _transaction_hash(submission: SubmissionId) -> bytes | None:
    try:
        return data(submission, "submission", 32)
    except MalformedReply:
        return None


def _keep(memory: dict[K, V], key: K, value: V) -> None:
    memory[key] = value
    while len(memory) > _MAX_REMEMBERED:
        del memory[next(iter(memory))]
