"""Ways to make the steps of a driven lane go wrong."""

from adapters.errors import Remedy
from proofs.verdict import Accepted
from relays.core.events import (
    ChainFailure,
    Failed,
    Judged,
)
from relays.core.steps import Prove
from relays.core.types import Leg
from tests.relays.lanes import (
    Drive,
    proven,
)


def down(code: str = "transport", remedy: Remedy = Remedy.RECONNECT) -> ChainFailure:
    return ChainFailure(code=code, detail="memory:red: gone", remedy=remedy, retry_after_s=None)


def failing(drive: Drive, kind: type, cause, times: int = 10**9, leg: Leg | None = None) -> None:
    """Let the next `times` steps of a kind fail."""
    left = [times]

    def answer(step):
        if left[0] > 0 and (leg is None or step.leg is leg):
            left[0] -= 1
            return Failed(at_s=drive.now_s, step=step, cause=cause)
        return None

    drive.answers[kind] = answer


def judging(drive: Drive, verdict_of, leg: Leg = Leg.OUT) -> None:
    """Let verdicts on one leg come from a function of the claim; None accepts."""

    def answer(step):
        if step.leg is not leg:
            return None
        verdicts = [
            verdict_of(claim) or Accepted(value=proven(claim, step.at)) for claim in step.batch.claims
        ]
        return Judged(at_s=drive.now_s, step=step, verdicts=verdicts)

    drive.answers[Prove] = answer
