"""The answer of every judge: `Accepted`, `NotEnoughTrust` or `Rejected`. A lie is expected, not exceptional.

Inside `proofs`, predicates raise `Refusal`; the doorways (`verify`, `advance`) turn it into `Rejected`.
Nothing here says whose fault it is or what to do next: that is for `relays`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Reason(Enum):
    """Why evidence was rejected. Stable: it appears in metrics, in the API and in `isthmus verify`."""

    MALFORMED = "malformed"
    """The bytes do not decode canonically."""
    LIMIT = "limit"
    """An input is larger, deeper or longer than its cap."""
    WRONG_CHAIN = "wrong-chain"
    """The evidence is about another chain, lane, client or contract."""
    WRONG_BLOCK = "wrong-block"
    """The evidence is about another block than the trusted one."""
    WRONG_HASH = "wrong-hash"
    """A recomputed hash differs from the expected one."""
    WRONG_VALUE = "wrong-value"
    """The proven value is not the claimed one."""
    ABSENT = "absent"
    """The key is proven absent where presence was claimed."""
    PRESENT = "present"
    """The key is proven present where absence was claimed."""
    INCOMPLETE = "incomplete"
    """Evidence is missing, or evidence is left over."""
    NOT_YET = "not-yet"
    """The packet's timeout has not passed at the proven block."""
    BAD_SIGNATURE = "bad-signature"
    """A signature is invalid, duplicated, or by a stranger."""
    CONTRADICTION = "contradiction"
    """The evidence contradicts something already trusted: the chain's lanes must halt."""
    EXPIRED = "expired"
    """The trusted state is older than its trusting period: trust has to start from a newer anchor."""
    STALE = "stale"
    """The update does not move trust forward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Generic[T_co]):
    """The claim holds."""

    value: T_co


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEnoughTrust:
    """Undecided: valid as far as it goes, and `have` of `need` is not enough."""

    have: int
    need: int
    try_height: int | None = None
    """Where a bisecting planner should look next, if the family bisects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The evidence is bad. `detail` says what was expected and what came."""

    reason: Reason
    detail: str


Verdict = Accepted[T_co] | NotEnoughTrust | Rejected


class Refusal(Exception):  # noqa: N818 - it never leaves `proofs`, where it is a verdict in the making
    """Raised by predicates inside `proofs`; doorways turn it into `Rejected`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail

    def verdict(self) -> Rejected:
        """Return the verdict that this refusal stands for."""
        return Rejected(reason=self.reason, detail=self.detail)
