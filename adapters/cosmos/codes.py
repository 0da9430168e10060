"""What a Cosmos chain says by code when it refuses a transaction. Words are for people and never parsed.

Implements: ABCI codes of the Cosmos SDK, codespace `sdk` (types/errors).
"""

from adapters.errors import AdapterError, RateLimited, Refused, Underfunded

Code = tuple[str, int]
"""(codespace, code)."""

INSUFFICIENT_FUNDS: Code = ("sdk", 5)
OUT_OF_GAS: Code = ("sdk", 11)
INSUFFICIENT_FEE: Code = ("sdk", 13)
KNOWN_ALREADY: Code = ("sdk", 19)
MEMPOOL_FULL: Code = ("sdk", 20)
NOT_FOUND: Code = ("sdk", 22)
TOO_LATE: Code = ("sdk", 30)
"""The chain is past the transaction's `timeout_height`."""
WRONG_SEQUENCE: Code = ("sdk", 32)
UNWRITABLE: Code = ("undefined", 1)
"""An error without a code of its own: of a simulation, that its answer cannot be written."""

_RETRY_AFTER_S = 1.0
_MAX_SAID = 1000


class Declined(Refused):
    """The chain refused a transaction, with a code. Outside this adapter it is a `Refused`."""

    def __init__(self, code: Code, said: str) -> None:
        super().__init__(f"{code[0]} {code[1]}: {said[:_MAX_SAID]}")
        self.refusal = code


def refusal(code: Code, said: str) -> AdapterError:
    """Return the error that a code of the mempool's check or of a simulation stands for."""
    told = f"{code[0]} {code[1]}: {said[:_MAX_SAID]}"
    if code in (INSUFFICIENT_FUNDS, INSUFFICIENT_FEE):
        return Underfunded(told)
    if code == MEMPOOL_FULL:
        return RateLimited(told, retry_after_s=_RETRY_AFTER_S)
    return Declined(code, said)
