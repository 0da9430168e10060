"""What to offer for gas (EIP-1559): enough to get in, never above the configured caps. Pure.

Implements: EIP-1559 fee fields; nodes replace a waiting transaction only when both fees rise by 10 percent.
"""

from dataclasses import dataclass

from adapters.errors import Underfunded


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """The two fee fields of a transaction, per unit of gas."""

    max_fee_wei: int
    priority_fee_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePolicy:
    """Caps and the step of a raise."""

    max_fee_wei: int
    max_priority_fee_wei: int
    bump_percent: int

    def quote(self, base_fee_wei: int, suggested_tip_wei: int) -> Fee:
        """Return the first offer: the base fee may double. Raises `Underfunded` when the cap is too low."""
        tip_wei = min(suggested_tip_wei, self.max_priority_fee_wei, self.max_fee_wei)
        if base_fee_wei > self.max_fee_wei:
            raise Underfunded(
                f"base fee: {base_fee_wei} wei, above the cap max_fee_per_gas_wei = {self.max_fee_wei}"
            )
        return Fee(max_fee_wei=min(2 * base_fee_wei + tip_wei, self.max_fee_wei), priority_fee_wei=tip_wei)

    def raised(self, fee: Fee, base_fee_wei: int) -> Fee | None:
        """Return a dearer offer that nodes accept as replacement, or None when the cap leaves no room."""
        max_fee_wei = max(self._step(fee.max_fee_wei), min(2 * base_fee_wei, self.max_fee_wei))
        if max_fee_wei > self.max_fee_wei:
            return None
        return Fee(
            max_fee_wei=max_fee_wei, priority_fee_wei=min(self._step(fee.priority_fee_wei), max_fee_wei)
        )

    def _step(self, wei: int) -> int:
        return wei + -(-wei * self.bump_percent // 100) + 1
