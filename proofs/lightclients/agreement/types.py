"""Parameters of the `agreement` light client: configuration, with the chain's identity in it."""

from dataclasses import dataclass

from proofs import limits
from proofs.headers import HEADER_CODECS
from proofs.types import ChainId


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementParams:
    """Who is asked, and how many must agree. Raises `ValueError` for parameters that could never be met."""

    chain: ChainId
    witnesses: tuple[str, ...]
    """Names of independent endpoints; each counts once."""
    threshold: int
    header_codec: str
    """Name in `proofs.headers.HEADER_CODECS`."""
    max_drift_s: int = limits.MAX_CLOCK_DRIFT_S
    """How far a block's time may be ahead of our clock."""

    def __post_init__(self) -> None:
        if len(set(self.witnesses)) != len(self.witnesses) or len(self.witnesses) > limits.MAX_VOTES:
            raise ValueError(
                f"witnesses: expected at most {limits.MAX_VOTES} distinct names, got {self.witnesses}"
            )
        if not 1 <= self.threshold <= len(self.witnesses):
            raise ValueError(f"threshold: expected 1 to {len(self.witnesses)}, got {self.threshold}")
        if self.header_codec not in HEADER_CODECS:
            raise ValueError(
                f"header_codec: expected one of {sorted(HEADER_CODECS)}, got {self.header_codec!r}"
            )
