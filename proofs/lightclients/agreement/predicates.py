"""Who agrees: counting the witnesses that report exactly the recomputed hash."""

from collections.abc import Mapping

from proofs import limits
from proofs.lightclients.agreement.types import AgreementParams
from proofs.verdict import Reason, Refusal


def count_agreeing(votes: Mapping[str, bytes], block_hash: bytes, params: AgreementParams) -> int:
    """Return how many known witnesses report this hash; raise `Refusal` if a stranger votes.

    A witness that reports another hash dissents: it counts for nothing, and it is the adapter's to
    quarantine.
    """
    limits.check_at_most("votes", len(votes), limits.MAX_VOTES)
    strangers = sorted(set(votes) - set(params.witnesses))
    if strangers:
        raise Refusal(
            Reason.BAD_SIGNATURE, f"witnesses: expected some of {params.witnesses}, got {strangers[0][:64]!r}"
        )
    return sum(reported == block_hash for reported in votes.values())
