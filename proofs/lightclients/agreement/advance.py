"""The doorway of the `agreement` light client."""

from proofs.lightclients import common
from proofs.lightclients.agreement.predicates import count_agreeing
from proofs.lightclients.agreement.types import AgreementParams
from proofs.types import Assurance, TrustedState, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Refusal, Verdict


def advance(
    trusted: TrustedState | None, untrusted_update: UntrustedUpdate, params: AgreementParams, now_s: float
) -> Verdict[TrustedState]:
    """Judge whether enough witnesses report this block and whether it may follow the trusted one.

    Returns `Accepted` with the new state (assurance AGREEMENT), `NotEnoughTrust` with the counts, or
    `Rejected`; `CONTRADICTION` only when the threshold itself stands behind two different blocks. Never
    raises for any input.
    """
    try:
        header = common.decode_target(untrusted_update, params.chain, params.header_codec)
        common.check_drift(header, now_s, params.max_drift_s)
        have = count_agreeing(untrusted_update.votes, header.hash, params)
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
            assurance=Assurance.AGREEMENT,
        )
    )
