"""Attestors for the kit: keys made of names, and deliveries signed by them. Not for chains with value."""

from collections.abc import Sequence
from dataclasses import dataclass

import coincurve

from adapters.api import Attested, Delivery
from proofs import attestation
from proofs.hashing import sha256
from proofs.signatures import address_of, sign
from proofs.types import Claim, Lane, Proven


@dataclass(frozen=True, slots=True)
class Key:
    """A signer whose key is the hash of its name."""

    name: str

    @property
    def address(self) -> bytes:
        """The 20-byte address of the key."""
        return address_of(coincurve.PrivateKey(self._secret()).public_key)

    @property
    def public_key(self) -> bytes:
        """The 33-byte compressed public key."""
        return coincurve.PrivateKey(self._secret()).public_key.format(compressed=True)

    def sign(self, digest: bytes) -> bytes:
        """Return a 65-byte signature over 32 bytes."""
        return sign(self._secret(), digest)

    def _secret(self) -> bytes:
        return sha256(self.name.encode())


def delivery_of(lane: Lane, proven: Sequence[Proven[Claim]], keys: Sequence[Key]) -> Delivery:
    """Return a delivery of claims that were proven at one block, signed by these keys in their order."""
    at, time_s = proven[0].at, proven[0].time_s
    state = attestation.state_digest(attestation.encode_state(at.height, time_s))
    pairs = attestation.pairs([item.claim for item in proven])
    packets = attestation.packets_digest(attestation.encode_packets(at.height, pairs))
    attested = Attested(
        height=at.height,
        time_s=time_s,
        state_signatures=tuple([key.sign(state) for key in keys]),
        packet_signatures=tuple([key.sign(packets) for key in keys]),
    )
    sequences = ",".join(str(item.claim.packet.sequence) for item in proven)
    key = f"{lane}/{type(proven[0].claim).__name__}/{sequences}"
    return Delivery(lane=lane, proven=tuple(proven), evidence=attested, key=key)
