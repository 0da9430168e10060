"""Batches of acknowledgements that were seen: a claim on one packet is proven with the batch that holds it.

The router stores one hash for a whole batch, so the evidence for each of its packets needs the batch's
number and contents. What is forgotten here is read from logs again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.evm.endpoints import Hostile, Lie
from proofs import codec
from proofs.evm.events import WrittenAcknowledgements
from proofs.evm.storage import encode_ack_batch
from proofs.hashing import keccak256
from proofs.types import ClientId

_MAX_REMEMBERED = 200_000
"""Packets. At two hundred bytes each this is the most memory that we spend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AckBatch:
    """One batch as evidence needs it."""

    number: int
    preimage: bytes
    """`number` as 8 bytes, and what the stored hash is of."""


@dataclass(slots=True)
class AckBatches:
    """Remembers (client, sequence) -> batch, the newest ones."""

    _known: dict[tuple[ClientId, int], AckBatch] = field(default_factory=dict)

    def check(self, endpoint: str, written: WrittenAcknowledgements, stored: bytes) -> None:
        """Hold a batch against the hash in state. Raises `Hostile` when the log says other contents."""
        actual = keccak256(_contents(written))
        if actual != stored:
            raise Hostile(
                Lie.FALSE_LOGS,
                f"endpoint {endpoint}: acknowledgement batch {written.batch}: expected hash {stored.hex()}, "
                f"the log gives {actual.hex()}",
            )

    def remember(self, client: ClientId, batches: Sequence[WrittenAcknowledgements]) -> None:
        """Keep these batches of a destination client."""
        for written in batches:
            batch = AckBatch(
                number=written.batch, preimage=written.batch.to_bytes(8, "big") + _contents(written)
            )
            for sequence in written.sequences:
                self._known[client, sequence] = batch
        while len(self._known) > _MAX_REMEMBERED:
            del self._known[next(iter(self._known))]

    def find(self, client: ClientId, sequence: int) -> AckBatch | None:
        """Return the batch that holds the acknowledgement of a packet, if it was seen."""
        return self._known.get((client, sequence))

    def knows_all(self, client: ClientId, sequences: Sequence[int]) -> bool:
        """Return whether no packet is missing."""
        return all((client, sequence) in self._known for sequence in sequences)


def _contents(written: WrittenAcknowledgements) -> bytes:
    commitments = {ack: codec.acknowledgement_commitment((ack,)) for ack in set(written.acknowledgements)}
    return encode_ack_batch(written.sequences, [commitments[ack] for ack in written.acknowledgements])
