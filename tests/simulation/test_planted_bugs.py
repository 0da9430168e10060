"""The simulation is worth something only if it finds bugs: these are planted, and each must be found."""

from collections.abc import Callable

import pytest

from adapters.api import Included
from proofs.records import replace
from relays.core import delivering
from relays.core.batch import is_timeout
from relays.core.draft import Draft, end
from relays.core.observing import delivered
from relays.core.types import Changes, Leg, State
from relays.runtime import journal
from tests.simulation.test_seeds import simulate
from tests.simulation.timewarp import run

SEEDS = range(100, 125)


def _trust_receipts(patch: pytest.MonkeyPatch) -> None:
    """A receipt counts as the end, without a look at finalized state."""
    decided = delivering._decided

    def hasty(draft: Draft, batch, status) -> None:
        match status:
            case Included(succeeded=True) if batch.leg is Leg.OUT:
                delivered(draft, replace(batch, delivered_by="self"))
            case Included(succeeded=True):
                end(draft, batch, State.REFUNDED if is_timeout(batch) else State.ACKNOWLEDGED)
            case _:
                decided(draft, batch, status)

    patch.setattr(delivering, "_decided", hasty)


def _forget_messages(patch: pytest.MonkeyPatch) -> None:
    """The cursor is saved and the messages that were read up to it are not."""
    merged = journal.merged

    def careless(changes) -> Changes:
        return replace(merged(changes), inserted=(), moved=())

    patch.setattr(journal, "merged", careless)


@pytest.mark.parametrize("plant", [_trust_receipts, _forget_messages])
def test_a_planted_bug_is_found(plant: Callable[[pytest.MonkeyPatch], None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        found = 0
        for seed in SEEDS:
            try:
                run(simulate(seed))
            except AssertionError:
                found += 1
                break
        assert found
