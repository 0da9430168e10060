"""What follows when a step came to nothing: what rests, for how long, and what messages say meanwhile.

A failure of a chain is nobody's fault and costs a message no attempt. Nothing is dropped on an answer that
may mean either.
"""

from dataclasses import replace
from typing import assert_never

from adapters.errors import Remedy
from relays.core.batch import Batch, unproven
from relays.core.delivering import refused
from relays.core.draft import Draft, halt, home_state, in_state, rest, restart
from relays.core.events import Cause, ChainFailure, DeliveryRefused, Failed, FundsMissing, SignersMissing
from relays.core.lane import Stage
from relays.core.steps import Attest, Check, Effect, Observe, Prove, Submit, Track, stage_of
from relays.core.types import Leg, WaitingOn


def failed(draft: Draft, event: Failed) -> None:
    """Let the stage rest, and put the step's batch back where it can go on."""
    step, cause = event.step, event.cause
    stage = stage_of(step)
    retry_s = cause.retry_after_s if isinstance(cause, ChainFailure) else None
    if not (isinstance(step, Submit) and isinstance(cause, DeliveryRefused)):
        rest(draft, step.leg, stage, _waiting_on(step, cause), _reason(cause), retry_s)
    _return_batch(draft, step, cause)
    if isinstance(cause, ChainFailure) and cause.remedy is Remedy.HALT:
        halt(draft, _reason(cause), violated=False)


def _return_batch(draft: Draft, step: Effect, cause: Cause) -> None:
    match step:
        case Observe(leg=leg):
            reorged = isinstance(cause, ChainFailure) and cause.remedy is Remedy.REWIND
            draft.set_leg(leg, observing=False, pinned=draft.state.leg(leg).pinned and not reorged)
        case Track(leg=leg):
            draft.set_leg(leg, tracking=False)
        case Check(stage=stage):
            for batch in reversed(step.batches):
                _requeue(draft, batch, stage)
        case Prove():
            _requeue(draft, in_state(draft, step.batch, home_state(step.batch)), Stage.PROVE)
        case Attest(batch=batch):
            age_s = draft.at_s - batch.proven_s
            is_past = isinstance(cause, ChainFailure) and cause.remedy is Remedy.REWIND
            if is_past or age_s > draft.state.limits.proof_age_s:
                draft.drop(batch.leg, Stage.ATTEST, batch)
                restart(draft, unproven(batch), Stage.PROVE)
            else:
                _requeue(draft, batch, Stage.ATTEST)
        case Submit(batch=batch):
            draft.drop(batch.leg, Stage.SUBMIT, batch)
            _not_submitted(draft, batch, cause)
        case _:
            assert_never(step)


def _requeue(draft: Draft, batch: Batch, stage: Stage) -> None:
    """Put a batch back at the front of its stage."""
    draft.drop(batch.leg, stage, batch)
    draft.enter(batch, stage, front=True)


def _not_submitted(draft: Draft, batch: Batch, cause: Cause) -> None:
    """Look into a refusal; look before sending again when a broken connection may have carried it."""
    match cause:
        case DeliveryRefused(detail=detail):
            refused(draft, batch, f"refused: {detail}")
        case ChainFailure(remedy=Remedy.RECONNECT | Remedy.OTHER_ENDPOINT):
            restart(draft, replace(unproven(batch), note=_reason(cause)), Stage.CHECK)
        case _:
            draft.enter(batch, Stage.SUBMIT, front=True)


def _reason(cause: Cause) -> str:
    """Return a stable code and a sentence."""
    match cause:
        case ChainFailure(code=code, detail=detail):
            return f"{code}: {detail}"
        case DeliveryRefused(detail=detail):
            return f"refused: {detail}"
        case FundsMissing(detail=detail):
            return f"underfunded: {detail}"
        case SignersMissing(detail=detail):
            return f"attestors-missing: {detail}"
        case _:
            assert_never(cause)


def _waiting_on(step: Effect, cause: Cause) -> WaitingOn:
    match cause:
        case SignersMissing():
            return WaitingOn.ATTESTATIONS
        case FundsMissing():
            return WaitingOn.SIGNER_FUNDS
        case DeliveryRefused():
            return WaitingOn.OPERATOR
        case ChainFailure():
            return WaitingOn.SOURCE_RPC if touches_source(step) else WaitingOn.DESTINATION_RPC
        case _:
            assert_never(cause)


def touches_source(step: Effect) -> bool:
    """Say whether a step speaks to the lane's source (else to its destination)."""
    match step:
        case Observe(leg=leg) | Prove(leg=leg) | Attest(leg=leg):
            return leg is Leg.OUT
        case Submit(leg=leg) | Track(leg=leg):
            return leg is Leg.BACK
        case Check(leg=leg, stage=stage):
            return leg is Leg.BACK or stage is Stage.SURVEY
        case _:
            assert_never(step)
