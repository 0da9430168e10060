"""Parameters of the `quorum` light client: configuration, with the chain's identity in it."""

from dataclasses import dataclass

from proofs import limits
from proofs.types import ChainId


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumParams:
    """Who signs, and how many must. Raises `ValueError` for parameters that could never be met.

    Headers are in the memory encoding, which names the chain: a signature over another chain's header is
    worthless here.
    """

    chain: ChainId
    signers: tuple[bytes, ...]
    """Ethereum-style addresses, 20 bytes each."""
    threshold: int
    max_drift_s: int = limits.MAX_CLOCK_DRIFT_S
    """How far a block's time may be ahead of our clock."""

    def __post_init__(self) -> None:
        if len(set(self.signers)) != len(self.signers) or len(self.signers) > limits.MAX_VOTES:
            raise ValueError(
                f"signers: expected at most {limits.MAX_VOTES} distinct ones, got {len(self.signers)}"
            )
        if any(len(signer) != 20 for signer in self.signers):
            raise ValueError("signers: expected addresses of 20 bytes")
        if not 1 <= self.threshold <= len(self.signers):
            raise ValueError(f"threshold: expected 1 to {len(self.signers)}, got {self.threshold}")
