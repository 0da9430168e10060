"""The explicit tables: which light clients and proof formats exist. What is not here is not believed.

The family is chosen by configuration (the type of the parameters); evidence that says it is for another
family is refused, so an endpoint cannot pick the weaker judge.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

from proofs.evm.storage import RouterStorage
from proofs.ibc_store import IbcStore
from proofs.lightclients import agreement, quorum, tendermint
from proofs.memory_tree import MemoryStore
from proofs.types import BlockRef, Claim, CommitmentStore, TrustedState, UntrustedProof, UntrustedUpdate
from proofs.verdict import Reason, Rejected, Verdict

LightClientParams = agreement.AgreementParams | quorum.QuorumParams | tendermint.TendermintParams
"""Parameters of any family; the chain's identity is in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LightClient:
    """One family: its parameters' type and its doorway."""

    params_type: type[LightClientParams]
    advance: Callable[[TrustedState | None, UntrustedUpdate, Any, float], Verdict[TrustedState]]
    skipping: bool = False
    """`NotEnoughTrust` means that the target is too far away: a block between may lead to it."""


class OpenStore(Protocol):
    """A commitment store under one trusted root."""

    def check(self, claim: Claim, untrusted_proof: UntrustedProof) -> None:
        """Return nothing if the store proves the claim; raise `Refusal` otherwise."""


LIGHT_CLIENTS: Mapping[str, LightClient] = MappingProxyType(
    {
        "agreement": LightClient(params_type=agreement.AgreementParams, advance=agreement.advance),
        "quorum": LightClient(params_type=quorum.QuorumParams, advance=quorum.advance),
        "tendermint": LightClient(
            params_type=tendermint.TendermintParams, advance=tendermint.advance, skipping=True
        ),
    }
)
"""Name in `UntrustedUpdate.light_client` -> family."""

PROOF_FORMATS: Mapping[str, Callable[[TrustedState, CommitmentStore, tuple[bytes, ...]], OpenStore]] = (
    MappingProxyType({"evm-storage": RouterStorage, "ics23": IbcStore, "memory-tree": MemoryStore})
)
"""Name in `CommitmentStore.format` -> opener, which checks the common nodes and raises `Refusal`."""


def advance(
    trusted: TrustedState | None, untrusted_update: UntrustedUpdate, params: LightClientParams, now_s: float
) -> Verdict[TrustedState]:
    """Judge an update with the configured light client; return its verdict. Never raises for any input.

    `trusted` is the newest state trusted so far, or None at first start; `now_s` is our clock, unix seconds.
    """
    family = LIGHT_CLIENTS.get(untrusted_update.light_client)
    if family is None or not isinstance(params, family.params_type):
        return Rejected(
            reason=Reason.WRONG_CHAIN,
            detail=f"light client: expected the one for {type(params).__name__}, "
            f"got {untrusted_update.light_client[:64]!r}",
        )
    return family.advance(trusted, untrusted_update, params, now_s)


def assume(
    untrusted_update: UntrustedUpdate, params: LightClientParams, now_s: float
) -> Verdict[TrustedState]:
    """Return what somebody believes who trusts exactly the block of this update, of a skipping family.

    It says nothing about whether we trust that block: use it to plan what such a party can be shown next.
    """
    if not isinstance(params, tendermint.TendermintParams):
        detail = f"light client: expected one that starts at a block, got {type(params).__name__}"
        return Rejected(reason=Reason.WRONG_CHAIN, detail=detail)
    return advance(None, untrusted_update, started_at(params, untrusted_update.target), now_s)


def started_at(params: LightClientParams, block: BlockRef) -> LightClientParams:
    """Return the parameters of somebody who trusts this block; the same where trust starts at no block."""
    if not isinstance(params, tendermint.TendermintParams):
        return params
    return replace(params, anchor_height=block.height, anchor_hash=block.hash)


def asking(params: LightClientParams, trust_level: tuple[int, int]) -> LightClientParams:
    """Return the parameters of somebody who asks for this trust level; the same where nothing is skipped to.

    Raises `ValueError` for a level that is not from 1/3 to 1.
    """
    if not isinstance(params, tendermint.TendermintParams):
        return params
    return replace(params, trust_level=trust_level)


def misbehaviour(
    trusted: TrustedState,
    first: UntrustedUpdate,
    second: UntrustedUpdate,
    params: LightClientParams,
    now_s: float,
) -> Verdict[tendermint.Misbehaviour]:
    """Judge whether two updates above a trusted block prove that validators lied: `Accepted` means they did.

    Of families whose headers light clients of other chains take; of any other, it is rejected.
    """
    if not isinstance(params, tendermint.TendermintParams):
        detail = f"light client: expected one that knows misbehaviour, got {type(params).__name__}"
        return Rejected(reason=Reason.WRONG_CHAIN, detail=detail)
    return tendermint.judge(trusted, first, second, params, now_s)
