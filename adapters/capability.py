"""What an adapter can do beyond being a chain, and how well. "Cannot" and "not yet" differ, hence the grades.

A capability is backed by exactly one class of `adapters.api`. The manifest declares the grade; the
conformance kit checks that grade and class agree, in both directions.
"""

from enum import Enum


class Support(Enum):
    """How far a capability goes."""

    FULL = "full"
    """Works on every chain that the adapter serves."""
    VERSIONED = "versioned"
    """Works on some versions of the chain; the adapter raises `Refused` on the others."""
    NOT_IMPLEMENTED = "not-implemented"
    """The chain could; the adapter cannot yet."""
    IMPOSSIBLE = "impossible"
    """The chain cannot, whatever the adapter does."""

    def __bool__(self) -> bool:
        """Return whether the capability may be used."""
        return self in (Support.FULL, Support.VERSIONED)


class Capability(Enum):
    """The roles and abilities of `adapters.api`."""

    SOURCE = "source"
    """`SourceChain`: its state can be proven to others."""
    DESTINATION = "destination"
    """`DestinationChain`: it acts on proven claims."""
    HEADS = "heads"
    """`HeadWatcher`: it wakes us at new blocks."""
    ENDPOINTS = "endpoints"
    """`EndpointReporter`: it says which of its endpoints fail or lie."""
    SEND = "send"
    """`MessageSender`: the adapter can act for an application with the configured signer."""
    FUNDS = "funds"
    """`FundsReporter`: it says what our signers can pay with."""
    CLIENT_UPDATES = "client-updates"
    """`ClientWatcher`: it says which headers its light clients were given."""
