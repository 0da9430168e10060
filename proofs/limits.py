"""Every cap of `proofs`, each with its reason. Inputs are measured before they are hashed or decoded.

A cap is a safety bound on what a stranger can make us do, not a policy: policies (fees, rates, amounts)
live in the gateway's configuration and may only be tighter. Sizes are in bytes unless the name says
otherwise.
"""

from proofs.verdict import Reason, Refusal

MAX_PAYLOAD_TOTAL = 256 * 1024
"""Sum of the payload values of one packet. ICS-4 v2 sets it; ibc-go refuses more."""

MAX_PAYLOADS = 16
"""Payloads of one packet. ibc-go takes one today; more than a handful is a flood."""

MAX_CLIENT_ID = 64
"""ICS-24 identifiers are at most 64 characters."""

MAX_PORT_ID = 128
"""ICS-24 port identifiers are at most 128 characters."""

MAX_LABEL = 256
"""A payload's version or encoding: a short name or a MIME type."""

MAX_ACKNOWLEDGEMENT_TOTAL = 256 * 1024
"""Sum of the acknowledgements of one packet. An answer need not be larger than a question may be."""

MAX_UINT64 = 2**64 - 1
"""Sequences, heights and times are hashed as eight bytes."""

MAX_CLAIMS = 1024
"""Claims of one list. A relay batches hundreds; a longer list is cut by the caller."""

MAX_COMMON_NODES = 80
"""Nodes that all claims share: an account proof has at most 65 (64 nibbles and a root)."""

MAX_PROOF_NODES = 80
"""Nodes of one proof: 65 for hashed keys, with room for receipt tries and for one encoded binary proof."""

MAX_PROOF_BYTES = 4 * 1024 * 1024
"""Nodes of one proof together. A state proof needs 40 KiB; a receipt carries every log of its
transaction, and 30 million gas at 8 gas a byte buy 3.6 MiB of logs."""

MAX_LIST_BYTES = 64 * 1024 * 1024
"""Evidence of one list together, shared nodes and preimages included."""

MAX_PREIMAGE = 72 * 1024
"""What a hashed slot stands for: 1024 pairs (sequence, commitment) of 64 bytes, and their lengths."""

MAX_HEADER = 16 * 1024
"""One block header. EVM headers are 0.6 KiB; permissioned chains put validators into `extraData`."""

MAX_VOTES = 512
"""Votes of one update: the largest committee we know of has 512 seats."""

MAX_NAME = 128
"""Name of a witness, a signer, a light client or a format."""

MAX_ATTESTORS = 64
"""Attestors of one lane. Each costs a recovery (35 microseconds here, 6,800 gas on chain)."""

MAX_CLOCK_DRIFT_S = 60
"""How far a block's time may be ahead of our clock, unless a light client's parameters say otherwise."""

MAX_RLP_DEPTH = 16
"""Nested lists. A receipt has 4 levels, a block 5."""

MAX_RLP_ITEMS = 65_536
"""Items of one RLP value, nested ones included: a receipt of the largest block has fewer logs than that."""

MAX_TREE_LEAVES = 2**40
"""Leaves of a binary tree: more than any store will hold, and a proof still has at most 40 siblings."""

MAX_TREE_KEY = 1024
"""Key of a binary tree: an ICS-24 v2 path has at most 73 bytes."""

MAX_TREE_VALUE = 64 * 1024
"""Value of a binary tree: a commitment has 32 bytes."""

MAX_CHAIN_ID = 41
"""CAIP-2: 8 characters of namespace, a colon, 32 of reference."""

MAX_LOG_TOPICS = 4
"""The EVM has LOG0 to LOG4."""

MAX_VALIDATORS = 1024
"""Validators of a CometBFT block. Public chains have 200 at most; each vote costs 45 microseconds."""

MAX_LIGHT_BLOCK = 512 * 1024
"""One CometBFT light block, or one validator set: a validator needs some 220 bytes, 1024 of them 220 KiB."""

MAX_VALIDATOR_POWER = (2**63 - 1) // 8
"""Voting power of a whole validator set. CometBFT refuses more, so that its 64-bit sums cannot overflow."""

MAX_TENDERMINT_CHAIN_ID = 50
"""CometBFT's own cap on the name of a chain."""


def check_at_most(what: str, actual: int, cap: int) -> None:
    """Return nothing if `actual` is at most `cap`; raise `Refusal(LIMIT)` that names both otherwise."""
    if actual > cap:
        raise Refusal(Reason.LIMIT, f"{what}: {actual}, at most {cap}")


def check_nodes(what: str, nodes: tuple[bytes, ...], max_nodes: int) -> None:
    """Check number and total size of proof nodes before any of them is hashed; raise `Refusal(LIMIT)`."""
    check_at_most(f"{what}: nodes", len(nodes), max_nodes)
    check_at_most(f"{what}: bytes", sum(map(len, nodes)), MAX_PROOF_BYTES)
