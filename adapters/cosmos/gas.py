"""Gas limits learned from simulations, because a node pays for a simulation as for the execution. Pure.

Two simulations of a kind, of few messages and of many, give a line; a transaction on it or moderately beyond
it needs none. The chain charges for the limit, not for the use, so a small batch is never charged as a large
one: below the smallest simulated it is simulated anew, and so is one whose messages are larger than known.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction

_MAX_SCALE = 4
"""A batch this many times larger than any that was simulated is too different."""

_MAX_GROWTH = Fraction(5, 4)
"""Messages this much larger than any that were simulated are too different."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    few: int
    few_gas: int
    many: int
    many_gas: int
    message_size: Fraction
    """Bytes of an average message, the most that was simulated."""

    def gas(self, messages: int) -> int:
        if self.many == self.few or messages > self.many:
            return -(-self.many_gas * messages // self.many)
        slope = Fraction(max(self.many_gas - self.few_gas, 0), self.many - self.few)
        return self.few_gas + int(slope * (messages - self.few)) + 1


@dataclass(slots=True, kw_only=True)
class GasModel:
    """What each kind of transaction was seen to use."""

    adjustment: Fraction
    """Limit over use: gas grows as stores do, and differs a little between simulation and execution."""
    _lines: dict[str, _Line] = field(default_factory=dict)

    def limit(self, kind: str, messages: int, size: int) -> int | None:
        """Return a gas limit for so many messages of `size` bytes in all; None when in doubt."""
        line = self._lines.get(kind)
        if line is None or not line.few <= messages <= _MAX_SCALE * line.many:
            return None
        if Fraction(size, messages) > _MAX_GROWTH * line.message_size:
            return None
        return self._adjusted(line.gas(messages))

    def learn(self, kind: str, messages: int, size: int, gas: int) -> int:
        """Remember a simulation; return the limit for the transaction that it is of."""
        average, line = Fraction(size, messages), self._lines.get(kind)
        if line is None:
            line = _Line(few=messages, few_gas=gas, many=messages, many_gas=gas, message_size=average)
        if messages <= line.few:
            line = replace(line, few=messages, few_gas=gas)
        if messages >= line.many:
            line = replace(line, many=messages, many_gas=gas)
        self._lines[kind] = replace(line, message_size=max(average, line.message_size))
        return self._adjusted(gas)

    def partial(self, messages: int, gas: int, idle: int) -> int:
        """Return the limit for a transaction of which some messages had no effect when it was simulated.

        Whoever relayed those is not in a block yet, and may fail. Nothing is learned from it.
        """
        return self._adjusted(min(gas * messages // max(messages - idle, 1), _MAX_SCALE * gas))

    def used(self, kind: str, messages: int, gas: int) -> None:
        """Remember that so many messages of this kind need so much, if that is more than was simulated."""
        line = self._lines.get(kind)
        if line is None or line.gas(messages) >= gas:
            return
        if messages > line.few or line.few == line.many:
            line = replace(line, many=messages, many_gas=gas)
        if messages <= line.few:
            line = replace(line, few=messages, few_gas=gas)
        self._lines[kind] = line

    def _adjusted(self, gas: int) -> int:
        return -(-gas * self.adjustment.numerator // self.adjustment.denominator)
