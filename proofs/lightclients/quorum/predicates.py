"""Who signed: every vote is a signature over the recomputed hash, by the signer it is filed under."""

from collections.abc import Mapping

from proofs import limits
from proofs.lightclients.quorum.types import QuorumParams
from proofs.signatures import recover
from proofs.verdict import Reason, Refusal


def count_signers(votes: Mapping[str, bytes], block_hash: bytes, params: QuorumParams) -> int:
    """Return how many known signers signed this hash; raise `Refusal` if any vote is not what it says.

    Votes are filed under the signer's address in lower-case hexadecimal, without prefix, so no signer has
    two names.
    """
    limits.check_at_most("votes", len(votes), limits.MAX_VOTES)
    known = {signer.hex() for signer in params.signers}
    for name, signature in votes.items():
        if name not in known:
            raise Refusal(
                Reason.BAD_SIGNATURE, f"signer: expected one of {len(known)} known ones, got {name[:64]!r}"
            )
        actual = recover(block_hash, signature).hex()
        if actual != name:
            raise Refusal(Reason.BAD_SIGNATURE, f"signature: expected signer {name}, got {actual}")
    return len(votes)
