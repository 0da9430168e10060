"""May I believe this claim? Pure judgement: no I/O, no clock, no randomness, no logging.

How to read this package: `types.py` is the vocabulary and `verdict.py` the answers. `registry.advance` is
the only way by which trust in a chain grows, `verify.verify` the only way by which a claim becomes
`Proven`. What they stand on, from below: `hashing`, `limits`, `rlp`, `merkle/` (trees), `codec` (IBC v2
commitments), `evm/` and `memory_tree` (chains), `lightclients/` (families). `attestation` is the format in
which gateways sign what they verified, `ids` how chains and addresses are written, `bundle` a proof that
can be checked offline.

The names below are cheap to import; the doorways are imported from their modules.
"""

from proofs.types import Proven
from proofs.verdict import Accepted, NotEnoughTrust, Rejected, Verdict

__all__ = ["Accepted", "NotEnoughTrust", "Proven", "Rejected", "Verdict"]
