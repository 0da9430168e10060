"""What a trusted block carries forward: everything that judging the next one needs.

`TrustedState.consensus` is this record as msgpack, for us alone: it is stored, never hashed and never sent.
Only `state_of` writes it, from a block that was judged.
"""

import msgspec
from msgspec import Struct

from proofs.lightclients.tendermint.types import LightBlock, Validators
from proofs.types import Assurance, BlockRef, ChainId, TrustedState
from proofs.verdict import Reason, Refusal


class Trust(Struct, frozen=True, kw_only=True, gc=False):
    """The part of a trusted block that its reference, root and time do not say."""

    time_ns: int
    """The block's own time, unix nanoseconds."""
    parent_hash: bytes
    """Hash of the block before it; empty when its header names none."""
    validators_hash: bytes
    """Of the set that signed this block."""
    next_validators: Validators
    """The set that may sign the next block, and whose votes count for blocks beyond it."""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Trust)


def state_of(block: LightBlock, ref: BlockRef, next_validators: Validators) -> TrustedState:
    """Return the trusted state of a block that was judged."""
    header = block.header
    trust = Trust(
        time_ns=header.time_ns,
        parent_hash=header.last_block.hash,
        validators_hash=header.validators_hash,
        next_validators=next_validators,
    )
    return TrustedState(
        block=ref,
        root=header.app_hash,
        time_s=header.time_ns // 10**9,
        assurance=Assurance.CONSENSUS,
        consensus=_ENCODER.encode(trust),
    )


def read(trusted: TrustedState, chain: ChainId) -> Trust:
    """Return what a trusted state carries; raise `Refusal` when it is of another chain or family."""
    if trusted.block.chain != chain:
        raise Refusal(Reason.WRONG_CHAIN, f"trusted state: expected chain {chain}, got {trusted.block.chain}")
    try:
        return _DECODER.decode(trusted.consensus)
    except msgspec.DecodeError as error:
        raise Refusal(Reason.MALFORMED, f"trusted state: not one of this light client: {error}") from error
