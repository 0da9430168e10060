"""Gas limits learned from estimates, because a node pays for an estimate as for the execution. Pure.

An estimate for one batch bounds a similar one: the limit is scaled by packets and bytes, whichever grew
more, with a margin. A batch that is far larger than any that was estimated, or follows a failure, is
estimated anew.
"""

from dataclasses import dataclass, field

_MARGIN_PERCENT = 125
_MAX_SCALE = 4
"""A batch this many times larger than the estimated one is too different."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Estimate:
    items: int
    size: int
    gas: int


@dataclass(slots=True)
class GasModel:
    """The last estimate for each kind of batch."""

    _estimates: dict[str, _Estimate] = field(default_factory=dict)

    def limit(self, kind: str, items: int, size: int) -> int | None:
        """Return a gas limit for a batch of `items` packets and `size` bytes, or None when in doubt."""
        known = self._estimates.get(kind)
        if known is None or items > _MAX_SCALE * known.items or size > _MAX_SCALE * known.size:
            return None
        return _with_margin(max(known.gas, known.gas * items // known.items, known.gas * size // known.size))

    def learn(self, kind: str, items: int, size: int, gas: int) -> int:
        """Remember an estimate; return the limit for the batch that it is of."""
        self._estimates[kind] = _Estimate(items=items, size=size, gas=gas)
        return _with_margin(gas)

    def forget(self, kind: str) -> None:
        """Forget what was learned of this kind: it did not hold."""
        self._estimates.pop(kind, None)


def _with_margin(gas: int) -> int:
    return gas * _MARGIN_PERCENT // 100
