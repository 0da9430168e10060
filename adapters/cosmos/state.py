"""The chain's state at a block, read from one endpoint: values with their proofs, answers without.

Block `h` stands for header `h`, which commits to the state after block `h - 1`: that is the state that is
read here. A value is held against the app hash of a header whose hash is the pinned block's, so an endpoint
that lies about one is caught; an answer to a query rests on its word, and callers ask several endpoints.

Implements: ABCI queries of the Cosmos SDK (`/store/ibc/key`, gRPC methods by path); ICS-23 proof operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from adapters.cosmos.endpoints import Hostile, Lie
from adapters.cosmos.light import Block, read_blocks
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.wire import QueryResponseJson, StateQuery
from adapters.errors import MalformedReply, NotYetAvailable, Refused, Reorged
from proofs.merkle import ics23
from proofs.merkle.ics23_spec import IAVL, TENDERMINT
from proofs.types import BlockRef, ChainId
from proofs.verdict import Refusal

M = TypeVar("M", bound=Message)

STORE = b"ibc"
"""Name of the store in which ibc-go keeps everything that is proven to other chains."""

_KEY_PATH = "/store/ibc/key"
_OPERATIONS = ("ics23:iavl", "ics23:simple")
LEAST_BLOCK = 3
"""The first block whose state is provable: of the state after block 1 the application proves nothing."""

_MAX_REMEMBERED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One value with its two proofs, as the endpoint gave them."""

    value: bytes
    """Empty when there is none."""
    node: bytes
    """Proof of the key below the store's root."""
    common: bytes
    """Proof of the store's root below the app hash."""


@dataclass(slots=True, kw_only=True)
class State:
    """Reads one chain's state. Remembers the headers whose hashes it has seen."""

    chain: ChainId
    native_id: str
    _blocks: dict[bytes, Block] = field(default_factory=dict)

    async def block(self, endpoint: CometClient, at: BlockRef) -> Block:
        """Return the header of exactly this block. Raises `Reorged` when the endpoint has another there."""
        known = self._blocks.get(at.hash)
        if known is not None and known.ref == at:
            return known
        [block] = await read_blocks(endpoint, self.chain, self.native_id, [at.height])
        if block.ref != at:
            wanted = f"expected block {at.hash.hex()} at {at.height}"
            raise Reorged(f"endpoint {endpoint.name}: {wanted}, it has {block.ref.hash.hex()}")
        self.remember(block)
        return block

    def remember(self, block: Block) -> None:
        """Spare the next reader of this block its header: a hash has one header, whoever gave it."""
        while len(self._blocks) >= _MAX_REMEMBERED:
            del self._blocks[next(iter(self._blocks))]
        self._blocks[block.ref.hash] = block

    async def evidence(self, endpoint: CometClient, keys: Sequence[bytes], at: BlockRef) -> list[Evidence]:
        """Return values and proofs in the state of `at`, in order. Not checked.

        Raises `Reorged`, `NotYetAvailable`, `Pruned`, `MalformedReply`.
        """
        await self.block(endpoint, at)
        height = provable(at)
        answers = await endpoint.query([proven(key) for key in keys], height)
        return [_evidence(endpoint.name, answer) for answer in answers]

    async def values(self, endpoint: CometClient, keys: Sequence[bytes], at: BlockRef) -> list[bytes]:
        """Return what is stored under these keys in the state of `at`, in order; empty where nothing is.

        Raises `Hostile` for a proof that does not show it, and what `evidence` raises.
        """
        block = await self.block(endpoint, at)
        found = await self.evidence(endpoint, keys, at)
        for key, each in zip(keys, found, strict=True):
            self.check(endpoint, block, key, each)
        return [each.value for each in found]

    def check(self, endpoint: CometClient, block: Block, key: bytes, found: Evidence) -> None:
        """Hold one value against a header. Raises `Hostile` when its proofs do not show it."""
        try:
            root = ics23.membership(TENDERMINT, block.header.app_hash, STORE, found.common)
            if not found.value:
                ics23.absence(IAVL, root, key, found.node)
                return
            stored = ics23.membership(IAVL, root, key, found.node)
        except Refusal as refusal:
            told = f"endpoint {endpoint.name}: {key[:80]!r} at {block.ref.height}: {refusal}"
            raise Hostile(Lie.FORGED_PROOF, told) from refusal
        if stored != found.value:
            told = (
                f"endpoint {endpoint.name}: {key[:80]!r} at {block.ref.height}: its proof shows another value"
            )
            raise Hostile(Lie.FORGED_PROOF, told)

    async def ask(
        self, endpoint: CometClient, method: str, request: Message, kind: type[M], at: BlockRef
    ) -> M:
        """Return the application's answer in the state of `at`; nothing proves it.

        Raises `Refused` with the application's reason, `Reorged`, `NotYetAvailable`, `Pruned`.
        """
        [answer] = await self.ask_all(endpoint, method, [request], kind, at)
        return answer

    async def ask_all(
        self, endpoint: CometClient, method: str, requests: Sequence[Message], kind: type[M], at: BlockRef
    ) -> list[M]:
        """Return the application's answers in the state of `at`, in order; see `ask`."""
        await self.block(endpoint, at)
        queries = [StateQuery(path=method, data=request.SerializeToString()) for request in requests]
        answers = await endpoint.query(queries, provable(at))
        return [_answered(endpoint.name, method, answer, kind) for answer in answers]


def proven(key: bytes) -> StateQuery:
    """Return the question for the value under a key, with its proofs."""
    return StateQuery(path=_KEY_PATH, data=key, prove=True)


def provable(at: BlockRef) -> int:
    """Return the height at which the application is asked for the state of block `at`.

    Raises `NotYetAvailable` in the first blocks of a chain.
    """
    if at.height < LEAST_BLOCK:
        raise NotYetAvailable(f"block {at.height}: states are provable from block {LEAST_BLOCK} on")
    return at.height - 1


def _answered(endpoint: str, method: str, answer: QueryResponseJson, kind: type[M]) -> M:
    if answer.code:
        raise Refused(f"{method}: {answer.codespace} {answer.code}: {answer.log[:300]}")
    try:
        return kind.FromString(answer.value or b"")
    except DecodeError as error:
        raise MalformedReply(f"endpoint {endpoint}: {method}: no {kind.__name__}") from error


def _evidence(endpoint: str, answer: QueryResponseJson) -> Evidence:
    operations = answer.proof_ops.ops if answer.proof_ops else []
    if answer.code or tuple([each.type for each in operations]) != _OPERATIONS:
        told = f"{answer.codespace} {answer.code}: {answer.log[:200]}"
        raise MalformedReply(
            f"endpoint {endpoint}: expected proofs {_OPERATIONS}, got {len(operations)}: {told}"
        )
    node, common = operations
    return Evidence(value=answer.value or b"", node=node.data, common=common.data)
