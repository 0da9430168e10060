"""How an endpoint of a memory chain may behave: data, and lies that turn a true reply into a false one.

Set `chain.faults["b"] = ForgeProof()` and endpoint `b` forges proofs from then on. Faults of the chain
itself (reorgs, dropped transactions, late blocks) are methods of `MemoryChain`.
"""

from dataclasses import dataclass
from hashlib import sha256

import msgspec

from adapters.memory import wire
from adapters.memory.wire import Reply
from proofs.memory_tree import decode_header, encode_header, header_hash
from proofs.records import replace
from proofs.types import ChainId


@dataclass(frozen=True, slots=True, kw_only=True)
class Honest:
    """Says what is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Does not know the newest blocks."""

    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Omit:
    """Leaves out packets and acknowledgements: the first of every list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgePacket:
    """Changes what packets and acknowledgements say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeProof:
    """Flips a bit in every proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeHeader:
    """Serves headers, and blocks, of a chain that never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivocate:
    """Tells the truth and a lie about blocks and state, by turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Takes the request and never answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """Refuses the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Answers with bytes that mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherChain:
    """Serves another chain."""

    chain: ChainId


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTransactions:
    """Says that it took a transaction, and throws it away."""


Personality = (
    Honest
    | Lag
    | Omit
    | ForgePacket
    | ForgeProof
    | ForgeHeader
    | Equivocate
    | Stall
    | Silent
    | Garbage
    | OtherChain
    | DropTransactions
)


def spoken(personality: Personality, reply: Reply, turn: int) -> bytes:
    """Return what an endpoint of this personality sends in place of a true reply, at its `turn`-th answer."""
    match personality:
        case Garbage():
            return b"\x00<html>" + sha256(turn.to_bytes(8, "big")).digest()
        case Omit():
            reply = _omit(reply)
        case ForgePacket():
            reply = _forge_packets(reply)
        case ForgeProof():
            reply = _forge_proofs(reply)
        case ForgeHeader():
            reply = _forge_blocks(reply)
        case Equivocate():
            reply = _forge_blocks(_forge_flags(reply)) if turn % 2 else reply
        case OtherChain(chain=chain):
            reply = msgspec.structs.replace(reply, chain=chain)
        case _:
            pass
    return wire.encode(reply)


def _omit(reply: Reply) -> Reply:
    match reply:
        case wire.Packets(items=items):
            return msgspec.structs.replace(reply, items=items[1:])
        case wire.Acknowledgements(items=items):
            return msgspec.structs.replace(reply, items=items[1:])
        case _:
            return reply


def _forge_packets(reply: Reply) -> Reply:
    match reply:
        case wire.Packets(items=items):
            forged = [
                replace(seen, packet=replace(seen.packet, timeout_s=seen.packet.timeout_s + 1))
                for seen in items
            ]
            return msgspec.structs.replace(reply, items=tuple(forged))
        case wire.Acknowledgements(items=items):
            lies = tuple([replace(seen, acknowledgements=(b"forged",)) for seen in items])
            return msgspec.structs.replace(reply, items=lies)
        case _:
            return reply


def _forge_proofs(reply: Reply) -> Reply:
    if isinstance(reply, wire.Proofs):
        return msgspec.structs.replace(reply, nodes=tuple([_flip_last(node) for node in reply.nodes]))
    return reply


def _forge_blocks(reply: Reply) -> Reply:
    match reply:
        case wire.Status(head=head, finalized=finalized):
            return msgspec.structs.replace(reply, head=_false(head), finalized=_false(finalized))
        case wire.Block(ref=ref):
            return msgspec.structs.replace(reply, ref=_false(ref))
        case wire.Header(header=header):
            true = decode_header(header)
            false = encode_header(replace(true, root=_flip_last(true.root)))
            votes = {signer: _flip_last(header_hash(false) * 2) + b"\x1b" for signer in reply.votes}
            return msgspec.structs.replace(reply, header=false, votes=votes)
        case _:
            return reply


def _forge_flags(reply: Reply) -> Reply:
    if isinstance(reply, wire.Flags):
        return msgspec.structs.replace(reply, values=tuple([not value for value in reply.values]))
    return reply


def _false(ref: wire.Ref) -> wire.Ref:
    return wire.Ref(height=ref.height, hash=_flip_last(ref.hash))


def _flip_last(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])
