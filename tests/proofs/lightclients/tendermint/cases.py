"""What the tests of this light client start from: twelve blocks of four validators, trust in the third."""

from proofs.lightclients.tendermint import advance
from proofs.lightclients.tendermint.types import Flag
from proofs.verdict import Accepted, Rejected
from tests.support.cosmos_blocks import FOUR, INTERVAL_S, START_S, grow, params_of


def accepted(verdict):
    """Return what was accepted."""
    assert isinstance(verdict, Accepted), verdict
    return verdict.value


def rejected(verdict, reason):
    """Check that it was rejected for this reason."""
    assert isinstance(verdict, Rejected), verdict
    assert verdict.reason is reason, verdict


def absent(*places):
    """Return flags by which these places did not vote."""
    return dict.fromkeys(places, Flag.ABSENT)


BLOCKS = grow([FOUR] * 12)
PARAMS = params_of(BLOCKS[3])
NOW_S = START_S + 12 * INTERVAL_S + 1
TRUSTED = accepted(advance(None, BLOCKS[3].update, PARAMS, NOW_S))
