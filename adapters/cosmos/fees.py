"""What to pay for gas on a Cosmos chain: a configured price, never above a cap. Pure.

The chain takes the whole offer, for gas that is not used too: limits are kept tight (`gas`).

Implements: fees of the Cosmos SDK (amount >= gas limit * minimum gas price of the validators).
"""

from dataclasses import dataclass
from fractions import Fraction

from adapters.cosmos.tx import Fee
from adapters.errors import Underfunded


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePolicy:
    """Price and cap."""

    denom: str
    gas_price: Fraction
    """In `denom` for one unit of gas; parse decimals with `Fraction`."""
    max_fee: int
    """Never pay more for one transaction, in `denom`."""

    def quote(self, gas: int) -> Fee:
        """Return the fee for a gas limit, rounded up. Raises `Underfunded` above the cap."""
        amount = -(-(self.gas_price * gas) // 1)
        if amount > self.max_fee:
            cap = f"the cap is max_fee = {self.max_fee}"
            raise Underfunded(
                f"{gas} gas at {float(self.gas_price)} {self.denom}: {amount} {self.denom}, {cap}"
            )
        return Fee(gas=gas, amount=int(amount), denom=self.denom)
