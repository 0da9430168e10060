"""Checks of every light client over plain headers: it is the block it claims to be, and it moves on.

Counting votes is the families' own business; nothing here adds trust.
"""

from proofs.headers import HEADER_CODECS, HeaderView
from proofs.types import BlockRef, ChainId, TrustedState, UntrustedUpdate
from proofs.verdict import Reason, Refusal


def decode_target(untrusted_update: UntrustedUpdate, chain: ChainId, header_codec: str) -> HeaderView:
    """Return the decoded header if it is the update's target on this chain; raise `Refusal` otherwise."""
    target = untrusted_update.target
    if target.chain != chain:
        raise Refusal(Reason.WRONG_CHAIN, f"target: expected chain {chain}, got {target.chain}")
    header = HEADER_CODECS[header_codec](untrusted_update.header)
    if header.chain is not None and header.chain != chain:
        raise Refusal(Reason.WRONG_CHAIN, f"header: expected chain {chain}, got {header.chain}")
    if header.hash != target.hash:
        raise Refusal(Reason.WRONG_HASH, f"header: expected {target.hash.hex()}, got {header.hash.hex()}")
    if header.height != target.height:
        raise Refusal(Reason.WRONG_BLOCK, f"header: expected height {target.height}, got {header.height}")
    return header


def check_drift(header: HeaderView, now_s: float, max_drift_s: int) -> None:
    """Refuse (`LIMIT`) a header whose time is further ahead of our clock than the parameters allow."""
    if header.time_s > now_s + max_drift_s:
        raise Refusal(
            Reason.LIMIT,
            f"header: time {header.time_s}, at most {max_drift_s} s ahead of our clock, {int(now_s)}",
        )


def check_follows(trusted: TrustedState | None, header: HeaderView, chain: ChainId) -> None:
    """Refuse a block that has enough votes and still cannot follow the trusted one.

    `CONTRADICTION`: another block at the trusted height, or a child of another block right above it.
    `STALE`: a lower height, or time that goes back. `WRONG_CHAIN`: the trusted state is of another chain.
    """
    if trusted is None:
        return
    block = trusted.block
    if block.chain != chain:
        raise Refusal(Reason.WRONG_CHAIN, f"trusted state: expected chain {chain}, got {block.chain}")
    if header.height < block.height:
        raise Refusal(Reason.STALE, f"header: expected height {block.height} or more, got {header.height}")
    if header.height == block.height and header.hash != block.hash:
        raise Refusal(
            Reason.CONTRADICTION,
            f"height {block.height}: trusted {block.hash.hex()}, got {header.hash.hex()}",
        )
    if header.height == block.height + 1 and header.parent_hash != block.hash:
        raise Refusal(
            Reason.CONTRADICTION,
            f"block {header.height}: expected parent {block.hash.hex()}, got {header.parent_hash.hex()}",
        )
    if header.time_s < trusted.time_s:
        raise Refusal(Reason.STALE, f"header: expected time {trusted.time_s} or later, got {header.time_s}")


def block_of(header: HeaderView, chain: ChainId) -> BlockRef:
    """Return the reference of a decoded header's block."""
    return BlockRef(chain=chain, height=header.height, hash=header.hash)
