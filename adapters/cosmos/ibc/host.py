"""What set-up work needs of a Cosmos chain: its proven state, its headers, its gRPC queries, one transaction.

`adapters.cosmos.ibc.chain` is the real one. What `stored`, `consensus` and `path` return was proven against a
header that our own light client accepted; what `ask` returns is a hint that decides only what is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from adapters.cosmos.state import STORE
from proofs.codec import revision_of
from proofs.pb.ibc.core.client.v1 import client_pb2
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.types import BlockRef, ChainId, UntrustedUpdate

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a chain's state holds under one key, proven."""

    key: bytes
    value: bytes
    """Empty: proven absent."""
    proof: bytes
    """The encoded `ibc.core.commitment.v1.MerkleProof`, as chains take it."""
    height: int
    """Of the header that the proof leads to."""


class Host(Protocol):
    """One Cosmos chain."""

    @property
    def chain(self) -> ChainId:
        """CAIP-2 id."""

    @property
    def native_id(self) -> str:
        """The chain's own name, which its blocks are signed with."""

    @property
    def signer(self) -> str:
        """Who signs transactions, bech32; empty when nobody does."""

    async def head(self) -> BlockRef:
        """Return a final block whose header commits to everything that was executed through this object."""

    async def stored(self, keys: Sequence[bytes], at: BlockRef, store: bytes = STORE) -> tuple[Stored, ...]:
        """Return what the header of block `at` commits to under these keys, proven, in order.

        Raises `MalformedReply` when the proof does not hold.
        """

    async def ask(self, method: str, request: Message, answer: type[M], at: BlockRef) -> M:
        """Return the unproven answer of a gRPC query (`/package.Service/Method`) in the same state."""

    async def consensus(self, at: BlockRef) -> tendermint_pb2.ConsensusState:
        """Return what a client of this chain stores about block `at`, from the verified header."""

    async def path(
        self, trusted: int, known: tendermint_pb2.ConsensusState, at: BlockRef
    ) -> tuple[UntrustedUpdate, ...]:
        """Return how a client that trusts height `trusted`, and stores `known` about it, gets to block `at`.

        The first is about that height, the last about `at`, each leads to the next. Raises `Refused` when
        the chain's block at that height is another one, or is too old to trust.
        """

    async def execute(self, messages: Sequence[Message]) -> tuple[bytes, ...]:
        """Send these messages in one transaction; return the encoded response to each, once it is in a block.

        Raises `Refused` with the chain's reason when simulation or execution fails, or without a signer.
        """


def height_at(host: Host, height: int) -> client_pb2.Height:
    """Return a height of this chain as IBC writes it."""
    return client_pb2.Height(revision_number=revision_of(host.chain), revision_height=height)
