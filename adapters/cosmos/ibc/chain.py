"""A real Cosmos chain as set-up work needs it (`host.Host`), over the package's endpoints, state and sender.

How trust gets from block to block is not decided here: the book of trusted states is handed in.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from adapters.api import Clock, LightClientSpec, Resources, SourceChain
from adapters.cosmos.adapter import build, open_endpoints, open_sender
from adapters.cosmos.config import CosmosConfig, light_client, native_id
from adapters.cosmos.endpoints import Endpoints, Hostile, Lie
from adapters.cosmos.ibc.host import Stored
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.sender import Sender
from adapters.cosmos.state import STORE, State, provable
from adapters.cosmos.tx import Intent, pack, responses
from adapters.cosmos.wire import QueryResponseJson, StateQuery
from adapters.errors import MalformedReply, NotYetAvailable, Refused
from proofs.lightclients.tendermint import validators_hash
from proofs.lightclients.tendermint.trust import read
from proofs.merkle import ics23
from proofs.merkle.ics23_spec import IAVL, TENDERMINT
from proofs.pb.cosmos.ics23.v1 import proofs_pb2
from proofs.pb.ibc.core.commitment.v1 import commitment_pb2
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.registry import advance
from proofs.types import BlockRef, ChainId, Height, TrustedState, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Refusal, Rejected, Verdict

M = TypeVar("M", bound=Message)
T = TypeVar("T")

_OPERATIONS = ("ics23:iavl", "ics23:simple")
_LEAST_PROVABLE = 3
_BLOCK_TIMEOUT_S = 60.0
"""How long to wait for the block after one that holds a transaction of ours."""

_NS = 10**9


class Path(Protocol):
    """How trust came from one block to another."""

    @property
    def updates(self) -> tuple[UntrustedUpdate, ...]:
        """The update about the first block, then the accepted steps."""


class Trust(Protocol):
    """A book of trusted states: `relays.runtime.trust.TrustBook`."""

    async def advance_to(
        self, chain: SourceChain, spec: LightClientSpec, at: BlockRef, now_s: float
    ) -> Verdict[TrustedState]:
        """Judge a block."""

    async def path(
        self, chain: SourceChain, spec: LightClientSpec, first: BlockRef, at: BlockRef, now_s: float
    ) -> Verdict[Path]:
        """Return how to convince somebody who trusts `first` of `at`."""


Beginning = Callable[[TrustedState | None], Trust]
"""Makes a book that begins at a state, or where the configuration says."""


@dataclass(slots=True, kw_only=True)
class CosmosHost:
    """One Cosmos chain, connected."""

    source: SourceChain
    """The adapter: heads, blocks, and evidence for the light client."""
    spec: LightClientSpec
    trust: Trust
    """Ours, which begins where the configuration says."""
    trust_from: Beginning
    """Makes a book that begins elsewhere: where a client stands that somebody hosts."""
    endpoints: Endpoints
    state: State
    sender: Sender
    clock: Clock
    poll_s: float
    _executed: int = 0
    """Height of the newest block that holds a transaction of ours."""
    _sent: int = 0
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def chain(self) -> ChainId:
        """See `Host`."""
        return self.source.chain_id

    @property
    def native_id(self) -> str:
        """See `Host`."""
        return self.state.native_id

    @property
    def signer(self) -> str:
        """See `Host`: the first key, because who creates a client must name its counterparty."""
        return self.sender.keys[0].account.address if self.sender.keys else ""

    async def head(self) -> BlockRef:
        """See `Host`. Raises `NotYetAvailable` when no new block comes within a minute."""
        least = max(self._executed + 1, _LEAST_PROVABLE)
        deadline_s = self.clock.monotonic_s() + _BLOCK_TIMEOUT_S
        while (block := (await self.source.status()).finalized).height < least:
            if self.clock.monotonic_s() > deadline_s:
                raise NotYetAvailable(f"{self.chain}: expected block {least}, it stands at {block.height}")
            await self.clock.sleep(self.poll_s)
        return block

    async def stored(self, keys: Sequence[bytes], at: BlockRef, store: bytes = STORE) -> tuple[Stored, ...]:
        """See `Host`."""
        if not keys:
            return ()
        root = (await self._trusted(at)).root
        queries = [StateQuery(path=f"/store/{store.decode()}/key", data=key, prove=True) for key in keys]

        async def work(client: CometClient) -> tuple[Stored, ...]:
            answers = await client.query(queries, provable(at))
            pairs = zip(keys, answers, strict=True)
            try:
                return tuple([_proven(key, answer, root, store, at.height) for key, answer in pairs])
            except Refusal as refusal:
                told = f"endpoint {client.name}: state at {at.height}: {refusal}"
                raise Hostile(Lie.FORGED_PROOF, told) from refusal

        return await self.endpoints.first(work)

    async def ask(self, method: str, request: Message, answer: type[M], at: BlockRef) -> M:
        """See `Host`."""

        async def work(client: CometClient) -> M:
            return await self.state.ask(client, method, request, answer, at)

        return await self.endpoints.first(work)

    async def consensus(self, at: BlockRef) -> tendermint_pb2.ConsensusState:
        """See `Host`."""
        return _consensus(await self._trusted(at))

    async def path(
        self, trusted: int, known: tendermint_pb2.ConsensusState, at: BlockRef
    ) -> tuple[UntrustedUpdate, ...]:
        """See `Host`."""
        await self._trusted(at)
        now_s = self.clock.now_s()
        first = await self.source.block(Height(trusted))
        params = replace(self.spec.params, anchor_height=first.height, anchor_hash=first.hash)
        begin = await self.source.update(first)
        state = _accepted(advance(None, begin, params, now_s), first)
        actual = _consensus(state)
        if actual != known:
            wanted = (
                f"expected block {trusted} with app hash {known.root.hash.hex()}, which the client trusts"
            )
            raise Refused(f"{self.chain}: {wanted}, got {actual.root.hash.hex()}")
        verdict = await self.trust_from(state).path(self.source, self.spec, first, at, now_s)
        return _accepted(verdict, at).updates

    async def execute(self, messages: Sequence[Message]) -> tuple[bytes, ...]:
        """See `Host`. Always simulated: one set-up step is not like another."""
        if not self.signer:
            raise Refused(f"{self.chain}: no signer is configured: this chain is only watched")
        async with self._sending:
            self._sent += 1
            packed = tuple([pack(message) for message in messages])
            intent = Intent(signer=self.signer, messages=packed, kind=f"set-up {self._sent}")
            [ticket] = await self.sender.send([intent])
            while True:
                [fate] = await self.sender.fates([ticket])
                if fate.transaction is not None:
                    break
                if fate.lost:
                    raise Refused(f"{self.chain}: transaction {ticket} was lost: {fate.lost}")
                await self.clock.sleep(self.poll_s)
            result = fate.transaction.tx_result
            self._executed = max(self._executed, fate.transaction.height)
        if result.code:
            told = f"{result.codespace} {result.code}: {result.log[:1000]}"
            raise Refused(f"{self.chain}: transaction {ticket}: {told}")
        return tuple([each.value for each in responses(result.data or b"")])

    async def _trusted(self, at: BlockRef) -> TrustedState:
        now_s = self.clock.now_s()
        return _accepted(await self.trust.advance_to(self.source, self.spec, at, now_s), at)


def _accepted(verdict: Verdict[T], at: BlockRef) -> T:
    """Return what our light client accepted. Raises `Refused` with its reason otherwise."""
    match verdict:
        case Accepted(value=value):
            return value
        case NotEnoughTrust(have=have, need=need):
            raise Refused(f"{at.chain} block {at.height}: expected trust of {need}, got {have}")
        case Rejected(reason=reason, detail=detail):
            raise Refused(f"{at.chain} block {at.height}: our light client says {reason.value}: {detail}")


def _consensus(state: TrustedState) -> tendermint_pb2.ConsensusState:
    trust = read(state, state.block.chain)
    return tendermint_pb2.ConsensusState(
        timestamp=Timestamp(seconds=trust.time_ns // _NS, nanos=trust.time_ns % _NS),
        root=commitment_pb2.MerkleRoot(hash=state.root),
        next_validators_hash=validators_hash(trust.next_validators),
    )


def _proven(key: bytes, answer: QueryResponseJson, root: bytes, store: bytes, height: int) -> Stored:
    """Return one value that the answer's proofs show below a trusted root; raise `Refusal` otherwise."""
    operations = answer.proof_ops.ops if answer.proof_ops else []
    if answer.code or tuple([each.type for each in operations]) != _OPERATIONS:
        told = f"{answer.codespace} {answer.code}: {answer.log[:200]}"
        raise MalformedReply(f"{key[:80]!r}: expected proofs {_OPERATIONS}, got {len(operations)}: {told}")
    node, common = [each.data for each in operations]
    store_root = ics23.membership(TENDERMINT, root, store, common)
    value = b""
    if answer.value:
        value = ics23.membership(IAVL, store_root, key, node)
    else:
        ics23.absence(IAVL, store_root, key, node)
    try:
        chained = [proofs_pb2.CommitmentProof.FromString(each) for each in (node, common)]
    except DecodeError as error:
        raise MalformedReply(f"{key[:80]!r}: expected commitment proofs") from error
    proof = commitment_pb2.MerkleProof(proofs=chained).SerializeToString(deterministic=True)
    return Stored(key=key, value=value, proof=proof, height=height)


@asynccontextmanager
async def open_host(
    chain: ChainId,
    config: CosmosConfig,
    resources: Resources,
    trust_from: Callable[[TrustedState | None], Trust],
) -> AsyncIterator[CosmosHost]:
    """Yield one configured chain, connected. Raises what `connect` of the adapter raises.

    `trust_from` makes a book of trusted states that begins at a state, or at the configured block.
    """
    source, endpoints = build(chain, config, resources), open_endpoints(chain, config, resources)
    host = CosmosHost(
        source=source,
        spec=light_client(chain, config),
        trust=trust_from(None),
        trust_from=trust_from,
        endpoints=endpoints,
        state=State(chain=chain, native_id=native_id(chain, config)),
        sender=open_sender(chain, config, resources, endpoints),
        clock=resources.clock,
        poll_s=config.poll_s,
    )
    try:
        await source.connect()
        await endpoints.connect()
        yield host
    finally:
        await source.close()
        await endpoints.close()
