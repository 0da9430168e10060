"""Which kind of evidence a delivery carries: asked by adapters whose chain accepts only one kind."""

from adapters.api import Attested, Delivery
from adapters.errors import Refused


def attested_of(delivery: Delivery) -> Attested:
    """Return the attestation of a delivery. Raises `Refused` for a chain that verifies no headers itself."""
    match delivery.evidence:
        case Attested() as attested:
            return attested
        case other:
            raise Refused(f"evidence: expected signatures of attestors, got {type(other).__name__}")
