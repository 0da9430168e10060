"""Whose turn it is: every gateway of a lane knows, without talking, who delivers first and who steps in when.

A turn saves fees, never safety: two gateways that deliver the same packet do no harm, the chain accepts it
once.
"""

import hashlib
from collections.abc import Sequence

from proofs.types import Lane


def rank(gateways: Sequence[str], own: str, lane: Lane) -> int:
    """Return our place in this lane's order, 0 for the first: the configured one, rotated by lane hash.

    `gateways` are the names that all of them agree on, in the same order everywhere. Raises `ValueError` when
    `own` is not among them.
    """
    if own not in gateways:
        raise ValueError(f"turns: expected our name among {', '.join(gateways)}, got {own!r}")
    first = int.from_bytes(hashlib.sha256(str(lane).encode()).digest()[:8], "big") % len(gateways)
    return (gateways.index(own) - first) % len(gateways)


def turn_s(our_rank: int, takeover_s: float, deliverable_s: float) -> float:
    """Return the time from which we may deliver what became deliverable at `deliverable_s`, unix seconds."""
    return deliverable_s + our_rank * takeover_s
