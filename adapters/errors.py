"""What can go wrong between a chain and us, and what to do next. Adapters raise these and no others.

Bad evidence is not here: it is a `Rejected` verdict of `proofs`. The `remedy` is data;
`relays/runtime/supervisor.py` acts on it. Every message says what was expected and what came.
"""

from enum import Enum


class Remedy(Enum):
    """The next act after an error."""

    RECONNECT = "reconnect"
    WAIT = "wait"
    OTHER_ENDPOINT = "other-endpoint"
    REWIND = "rewind"
    HALT = "halt"
    """Stop this chain's lanes, keep the evidence, wait for a person."""


class AdapterError(Exception):
    """Base of every error at the adapter border."""

    remedy: Remedy = Remedy.HALT
    code: str = "adapter"


class TransportError(AdapterError):
    """The endpoint cannot be reached, or the connection broke."""

    remedy = Remedy.RECONNECT
    code = "transport"


class RateLimited(AdapterError):
    """The endpoint asks for patience."""

    remedy = Remedy.WAIT
    code = "rate-limited"

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotYetAvailable(AdapterError):
    """The block or state is not there yet."""

    remedy = Remedy.WAIT
    code = "not-yet"


class NoAgreement(AdapterError):
    """Fewer endpoints than the quorum gave the same answer. The quorum is never lowered."""

    remedy = Remedy.WAIT
    code = "no-agreement"


class Underfunded(AdapterError):
    """The signer cannot pay, or the fee cap is below what the chain asks."""

    remedy = Remedy.WAIT
    code = "underfunded"


class Pruned(AdapterError):
    """The endpoint no longer has that state."""

    remedy = Remedy.OTHER_ENDPOINT
    code = "pruned"


class MalformedReply(AdapterError):
    """The endpoint's answer does not decode, or contradicts what was asked."""

    remedy = Remedy.OTHER_ENDPOINT
    code = "malformed-reply"


class WrongChain(AdapterError):
    """Every endpoint serves another chain than the configured one."""

    remedy = Remedy.HALT
    code = "wrong-chain"


class Reorged(AdapterError):
    """The block that a read was pinned to has left the chain."""

    remedy = Remedy.REWIND
    code = "reorged"


class Refused(AdapterError):
    """The chain refuses the act for a reason that a retry does not change."""

    remedy = Remedy.HALT
    code = "refused"
