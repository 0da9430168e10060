"""Light client `quorum`: a block is believed because k of n known signers signed its hash. See README.md."""

from proofs.lightclients.quorum.advance import advance
from proofs.lightclients.quorum.types import QuorumParams

__all__ = ["QuorumParams", "advance"]
