"""The doorway of the `quorum` light client."""

from proofs.lightclients import common
from proofs.lightclients.quorum.predicates import count_signers
from proofs.lightclients.quorum.types import QuorumParams
from proofs.types import Assurance, TrustedState, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Refusal, Verdict

_HEADER_CODEC = "memory"


def advance(
    trusted: TrustedState | None, untrusted_update: UntrustedUpdate, params: QuorumParams, now_s: float
) -> Verdict[TrustedState]:
    """Judge whether enough known signers signed this block and whether it may follow the trusted one.

    Returns `Accepted` with the new state (assurance CONSENSUS), `NotEnoughTrust` with the counts, or
    `Rejected`; `CONTRADICTION` only when a quorum stands behind two different blocks. Never raises for any
    input.
    """
    try:
        header = common.decode_target(untrusted_update, params.chain, _HEADER_CODEC)
        common.check_drift(header, now_s, params.max_drift_s)
        have = count_signers(untrusted_update.votes, header.hash, params)
        if have < params.threshold:
            return NotEnoughTrust(have=have, need=params.threshold)
        common.check_follows(trusted, header, params.chain)
    except Refusal as refusal:
        return refusal.verdict()
    return Accepted(
        value=TrustedState(
            block=common.block_of(header, params.chain),
            root=header.root,
            time_s=header.time_s,
            assurance=Assurance.CONSENSUS,
        )
    )
